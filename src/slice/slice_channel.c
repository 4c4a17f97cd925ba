// slice_channel.c: which file is which channel of a case.
//
// --channels names numbers (_0000 ...; columns of a CSV) and their order; "all" takes every number
// that a case of the set has, ascending, and each case must have them all: the same plane of two
// slices is always the same channel. A file without a number that is a case's only one (MSD, one
// volume) may hold its channels as frames. Rejected: "all" as what each case happens to have, which
// puts _0002 of one case where another has _0001; the fullest case as the measure, which would
// depend on a tie.
#include "src/slice/slice_channel.h"

#include <stdio.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/codec/nifti.h"

enum { NUMBERS = 10000 }; // _CCCC

static void spoil(struct iml__case_files *c, const char *text)
{
    if (!c->bad_code)
        c->bad_code = "channel", c->bad_text = text ? text : "no memory to say which channel";
}

static char *text(iml_arena *a, const char *fmt, ...) IML_PRINTF(2, 3);
static char *text(iml_arena *a, const char *fmt, ...)
{
    char b[400];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(b, sizeof b, fmt, ap);
    va_end(ap);
    return iml__arena_strdup(a, b);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void twice(struct iml__case_files *c, const char *one, const char *other, iml_arena *a)
{
    if (c->bad_code) return;
    c->bad_code = "duplicate";
    c->bad_text = text(a, "%.80s and %.80s are the same channel", base_name(one), base_name(other));
    if (!c->bad_text) c->bad_text = "two files are the same channel";
}

// Where a number stands among those that are wanted, or -1.
static int place_of(const struct iml__slice_conf *conf, int number)
{
    for (uint32_t k = 0; k < conf->nchannels; k++)
        if (conf->channel[k] == number) return (int)k;
    return -1;
}

static void take_wanted(const struct iml__slice_conf *conf, struct iml__case_files *c, int number,
                        const char *path, iml_arena *a)
{
    int at = place_of(conf, number);
    if (at < 0) {
        c->unused++;
        return;
    }
    if (c->image[at]) twice(c, c->image[at], path, a);
    c->image[at] = path, c->number[at] = number;
    c->nimages = IML_MAX(c->nimages, (uint32_t)at + 1);
}

static void take_all(struct iml__case_files *c, int number, const char *path, iml_arena *a)
{
    uint32_t at = c->nimages;
    while (at && c->number[at - 1] > number) at--;
    if (at && c->number[at - 1] == number) {
        twice(c, c->image[at - 1], path, a);
        return;
    }
    if (c->nimages == IML__CHANNELS_MAX) {
        spoil(c, "it has too many channels");
        return;
    }
    for (uint32_t k = c->nimages++; k > at; k--)
        c->image[k] = c->image[k - 1], c->number[k] = c->number[k - 1];
    c->image[at] = path, c->number[at] = number;
}

void iml__channel_take(const struct iml__slice_conf *conf, struct iml__case_files *c, int number,
                       const char *path, iml_arena *a)
{
    if (number < 0 && c->plain)
        twice(c, c->plain, path, a);
    else if (number < 0)
        c->plain = path;
    else if (conf->nchannels)
        take_wanted(conf, c, number, path, a);
    else
        take_all(c, number, path, a);
}

void iml__channels_settle(const struct iml__slice_conf *conf, struct iml__case_files *c,
                          iml_arena *a)
{
    if (c->plain && !c->nimages && !c->unused) {
        c->framed = true;
        c->image[0] = c->plain, c->number[0] = 0, c->nimages = 1;
        return;
    }
    if (c->plain) iml__channel_take(conf, c, 0, c->plain, a); // beside numbered ones it is the 0th
    for (uint32_t k = 0; k < conf->nchannels; k++)
        if (!c->image[k]) spoil(c, text(a, "channel %d is missing", conf->channel[k]));
}

// ---- --channels all

// Each case has every number that one of them has.
static iml_status same_numbers(struct iml__cases *set, iml_arena *a, iml_err *e)
{
    const struct iml__case_files **of = iml_arena_calloc(a, NUMBERS, sizeof *of); // the first
    if (!of) return IML_FAIL(e, IML_ENOMEM, "no memory to compare channels");
    set->nchannels = 0;
    for (size_t i = 0; i < set->n; i++)
        for (uint32_t k = 0; k < set->item[i].nimages; k++) {
            int number = set->item[i].number[k];
            set->nchannels += !of[number];
            if (!of[number]) of[number] = &set->item[i];
        }
    for (size_t i = 0; i < set->n; i++) {
        struct iml__case_files *c = &set->item[i];
        if (c->nimages == set->nchannels) continue;
        uint32_t k = 0;
        int missing = 0;
        for (; !of[missing] || (k < c->nimages && c->number[k] == missing); missing++)
            k += of[missing] != NULL;
        spoil(c, text(a, "channel %d is missing, which %.60s has; --channels all needs it of each",
                      missing, of[missing]->name));
    }
    return IML_OK;
}

// Frames are counted in the header of the first case that has one.
static void count_frames(const struct iml__slice_conf *conf, struct iml__cases *set)
{
    for (size_t i = 0; i < set->n && set->nchannels == 1 && !set->frames; i++) {
        const struct iml__case_files *c = &set->item[i];
        iml_nifti *n = NULL;
        iml_err ignored = {0};
        if (c->bad_code || iml_nifti_open(c->image[0], conf->o.affine, &n, &ignored)) continue;
        if (n->info.ndim <= 4 && n->info.frames <= IML__CHANNELS_MAX)
            set->frames = (uint32_t)n->info.frames, set->framed_as = c->name;
        iml_nifti_close(&n);
    }
}

iml_status iml__channels_agree(const struct iml__slice_conf *conf, struct iml__cases *set,
                               iml_arena *a, iml_err *e)
{
    set->nchannels = conf->nchannels;
    if (conf->nchannels) return IML_OK;
    IML_TRY(same_numbers(set, a, e));
    if (conf->o.volume < 0) count_frames(conf, set);
    if (set->frames > 1) set->nchannels = set->frames;
    return IML_OK;
}
