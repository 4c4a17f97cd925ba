// synth_talk.h: what `imloom synth` says of a job before its first picture.
#ifndef IML_CMD_SYNTH_TALK_H
#define IML_CMD_SYNTH_TALK_H

#include "src/synth/synth.h"

// "2 specifications, 1,000 images, seed 0 -> OUT (...)"; to: OUT or NULL.
void iml__synth_headline(const iml__synth *s, const char *to, iml__str *out);
// What each specification would draw, of what, on stdout: --dry-run.
void iml__synth_sum_up(const iml__synth *s);
// --list WHAT; IML_EARG in e if there is no such list. Exit codes.
bool iml__synth_knows_list(const char *what, iml_err *e);
int iml__synth_list(const iml__synth *s, const char *what);
int iml__synth_list_keys(void);
int iml__synth_print_config(const iml__synth *s);

#endif
