// bench_synth.c: a case of `imloom bench synth`, measured in rounds.
//
// What is measured is the program as users run it: a process of its own, its start included, with a
// warm font index. Machines are shared, so sides alternate within a round and the least of the
// rounds counts; all rounds are told. Against a peer the cost of a start is taken off both sides
// (a run of few pictures besides that of many), since an interpreter's second of imports says
// nothing about pictures, and the pictures have the peer's mean of pixels, +-5 %.
#include "src/cmd/bench_synth.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/json.h"
#include "src/cmd/bench_run.h"
#include "src/io/atomic.h"

enum { ROUNDS = 64, FEW = 8, LOOK = 300, PATH = 600 };

struct side { // of a comparison, over the rounds
    double cpu[ROUNDS], start[ROUNDS], rss;
    struct iml__made made;
    uint64_t images;
};

struct bench {
    const struct iml__bench_opts *o;
    const iml__bench_case *c;
    char yaml[PATH], out[PATH], log[PATH], logs[PATH];
    int font;         // px
    double low, high; // padding
    double first_ms;
    size_t faces;
};

static double least(const double *v, size_t n)
{
    double m = v[0];
    for (size_t k = 1; k < n; k++) m = IML_MIN(m, v[k]);
    return m;
}

// CPU of an image in round r without the start.
static double image_s(const struct side *s, size_t r)
{
    return (s->cpu[r] - s->start[r]) / (double)(s->images - FEW);
}

static double least_image_s(const struct side *s, size_t rounds)
{
    double m = image_s(s, 0);
    for (size_t r = 1; r < rounds; r++) m = IML_MIN(m, image_s(s, r));
    return m;
}

// ---- Runs

static iml_status write_config(const struct bench *b, iml_err *e)
{
    iml__str s;
    iml__str_init(&s, 65536);
    iml_status st = iml__bench_config(b->c, b->o->dir, b->font, b->low, b->high, &s, e);
    if (!st) st = iml__file_write_path(b->yaml, s.p, s.n, IML_DURABILITY_PROCESS, e);
    iml__str_free(&s);
    return st;
}

enum { ARGS = 32 };
struct command {
    char *argv[ARGS];
    char count[24], out[PATH];
};

static void make_command(const struct bench *b, uint64_t n, const char *container,
                         const char *workers, const char *out, struct command *k)
{
    const struct iml__bench_opts *o = b->o;
    (void)snprintf(k->count, sizeof k->count, "%llu", (unsigned long long)n);
    (void)snprintf(k->out, sizeof k->out, "%s", out);
    const char *argv[] = {o->self,  "synth",     b->yaml,   "-o",           k->out,    "-n",
                          k->count, "--format",  o->format, "--container",  container, "--mode",
                          o->mode,  "--workers", workers,   "--durability", "process", "--quality",
                          "90",     "--colour",  "rgb",     "--progress",   "none",    "--log-dir",
                          b->logs,  NULL};
    _Static_assert(IML_COUNT_OF(argv) <= ARGS, "more arguments than there is room for");
    memcpy(k->argv, argv, sizeof argv);
}

static iml_status run_ours(const struct bench *b, uint64_t n, const char *container,
                           struct iml__cost *cost, iml_err *e)
{
    struct command k;
    IML_TRY(iml__bench_remove(b->out, e));
    make_command(b, n, container, b->o->workers, b->out, &k);
    return iml__bench_run(k.argv, NULL, b->log, cost, e);
}

static iml_status run_peer(const struct bench *b, uint64_t n, struct iml__cost *cost, iml_err *e)
{
    char run[PATH], faces[PATH], backs[PATH], text[PATH], count[24];
    const struct iml__bench_opts *o = b->o;
    (void)snprintf(run, sizeof run, "%s/run", o->peer);
    (void)snprintf(faces, sizeof faces, "IMLOOM_FACES=%s/faces.txt", o->dir);
    (void)snprintf(backs, sizeof backs, "IMLOOM_BACKGROUNDS=%s/%s", o->dir,
                   b->c->textures ? "textures" : "white");
    (void)snprintf(text, sizeof text, "IMLOOM_TEXT=%s/text.txt", o->dir);
    (void)snprintf(count, sizeof count, "%llu", (unsigned long long)n);
    char *argv[] = {run,   (char *)(uintptr_t)b->c->name, (char *)(uintptr_t)b->out,
                    count, (char *)(uintptr_t)o->format,  NULL};
    // One thread: a figure is CPU seconds, and pools of idle threads spin some away.
    char *env[] = {faces, backs, text, "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", NULL};
    IML_TRY(iml__bench_remove(b->out, e));
    return iml__bench_run(argv, env, b->log, cost, e);
}

// ---- Size

// Padding that brings a picture of the means w and h (at the padding now) to `pixels`.
static double padding_for(double w, double h, double now, double pixels)
{
    double a = w - 2 * now, c = h - 2 * now, s = a + c; // (a + 2 p) (c + 2 p) = pixels
    return (sqrt(s * s - 4 * (a * c - pixels)) - s) / 4;
}

// Sets the padding so that pictures have a mean of `pixels`: from 10 px on, of which a peer's small
// pictures may leave less, and smaller letters where they leave none.
static iml_status settle_size(struct bench *b, double pixels, struct iml__made *made, iml_err *e)
{
    b->font = IML__BENCH_FONT, b->low = 10, b->high = 50;
    for (int tries = 0; tries < 8; tries++) {
        struct iml__cost cost;
        IML_TRY(write_config(b, e));
        IML_TRY(run_ours(b, LOOK, "dir", &cost, e));
        IML_TRY(iml__bench_look(b->out, made, e));
        if (fabs(made->pixels / pixels - 1) <= (tries ? 0.01 : 0.002)) return IML_OK;
        double now = (b->low + b->high) / 2;
        double mean = made->width * made->height; // of the products it is another
        double p = padding_for(made->width, made->height, now, pixels * mean / made->pixels);
        if (p < 3 && b->font > 8) {
            b->font = IML_MAX(8, (int)(b->font * sqrt(pixels / made->pixels)));
            continue;
        }
        if (!(p >= 0 && p <= 1000))
            return IML_FAIL(e, IML_EINPUT,
                            "no padding gives pictures of %.0f pixels (%.0f x %.0f with %.0f px); "
                            "compare another case",
                            pixels, made->width, made->height, now);
        b->low = IML_MIN(10.0, floor(p)), b->high = floor(2 * p - b->low + 0.5);
    }
    if (fabs(made->pixels / pixels - 1) <= 0.05) return IML_OK;
    return IML_FAIL(e, IML_EINPUT, "the mean of %.0f pixels is not within 5 %% of %.0f",
                    made->pixels, pixels);
}

// ---- Rounds

static iml_status measure(struct bench *b, struct side *ours, struct side *peer, iml_err *e)
{
    const struct iml__bench_opts *o = b->o;
    struct iml__cost cost;
    for (size_t r = 0; r < (size_t)o->rounds; r++) {
        IML_TRY(run_ours(b, 1, o->container, &cost, e));
        b->first_ms = r ? IML_MIN(b->first_ms, cost.wall_s * 1e3) : cost.wall_s * 1e3;
        IML_TRY(run_ours(b, FEW, o->container, &cost, e));
        ours->start[r] = cost.cpu_s;
        IML_TRY(run_ours(b, ours->images, o->container, &cost, e));
        ours->cpu[r] = cost.cpu_s, ours->rss = IML_MAX(ours->rss, cost.rss_mb);
        if (!r && !peer) {
            struct iml__made all;
            IML_TRY(iml__bench_look(b->out, &all, e));
            ours->made.bytes = all.bytes / (double)ours->images;
            all.bytes = ours->made.bytes, all.characters = ours->made.characters;
            if (all.pictures) ours->made = all;
        }
        if (!peer) continue;
        IML_TRY(run_peer(b, FEW, &cost, e));
        peer->start[r] = cost.cpu_s;
        IML_TRY(run_peer(b, peer->images, &cost, e));
        peer->cpu[r] = cost.cpu_s, peer->rss = IML_MAX(peer->rss, cost.rss_mb);
    }
    return IML_OK;
}

// One worker, two, and two independent runs, each of half: what the machine gives at best.
static iml_status scale_up(const struct bench *b, iml__jsonw *w, iml_err *e)
{
    double one = 1e9, two = 1e9, apart = 1e9;
    struct command k, half[2];
    struct iml__cost cost;
    for (int64_t r = 0; r < b->o->rounds; r++) {
        const char *workers[] = {"1", "2"};
        for (int i = 0; i < 2; i++) {
            IML_TRY(iml__bench_remove(b->out, e));
            make_command(b, b->o->images, b->o->container, workers[i], b->out, &k);
            IML_TRY(iml__bench_run(k.argv, NULL, b->log, &cost, e));
            double *best = i ? &two : &one;
            *best = IML_MIN(*best, cost.wall_s);
        }
        char *const *both[2];
        IML_TRY(iml__bench_remove(b->out, e));
        for (int i = 0; i < 2; i++) {
            char out[PATH + 12];
            (void)snprintf(out, sizeof out, "%s/%d", b->out, i);
            make_command(b, b->o->images / 2, b->o->container, "1", out, &half[i]);
            both[i] = half[i].argv;
        }
        IML_TRY(iml__bench_run_all(both, 2, b->log, &cost, e));
        apart = IML_MIN(apart, cost.wall_s);
    }
    iml__jsonw_key(w, "speed_up_2_workers"), iml__jsonw_fixed(w, one / two, 2);
    iml__jsonw_key(w, "speed_up_2_processes"), iml__jsonw_fixed(w, one / apart, 2);
    return IML_OK;
}

// ---- The line

static void say(iml__jsonw *w, const char *key, double v, int digits)
{
    iml__jsonw_key(w, key), iml__jsonw_fixed(w, v, digits);
}

static void say_side(iml__jsonw *w, const char *prefix, const struct side *s, size_t rounds)
{
    char key[64];
#define KEY(name) ((void)snprintf(key, sizeof key, "%s%s", prefix, name), key)
    iml__jsonw_key(w, KEY("images")), iml__jsonw_u64(w, s->images);
    iml__jsonw_key(w, KEY("cpu_s")), iml__jsonw_array(w);
    for (size_t r = 0; r < rounds; r++) iml__jsonw_fixed(w, s->cpu[r], 3);
    iml__jsonw_end(w);
    say(w, KEY("start_cpu_s"), least(s->start, rounds), 3);
    say(w, KEY("ms_an_image"), least(s->cpu, rounds) / (double)s->images * 1e3, 3);
    say(w, KEY("mean_width"), s->made.width, 1);
    say(w, KEY("mean_height"), s->made.height, 1);
    say(w, KEY("mean_pixels"), s->made.pixels, 0);
    say(w, KEY("bytes_an_image"), s->made.bytes, 0);
    if (s->made.characters > 0)
        say(w, KEY("characters_a_cpu_s"), s->made.characters / least(s->cpu, rounds), 0);
    say(w, KEY("peak_rss_mb"), s->rss, 0);
#undef KEY
}

static void compare(iml__jsonw *w, const struct bench *b, const struct side *ours,
                    const struct side *peer)
{
    size_t n = (size_t)b->o->rounds;
    const char *name = strrchr(b->o->peer, '/');
    iml__jsonw_key(w, "peer"), iml__jsonw_str(w, name && name[1] ? name + 1 : b->o->peer);
    say_side(w, "peer_", peer, n);
    // Without the start of either program.
    say(w, "marginal_ms", least_image_s(ours, n) * 1e3, 3);
    say(w, "peer_marginal_ms", least_image_s(peer, n) * 1e3, 3);
    double scale = 1; // of an image of theirs to one of ours
    if (peer->made.pictures)
        say(w, "pixels_ratio", peer->made.pixels / ours->made.pixels, 3);
    else
        scale = ours->made.characters / (double)ours->images /
                (peer->made.characters / (double)peer->images);
    iml__jsonw_key(w, "compared_by");
    iml__jsonw_str(w, peer->made.pictures ? "pictures" : "characters");
    say(w, "ratio", scale * least_image_s(peer, n) / least_image_s(ours, n), 1);
    iml__jsonw_key(w, "ratios"), iml__jsonw_array(w);
    for (size_t r = 0; r < n; r++)
        iml__jsonw_fixed(w, scale * image_s(peer, r) / image_s(ours, r), 1);
    iml__jsonw_end(w);
}

static void head(iml__jsonw *w, const struct bench *b)
{
    const struct iml__bench_opts *o = b->o;
    iml__jsonw_key(w, "bench"), iml__jsonw_str(w, "synth");
    iml__jsonw_key(w, "case"), iml__jsonw_str(w, b->c->name);
    iml__jsonw_key(w, "format"), iml__jsonw_str(w, o->format);
    iml__jsonw_key(w, "container"), iml__jsonw_str(w, o->container);
    iml__jsonw_key(w, "mode"), iml__jsonw_str(w, o->mode);
    iml__jsonw_key(w, "workers"), iml__jsonw_str(w, o->workers);
    iml__jsonw_key(w, "simd"), iml__jsonw_str(w, iml__simd_name(iml__cpu_simd()));
    iml__jsonw_key(w, "faces"), iml__jsonw_u64(w, b->faces);
    iml__jsonw_key(w, "font_px"), iml__jsonw_i64(w, b->font);
    iml__jsonw_key(w, "padding"), iml__jsonw_array(w);
    iml__jsonw_num(w, b->low), iml__jsonw_num(w, b->high);
    iml__jsonw_end(w);
}

static iml_status run_case(struct bench *b, iml__jsonw *w, iml_err *e)
{
    const struct iml__bench_opts *o = b->o;
    struct side ours = {.images = o->images}, peer = {.images = o->peer_images};
    struct iml__cost cost;
    double pixels = b->c->pixels;
    IML_TRY(iml__bench_prepare(o->dir, &b->faces, e));
    if (o->peer) {
        IML_TRY(run_peer(b, peer.images, &cost, e));
        IML_TRY(iml__bench_look(b->out, &peer.made, e));
        bool pages = !peer.made.pictures && peer.made.characters > 0; // compared by characters
        if (!pages && peer.made.pictures != peer.images)
            return IML_FAIL(e, IML_EINPUT, "%s/run made %llu pictures instead of %llu", o->peer,
                            (unsigned long long)peer.made.pictures,
                            (unsigned long long)peer.images);
        peer.made.bytes /= (double)peer.images;
        if (!pages) pixels = peer.made.pixels;
    }
    IML_TRY(settle_size(b, pixels, &ours.made, e));
    ours.made.bytes /= LOOK, ours.made.characters *= (double)ours.images / LOOK;
    IML_TRY(measure(b, &ours, o->peer ? &peer : NULL, e));
    head(w, b);
    say_side(w, "", &ours, (size_t)o->rounds);
    say(w, "images_a_cpu_s", (double)ours.images / least(ours.cpu, (size_t)o->rounds), 0);
    say(w, "first_picture_ms", b->first_ms, 1);
    if (o->scale) IML_TRY(scale_up(b, w, e));
    if (o->peer) compare(w, b, &ours, &peer);
    return IML_OK;
}

iml_status iml__bench_synth(const struct iml__bench_opts *o, const iml__bench_case *c,
                            iml__str *out, iml_err *e)
{
    struct bench b = {.o = o, .c = c};
    iml__jsonw w;
    if (o->rounds < 1 || o->rounds > ROUNDS || o->images <= FEW || o->peer_images <= FEW)
        return IML_FAIL(e, IML_EARG, "a benchmark takes 1 to %d rounds of more than %d images",
                        ROUNDS, FEW);
    (void)snprintf(b.yaml, sizeof b.yaml, "%s/%s.yaml", o->dir, c->name);
    (void)snprintf(b.out, sizeof b.out, "%s/out", o->dir);
    (void)snprintf(b.log, sizeof b.log, "%s/log.txt", o->dir);
    (void)snprintf(b.logs, sizeof b.logs, "%s/logs", o->dir);
    iml__jsonw_init(&w, out, 0);
    iml__jsonw_object(&w);
    iml_status st = run_case(&b, &w, e);
    iml__jsonw_end(&w);
    iml_err ignored;
    (void)iml__bench_remove(b.out, &ignored);
    (void)iml__bench_remove(b.logs, &ignored);
    return st;
}
