// slicer.h: an opened slice job: its settings, settled; its cases, listed; what the engine runs.
#ifndef IML_SLICE_SLICER_H
#define IML_SLICE_SLICER_H

#include "imloom/slice.h"
#include "src/base/arena.h"
#include "src/base/str.h"
#include "src/slice/norm.h"
#include "src/slice/slice_label.h"
#include "src/slice/window.h"

enum { IML__CHANNELS_MAX = 64, IML__NORMS_MAX = 16, IML__SLICE_FILES = 4 };

// ---- Cases

struct iml__case_files {
    const char *name;   // CASE
    const char *source; // base name of the first image
    const char *image[IML__CHANNELS_MAX];
    int number[IML__CHANNELS_MAX]; // of each: _0000 is 0
    uint32_t nimages;
    const char *plain; // a file without number
    bool framed;       // it is the only one: its frames may be channels
    uint32_t unused;   // channels that exist beside those that are used
    const char *label; // path, or NULL
    const char *patient;
    bool mapped;    // by --patient-map
    uint64_t bytes; // of all files
    // Found wrong while listing: told when the case runs.
    const char *bad_code, *bad_text;
};

struct iml__label_name { // of dataset.json
    int32_t value;
    const char *name;
};

struct iml__cases { // strings lie in the slicer's arena
    struct iml__case_files *item;
    size_t n;
    uint64_t hash; // of names: the plan hash
    bool labels;   // the set has labels
    struct iml__label_name *label_name;
    size_t nlabel_names;
    uint32_t nchannels;    // of each sound case
    uint32_t frames;       // --channels all: of each file, as this case has them; 0: not known
    const char *framed_as; // its name
    const char *root;      // for messages
};

// ---- Settings as they are used

enum iml__axis_wish { IML__AXIS_INDEX, IML__AXIS_ANATOMY, IML__AXIS_AUTO };
enum iml__crop_kind {
    IML__CROP_NONE,
    IML__CROP_NONZERO,
    IML__CROP_FOREGROUND,
    IML__CROP_ABOVE,
    IML__CROP_LABEL,
    IML__CROP_BOX
};

struct iml__slice_conf {
    iml_slice_opts o; // as given; strings copied
    enum iml__axis_wish axis_wish;
    int axis; // array or anatomical
    bool turn;
    int orient_axis[3], orient_sign[3];
    enum iml__crop_kind crop;
    double above;
    int64_t box[3][2]; // INT64_MAX: to the end
    uint64_t height, width;
    struct iml__norm norm[IML__NORMS_MAX];
    uint32_t nnorms;
    bool unit;   // results lie in 0..1
    bool any_ct; // needs the fingerprint
    struct iml__ct ct[IML__CHANNELS_MAX];
    uint32_t nct;
    int channel[IML__CHANNELS_MAX]; // wanted; nchannels 0: all
    uint32_t nchannels;
    int64_t slice_from, slice_to, slice_step; // python's a:b:s; INT64_MAX: not given
    bool slice_mid;
    int32_t (*label_pair)[2];
    struct iml__label_map label_map;
    double split[3];
    bool has_splits;
    enum { IML__SPLIT_NUMPY, IML__SPLIT_HASH, IML__SPLIT_FILE } split_method;
    const char *split_file;
};

typedef struct iml__slicer {
    iml_arena arena;
    struct iml__slice_conf conf;
    struct iml__cases cases;
    uint8_t *part; // of each case, for --layout split: 0 train, 1 val, 2 test
    iml__str settings, versions, inputs, context, notes;
    iml__str fingerprint; // that a pass over all cases made, or an earlier run's; else empty
    uint64_t config_hash;
    const char *out; // where the set is, *borrowed*; NULL: nowhere
    iml_aggregate aggregate[IML__SLICE_FILES];
    iml_job job;
} iml__slicer;

// Reads settings and lists cases; nothing is written. The job is not made yet: iml__slicer_settle
// (slice_pass.h). IML_EARG: refused. *owned*.
iml_status iml__slicer_open(const iml_slice_opts *o, iml__slicer **out, iml_err *e);
void iml__slicer_close(iml__slicer **s);
// Channels of an image.
uint32_t iml__slicer_channels(const iml__slicer *s);
// Cases of a group commit: what a power cut or a full disk may cost is some seconds' work.
uint64_t iml__slicer_batch(const iml__slicer *s);

// slice_conf.c
iml_status iml__slice_conf_read(const iml_slice_opts *o, iml_arena *a, struct iml__slice_conf *c,
                                iml_err *e);
// The settings that bytes depend on, as a JSON object.
void iml__slice_conf_json(const struct iml__slice_conf *c, iml__str *out);

// slice_plan.c: lists the cases of the input. IML_EARG: there are none, says what was looked for.
iml_status iml__cases_list(const struct iml__slice_conf *c, iml_arena *a, struct iml__cases *out,
                           iml__str *notes, iml_err *e);

// slice_look.c. OUT must not hold .npz files that no run of ours made: a loader would train on
// them. overwrite: those that this plan would write are removed first. IML_EARG.
iml_status iml__slice_out_check(const iml__slicer *s, const char *out, bool overwrite, bool dry,
                                iml_err *e);
bool iml__slice_holds_set(const char *out); // a run of ours has begun there
// "Axis: axial: array axis 2, axial, in 3 cases (LPS RAS)", as headers of up to 64 cases say.
void iml__slice_axes(const iml__slicer *s, iml__str *text);

// slice_dry.c. --dry-run: headers of all cases, and what a run would write and need. *bad: cases
// whose headers are refused.
iml_status iml__slice_dry_run(const iml__slicer *s, iml_ctx *ctx, const iml_run_opts *o,
                              iml__str *text, uint64_t *bad, iml_err *e);

// case.c: the engine's run.
// Whether a case's note was made of inputs of the sizes that they have now.
bool iml__case_still(const iml__slicer *s, uint64_t index, const char *note, size_t n);
iml_status iml__case_run(const iml__slicer *s, iml_item *it, iml_out out[], size_t *n, iml_err *e);

#endif
