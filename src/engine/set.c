// set.c: what identifies a data set: `.imloom/settings.<node>.json`, and how two sets differ.
//
// The file is written when a run begins and holds all that the manifest says of the set but its
// sums, so that merge needs no job to write one, and so that a refused resume can say what differs
// instead of showing two hashes.
#include "src/engine/commit_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/io/vfs.h"

#define TEXT_MAX ((size_t)64 << 20)

void iml__set_of(struct iml__set *s, const struct iml__commit_conf *conf, enum iml__sink_kind kind)
{
    const iml_job *j = conf->job;
    *s = (struct iml__set){
        .command = j->name,
        .sink = kind == IML__SINK_TAR    ? "tar"
                : kind == IML__SINK_FILE ? "file"
                                         : conf->sink->name,
        .config = j->config_hash,
        .plan = j->plan_hash,
        .seed = conf->opts->seed,
        .count = conf->count,
        .unit_items = iml__unit_items(j, conf->sink, conf->opts),
        .ncounters = j->ncounters,
        .parts = j->appends || j->ncounters,
        .aggregates = {.pieces = j->pieces,
                       .npieces = j->npieces,
                       .aggregate = j->aggregates,
                       .naggregates = j->naggregates,
                       .context = j->context_json},
        .counter_names = j->counter_names,
        .settings = j->settings_json,
        .versions = j->versions_json,
        .inputs = j->inputs_json,
    };
}

// Everything but the count (sets grow) and the plan, which has a field of its own.
uint64_t iml__set_run_hash(const struct iml__set *s)
{
    uint64_t v[4] = {s->config, s->seed, s->unit_items, iml__xxh3_text(s->sink) ^ s->parts};
    return iml__xxh3(v, sizeof v);
}

static void set_json(const struct iml__set *s, const char *command_line, iml__str *text)
{
    iml__jsonw w;
    iml__jsonw_init(&w, text, 1);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "imloom"), iml__jsonw_u64(&w, 1);
    iml__jsonw_key(&w, "command"), iml__jsonw_str(&w, s->command);
    iml__jsonw_key(&w, "sink"), iml__jsonw_str(&w, s->sink);
    iml__jsonw_key(&w, "config"), iml__jsonw_hex64(&w, s->config);
    iml__jsonw_key(&w, "plan"), iml__jsonw_hex64(&w, s->plan);
    iml__jsonw_key(&w, "seed"), iml__jsonw_u64(&w, s->seed);
    iml__jsonw_key(&w, "items"), iml__jsonw_u64(&w, s->count);
    iml__jsonw_key(&w, "unit_items"), iml__jsonw_u64(&w, s->unit_items);
    iml__jsonw_key(&w, "parts"), iml__jsonw_bool(&w, s->parts);
    iml__jsonw_key(&w, "counters"), iml__jsonw_array(&w);
    for (uint32_t i = 0; i < s->ncounters; i++)
        iml__jsonw_str(&w, s->counter_names && s->counter_names[i] ? s->counter_names[i] : "");
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "settings"), iml__jsonw_raw(&w, s->settings ? s->settings : "{}");
    iml__jsonw_key(&w, "versions"), iml__jsonw_raw(&w, s->versions ? s->versions : "{}");
    iml__jsonw_key(&w, "inputs"), iml__jsonw_raw(&w, s->inputs ? s->inputs : "{}");
    iml__jsonw_key(&w, "command_line"), iml__jsonw_str(&w, command_line);
    if (s->aggregates.npieces + s->aggregates.naggregates) {
        iml__jsonw_key(&w, "aggregates"), iml__aggregates_json(&s->aggregates, &w);
        iml__jsonw_key(&w, "context");
        iml__jsonw_raw(&w, s->aggregates.context ? s->aggregates.context : "{}");
    }
    iml__jsonw_end(&w);
    iml__str_addc(text, '\n');
}

static void name_of(char out[96], const char *node)
{
    (void)snprintf(out, 96, ".imloom/settings.%s.json", node);
}

iml_status iml__set_write(const struct iml__set *s, struct iml__dirs *d, const char *node,
                          const char *command_line, int durability, iml_err *e)
{
    char name[96];
    iml__str text;
    iml__str_init(&text, TEXT_MAX);
    set_json(s, command_line, &text);
    name_of(name, node);
    iml_status st = text.failed ? iml__sink_error(e, ENOMEM, "write", iml__dirs_root(d), name)
                                : iml__file_write(d, name, node, text.p, text.n, durability, e);
    iml__str_free(&text);
    return st;
}

// ---- Reading back

static iml_status damaged(const char *name, iml_err *e)
{
    return IML_FAIL(e, IML_EINPUT, "%.100s is damaged", name);
}

static bool hex_of(const char *s, uint64_t *v)
{
    size_t n = 0;
    for (*v = 0; s[n]; n++) {
        char c = s[n];
        int k = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (k < 0 || n >= 16) return false;
        *v = *v << 4 | (uint64_t)k;
    }
    return n == 16;
}

static iml_status read_counters(struct iml__set *s, iml__jsonr *r, iml_err *e)
{
    enum iml__json_type t;
    IML_TRY(iml__jsonr_next(r, &t, e));
    if (t != IML__JSON_ARRAY) return damaged(r->name, e);
    for (;;) {
        IML_TRY(iml__jsonr_next(r, &t, e));
        if (t == IML__JSON_END) return IML_OK;
        if (t != IML__JSON_STRING || s->ncounters >= IML_COUNTERS_MAX) return damaged(r->name, e);
        if ((s->ncounters & (s->ncounters + 1)) == 0) { // 0, 1, 3, 7 ...: the array doubles
            char **grown = iml__realloc(s->names, 2 * (size_t)s->ncounters + 2, sizeof *grown);
            if (!grown) return IML_FAIL(e, IML_ENOMEM, "no memory to read %.100s", r->name);
            s->names = grown;
        }
        s->names[s->ncounters] = iml__strdup(iml__str_text(&r->token));
        if (!s->names[s->ncounters])
            return IML_FAIL(e, IML_ENOMEM, "no memory to read %.100s", r->name);
        s->ncounters++;
        s->counter_names = (const char *const *)s->names;
    }
}

// The raw text of the next value, cut out of the file's text by a 0 behind it; the reader has
// passed that place already.
static iml_status raw_value(iml__jsonr *r, char *text, const char **out, iml_err *e)
{
    size_t from = r->at;
    while (text[from] == ':' || text[from] == ' ' || text[from] == '\n') from++;
    IML_TRY(iml__jsonr_skip(r, e));
    *out = text + from;
    return IML_OK;
}

struct cut {
    const char **value;
    size_t end;
};

enum { RAWS = 6 };

static iml_status read_member(struct iml__set *s, iml__jsonr *r, struct cut cuts[RAWS], size_t *n,
                              iml_err *e)
{
    char key[32];
    const char *v;
    uint64_t u;
    (void)snprintf(key, sizeof key, "%s", iml__str_text(&r->token));
    const struct {
        const char *key;
        uint64_t *to;
    } hexes[] = {{"config", &s->config}, {"plan", &s->plan}};
    const struct {
        const char *key;
        uint64_t *to;
    } numbers[] = {{"seed", &s->seed}, {"items", &s->count}};
    const struct {
        const char *key;
        const char **to;
    } raws[] = {{"settings", &s->settings}, {"versions", &s->versions},
                {"inputs", &s->inputs},     {"context", &s->aggregates.context},
                {"command", &s->command},   {"sink", &s->sink}};
    for (size_t i = 0; i < IML_COUNT_OF(hexes); i++) {
        if (strcmp(key, hexes[i].key) != 0) continue;
        IML_TRY(iml__jsonr_str(r, &v, e));
        return hex_of(v, hexes[i].to) ? IML_OK : damaged(r->name, e);
    }
    for (size_t i = 0; i < IML_COUNT_OF(numbers); i++)
        if (strcmp(key, numbers[i].key) == 0) return iml__jsonr_u64(r, numbers[i].to, e);
    for (size_t i = 0; i < IML_COUNT_OF(raws); i++) {
        if (strcmp(key, raws[i].key) != 0) continue;
        if (*n == RAWS) return damaged(r->name, e);
        IML_TRY(raw_value(r, s->text, raws[i].to, e));
        cuts[(*n)++] = (struct cut){raws[i].to, r->at};
        return IML_OK;
    }
    if (strcmp(key, "unit_items") == 0) {
        IML_TRY(iml__jsonr_u64(r, &u, e));
        s->unit_items = (uint32_t)u;
        return u && u <= UINT32_MAX ? IML_OK : damaged(r->name, e);
    }
    if (strcmp(key, "parts") == 0) return iml__jsonr_bool(r, &s->parts, e);
    if (strcmp(key, "counters") == 0) return read_counters(s, r, e);
    if (strcmp(key, "aggregates") == 0 && !s->aggregates.memory)
        return iml__aggregates_read(&s->aggregates, r, e);
    return iml__jsonr_skip(r, e);
}

// Ends each raw value with a 0 and takes the quotes off the two words (which have no escapes).
static void cut_values(struct iml__set *s, const struct cut *cuts, size_t n)
{
    for (size_t i = 0; i < n; i++) s->text[cuts[i].end] = 0;
    for (size_t i = 0; i < n; i++) {
        if (**cuts[i].value != '"') continue;
        char *end = s->text + cuts[i].end - 1;
        ++*cuts[i].value;
        if (*end == '"') *end = 0;
    }
}

iml_status iml__set_read(struct iml__set *s, struct iml__dirs *d, const char *node, bool *found,
                         iml_err *e)
{
    char name[96];
    struct stat at;
    size_t n, ncuts = 0;
    struct cut cuts[RAWS];
    iml__jsonr r;
    enum iml__json_type t;
    *s = (struct iml__set){0};
    *found = false;
    name_of(name, node);
    if (iml__fstatat(iml__dirs_root_fd(d), name, &at, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return IML_OK;
    IML_TRY(iml__file_read_heap(iml__dirs_root_fd(d), name, TEXT_MAX, &s->text, &n, e));
    iml__jsonr_init(&r, name, s->text, n);
    iml_status st = iml__jsonr_next(&r, &t, e);
    if (!st && t != IML__JSON_OBJECT) st = damaged(name, e);
    while (!st && !(st = iml__jsonr_next(&r, &t, e)) && t == IML__JSON_KEY)
        st = read_member(s, &r, cuts, &ncuts, e);
    if (!st && t != IML__JSON_END) st = damaged(name, e);
    iml__jsonr_free(&r);
    if (!st) cut_values(s, cuts, ncuts);
    if (!st && (!s->command || !s->sink || !s->unit_items)) st = damaged(name, e);
    if (st) iml__set_free(s);
    *found = !st;
    return st;
}

void iml__set_free(struct iml__set *s)
{
    for (uint32_t i = 0; s->names && i < s->ncounters; i++) IML_FREE(s->names[i]);
    IML_FREE(s->names);
    IML_FREE(s->text);
    iml__aggregates_free(&s->aggregates);
    *s = (struct iml__set){0};
}

// ---- Differences

struct leaf {
    char *path, *value;
};
struct leaves {
    struct leaf *l;
    size_t n, cap;
    bool failed;
};

static void add_leaf(struct leaves *v, const char *path, const char *value)
{
    if (v->n == v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 64;
        struct leaf *grown = iml__realloc(v->l, cap, sizeof *grown);
        if (!grown) {
            v->failed = true;
            return;
        }
        v->l = grown, v->cap = cap;
    }
    struct leaf *l = &v->l[v->n++];
    *l = (struct leaf){iml__strdup(path), iml__strdup(value)};
    if (!l->path || !l->value) v->failed = true;
}

static void free_leaves(struct leaves *v)
{
    for (size_t i = 0; i < v->n; i++) {
        IML_FREE(v->l[i].path);
        IML_FREE(v->l[i].value);
    }
    IML_FREE(v->l);
}

// Every value of a JSON object under its path ("text.size", "fonts[2]").
static void flatten(const char *json, struct leaves *v)
{
    enum { DEPTH = 16 };
    struct {
        size_t path;
        uint32_t item;
        bool array;
    } level[DEPTH];
    size_t depth = 0;
    iml__jsonr r;
    iml__str path;
    enum iml__json_type t;
    iml__str_init(&path, 4096);
    iml__jsonr_init(&r, "settings", json, strlen(json));
    while (!v->failed && iml__jsonr_next(&r, &t, NULL) == IML_OK && t != IML__JSON_DONE) {
        if (t == IML__JSON_END) {
            if (depth) depth--;
            continue;
        }
        size_t base = depth ? level[depth - 1].path : 0;
        if (t == IML__JSON_KEY) {
            path.n = base;
            iml__str_addf(&path, "%s%s", base ? "." : "", iml__str_text(&r.token));
            continue;
        }
        if (depth && level[depth - 1].array) {
            path.n = base;
            iml__str_addf(&path, "[%u]", level[depth - 1].item++);
        }
        if (t == IML__JSON_OBJECT || t == IML__JSON_ARRAY) {
            if (depth == DEPTH) break; // deeper ones are compared by the hash alone
            level[depth].path = depth ? path.n : 0, level[depth].item = 0;
            level[depth++].array = t == IML__JSON_ARRAY;
            continue;
        }
        const char *value = t == IML__JSON_TRUE    ? "true"
                            : t == IML__JSON_FALSE ? "false"
                            : t == IML__JSON_NULL  ? "null"
                                                   : iml__str_text(&r.token);
        add_leaf(v, iml__str_text(&path), value);
    }
    iml__jsonr_free(&r);
    iml__str_free(&path);
}

// The first line in which two texts differ, without the blanks around it.
static void first_difference(const char *a, const char *b, size_t *number, char in_a[40],
                             char in_b[40])
{
    for (*number = 1;; ++*number) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        bool same = n == m && memcmp(a, b, n) == 0;
        if (!same || (!a[n] && !b[m])) {
            for (; n && *a == ' '; n--) a++;
            for (; m && *b == ' '; m--) b++;
            (void)snprintf(in_a, 40, "%.*s", (int)IML_MIN(n, (size_t)30), a);
            (void)snprintf(in_b, 40, "%.*s", (int)IML_MIN(m, (size_t)30), b);
            return;
        }
        a += n + (a[n] != 0), b += m + (b[m] != 0);
    }
}

static const char *value_at(const struct leaves *v, const char *path)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->l[i].path, path) == 0) return v->l[i].value;
    return NULL;
}

static void say(iml__str *s, const char *what, const char *there, const char *now)
{
    if (there && now && (strchr(there, '\n') || strchr(now, '\n'))) {
        char a[40], b[40];
        size_t line;
        first_difference(there, now, &line, a, b);
        iml__str_addf(s, "%s%.40s: line %zu: '%s' there, '%s' now", s->n ? "; " : "", what, line, a,
                      b);
        return;
    }
    iml__str_addf(s, "%s%.40s: %.24s there, %.24s now", s->n ? "; " : "", what,
                  there ? there : "unset", now ? now : "unset");
}

static void settings_difference(const char *there, const char *now, iml__str *s)
{
    struct leaves a = {0}, b = {0};
    flatten(there ? there : "{}", &a);
    flatten(now ? now : "{}", &b);
    for (size_t i = 0; i < a.n && !a.failed && !b.failed; i++) {
        const char *other = value_at(&b, a.l[i].path);
        if (!other || strcmp(other, a.l[i].value) != 0) say(s, a.l[i].path, a.l[i].value, other);
    }
    for (size_t i = 0; i < b.n && !a.failed && !b.failed; i++)
        if (!value_at(&a, b.l[i].path)) say(s, b.l[i].path, NULL, b.l[i].value);
    free_leaves(&a);
    free_leaves(&b);
}

// Long lists of hashes: which kind of input differs, and the first entry that does.
static void inputs_difference(const char *there, const char *now, iml__str *s)
{
    struct leaves a = {0}, b = {0};
    char last[32] = "";
    flatten(there ? there : "{}", &a);
    flatten(now ? now : "{}", &b);
    for (size_t i = 0; i < IML_MAX(a.n, b.n) && !a.failed && !b.failed; i++) {
        const struct leaf *l = i < a.n ? &a.l[i] : &b.l[i];
        const char *other = value_at(i < a.n ? &b : &a, l->path);
        if (other && strcmp(other, l->value) == 0) continue;
        char kind[32], entry[256];
        (void)snprintf(kind, sizeof kind, "%.*s", (int)strcspn(l->path, "[."), l->path);
        if (strcmp(kind, last) == 0) continue;
        (void)snprintf(last, sizeof last, "%s", kind);
        size_t head = strcspn(l->path, "]"); // "fonts[3][2]": the name stands in [3][0]
        (void)snprintf(entry, sizeof entry, "%.*s][0]", (int)IML_MIN(head, (size_t)200), l->path);
        const char *name = value_at(i < a.n ? &a : &b, entry);
        iml__str_addf(s, "%s%s differ: first at %.60s", s->n ? "; " : "", kind,
                      name ? name : l->value);
    }
    free_leaves(&a);
    free_leaves(&b);
}

static void say_number(iml__str *s, const char *what, uint64_t there, uint64_t now)
{
    char a[24], b[24];
    (void)snprintf(a, sizeof a, "%llu", (unsigned long long)there);
    (void)snprintf(b, sizeof b, "%llu", (unsigned long long)now);
    if (there != now) say(s, what, a, b);
}

void iml__set_difference(const struct iml__set *there, const struct iml__set *now, char *text,
                         size_t cap)
{
    iml__str s;
    iml__str_init(&s, 1 << 16);
    if (strcmp(there->command, now->command) != 0) say(&s, "command", there->command, now->command);
    say_number(&s, "seed", there->seed, now->seed);
    if (strcmp(there->sink, now->sink) != 0)
        say(&s, "output", there->sink, now->sink);
    else
        say_number(&s, "items a shard or part", there->unit_items, now->unit_items);
    if (there->config != now->config) {
        size_t before = s.n;
        settings_difference(there->settings, now->settings, &s);
        inputs_difference(there->inputs, now->inputs, &s);
        settings_difference(there->versions, now->versions, &s);
        if (s.n == before) say(&s, "configuration", "another", "this");
    }
    if (there->plan != now->plan) say(&s, "the list of inputs", "another", "this");
    if (there->parts != now->parts && !s.n)
        say(&s, "label files", there->parts ? "yes" : "no", now->parts ? "yes" : "no");
    (void)snprintf(text, cap, "%s", iml__str_text(&s));
    iml__str_free(&s);
}
