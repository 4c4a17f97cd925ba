// slice_channel.h: which file is which channel of a case.
#ifndef IML_SLICE_SLICE_CHANNEL_H
#define IML_SLICE_SLICE_CHANNEL_H

#include "src/slice/slicer.h"

// path is the channel of this number (0..9999); -1: it has none. One that --channels does not name
// counts as unused; two for one number spoil the case.
void iml__channel_take(const struct iml__slice_conf *conf, struct iml__case_files *c, int number,
                       const char *path, iml_arena *a);
// After a case's last file: a lone one without number may hold channels as frames; what --channels
// names and the case lacks spoils it.
void iml__channels_settle(const struct iml__slice_conf *conf, struct iml__case_files *c,
                          iml_arena *a);
// Over all cases: set->nchannels, and under --channels all the cases that differ are spoilt.
// IML_ENOMEM.
iml_status iml__channels_agree(const struct iml__slice_conf *conf, struct iml__cases *set,
                               iml_arena *a, iml_err *e);

#endif
