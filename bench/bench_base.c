// bench_base.c: what the bricks of the base room cost. One JSON line a figure, the best of several
// rounds: the machine is shared, and the fastest round was disturbed least.
#include <stdio.h>
#include <stdlib.h>

#include "src/base/cpu.h"
#include "src/base/fmath.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/rng.h"

enum { ROUNDS = 7, CALLS = 20000, WORDS = 1 << 18 };

static volatile double sink; // keeps results alive

static void say(const char *name, const char *unit, double v)
{
    iml__str s;
    iml__jsonw w;
    iml__str_init(&s, 1000);
    iml__jsonw_init(&w, &s, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "bench"), iml__jsonw_str(&w, name);
    iml__jsonw_key(&w, unit), iml__jsonw_fixed(&w, v, 2);
    iml__jsonw_end(&w);
    puts(iml__str_text(&s));
    iml__str_free(&s);
}

// Least microseconds of a run of BODY.
#define BEST(best, body)                                                                           \
    do {                                                                                           \
        best = 1e18;                                                                               \
        for (int round_ = 0; round_ < ROUNDS; round_++) {                                          \
            uint64_t from_ = iml__now_us();                                                        \
            body;                                                                                  \
            double us_ = (double)(iml__now_us() - from_);                                          \
            if (us_ < best) best = us_;                                                            \
        }                                                                                          \
    } while (0)

static void rng(uint32_t *words)
{
    double us;
    uint32_t sum = 0;
    const uint32_t key[2] = {1, 2};
    BEST(
        us, for (uint32_t i = 0; i < 500000; i++) {
            uint32_t out[4];
            iml__philox((uint32_t[4]){i, 0, 7, 0}, key, out);
            sum += out[0] ^ out[1] ^ out[2] ^ out[3];
        });
    sink = sum;
    say("philox block", "ns", us / 500000 * 1000);
    const uint32_t ctr[4] = {0, 3, 5, 0};
    BEST(us, iml__rng_field_scalar(key, ctr, WORDS / 32, words));
    say("field scalar", "gb_s", WORDS * 4.0 / us / 1000);
#if defined(__x86_64__)
    if (iml__cpu_simd() >= IML__SIMD_AVX2) {
        BEST(us, iml__rng_field_avx2(key, ctr, WORDS / 32, words));
        say("field avx2", "gb_s", WORDS * 4.0 / us / 1000);
    }
#endif
    BEST(us, for (int i = 0; i < 100; i++) sink = (double)iml__xxh3(words, WORDS * sizeof *words));
    say("xxh3 of 1 MiB", "gb_s", 100 * WORDS * 4.0 / us / 1000);
    iml_rng r = iml_rng_at(1, 2, 3);
    double z = 0;
    BEST(us, for (int i = 0; i < CALLS; i++) z += iml__rng_normal(&r));
    sink = z;
    say("normal", "ns", us / CALLS * 1000);
    uint64_t at = 0;
    BEST(us, for (uint64_t i = 0; i < CALLS; i++) at += iml__feistel(1, 2, 3, 1000003, i));
    sink = (double)at;
    say("feistel of 1000003", "ns", us / CALLS * 1000);
}

static double atan2_of(double x) { return iml__atan2(x - 0.3, 0.6 - x); }
static double pow_of(double x) { return iml__pow(x, 2.2); }

static void functions(void)
{
    static const struct {
        const char *name;
        double (*f)(double);
    } all[] = {
        {"sin", iml__sin},           {"cos", iml__cos}, {"acos", iml__acos},
        {"atan2", atan2_of},         {"exp", iml__exp}, {"ln", iml__ln},
        {"log2", iml__log2},         {"pow", pow_of},   {"norm_inv", iml__norm_inv},
        {"norm_cdf", iml__norm_cdf},
    };
    for (size_t k = 0; k < IML_COUNT_OF(all); k++) {
        double us, sum = 0;
        BEST(us, for (int i = 1; i <= CALLS; i++) sum += all[k].f(i / (CALLS + 1.0)));
        sink = sum;
        say(all[k].name, "ns", us / CALLS * 1000);
    }
}

int main(void)
{
    uint32_t *words = aligned_alloc(64, WORDS * sizeof *words);
    if (!words) return 2;
    rng(words);
    functions();
    free(words);
    return 0;
}
