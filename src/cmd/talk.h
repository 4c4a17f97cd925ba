// talk.h: what a run says: lines on the terminal, the same in the log file with the time before
// them.
#ifndef IML_CMD_TALK_H
#define IML_CMD_TALK_H

#include <stdio.h>

#include "src/base/str.h"

struct iml__talk {
    FILE *log; // NULL: none
    char log_path[512];
    bool tty;       // stderr is a terminal
    bool line_open; // ... and the live line stands on it
};

// "2026-01-02 03:04:05"; name: "20260102_030405", for file names.
void iml__talk_stamp(char out[32], bool name);
// Opens DIR/NAME.log, making DIR; a second run of the same second gets _2, _3 ... What fails is
// said, and the run goes on without a log.
void iml__talk_open(struct iml__talk *t, const char *dir, const char *name);
bool iml__talk_close(struct iml__talk *t);                  // false: the log is incomplete
void iml__talk_say(struct iml__talk *t, const char *line);  // on stderr and in the log
void iml__talk_note(struct iml__talk *t, const char *line); // in the log alone
// The callback of iml_ctx_log: errors and warnings go to the terminal, too.
void iml__talk_log(void *talk, int level, const char *line);
void iml__talk_live(struct iml__talk *t, const char *line); // the one line that is written again
void iml__talk_end_live(struct iml__talk *t);

#endif
