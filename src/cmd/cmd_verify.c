// cmd_verify.c: `imloom verify`: manifest and journals against the disk.
#include "src/base/err.h"
#include "src/cmd/command.h"
#include "src/cmd/session.h"
#include "src/engine/merge.h"

static struct options {
    bool quick, json;
    uint64_t most;
} options;

#define AT(field) offsetof(struct options, field)
static const iml__opt rows[] = {
    {"quick", 0, IML__OPT_FLAG, AT(quick), NULL, NULL, 0, 0, NULL, NULL,
     "names and sizes only, no hashes", 0, NULL},
    {"most", 0, IML__OPT_U64, AT(most), "N", "100", 0, 0, NULL, NULL,
     "findings to print; all are counted", 0, NULL},
    {"json", 0, IML__OPT_FLAG, AT(json), NULL, NULL, 0, 0, NULL, NULL,
     "as JSON on stdout, a line a data set", 0, NULL},
};

const iml__command_doc iml__doc_verify = {
    .name = "verify",
    .summary = "check a finished data set",
    .usage = "OUT... [--quick] [--json]\n",
    .about =
        "Compares every file of a data set with what was recorded when it was written: there, "
        "size, "
        "hash; indexes in step with their shards; no stranger, no temporary file. Each finding "
        "names the file and the cause. A set without a manifest is incomplete.\n\n"
        "exit: 0 sound; 1 usage, or no data set; 3 findings, or incomplete",
    .examples = "  imloom verify out\n  imloom verify --quick out1 out2",
    .table = {{rows, IML_COUNT_OF(rows)}},
    .ntables = 1,
};

struct told {
    const char *out;
    uint64_t n;
    iml__jsonw *w;
};

static void found(void *user, const struct iml__finding *f)
{
    struct told *t = user;
    if (t->n++ >= options.most) return;
    if (!t->w) {
        (void)printf("%s/%s: %s\n", t->out, f->path, f->cause);
        return;
    }
    iml__jsonw_object(t->w);
    iml__jsonw_key(t->w, "path"), iml__jsonw_str(t->w, f->path);
    iml__jsonw_key(t->w, "cause"), iml__jsonw_str(t->w, f->cause);
    iml__jsonw_end(t->w);
}

static void sum_up(const char *out, const struct iml__verified *v)
{
    iml__str s;
    iml__str_init(&s, 4096);
    iml__str_addf(&s, "%s: ", out);
    iml__text_count(&s, v->files);
    iml__str_adds(&s, " files, ");
    iml__text_bytes(&s, v->bytes);
    iml__str_adds(&s, "B, ");
    iml__text_count(&s, v->items);
    if (v->complete) {
        iml__str_adds(&s, " items");
        if (v->bad) iml__str_addf(&s, ", %llu of them bad", (unsigned long long)v->bad);
        iml__str_adds(&s, "; ");
    } else {
        iml__str_adds(&s, " of ");
        iml__text_count(&s, v->planned);
        iml__str_adds(&s, v->missing ? " items; incomplete: run the same command again; "
                                     : " items; no manifest: run the same command or merge; ");
    }
    if (v->findings) {
        iml__text_count(&s, v->findings);
        iml__str_adds(&s, v->findings == 1 ? " finding" : " findings");
        if (v->findings > options.most) iml__str_adds(&s, " (--most shows more)");
    } else {
        iml__str_adds(&s, v->complete ? "sound" : "no damage found");
    }
    (void)puts(iml__str_text(&s));
    iml__str_free(&s);
}

static int one(const char *out)
{
    iml_err e = {0};
    struct iml__verified v = {0};
    iml__str s;
    iml__jsonw w;
    iml__str_init(&s, (size_t)1 << 30);
    iml__jsonw_init(&w, &s, 0);
    struct told t = {.out = out, .w = options.json ? &w : NULL};
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "imloom"), iml__jsonw_u64(&w, 1);
    iml__jsonw_key(&w, "out"), iml__jsonw_str(&w, out);
    iml__jsonw_key(&w, "findings"), iml__jsonw_array(&w);
    iml_status st = iml__verify(out, options.quick, iml__program_renderers(), found, &t, &v, &e);
    iml__jsonw_end(&w);
    int code = IML__EXIT_OK;
    if (st) {
        code = iml__complain(&e, st == IML_EARG ? IML__EXIT_USAGE : IML__EXIT_FAILED);
    } else {
        code = v.findings || !v.complete ? IML__EXIT_BAD : IML__EXIT_OK;
        iml__jsonw_key(&w, "items"), iml__jsonw_u64(&w, v.items);
        iml__jsonw_key(&w, "bad"), iml__jsonw_u64(&w, v.bad);
        iml__jsonw_key(&w, "planned"), iml__jsonw_u64(&w, v.planned);
        iml__jsonw_key(&w, "files"), iml__jsonw_u64(&w, v.files);
        iml__jsonw_key(&w, "bytes"), iml__jsonw_u64(&w, v.bytes);
        iml__jsonw_key(&w, "missing"), iml__jsonw_u64(&w, v.missing);
        iml__jsonw_key(&w, "complete"), iml__jsonw_bool(&w, v.complete);
        iml__jsonw_key(&w, "exit"), iml__jsonw_i64(&w, code);
        iml__jsonw_end(&w);
        if (options.json)
            (void)puts(iml__str_text(&s));
        else
            sum_up(out, &v);
    }
    iml__str_free(&s);
    return code;
}

int iml__cmd_verify(int argc, char **argv)
{
    iml_err e = {0};
    iml__opts o = {.command = "verify",
                   .table = iml__doc_verify.table,
                   .structs = (void *[]){&options},
                   .ntables = 1};
    int code = IML__EXIT_OK;
    if (iml__opts_parse(&o, argc, argv, &e))
        code = iml__complain(&e, IML__EXIT_USAGE);
    else if (!o.args.n)
        code = iml__complain(
            (IML_FAIL(&e, IML_EARG, "verify needs the directory of a data set: imloom verify OUT"),
             &e),
            IML__EXIT_USAGE);
    for (size_t k = 0; code != IML__EXIT_USAGE && k < o.args.n; k++) {
        int c = one(o.args.item[k]);
        if (c > code || c == IML__EXIT_USAGE) code = c;
    }
    iml__opts_free(&o);
    return code;
}
