// gpu.c: NVML by dlopen.
//
// NVML rather than CUDA: cuInit makes state that does not survive a fork, and takes a second. The
// library is opened, asked and closed again. Rejected: parsing /proc/driver/nvidia (it knows no
// memory, and containers often lack it).
#include "src/base/gpu.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "src/base/iml_attr.h"

struct memory {
    unsigned long long total, free, used;
};

struct nvml {
    int (*init)(void), (*shutdown)(void);
    int (*driver)(char *text, unsigned n);
    int (*count)(unsigned *n);
    int (*handle)(unsigned k, void **device);
    int (*name)(void *device, char *text, unsigned n);
    int (*memory)(void *device, struct memory *m);
};

static bool resolve(void *lib, struct nvml *v)
{
    const struct {
        const char *name;
        void *to;
    } row[] = {{"nvmlInit_v2", &v->init},
               {"nvmlShutdown", &v->shutdown},
               {"nvmlSystemGetDriverVersion", &v->driver},
               {"nvmlDeviceGetCount_v2", &v->count},
               {"nvmlDeviceGetHandleByIndex_v2", &v->handle},
               {"nvmlDeviceGetName", &v->name},
               {"nvmlDeviceGetMemoryInfo", &v->memory}};
    for (size_t k = 0; k < IML_COUNT_OF(row); k++) {
        void *f = dlsym(lib, row[k].name);
        if (!f) return false;
        memcpy(row[k].to, &f, sizeof f); // C has no cast from object to function pointers
    }
    return true;
}

static void ask(const struct nvml *v, struct iml__gpus *g)
{
    unsigned n = 0;
    if (v->driver(g->driver, sizeof g->driver)) g->driver[0] = 0;
    g->driver[sizeof g->driver - 1] = 0;
    if (v->count(&n) || !n) {
        (void)snprintf(g->why, sizeof g->why, "the driver sees no device");
        return;
    }
    for (unsigned k = 0; k < n && k < IML__GPUS; k++) {
        struct iml__gpu *p = &g->gpu[g->n];
        struct memory m = {0};
        void *device;
        if (v->handle(k, &device)) continue;
        if (v->name(device, p->name, sizeof p->name)) (void)snprintf(p->name, sizeof p->name, "?");
        p->name[sizeof p->name - 1] = 0;
        if (!v->memory(device, &m)) p->total = m.total, p->free = m.free;
        g->n++;
    }
}

void iml__gpus_look(struct iml__gpus *g)
{
    struct nvml v;
    *g = (struct iml__gpus){0};
    void *lib = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!lib) {
        (void)snprintf(g->why, sizeof g->why, "no driver (libnvidia-ml.so.1)");
        return;
    }
    if (!resolve(lib, &v)) {
        (void)snprintf(g->why, sizeof g->why, "the driver's library is too old");
    } else if (v.init()) {
        (void)snprintf(g->why, sizeof g->why, "the driver does not start");
    } else {
        ask(&v, g);
        (void)v.shutdown();
    }
    (void)dlclose(lib);
}
