// cmd_slice.c: `imloom slice`: its option table, and the way from options to a run.
//
// The older tool's spellings (--input_dir, --no_normalize, --num_workers ...) are aliases. Formats
// and methods of later versions are refused by name.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/cmd/command.h"
#include "src/cmd/common.h"
#include "src/cmd/outdir.h"
#include "src/cmd/session.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"
#include "src/slice/slice_pass.h"
#include "src/slice/slice_report.h"
#include "src/slice/slice_sheet.h"
#include "src/slice/slicer.h"

static struct options {
    const char *input, *images, *labels, *label, *channels, *axis, *orient, *crop, *size, *clip_min,
        *clip_max;
    const char *stats, *slices, *label_map, *splits, *train_ratio, *val_ratio, *split_method,
        *regex, *patients;
    const char *sheet, *format, *volume;
    const char *spacing, *interp, *interp_z, *antialias, *grid, *label_interp; // later
    iml__opt_list cases, norm;
    bool no_label, strict, no_normalize, stats_only, keep_labels;
    int subset, label_geometry, affine, nan, plane, norm_mask, norm_outside, dtype, padding,
        skip_empty, label_dtype, layout;
    int64_t window, step, one_hot, level, digits, folds, sheet_cases, sheet_slices;
    double margin, keep_empty;
    uint64_t min_label_pixels, split_seed;
} options;
static struct iml__common common;

#define AT(field) offsetof(struct options, field)
#define NH IML__OPT_NO_HASH
static const iml__opt rows[] = {
    {"input-dir", 0, IML__OPT_PATH, AT(input), "IN", NULL, 0, 0, NULL, "input",
     "nnU-Net or MSD folder, one volume, or cases.csv; the same as the argument IN", NH, NULL},
    {"images", 0, IML__OPT_DIR, AT(images), "DIR", NULL, 0, 0, NULL, NULL, "or: a folder of images",
     NH, NULL},
    {"labels", 0, IML__OPT_DIR, AT(labels), "DIR", NULL, 0, 0, NULL, NULL,
     "and one of their labels", NH, NULL},
    {"label", 0, IML__OPT_PATH, AT(label), "FILE", NULL, 0, 0, NULL, NULL,
     "label of a single volume", NH, NULL},
    {"no-label", 0, IML__OPT_FLAG, AT(no_label), NULL, NULL, 0, 0, NULL, NULL, "write no label", 0,
     NULL},
    {"subset", 0, IML__OPT_ENUM, AT(subset), "SET", "Tr", 0, 0, "Tr|Ts|all", NULL,
     "imagesTr, imagesTs or both", NH, NULL},
    {"case", 0, IML__OPT_LIST, AT(cases), "GLOB", NULL, 0, 0, NULL, NULL,
     "only these cases, with commas or again and again", NH, NULL},
    {"channels", 0, IML__OPT_STR, AT(channels), "LIST", "0", 0, 0, NULL, NULL,
     "input channels, with commas, or all", 0, NULL},
    {"volume", 0, IML__OPT_STR, AT(volume), "N", NULL, 0, 0, NULL, NULL,
     "this frame of 4-D files, from 0", 0, NULL},
    {"label-geometry", 0, IML__OPT_ENUM, AT(label_geometry), "KIND", "index", 0, 0, "index|world",
     NULL, "world: turn labels whose axes are flipped or permuted against the image's", 0, NULL},
    {"affine-source", 0, IML__OPT_ENUM, AT(affine), "FORM", "auto", 0, 0, "auto|sform|qform", NULL,
     "which matrix of the header counts", 0, NULL},
    {"nan", 0, IML__OPT_ENUM, AT(nan), "RULE", "auto", 0, 0, "auto|error|background|keep", NULL,
     "NaN and infinite voxels; auto: refused, but kept under --norm none", 0, NULL},
    {"strict", 0, IML__OPT_FLAG, AT(strict), NULL, NULL, 0, 0, NULL, NULL,
     "a warning fails its case", 0, NULL},
    {"axis", 0, IML__OPT_STR, AT(axis), "AXIS", "0", 0, 0, NULL, NULL,
     "0 1 2, sagittal coronal axial, or auto (the largest spacing)", 0, NULL},
    {"orient", 0, IML__OPT_STR, AT(orient), "LETTERS", "native", 0, 0, NULL, NULL,
     "flip and permute axes first: RAS, LPS, ... or native", 0, NULL},
    {"plane", 0, IML__OPT_ENUM, AT(plane), "LAYOUT", "native", 0, 0, "native|display", NULL,
     "display: rows and columns as radiologists look at them", 0, NULL},
    {"spacing", 0, IML__OPT_STR, AT(spacing), "MM", NULL, 0, 0, NULL, NULL,
     "resample (a later version)", IML__OPT_HIDDEN | NH, NULL},
    {"interp", 0, IML__OPT_STR, AT(interp), "KIND", NULL, 0, 0, NULL, NULL,
     "resample (a later version)", IML__OPT_HIDDEN | NH, NULL},
    {"interp-z", 0, IML__OPT_STR, AT(interp_z), "KIND", NULL, 0, 0, NULL, NULL,
     "resample (a later version)", IML__OPT_HIDDEN | NH, NULL},
    {"antialias", 0, IML__OPT_STR, AT(antialias), "on|off", NULL, 0, 0, NULL, NULL,
     "resample (a later version)", IML__OPT_HIDDEN | NH, NULL},
    {"grid", 0, IML__OPT_STR, AT(grid), "KIND", NULL, 0, 0, NULL, NULL,
     "resample (a later version)", IML__OPT_HIDDEN | NH, NULL},
    {"label-interp", 0, IML__OPT_STR, AT(label_interp), "KIND", NULL, 0, 0, NULL, NULL,
     "resample (a later version)", IML__OPT_HIDDEN | NH, NULL},
    {"keep-labels", 0, IML__OPT_FLAG, AT(keep_labels), NULL, NULL, 0, 0, NULL, NULL,
     "resample (a later version)", IML__OPT_HIDDEN | NH, NULL},
    {"crop", 0, IML__OPT_STR, AT(crop), "BOX", "none", 0, 0, NULL, NULL,
     "none nonzero foreground above:T label, or i0:i1,j0:j1,k0:k1", 0, NULL},
    {"margin", 0, IML__OPT_DOUBLE, AT(margin), "MM", "0", 0, 1e6, NULL, NULL,
     "around the box of --crop", 0, NULL},
    {"size", 0, IML__OPT_STR, AT(size), "H,W", NULL, 0, 0, NULL, NULL,
     "centre crop or pad planes to rows,columns (or WxH)", 0, NULL},
    {"clip-min", 0, IML__OPT_STR, AT(clip_min), "V", NULL, 0, 0, NULL, NULL,
     "lower bound of values", 0, NULL},
    {"clip-max", 0, IML__OPT_STR, AT(clip_max), "V", NULL, 0, 0, NULL, NULL,
     "upper bound; each works alone", 0, NULL},
    {"norm", 0, IML__OPT_LIST, AT(norm), "NORM", NULL, 0, 0, NULL, NULL,
     "zscore percentile:A,B minmax window:L,W window:NAME ct none; a window may repeat: a group of "
     "channels each. NAME: brain subdural stroke bone lung mediastinum abdomen liver spine angio. "
     "ct: nnU-Net's, by the fingerprint of all cases [zscore]",
     0, NULL},
    {"no-normalize", 0, IML__OPT_FLAG, AT(no_normalize), NULL, NULL, 0, 0, NULL, NULL,
     "the same as --norm none", 0, NULL},
    {"norm-mask", 0, IML__OPT_ENUM, AT(norm_mask), "VOXELS", "foreground", 0, 0,
     "foreground|all|nonzero|label", NULL, "which voxels the statistics are of", 0, NULL},
    {"norm-outside", 0, IML__OPT_ENUM, AT(norm_outside), "WHAT", "same", 0, 0, "same|zero", NULL,
     "what the other voxels become", 0, NULL},
    {"stats", 0, IML__OPT_PATH, AT(stats), "FILE", NULL, 0, 0, NULL, NULL,
     "a fingerprint to read instead of a first pass (also nnU-Net's)", NH, NULL},
    {"stats-only", 0, IML__OPT_FLAG, AT(stats_only), NULL, NULL, 0, 0, NULL, NULL,
     "write OUT/dataset_fingerprint.json and stop", NH, NULL},
    {"dtype", 0, IML__OPT_ENUM, AT(dtype), "TYPE", "f32", 0, 0, "f32|f16|i16|u8", NULL,
     "of image; i16 with --norm none, u8 with norms into 0..1", 0, NULL},
    {"window-size", 0, IML__OPT_INT, AT(window), "W", "2", 0, 127, NULL, NULL,
     "planes on either side: 2 W + 1 channels", 0, NULL},
    {"step", 0, IML__OPT_INT, AT(step), "N", "1", 1, 64, NULL, NULL, "distance of those planes", 0,
     NULL},
    {"padding-mode", 0, IML__OPT_ENUM, AT(padding), "MODE", "replicate", 0, 0, IML__PADDINGS, NULL,
     "planes beyond the border; mirror is the older tool's asymmetric one, reflect the usual one",
     0, NULL},
    {"slices", 0, IML__OPT_STR, AT(slices), "A:B[:S]", "all", 0, 0, NULL, NULL,
     "all, mid or a range", 0, NULL},
    {"skip-empty", 0, IML__OPT_ENUM, AT(skip_empty), "WHAT", "none", 0, 0, "none|label|image", NULL,
     "leave out planes without label, or constant ones", 0, NULL},
    {"min-label-pixels", 0, IML__OPT_COUNT, AT(min_label_pixels), "N", "1", 0, 0, NULL, NULL,
     "fewer labelled pixels make a plane empty", 0, NULL},
    {"keep-empty", 0, IML__OPT_DOUBLE, AT(keep_empty), "SHARE", "0", 0, 1, NULL, NULL,
     "keep a random share of the empty planes", 0, NULL},
    {"label-map", 0, IML__OPT_STR, AT(label_map), "FROM:TO,..", NULL, 0, 0, NULL, NULL,
     "1:1,2:1,*:0 or a file of such lines; before all else about labels", 0, NULL},
    {"label-dtype", 0, IML__OPT_ENUM, AT(label_dtype), "TYPE", "auto", 0, 0, IML__LABEL_TYPES, NULL,
     "auto: the smallest of i8 i16 i32 that holds a case's labels", 0, NULL},
    {"one-hot", 0, IML__OPT_INT, AT(one_hot), "N", "0", 0, 256, NULL, NULL,
     "add label_onehot of N classes", 0, NULL},
    {"format", 0, IML__OPT_STR, AT(format), "FORMAT", "npz", 0, 0, NULL, NULL, "npz", 0, NULL},
    {"level", 0, IML__OPT_INT, AT(level), "N", "6", 0, 9, NULL, NULL,
     "of compression: 0 (stored), 1 (as 6 so far), 6, 9", 0, NULL},
    {"layout", 0, IML__OPT_ENUM, AT(layout), "KIND", "flat", 0, 0, "flat|split|case", NULL,
     "split: train/ val/ test/; case: a folder a case; the older loader reads flat", 0, NULL},
    {"digits", 0, IML__OPT_INT, AT(digits), "N", "3", 3, 6, NULL, NULL,
     "of a slice's number in its name", 0, NULL},
    {"splits", 0, IML__OPT_STR, AT(splits), "A,B,C", NULL, 0, 0, NULL, NULL,
     "shares of train, val, test: splits.json", 0, NULL},
    {"train-ratio", 0, IML__OPT_STR, AT(train_ratio), "A", NULL, 0, 0, NULL, NULL,
     "older spelling of --splits [0.8]", NH, NULL},
    {"val-ratio", 0, IML__OPT_STR, AT(val_ratio), "B", NULL, 0, 0, NULL, NULL,
     "older spelling of --splits [0.1]", NH, NULL},
    {"folds", 0, IML__OPT_INT, AT(folds), "K", "0", 0, 1000, NULL, NULL,
     "nnU-Net's splits_final.json", 0, NULL},
    {"split-method", 0, IML__OPT_STR, AT(split_method), "HOW", "numpy", 0, 0, NULL, NULL,
     "numpy (the older loader's own draw), hash, file:F", 0, NULL},
    {"split-seed", 0, IML__OPT_U64, AT(split_seed), "N", NULL, 0, 0, NULL, NULL,
     "[--seed if given, else 42]", 0, NULL},
    {"patient-regex", 0, IML__OPT_STR, AT(regex), "ERE", NULL, 0, 0, NULL, NULL,
     "group 1 of a case's name is its patient; patients never part", 0, NULL},
    {"patient-map", 0, IML__OPT_PATH, AT(patients), "FILE", NULL, 0, 0, NULL, NULL,
     "CSV of case,patient", NH, NULL},
    {"sheet", 0, IML__OPT_PATH, AT(sheet), "FILE.png", NULL, 0, 0, NULL, NULL,
     "a contact sheet of the input: a row a case, with labels and the patient's sides", NH, NULL},
    {"sheet-cases", 0, IML__OPT_INT, AT(sheet_cases), "N", "12", 1, 1000, NULL, NULL, "rows of it",
     NH, NULL},
    {"sheet-slices", 0, IML__OPT_INT, AT(sheet_slices), "N", "8", 1, 64, NULL, NULL,
     "columns of it", NH, NULL},
};
#undef AT
#undef NH
static const iml__opt_table tables[] = {{rows, IML_COUNT_OF(rows)}};

const iml__command_doc iml__doc_slice = {
    .name = "slice",
    .summary = "cut NIfTI volumes into 2D and 2.5D slices",
    .usage = "IN -o OUT [OPTIONS]\n--images DIR [--labels DIR] -o OUT [OPTIONS]\n",
    .about =
        "Writes one .npz a slice: image (a window of 2 W + 1 neighbouring planes as channels), "
        "label and metadata, as preprocess_2d_slices.py writes them and its loader reads them. A "
        "damaged case is refused with a code and leaves no file; the others go on. The same inputs "
        "and settings give the same bytes.\n\n"
        "IN is an nnU-Net or MSD folder (imagesTr/CASE_0000.nii.gz, labelsTr/CASE.nii.gz), one "
        "volume, or a CSV with the columns case,image[,image...],label,patient. Volumes are .nii, "
        ".nii.gz and .hdr with .img. OUT gets CASE_000.npz ..., dataset_info.json (cases, labels, "
        "warnings, failures), and splits.json or splits_final.json where they are asked for.\n\n"
        "Axis 0 is the first of the array, as the older tool cuts: sagittal planes for most scans. "
        "--axis axial finds the right one in each file.\n\n"
        "--padding-mode mirror repeats the older tool: at k = 0 it shows planes 2 1 0 1 2, at the "
        "end D-3 D-2 D-1 D-1 D-2; reflect is the symmetric one to prefer.\n\n"
        "Later versions bring resampling (--spacing, --interp, --label-interp ...) and the formats "
        "npy, png16, planes, nnunet, nnunet2d and wds.",
    .examples = "  imloom slice Dataset006 -o out --window_size 2 --padding_mode replicate\n"
                "  imloom slice Dataset006 -o out --axis axial --orient RAS --norm window:lung \\\n"
                "      --skip-empty label --splits 0.8,0.1,0.1 --sheet s.png\n"
                "  imloom slice ct.nii.gz --label seg.nii.gz -o out --axis axial \\\n"
                "      --norm window:abdomen --dtype u8\n",
    .table = {{rows, IML_COUNT_OF(rows)}},
    .ntables = 1,
    .common = true,
};

// ---- Options to settings

// What stands in the specification, but not yet in this version.
static iml_status refuse_later(iml_err *e)
{
    static const char *const later[] = {"npy", "png16", "planes", "nnunet", "nnunet2d", "wds"};
    for (size_t k = 0; k < IML_COUNT_OF(later); k++)
        if (!strcmp(options.format, later[k]))
            return IML_FAIL(e, IML_EARG,
                            "--format %s comes with a later version; npz is written now", later[k]);
    if (strcmp(options.format, "npz") != 0)
        return IML_FAIL(e, IML_EARG, "--format %.40s: npz is the format there is", options.format);
    const char *what = options.spacing        ? "spacing"
                       : options.interp       ? "interp"
                       : options.interp_z     ? "interp-z"
                       : options.antialias    ? "antialias"
                       : options.grid         ? "grid"
                       : options.label_interp ? "label-interp"
                       : options.keep_labels  ? "keep-labels"
                                              : NULL;
    if (what)
        return IML_FAIL(e, IML_EARG,
                        "--%s comes with a later version; slices keep their volume's grid now",
                        what);
    return IML_OK;
}

static iml_status number(const char *name, const char *text, double *out, iml_err *e)
{
    if (!text) return IML_OK;
    if (iml__parse_double(text, out) && isfinite(*out)) return IML_OK;
    return IML_FAIL(e, IML_EARG, "--%s: '%.40s' is no number", name, text);
}

static iml_status old_ratios(iml__str *text, iml_err *e)
{
    double a = 0.8, b = 0.1;
    char num[32];
    if (!options.train_ratio && !options.val_ratio) return IML_OK;
    if (options.splits)
        return IML_FAIL(e, IML_EARG, "--splits and --train_ratio mean the same: give one");
    IML_TRY(number("train_ratio", options.train_ratio, &a, e));
    IML_TRY(number("val_ratio", options.val_ratio, &b, e));
    if (a < 0 || b < 0 || a + b > 1 + 1e-9)
        return IML_FAIL(e, IML_EARG,
                        "--train_ratio [0.8] and --val_ratio [0.1] are shares; together at most 1");
    iml__str_add(text, num, iml__num_short(num, a));
    iml__str_addc(text, ',');
    iml__str_add(text, num, iml__num_short(num, b));
    options.splits = iml__str_text(text);
    return IML_OK;
}

static bool of_config(const iml__opts *opts, const char *name)
{
    size_t ordinal, table;
    return iml__opts_find(opts, name, &ordinal, &table) &&
           opts->config[ordinal / 64 % 4] >> ordinal % 64 & 1;
}

static iml_status fill(const iml__opts *opts, iml_slice_opts *s, iml__str *ratios, iml_err *e)
{
    static const char *const none[] = {"none"};
    iml_slice_opts_default(s);
    IML_TRY(refuse_later(e));
    IML_TRY(old_ratios(ratios, e));
    if (opts->args.n > 1)
        return IML_FAIL(e, IML_EARG, "%.80s: one IN is enough; options begin with --",
                        opts->args.item[1]);
    if (opts->args.n && of_config(opts, "input-dir")) options.input = NULL; // the command line wins
    if (opts->args.n && of_config(opts, "images")) options.images = NULL;
    if (opts->args.n && (options.input || options.images))
        return IML_FAIL(e, IML_EARG, "%.80s: the input is given twice", opts->args.item[0]);
    s->input = opts->args.n ? opts->args.item[0] : options.input;
    s->images = options.images, s->labels = options.labels, s->label = options.label;
    if (s->labels && !s->images) return IML_FAIL(e, IML_EARG, "--labels goes with --images");
    s->no_label = options.no_label, s->subset = options.subset;
    s->cases = options.cases.item, s->ncases = options.cases.n;
    s->channels = options.channels;
    if (options.volume && (!iml__parse_i64(options.volume, &s->volume) || s->volume < 0 ||
                           s->volume > INT64_C(1000000)))
        return IML_FAIL(e, IML_EARG, "--volume %.40s: a frame's number, from 0", options.volume);
    s->label_world = options.label_geometry == 1, s->affine = options.affine;
    s->nan = options.nan, s->strict = options.strict;
    s->axis = options.axis, s->orient = options.orient, s->display = options.plane == 1;
    s->crop = options.crop, s->margin_mm = options.margin, s->plane_size = options.size;
    IML_TRY(number("clip_min", options.clip_min, &s->clip_min, e));
    IML_TRY(number("clip_max", options.clip_max, &s->clip_max, e));
    s->norms = options.norm.item, s->nnorms = options.norm.n;
    if (options.no_normalize && options.norm.n)
        return IML_FAIL(e, IML_EARG, "--no_normalize is --norm none; give one of them");
    if (options.no_normalize) s->norms = none, s->nnorms = 1;
    s->norm_mask = options.norm_mask, s->norm_outside_zero = options.norm_outside == 1;
    s->stats = options.stats, s->dtype = options.dtype;
    s->window = (int)options.window, s->step = (int)options.step, s->padding = options.padding;
    s->slices = options.slices, s->skip_empty = options.skip_empty;
    s->min_label_pixels = options.min_label_pixels, s->keep_empty = options.keep_empty;
    s->label_map = options.label_map, s->label_type = options.label_dtype,
    s->one_hot = (uint32_t)options.one_hot;
    s->level = (int)options.level, s->layout = options.layout, s->digits = (int)options.digits;
    s->splits = options.splits, s->folds = (uint32_t)options.folds,
    s->split_method = options.split_method;
    s->split_seed = iml__opts_given(opts, "split-seed") ? options.split_seed
                    : iml__opts_given(opts, "seed")     ? common.seed
                                                        : 42;
    s->patient_regex = options.regex, s->patient_map = options.patients;
    s->sheet = options.sheet, s->sheet_cases = (uint32_t)options.sheet_cases,
    s->sheet_slices = (uint32_t)options.sheet_slices;
    s->max_pixels = common.max_pixels, s->memory_bytes = common.memory, s->seed = common.seed;
    return IML_OK;
}

// ---- The run

// Made of the inputs, so a finished set's sheet is not made again where it stands.
static int sheet(const iml__slicer *s, const iml_run_opts *ro, const iml_report *r, int code)
{
    iml_ctx *ctx = NULL;
    iml_err e = {0};
    struct stat st;
    const char *path = s->conf.o.sheet;
    if (!path || ro->shard_index) return code; // one of the shards is enough
    if (!r->ok && !r->bad && !iml__fstatat(AT_FDCWD, path, &st, 0)) return code;
    if (iml_ctx_new(&ctx, &e) || iml__slice_sheet(s, ctx, ro, &e))
        code = iml__complain(&e, IML__EXIT_FAILED);
    else
        (void)fprintf(stderr, "contact sheet: %s\n", path);
    iml_ctx_free(&ctx);
    return code;
}

static int slice(iml__opts *opts, iml__slicer *s, iml_run_opts *ro, int argc, char **argv)
{
    iml__str head;
    iml__str_init(&head, 1 << 16);
    iml__slice_headline(s, ro, &head);
    if (!ro->io_batch) ro->io_batch = iml__slicer_batch(s);
    struct iml__slice_closing closing = {.slicer = s, .out = common.out};
    iml__session session = {.common = &common,
                            .opts = opts,
                            .job = &s->job,
                            .sink = iml_sink_file(),
                            .run = ro,
                            .argc = argc,
                            .argv = argv,
                            .makes_set = true,
                            .headline = iml__str_text(&head),
                            .unit = "cases",
                            .closing = iml__slice_closing_line,
                            .names_bad = true,
                            .user = &closing};
    int code = iml__session_run(&session);
    iml__str_free(&head);
    return code == IML__EXIT_OK || code == IML__EXIT_BAD ? sheet(s, ro, &session.result, code)
                                                         : code;
}

static int dry_run(const iml__slicer *s, iml_ctx *ctx, const iml_run_opts *ro, iml_err *e)
{
    iml__str text;
    uint64_t bad = 0;
    iml__str_init(&text, 1 << 28);
    int code = iml__slice_dry_run(s, ctx, ro, &text, &bad, e) ? iml__complain(e, IML__EXIT_FAILED)
               : bad                                          ? IML__EXIT_BAD
                                                              : IML__EXIT_OK;
    (void)fputs(iml__str_text(&text), stdout);
    iml__str_free(&text);
    return code;
}

// --stats-only: the fingerprint, and which cases have no part in it.
static int stats_only(const iml__slicer *s, iml_ctx *ctx, const iml_run_opts *ro, iml_err *e)
{
    iml__str text, path;
    struct iml__pass_result r = {.ok = 0};
    iml__str_init(&text, 256 << 20), iml__str_init(&path, 4096), iml__str_init(&r.said, 64 << 20);
    iml__str_addf(&path, "%s/dataset_fingerprint.json", common.out);
    iml_status st = iml__slice_fingerprint(s, ctx, ro, &text, &r, e);
    (void)fputs(iml__str_text(&r.said), stderr);
    if (!st) (void)iml__mkdirat(AT_FDCWD, common.out, 0777); // a failure shows when it is written
    if (!st)
        st = iml__file_write_path(iml__str_text(&path), text.p, text.n, IML_DURABILITY_BATCH, e);
    int code = st      ? iml__complain(e, iml_status_class(st) == IML_CLASS_SINK ? IML__EXIT_FAILED
                                                                                 : IML__EXIT_USAGE)
               : r.bad ? IML__EXIT_BAD
                       : IML__EXIT_OK;
    if (!st)
        (void)fprintf(stderr, "fingerprint of %llu of %zu cases in %s\n", (unsigned long long)r.ok,
                      s->cases.n, iml__str_text(&path));
    iml__str_free(&text), iml__str_free(&path), iml__str_free(&r.said);
    return code;
}

static int settled(iml__opts *opts, iml__slicer *s, iml_run_opts *ro, int argc, char **argv,
                   iml_err *e)
{
    iml_ctx *ctx = NULL;
    iml__str notes;
    if (iml__slice_out_check(s, common.out, common.overwrite, common.dry_run || options.stats_only,
                             e))
        return iml__complain(e, IML__EXIT_USAGE);
    if (iml__outdir_keep_out(common.out, "--sheet", options.sheet, e))
        return iml__complain(e, IML__EXIT_USAGE);
    if (options.stats_only && iml__slice_holds_set(common.out)) {
        (void)IML_FAIL(
            e, IML_EARG,
            "%.100s holds slices, and the fingerprint would be a stranger among them; give "
            "--stats-only another -o",
            common.out);
        return iml__complain(e, IML__EXIT_USAGE);
    }
    if (iml_ctx_new(&ctx, e)) return iml__complain(e, IML__EXIT_FAILED);
    iml__str_init(&notes, 1 << 16);
    int code = IML__EXIT_OK;
    if (common.dry_run)
        code = dry_run(s, ctx, ro, e);
    else if (options.stats_only)
        code = stats_only(s, ctx, ro, e);
    else if (iml__slicer_settle(s, ctx, ro, &notes, e))
        code = iml__complain(e, IML__EXIT_USAGE);
    if (notes.n) (void)fputs(iml__str_text(&notes), stderr);
    iml__str_free(&notes);
    iml_ctx_free(&ctx);
    return code || common.dry_run || options.stats_only ? code : slice(opts, s, ro, argc, argv);
}

// --only takes cases by name, too.
static iml_status case_index(void *user, const char *text, uint64_t *index, iml_err *e)
{
    const iml__slicer *s = user;
    for (size_t k = 0; k < s->cases.n; k++)
        if (!strcmp(s->cases.item[k].name, text)) return *index = k, IML_OK;
    return IML_FAIL(e, IML_EARG, "--only %.80s: no case has this name", text);
}

static int run(iml__opts *opts, const iml_slice_opts *o, int argc, char **argv, iml_err *e)
{
    iml_run_opts ro;
    iml__slicer *s;
    int code;
    if (iml__slicer_open(o, &s, e)) return iml__complain(e, IML__EXIT_USAGE);
    if (s->notes.n) (void)fputs(iml__str_text(&s->notes), stderr);
    if (iml__common_settle(&common, opts, &ro, case_index, s, e))
        code = iml__complain(e, IML__EXIT_USAGE);
    else
        code = settled(opts, s, &ro, argc, argv, e);
    iml__slicer_close(&s);
    return code;
}

static int print_config(const iml__opts *opts, const iml_slice_opts *o)
{
    iml__str text;
    iml__str_init(&text, 1 << 20);
    options.input = o->input, options.split_seed = o->split_seed; // as they are settled
    options.train_ratio = options.val_ratio = NULL;               // --splits says it
    iml__opts_yaml(opts, &text);
    (void)fputs(iml__str_text(&text), stdout);
    iml__str_free(&text);
    return IML__EXIT_OK;
}

int iml__cmd_slice(int argc, char **argv)
{
    iml_err e = {0};
    iml__opt_table all[] = {tables[0], iml__common_table};
    void *structs[] = {&options, &common};
    iml__opts opts = {.command = "slice", .table = all, .structs = structs, .ntables = 2};
    iml_slice_opts o;
    iml__str ratios;
    int code;
    iml__str_init(&ratios, 256);
    if (iml__opts_parse(&opts, argc, argv, &e)) {
        code = iml__complain(&e, IML__EXIT_USAGE);
    } else if ((code = iml__read_config(&opts, common.config))) {
        // It has been said.
    } else if (fill(&opts, &o, &ratios, &e)) {
        code = iml__complain(&e, IML__EXIT_USAGE);
    } else if (common.print_config) {
        code = print_config(&opts, &o);
    } else if (!common.out) {
        (void)IML_FAIL(&e, IML_EARG, "where to? give -o OUT");
        code = iml__complain(&e, IML__EXIT_USAGE);
    } else {
        code = run(&opts, &o, argc, argv, &e);
    }
    iml__str_free(&ratios);
    iml__common_free(&common);
    iml__opts_free(&opts);
    return code;
}
