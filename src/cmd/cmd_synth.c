// cmd_synth.c: `imloom synth`: its option table, and the way from options to a run.
//
// The YAML's own `options:` are read first, then the command line wins; what items look like is
// src/synth's. Whatever is wrong is told line by line before the first item, exit 1.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/cmd/bad_items.h"
#include "src/cmd/command.h"
#include "src/cmd/common.h"
#include "src/cmd/outdir.h"
#include "src/cmd/session.h"
#include "src/cmd/synth_redrawn.h"
#include "src/cmd/synth_replay.h"
#include "src/cmd/synth_talk.h"
#include "src/io/vfs.h"
#include "src/synth/only_backs.h"
#include "src/synth/sheet.h"

static struct options {
    const char *batch, *background, *corpus_dir, *quality, *preview, *layers, *list;
    const char *words[IML__LISTS]; // --labels, --masks, --crops, --extras
    const char *replay, *plan, *backs_only;
    bool replay_check;
    iml__opt_list font_dirs, fonts, fallback_fonts, background_dirs, corpora, texts, patterns,
        scripts, set;
    uint64_t count, shard_samples;
    int64_t preview_count, preview_columns, preview_width;
    int format, colour, container, det_unit, coverage;
} options;
static struct iml__common common;

#define AT(field) offsetof(struct options, field)
#define IML_LABELS(name, ...) #name " "
static const char labels_help[] = "formats, with commas [json]: "
#include "src/synth/label_formats.def"
    ;
#define NH IML__OPT_NO_HASH
static const iml__opt rows[] = {
    {"batch-config", 'c', IML__OPT_PATH, AT(batch), "FILE", NULL, 0, 0, NULL, NULL,
     "YAML of specifications, - = stdin; without it the embedded default", IML__OPT_NO_CONFIG,
     NULL},
    {"count", 'n', IML__OPT_COUNT, AT(count), "N", NULL, 1, 1099511627776.0, NULL, NULL,
     "images to make [total_images, else 1000]; a larger N on the same output appends", NH, NULL},
    {"text", 0, IML__OPT_LIST, AT(texts), "TEXT", NULL, 0, 0, NULL, NULL,
     "draw this text; repeatable", 0, NULL},
    {"pattern", 0, IML__OPT_LIST, AT(patterns), "PATTERN", NULL, 0, 0, NULL, NULL,
     "draw texts of this form, as in '[A-Z]{2}-\\d{3,5}'; repeatable", 0, NULL},
    {"corpus", 0, IML__OPT_LIST, AT(corpora), "FILE[=W]", NULL, 0, 0, NULL, NULL,
     "draw texts from this file, with a weight; repeatable", 0, NULL},
    {"corpus-dir", 0, IML__OPT_DIR, AT(corpus_dir), "DIR", NULL, 0, 0, NULL, NULL,
     "where corpus_file of the YAML lies, at any depth [beside the YAML]; without YAML all its "
     "*.txt",
     NH, NULL},
    {"script", 0, IML__OPT_LIST, AT(scripts), "LIST", NULL, 0, 0, NULL, NULL,
     "specifications of the embedded default, with commas (--list scripts)", 0, NULL},
    {"font-dir", 0, IML__OPT_LIST, AT(font_dirs), "DIR", NULL, 0, 0, NULL, NULL,
     "fonts from this tree; repeatable [the system's]", NH, NULL},
    {"font", 0, IML__OPT_LIST, AT(fonts), "FILE", NULL, 0, 0, NULL, NULL, "this font; repeatable",
     NH, NULL},
    {"fallback-font", 0, IML__OPT_LIST, AT(fallback_fonts), "FILE", NULL, 0, 0, NULL, NULL,
     "draws digits, punctuation and the like where a script's own font lacks them; repeatable, in "
     "order",
     NH, NULL},
    {"background-dir", 0, IML__OPT_LIST, AT(background_dirs), "DIR[=W]", NULL, 0, 0, NULL, NULL,
     "pictures from this tree as backgrounds, with a weight; repeatable", NH, NULL},
    {"background", 0, IML__OPT_STR, AT(background), "KIND", NULL, 0, 0, NULL, NULL,
     "images builtin none white #rrggbb, or solid gradient paper ruled noise crystal "
     "stripes_shapes blobs "
     "[images with --background-dir, else builtin]",
     0, NULL},
    {"backgrounds-only", 0, IML__OPT_STR, AT(backs_only), "WxH", NULL, 0, 0, NULL, NULL,
     "write built-in backgrounds of this size, without texts and labels", 0, NULL},
    {"set", 0, IML__OPT_LIST, AT(set), "KEY=VALUE", NULL, 0, 0, NULL, NULL,
     "a key of every specification, after the YAML; repeatable (--list keys)", 0, NULL},
    {"format", 0, IML__OPT_ENUM, AT(format), "FORMAT", "png", 0, 0, "png|jpeg|webp", NULL,
     "of the pictures", 0, NULL},
    {"quality", 0, IML__OPT_STR, AT(quality), "A[,B]", NULL, 0, 0, NULL, NULL,
     "of jpeg and webp; drawn from A..B for each picture [90]", 0, NULL},
    {"colour", 0, IML__OPT_ENUM, AT(colour), "MODE", "default", 0, 0, "default|rgb|rgba|auto|grey",
     "color", "default: rgb, or rgba without background; auto: grey where r = g = b in every pixel",
     0, NULL},
    {"container", 0, IML__OPT_ENUM, AT(container), "KIND", "auto", 0, 0, "auto|dir|tar", NULL,
     "dir: loose files; tar: shards (WebDataset); auto: tar above 100,000 images", NH, NULL},
    {"shard-samples", 0, IML__OPT_COUNT, AT(shard_samples), "N", NULL, 1, 1e9, NULL, NULL,
     "pictures a shard [10000]; a run that is stopped goes on after the last whole one", NH, NULL},
    {"labels", 0, IML__OPT_STR, AT(words[IML__LIST_LABELS]), "LIST", NULL, 0, 0, NULL, NULL,
     labels_help, 0, NULL},
    {"det-unit", 0, IML__OPT_ENUM, AT(det_unit), "UNIT", "line", 0, 0, "line|word", NULL,
     "what the labels of detectors have a box for", 0, NULL},
    {"coverage", 0, IML__OPT_ENUM, AT(coverage), "YES", "yes", 0, 0, "no|yes", NULL,
     "count characters and faces: coverage.tsv, coverage.json, fonts.tsv", 0, NULL},
    {"masks", 0, IML__OPT_STR, AT(words[IML__LIST_MASKS]), "LIST", NULL, 0, 0, NULL, NULL,
     "text: coverage of the ink; unit, line: whose it is, 16 bits; with commas", 0, NULL},
    {"crops", 0, IML__OPT_STR, AT(words[IML__LIST_CROPS]), "LIST", NULL, 0, 0, NULL, NULL,
     "lines words, cut out upright; labels of recognisers take those of lines", 0, NULL},
    {"extras", 0, IML__OPT_STR, AT(words[IML__LIST_EXTRAS]), "LIST", NULL, 0, 0, NULL, NULL,
     "background: the picture without its text; textlayer: the text alone; with commas", 0, NULL},
    {"preview", 0, IML__OPT_PATH, AT(preview), "FILE.png", NULL, 0, 0, NULL, NULL,
     "a contact sheet, its directory made if need be; without -o nothing else is made", NH, NULL},
    {"preview-count", 0, IML__OPT_INT, AT(preview_count), "N", "24", 1, 10000, NULL, NULL,
     "pictures on it", NH, NULL},
    {"preview-columns", 0, IML__OPT_INT, AT(preview_columns), "C", "4", 1, 100, NULL, NULL,
     "side by side", NH, NULL},
    {"preview-width", 0, IML__OPT_INT, AT(preview_width), "W", "320", 16, 8192, NULL, NULL,
     "px of each", NH, NULL},
    {"preview-layers", 0, IML__OPT_STR, AT(layers), "LIST", "units,lines", 0, 0, NULL, NULL,
     "units lines words baseline cells polygon, with commas", NH, NULL},
    {"plan", 0, IML__OPT_PATH, AT(plan), "FILE.jsonl", NULL, 0, 0, NULL, NULL,
     "write every decision as JSON lines for --replay, and no picture; - = stdout", NH, NULL},
    {"replay", 0, IML__OPT_STR, AT(replay), "LABEL", NULL, 0, 0, NULL, NULL,
     "make the pictures of a label, of lines of labels or plans, OUT:INDEX or SHARD.tar:INDEX "
     "again; "
     "exit 2 if they differ",
     IML__OPT_NO_CONFIG | NH, NULL},
    {"replay-check", 0, IML__OPT_FLAG, AT(replay_check), NULL, NULL, 0, 0, NULL, NULL,
     "with --replay: write nothing, and exit 2 for edited labels too", IML__OPT_NO_CONFIG | NH,
     NULL},
    {"list", 0, IML__OPT_STR, AT(list), "WHAT", NULL, 0, 0, NULL, NULL,
     "fonts, corpora, backgrounds, scripts or keys; then stop", IML__OPT_NO_CONFIG | NH, NULL},
};
#undef AT
#undef NH
static const iml__opt_table tables[] = {{rows, IML_COUNT_OF(rows)}};

const iml__command_doc iml__doc_synth = {
    .name = "synth",
    .summary = "text images with exact labels, in any script",
    .usage = "-o OUT [-n N] [CONFIG] [OPTIONS]\n",
    .about = "Makes pictures of text lines with labels that fit the ink: quads of every character, "
             "word and\n"
             "line, after every effect. Without CONFIG it draws fourteen kinds of text in twelve "
             "scripts from\n"
             "built-in corpora on built-in backgrounds. CONFIG is YAML; --print-config shows the "
             "effective one,\n"
             "--list keys every key. The same configuration, seed, fonts and pictures give the "
             "same bytes.",
    .examples = "  imloom synth -o out -n 1000 --preview sheet.png\n"
                "  imloom synth batch.yaml -o out --font-dir fonts --background-dir bg \\\n"
                "      --corpus-dir corpus\n"
                "  imloom synth --text \"Total: 12.50\" --set font_size=[24,64] -n 20 -o out\n",
    .table = {{rows, IML_COUNT_OF(rows)}},
    .ntables = 1,
    .common = true,
};

// ---- Options to what synth takes

// Comma-separated entries of a list, flattened; strings live in `text`.
static iml_status flatten(const iml__opt_list *l, const char **out, size_t cap, size_t *n,
                          iml__str *text, iml_err *e)
{
    for (size_t i = 0; i < l->n; i++) {
        iml__str_adds(text, l->item[i]);
        iml__str_addc(text, ',');
    }
    if (text->failed) return IML_FAIL(e, text->failed, "no memory for a list");
    char *p = text->p;
    for (*n = 0; p && *p;) {
        size_t len = strcspn(p, ",");
        p[len] = 0;
        if (len) {
            if (*n == cap) return IML_FAIL(e, IML_EARG, "a list has more than %zu entries", cap);
            out[(*n)++] = p;
        }
        p += len + 1;
    }
    return IML_OK;
}

static iml_status parse_quality(const char *text, int *lo, int *hi, iml_err *e)
{
    char head[16];
    uint64_t a, b;
    size_t n = strcspn(text, ",");
    if (n >= sizeof head) goto bad;
    memcpy(head, text, n), head[n] = 0;
    if (!iml__parse_u64(head, &a)) goto bad;
    b = a;
    if (text[n] && !iml__parse_u64(text + n + 1, &b)) goto bad;
    if (a < 1 || b > 100 || a > b) goto bad;
    *lo = (int)a, *hi = (int)b;
    return IML_OK;
bad:
    return IML_FAIL(e, IML_EARG, "--quality %s: A or A,B within 1..100 is needed", text);
}

struct plan { // of this command line
    iml__opts *opts;
    iml__synth_opts synth;
    char *yaml;
    size_t nyaml;
    const char *scripts[64];
    iml__str script_text;
    iml__complaints talk;
};

// One key of `options:`. What is wrong with it is told with all else that is wrong.
static iml_status take_option(struct plan *p, const iml__ynode *key, const iml__ynode *v,
                              iml_err *e)
{
    char where[512];
    size_t ordinal, table, n = v->kind == IML__YAML_LIST ? v->n : 1;
    const iml__opt *row = iml__opts_find(p->opts, key->text, &ordinal, &table);
    bool joined = n > 1 && row && row->type != IML__OPT_LIST; // [60, 95] is 60,95
    iml_err why;
    iml__str text;
    iml_status st = IML_OK;
    iml__str_init(&text, IML__YAML_BYTES);
    for (size_t k = 0; k < n && !st; k++) {
        const iml__ynode *item = v->kind == IML__YAML_LIST ? v->item[k] : v;
        (void)snprintf(where, sizeof where, "%.400s:%u:%u", key->file, item->line, item->col);
        if (!joined) iml__str_clear(&text);
        if (item->kind == IML__YAML_SCALAR)
            iml__str_addf(&text, "%s%s", joined && k ? "," : "", item->text);
        else
            st = IML_FAIL(&why, IML_EARG, "%s: options: %s takes text", where, key->text);
        if (!st && (!joined || k + 1 == n))
            st = iml__opts_config(p->opts, where, key->text, iml__str_text(&text), &why);
    }
    iml__str_free(&text);
    if (st != IML_EARG) return st ? IML_FAIL(e, st, "%s", why.msg) : IML_OK;
    iml__str_addf(&p->talk.text, "%s\n", why.msg);
    p->talk.n++;
    return IML_OK;
}

// A file of options and nothing else, as other commands have it: there is no other key in it.
static bool options_alone(const iml__opts *o, const iml__ynode *root)
{
    bool alone = root && root->kind == IML__YAML_MAP && root->n;
    for (size_t i = 0; alone && i < root->n; i++)
        alone = iml__opts_knows(o, root->pair[i].key->text);
    return alone;
}

// `options:` of the YAML: each key as if it stood before the command line.
static iml_status take_options(struct plan *p, iml_err *e)
{
    iml_arena a;
    iml__complaints quiet; // synth complains about the same file again, in full
    iml__ynode *root = NULL;
    if (!p->yaml) return IML_OK;
    IML_TRY(iml__arena_open(&a, (size_t)1 << 28, -1, e));
    iml__complaints_init(&quiet);
    iml_err ignored;
    iml_status st =
        iml__yaml_parse(&a, p->synth.config, p->yaml, p->nyaml, &quiet, &root, &ignored);
    bool alone = !st && options_alone(p->opts, root);
    const iml__ynode *map = st ? NULL : alone ? root : iml__yaml_get(root, "options");
    st = IML_OK;
    for (size_t i = 0; map && map->kind == IML__YAML_MAP && i < map->n && !st; i++)
        st = take_option(p, map->pair[i].key, map->pair[i].value, e);
    if (alone) { // the embedded default is drawn
        p->synth.config = p->synth.text = NULL, p->synth.ntext = 0;
        IML_FREE(p->yaml);
    }
    iml__complaints_free(&quiet);
    iml__arena_close(&a);
    return st;
}

static iml_status read_yaml(struct plan *p, iml_err *e)
{
    const char *path = options.batch ? options.batch : common.config;
    if (p->opts->args.n > 1)
        return IML_FAIL(e, IML_EARG, "%s: one CONFIG is enough; options begin with --",
                        p->opts->args.item[1]);
    if (options.batch && common.config && strcmp(options.batch, common.config) != 0)
        return IML_FAIL(e, IML_EARG, "--batch-config %s and --config %s mean the same: give one",
                        options.batch, common.config);
    if (p->opts->args.n && path) return IML_FAIL(e, IML_EARG, "%s: CONFIG is given twice", path);
    if (p->opts->args.n) path = p->opts->args.item[0];
    if (!path) return IML_OK;
    if (options.texts.n || options.corpora.n || options.patterns.n || options.scripts.n)
        return IML_FAIL(e, IML_EARG,
                        "--text, --pattern, --corpus and --script stand in for a CONFIG; give one "
                        "or the other");
    struct stat st;
    bool std = !strcmp(path, "-");
    p->synth.config = std ? "stdin" : path;
    if (std ||
        (!iml__fstatat(AT_FDCWD, path, &st, 0) && S_ISFIFO(st.st_mode))) { // <(..) of a shell
        int fd = std ? STDIN_FILENO : iml__openat(AT_FDCWD, path, O_RDONLY, 0);
        if (fd < 0) return IML_FAIL_SYS(e, IML_EINPUT, errno, "%s: cannot be opened", path);
        p->yaml = iml__alloc(IML__YAML_BYTES + 2);
        ssize_t n = p->yaml ? iml__read_all(fd, p->yaml, IML__YAML_BYTES + 1) : 0;
        if (!std) (void)iml__close(&fd);
        if (!p->yaml) return IML_FAIL(e, IML_ENOMEM, "%s: no memory to read it", p->synth.config);
        if (n < 0) return IML_FAIL(e, IML_EINPUT, "%s: cannot be read", p->synth.config);
        p->nyaml = (size_t)n;
    } else {
        IML_TRY(iml__file_read_heap(AT_FDCWD, path, IML__YAML_BYTES + 1, &p->yaml, &p->nyaml, e));
    }
    p->synth.text = p->yaml, p->synth.ntext = p->nyaml;
    return IML_OK;
}

static iml_status fill(struct plan *p, iml_err *e)
{
    iml__synth_opts *s = &p->synth;
    s->set = options.set.item, s->nset = options.set.n;
    s->corpora = options.corpora.item, s->ncorpora = options.corpora.n;
    s->texts = options.texts.item, s->ntexts = options.texts.n;
    s->patterns = options.patterns.item, s->npatterns = options.patterns.n;
    s->corpus_dir = options.corpus_dir;
    s->font_dirs = options.font_dirs.item, s->nfont_dirs = options.font_dirs.n;
    s->fonts = options.fonts.item, s->nfonts = options.fonts.n;
    s->fallback_fonts = options.fallback_fonts.item, s->nfallback_fonts = options.fallback_fonts.n;
    s->background_dirs = options.background_dirs.item,
    s->nbackground_dirs = options.background_dirs.n;
    s->background = options.background;
    s->count = options.count;
    s->format = iml__opts_given(p->opts, "format") ? options.format : -1;
    s->colour = iml__opts_given(p->opts, "colour") ? options.colour : -1;
    s->container = iml__opts_given(p->opts, "container") ? options.container : -1;
    s->seed = iml__opts_given(p->opts, "seed") ? &common.seed : NULL;
    s->max_pixels = common.max_pixels;
    s->det_unit = iml__opts_given(p->opts, "det-unit") ? options.det_unit : -1;
    s->coverage = iml__opts_given(p->opts, "coverage") ? options.coverage : -1;
    s->quality_lo = s->quality_hi = 0;
    if (options.quality) IML_TRY(parse_quality(options.quality, &s->quality_lo, &s->quality_hi, e));
    unsigned *bits[IML__LISTS] = {&s->labels, &s->masks, &s->crops, &s->extras};
    for (int k = 0; k < IML__LISTS; k++)
        if (options.words[k])
            IML_TRY(iml__output_words((enum iml__output_list)k, options.words[k], bits[k], e));
    s->scripts = p->scripts;
    if (options.scripts.n && (options.texts.n || options.corpora.n || options.patterns.n))
        return IML_FAIL(e, IML_EARG,
                        "--script names texts of the embedded default, --text, --pattern and "
                        "--corpus bring others; give one or the other");
    for (size_t k = 0; k < options.scripts.n; k++)
        if (!*options.scripts.item[k])
            return IML_FAIL(e, IML_EARG, "--script: the value is empty; see --list scripts");
    return flatten(&options.scripts, p->scripts, IML_COUNT_OF(p->scripts), &s->nscripts,
                   &p->script_text, e);
}

// ---- The run

static int preview(const iml__synth *s, iml_err *e)
{
    iml__synth_sheet o = {.path = options.preview,
                          .count = (uint32_t)options.preview_count,
                          .columns = (uint32_t)options.preview_columns,
                          .width = (int32_t)options.preview_width};
    if (iml__sheet_layers(options.layers, &o.layers, e)) return iml__complain(e, IML__EXIT_USAGE);
    iml__synth_shown shown;
    if (iml__synth_sheet_write(s, &o, &shown, e)) return iml__complain(e, IML__EXIT_FAILED);
    if (!shown.bad) {
        (void)fprintf(stderr, "%s: %u picture%s\n", options.preview, shown.pictures,
                      shown.pictures == 1 ? "" : "s");
        return IML__EXIT_OK;
    }
    iml__str l;
    iml__str_init(&l, 65536);
    iml__str_addf(&l, "imloom: %s: %u of %u pictures could not be made: ", options.preview,
                  shown.bad, shown.bad + shown.pictures);
    iml__str_addf(&l, "%llu (", (unsigned long long)shown.first);
    iml__bad_items_reason(&l, shown.why.msg);
    iml__str_addf(&l, ")%s", shown.bad > 1 ? ", ..." : "");
    (void)fprintf(stderr, "%s\n", iml__str_text(&l));
    iml__str_free(&l);
    return IML__EXIT_BAD;
}

static int plan(const iml__synth *s, iml_err *e)
{
    int code = iml__synth_write_plan(s, options.plan, e);
    if (!code)
        (void)fprintf(stderr, "%s: %llu plans\n",
                      strcmp(options.plan, "-") != 0 ? options.plan : "standard output",
                      (unsigned long long)s->count);
    return code;
}

static int run(struct plan *p, const iml__synth *s, int argc, char **argv, iml_err *e)
{
    iml_run_opts ro;
    iml__str head;
    if (iml__common_settle(&common, p->opts, &ro, NULL, NULL, e))
        return iml__complain(e, IML__EXIT_USAGE);
    ro.seed = s->seed;
    ro.shard_samples =
        options.shard_samples ? options.shard_samples : s->config->output.shard_samples;
    if (iml__outdir_keep_out(common.out, "--preview", options.preview, e))
        return iml__complain(e, IML__EXIT_USAGE);
    iml__str_init(&head, 4096);
    iml__synth_headline(s, common.out, &head);
    struct iml__redrawn redrawn = {.synth = s, .out = common.out};
    iml__session session = {.common = &common,
                            .opts = p->opts,
                            .job = &s->job,
                            .sink = s->tar ? iml_sink_tar() : iml_sink_file(),
                            .run = &ro,
                            .argc = argc + 2, // with program and command, which stand before
                            .argv = argv - 2,
                            .makes_set = true,
                            .headline = iml__str_text(&head),
                            .unit = "images",
                            .closing = iml__redrawn_line,
                            .user = &redrawn};
    int code = IML__EXIT_OK;
    if (common.out)
        code = iml__session_run(&session);
    else if (common.dry_run)
        (void)printf("%s\n", iml__str_text(&head));
    if (!code && common.dry_run) iml__synth_sum_up(s);
    // A set with bad items is there, so its sheet is too.
    if ((!code || code == IML__EXIT_BAD) && options.preview && !common.dry_run) {
        int shown = preview(s, e);
        if (shown) code = shown;
    }
    iml__str_free(&head);
    return code;
}

// --backgrounds-only: neither fonts nor texts are looked at.
static iml_status backs_of(const struct plan *p, iml__backs_opts *o, iml_err *e)
{
    uint64_t w, h;
    char head[16];
    const iml__synth_opts *s = &p->synth;
    size_t n = strcspn(options.backs_only, "x");
    if (n >= sizeof head) n = 0;
    memcpy(head, options.backs_only, n), head[n] = 0;
    if (!iml__parse_u64(head, &w) || !options.backs_only[n] ||
        !iml__parse_u64(options.backs_only + n + 1, &h) || !w || !h || w > 32768 || h > 32768)
        return IML_FAIL(e, IML_EARG,
                        "--backgrounds-only %s: WxH in pixels is needed, as in 1024x768",
                        options.backs_only);
    if (p->yaml ||
        s->ntexts + s->ncorpora + s->npatterns + s->nscripts + s->nset + s->nbackground_dirs ||
        options.preview || options.plan || options.list || common.print_config)
        return IML_FAIL(e, IML_EARG,
                        "--backgrounds-only draws no text: it goes with --background, --count, "
                        "--seed, --format, --quality, --colour and --container");
    if (!common.out && !common.dry_run) return IML_FAIL(e, IML_EARG, "where to? give -o OUT");
    *o = (iml__backs_opts){.w = (int32_t)w,
                           .h = (int32_t)h,
                           .background = s->background,
                           .seed = common.seed,
                           .count = s->count ? s->count : 1000,
                           .output = {.format = IML_MAX(s->format, 0),
                                      .colour = IML_MAX(s->colour, 0),
                                      .container = IML_MAX(s->container, 0),
                                      .quality_lo = s->quality_lo ? s->quality_lo : 90,
                                      .quality_hi = s->quality_hi ? s->quality_hi : 90}};
    return IML_OK;
}

static int backs_only(struct plan *p, int argc, char **argv, iml_err *e)
{
    iml_run_opts ro;
    iml__backs_opts o;
    iml__backs *b = NULL;
    iml__str head;
    if (backs_of(p, &o, e) || iml__common_settle(&common, p->opts, &ro, NULL, NULL, e) ||
        iml__backs_open(&o, &b, e))
        return iml__complain(e, IML__EXIT_USAGE);
    iml__str_init(&head, 4096);
    iml__text_count(&head, o.count);
    iml__str_addf(&head, " backgrounds of %dx%d px, seed %llu", (int)o.w, (int)o.h,
                  (unsigned long long)o.seed);
    if (common.out) iml__str_addf(&head, " -> %s", common.out);
    iml__session session = {.common = &common,
                            .opts = p->opts,
                            .job = &b->job,
                            .sink = b->tar ? iml_sink_tar() : iml_sink_file(),
                            .run = &ro,
                            .argc = argc + 2,
                            .argv = argv - 2,
                            .makes_set = true,
                            .headline = iml__str_text(&head),
                            .unit = "images"};
    int code = IML__EXIT_OK;
    if (common.out)
        code = iml__session_run(&session);
    else
        (void)printf("%s\n", iml__str_text(&head));
    iml__str_free(&head);
    iml__backs_close(&b);
    return code;
}

// A data set among its own inputs would be an input of the next run, which could not go on.
static iml_status keep_apart(const struct plan *p, iml_err *e)
{
    const struct {
        const char *name, *const *dir;
        size_t n;
    } in[] = {{"--background-dir", p->synth.background_dirs, p->synth.nbackground_dirs},
              {"--font-dir", p->synth.font_dirs, p->synth.nfont_dirs},
              {"--corpus-dir", &options.corpus_dir, options.corpus_dir && !p->yaml}};
    for (size_t k = 0; common.out && k < IML_COUNT_OF(in); k++)
        for (size_t i = 0; i < in[k].n; i++) {
            char dir[4096];
            const char *text = in[k].dir[i], *eq = strrchr(text, '=');
            if (access(text, F_OK) && eq)
                (void)snprintf(dir, sizeof dir, "%.*s", (int)(eq - text), text);
            else
                (void)snprintf(dir, sizeof dir, "%s", text);
            if (iml__outdir_holds(dir, common.out))
                return IML_FAIL(e, IML_EARG,
                                "-o %.200s lies in %s %.200s, where the next run would take its "
                                "files for inputs; choose another place",
                                common.out, in[k].name, dir);
        }
    return IML_OK;
}

// What --preview and --plan must not be.
static iml_status check_files(const struct plan *p, iml_err *e)
{
    const char *yaml = p->synth.config, *dot = options.preview ? strrchr(options.preview, '.') : "";
    if (options.preview && (!dot || strcasecmp(dot, ".png") != 0))
        return IML_FAIL(e, IML_EARG, "--preview %.200s: a PNG is written; end its name in .png",
                        options.preview);
    IML_TRY(iml__outfile_check("--preview", options.preview, yaml, e));
    if (options.plan && !strcmp(options.plan, "-")) return IML_OK;
    return iml__outfile_check("--plan", options.plan, yaml, e);
}

// A replay writes what the labels speak of; what else was asked for would be left out in silence.
static int replay(const struct plan *p, iml_err *e)
{
    static const char *const none[] = {
        "labels",   "masks", "crops", "extras", "format",  "quality", "colour",     "container",
        "det-unit", "count", "set",   "text",   "pattern", "corpus",  "script",     "preview",
        "plan",     "only",  "limit", "shard",  "seed",    "config",  "background", "corpus-dir"};
    if (p->yaml || common.dry_run) {
        (void)IML_FAIL(e, IML_EARG,
                       p->yaml ? "--replay draws what the labels say: a configuration has no "
                                 "effect on it; leave it out"
                               : "--replay --dry-run: --replay-check draws and writes nothing");
        return iml__complain(e, IML__EXIT_USAGE);
    }
    for (size_t k = 0; k < IML_COUNT_OF(none); k++) {
        if (!iml__opts_given(p->opts, none[k])) continue;
        (void)IML_FAIL(e, IML_EARG,
                       "--%s has no effect with --replay, which makes the picture and the JSON of "
                       "each label again; leave it out",
                       none[k]);
        return iml__complain(e, IML__EXIT_USAGE);
    }
    iml__replay_run r = {.what = options.replay,
                         .out = common.out,
                         .check = options.replay_check,
                         .where = {.font_dirs = options.font_dirs.item,
                                   .nfont_dirs = options.font_dirs.n,
                                   .fonts = options.fonts.item,
                                   .nfonts = options.fonts.n,
                                   .background_dirs = options.background_dirs.item,
                                   .nbackground_dirs = options.background_dirs.n}};
    return iml__synth_replay(&r, e);
}

static int open_and_run(struct plan *p, int argc, char **argv, iml_err *e)
{
    iml__synth *s;
    bool looks = options.list || common.print_config || common.dry_run;
    if (options.list && !iml__synth_knows_list(options.list, e))
        return iml__complain(e, IML__EXIT_USAGE);
    if (options.list && !strcmp(options.list, "keys")) return iml__synth_list_keys();
    if (options.replay) return replay(p, e);
    if (keep_apart(p, e)) return iml__complain(e, IML__EXIT_USAGE);
    if (check_files(p, e)) return iml__complain(e, IML__EXIT_USAGE);
    if (options.backs_only) return backs_only(p, argc, argv, e);
    if (options.replay_check) {
        (void)IML_FAIL(e, IML_EARG, "--replay-check: give --replay LABEL too");
        return iml__complain(e, IML__EXIT_USAGE);
    }
    if (!common.out && !options.preview && !options.plan && !looks) {
        (void)IML_FAIL(e, IML_EARG,
                       "where to? give -o OUT (or --preview FILE.png, --plan FILE.jsonl, "
                       "--dry-run, --list, --print-config)");
        if (p->talk.n) (void)fputs(iml__str_text(&p->talk.text), stderr);
        return iml__complain(e, IML__EXIT_USAGE);
    }
    if (iml__synth_open(&p->synth, &p->talk, &s, e)) {
        if (!p->talk.n) return iml__complain(e, IML__EXIT_USAGE);
        (void)fflush(stdout);
        (void)fputs(iml__str_text(&p->talk.text), stderr);
        return IML__EXIT_USAGE;
    }
    if (s->notes.n) (void)fputs(iml__str_text(&s->notes), stderr);
    int code = common.print_config               ? iml__synth_print_config(s)
               : options.list                    ? iml__synth_list(s, options.list)
               : options.plan && !common.dry_run ? plan(s, e)
                                                 : run(p, s, argc, argv, e);
    iml__synth_close(&s);
    return code;
}

int iml__cmd_synth(int argc, char **argv)
{
    iml_err e = {0};
    iml__opt_table all[] = {tables[0], iml__common_table};
    void *structs[] = {&options, &common};
    iml__opts opts = {.command = "synth", .table = all, .structs = structs, .ntables = 2};
    struct plan p = {.opts = &opts};
    int code;
    iml__complaints_init(&p.talk);
    iml__str_init(&p.script_text, 65536);
    if (iml__opts_parse(&opts, argc, argv, &e) || read_yaml(&p, &e) || take_options(&p, &e) ||
        fill(&p, &e))
        code = iml__complain(&e, IML__EXIT_USAGE);
    else
        code = open_and_run(&p, argc, argv, &e);
    iml__complaints_free(&p.talk);
    iml__str_free(&p.script_text);
    IML_FREE(p.yaml);
    iml__common_free(&common);
    iml__opts_free(&opts);
    return code;
}
