// cmd_merge.c: `imloom merge`: joins what several machines made into one data set.
#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/cmd/command.h"
#include "src/cmd/session.h"
#include "src/engine/merge.h"
#include "src/engine/report.h"

static struct options {
    int durability;
    bool json;
} options;

#define AT(field) offsetof(struct options, field)
static const iml__opt rows[] = {
    {"durability", 0, IML__OPT_ENUM, AT(durability), "LEVEL", "batch", 0, 0, "process|batch|item",
     NULL, "what survives power loss", 0, NULL},
    {"json", 0, IML__OPT_FLAG, AT(json), NULL, NULL, 0, 0, NULL, NULL,
     "the result as JSON on stdout", 0, NULL},
};

const iml__command_doc iml__doc_merge = {
    .name = "merge",
    .summary = "join what several machines made",
    .usage = "OUT [OUT2...] [--json]\n",
    .about =
        "Checks the journals of all nodes that worked on OUT (--shard i/n) against one another, "
        "joins "
        "label files, unites the lists of bad items and writes manifest.json. Further directories "
        "are joined into the first; nothing is taken away from them.\n\n"
        "exit: 0 complete; 1 usage, or nodes that do not belong together; 2 failed, or an item was "
        "made twice with different bytes; 3 complete with bad items, or incomplete",
    .examples = "  for i in 0 1 2; do imloom synth -n 9000 -o out --shard $i/3 & done; wait\n  "
                "imloom merge out",
    .table = {{rows, IML_COUNT_OF(rows)}},
    .ntables = 1,
};

static void shares_json(iml__jsonw *w, const struct iml__merged *m)
{
    iml__jsonw_key(w, "shares"), iml__jsonw_array(w);
    for (uint32_t i = 0; i < m->shares; i++) {
        iml__jsonw_object(w);
        iml__jsonw_key(w, "share"), iml__jsonw_u64(w, m->share[i].share);
        iml__jsonw_key(w, "of"), iml__jsonw_u64(w, m->of);
        iml__jsonw_key(w, "begun"), iml__jsonw_bool(w, m->share[i].begun);
        iml__jsonw_key(w, "missing"), iml__jsonw_u64(w, m->share[i].missing);
        iml__jsonw_end(w);
    }
    iml__jsonw_end(w);
}

static void complete_text(iml__str *s, const struct iml__merged *m)
{
    iml__text_count(s, m->ok);
    iml__str_adds(s, " items, ");
    iml__text_count(s, m->bad);
    iml__str_adds(s, " bad, ");
    iml__text_count(s, m->files);
    iml__str_adds(s, " files, ");
    iml__text_bytes(s, m->bytes);
    iml__str_adds(s, "B; complete");
}

static void missing_text(iml__str *s, const struct iml__merged *m)
{
    iml__str_adds(s, "incomplete: ");
    iml__text_count(s, m->missing);
    iml__str_adds(s, " of ");
    iml__text_count(s, m->planned);
    iml__str_adds(s, " items are missing");
    for (uint32_t i = 0; i < m->shares; i++) {
        iml__str_addf(s, "%s --shard %u/%u (", i ? "," : ", run again", m->share[i].share, m->of);
        iml__text_count(s, m->share[i].missing);
        iml__str_adds(s, m->share[i].begun ? ")" : ", never began)");
    }
    if (!m->of) iml__str_adds(s, ", run the same commands again");
    if (m->shares == IML__SHARES) iml__str_adds(s, " and perhaps more");
}

static int tell(const char *out, const struct iml__merged *m)
{
    int code = m->missing || m->bad ? IML__EXIT_BAD : IML__EXIT_OK;
    iml__str s;
    iml__str_init(&s, 4096);
    if (options.json) {
        iml__jsonw w;
        iml__jsonw_init(&w, &s, 0);
        iml__jsonw_object(&w);
        iml__jsonw_key(&w, "imloom"), iml__jsonw_u64(&w, 1);
        iml__jsonw_key(&w, "items"), iml__jsonw_u64(&w, m->items);
        iml__jsonw_key(&w, "ok"), iml__jsonw_u64(&w, m->ok);
        iml__jsonw_key(&w, "bad"), iml__jsonw_u64(&w, m->bad);
        iml__jsonw_key(&w, "planned"), iml__jsonw_u64(&w, m->planned);
        iml__jsonw_key(&w, "missing"), iml__jsonw_u64(&w, m->missing);
        shares_json(&w, m);
        iml__jsonw_key(&w, "files"), iml__jsonw_u64(&w, m->files);
        iml__jsonw_key(&w, "bytes"), iml__jsonw_u64(&w, m->bytes);
        iml__jsonw_key(&w, "content"), iml__jsonw_hex64(&w, m->content);
        iml__jsonw_key(&w, "exit"), iml__jsonw_i64(&w, code);
        iml__jsonw_end(&w);
    } else {
        iml__str_addf(&s, "%s: ", out);
        if (m->missing)
            missing_text(&s, m);
        else
            complete_text(&s, m);
    }
    (void)puts(iml__str_text(&s));
    iml__str_free(&s);
    return code;
}

int iml__cmd_merge(int argc, char **argv)
{
    iml_err e = {0};
    iml__opts o = {.command = "merge",
                   .table = iml__doc_merge.table,
                   .structs = (void *[]){&options},
                   .ntables = 1};
    struct iml__merged m = {0};
    int code = IML__EXIT_OK;
    if (iml__opts_parse(&o, argc, argv, &e))
        code = iml__complain(&e, IML__EXIT_USAGE);
    else if (!o.args.n)
        code = iml__complain(
            (IML_FAIL(&e, IML_EARG, "merge needs the directory of a data set: imloom merge OUT"),
             &e),
            IML__EXIT_USAGE);
    if (!code) {
        uint64_t begun = iml__now_us();
        iml_status st =
            iml__merge(o.args.item, o.args.n, options.durability, iml__program_renderers(), &m, &e);
        code = st ? iml__complain(&e, st == IML_EARG ? IML__EXIT_USAGE : IML__EXIT_FAILED)
                  : tell(o.args.item[0], &m);
        double wall = (double)(iml__now_us() - begun) / 1e6;
        if (!st && iml__report_merged(o.args.item[0], &m, wall, argc + 2, argv - 2, code,
                                      options.durability, &e))
            code = iml__complain(&e, IML__EXIT_FAILED);
    }
    iml__opts_free(&o);
    return code;
}
