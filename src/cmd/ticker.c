// ticker.c: progress as people and programs read it (engine.md 7).
//
// A plain line comes every 10 s or 5 %, whichever is first, but none before the first second: short
// runs stay quiet. The JSON form never waits for its reader: a pipe that is full loses lines, since
// whoever waited here could not hear Ctrl-C.
#include "src/cmd/ticker.h"

#include <poll.h>
#include <unistd.h>

#include "src/base/json.h"
#include "src/cmd/common.h"
#include "src/cmd/session.h"

static unsigned percent_of(const iml_progress *p)
{
    uint64_t made = p->done + p->written;
    return p->total ? (unsigned)((double)made * 100 / (double)p->total) : 100u;
}

static void text_time(iml__str *s, double seconds)
{
    uint64_t t = (uint64_t)(seconds + 0.5);
    if (t >= 3600)
        iml__str_addf(s, "%llu:%02llu:%02llu", (unsigned long long)(t / 3600),
                      (unsigned long long)(t / 60 % 60), (unsigned long long)(t % 60));
    else
        iml__str_addf(s, "%llu:%02llu", (unsigned long long)(t / 60), (unsigned long long)(t % 60));
}

// "212 MB": the unit apart from the number, as in every other rate that people read.
static void text_byte_rate(iml__str *s, double v)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    char num[32];
    size_t k = 0;
    while (v >= 1024 && k + 1 < IML_COUNT_OF(units)) v /= 1024, k++;
    iml__num_fixed(num, v, k && v < 10 ? 1 : 0);
    iml__str_addf(s, "%s %s/s", num, units[k]);
}

void iml__ticker_text(const char *command, const iml_progress *p, iml__str *l)
{
    iml__str_addf(l, "[%s] ", command);
    iml__text_count(l, p->done);
    if (p->written) iml__str_addc(l, '+'), iml__text_count(l, p->written);
    iml__str_addc(l, '/');
    iml__text_count(l, p->total);
    iml__str_addf(l, " %u%% ", percent_of(p));
    iml__text_rate(l, p->rate);
    iml__str_adds(l, "/s ");
    text_byte_rate(l, p->byte_rate);
    iml__str_adds(l, " eta ");
    if (p->eta_s >= 0)
        text_time(l, p->eta_s);
    else
        iml__str_addc(l, '-');
    iml__str_adds(l, " bad ");
    iml__text_count(l, p->bad);
    iml__str_adds(l, " mem ");
    iml__text_bytes(l, p->memory);
    iml__str_addc(l, '/');
    iml__text_bytes(l, p->budget);
}

static void tell_json(const iml_progress *p)
{
    struct pollfd out = {.fd = IML__PROGRESS_FD, .events = POLLOUT};
    iml__str l;
    iml__jsonw w;
    if (poll(&out, 1, 0) < 1 || !(out.revents & POLLOUT)) return;
    iml__str_init(&l, 1024);
    iml__jsonw_init(&w, &l, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "done"), iml__jsonw_u64(&w, p->done);
    iml__jsonw_key(&w, "written"), iml__jsonw_u64(&w, p->written);
    iml__jsonw_key(&w, "total"), iml__jsonw_u64(&w, p->total);
    iml__jsonw_key(&w, "bad"), iml__jsonw_u64(&w, p->bad);
    iml__jsonw_key(&w, "bytes"), iml__jsonw_u64(&w, p->bytes);
    iml__jsonw_key(&w, "rate"), iml__jsonw_fixed(&w, p->rate, 2);
    iml__jsonw_key(&w, "byte_rate"), iml__jsonw_fixed(&w, p->byte_rate, 0);
    iml__jsonw_key(&w, "eta_s"), iml__jsonw_fixed(&w, p->eta_s, 1);
    iml__jsonw_key(&w, "elapsed_s"), iml__jsonw_fixed(&w, p->elapsed_s, 1);
    iml__jsonw_key(&w, "memory"), iml__jsonw_u64(&w, p->memory);
    iml__jsonw_key(&w, "budget"), iml__jsonw_u64(&w, p->budget);
    iml__jsonw_end(&w);
    iml__str_addc(&l, '\n');
    // A reader that went away is its own affair.
    if (write(IML__PROGRESS_FD, iml__str_text(&l), l.n) < 0) (void)0;
    iml__str_free(&l);
}

void iml__ticker_tell(struct iml__ticker *t, const iml_progress *p)
{
    bool live = t->kind == IML__PROGRESS_AUTO && t->talk->tty;
    bool quiet = t->kind == IML__PROGRESS_NONE || t->kind == IML__PROGRESS_JSON;
    unsigned percent = percent_of(p);
    bool due =
        p->elapsed_s >= 1 && (p->elapsed_s - t->last_s >= 10 || percent >= t->last_percent + 5);
    if (t->kind == IML__PROGRESS_JSON) tell_json(p);
    bool line = t->wants_line || (!quiet && !live && due);
    if (!line && !due && !live) return;
    iml__str l;
    iml__str_init(&l, 512);
    iml__ticker_text(t->command, p, &l);
    if (line)
        iml__talk_say(t->talk, iml__str_text(&l));
    else if (live)
        iml__talk_live(t->talk, iml__str_text(&l));
    // The log has its lines whatever the terminal shows.
    if (due && !line) iml__talk_note(t->talk, iml__str_text(&l));
    if (due || t->wants_line) t->last_s = p->elapsed_s, t->last_percent = percent - percent % 5;
    t->wants_line = false;
    iml__str_free(&l);
}
