// ticker.h: the four forms of progress: a live line, plain lines, JSON on descriptor 3, none.
#ifndef IML_CMD_TICKER_H
#define IML_CMD_TICKER_H

#include "imloom/imloom.h"
#include "src/cmd/talk.h"

enum { IML__PROGRESS_FD = 3 };

struct iml__ticker {
    struct iml__talk *talk;
    const char *command;
    int kind;        // IML__PROGRESS_...
    bool wants_line; // SIGUSR1: one plain line now, whatever the kind
    double last_s;
    unsigned last_percent;
};

void iml__ticker_tell(struct iml__ticker *t, const iml_progress *p);
// "[synth] 41,210/100,000 41% 3.9k/s 212 MB/s eta 0:15 bad 3 mem 310M/1.0G"
void iml__ticker_text(const char *command, const iml_progress *p, iml__str *line);

#endif
