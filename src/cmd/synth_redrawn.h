// synth_redrawn.h: the end of synth's closing line: what had to be drawn again.
#ifndef IML_CMD_SYNTH_REDRAWN_H
#define IML_CMD_SYNTH_REDRAWN_H

#include "src/synth/synth.h"

struct iml__redrawn { // *borrowed*
    const iml__synth *synth;
    const char *out; // the data set's directory
};
// iml__session's closing: " Redrawn: 214 texts no face covered, 1 background (broken: bg/x.jpg).
// Left out: 3 characters no face draws.", or nothing. user: struct iml__redrawn. true: invalid
// UTF-8 was passed over under on_invalid_utf8 error.
bool iml__redrawn_line(void *user, const iml_report *r, iml__str *out);

#endif
