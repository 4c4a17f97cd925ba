// value.h: the value forms of ops.md 7, one grammar for synth, augment and load.
//
//     VALUE := V | [lo, hi] | {choice: [V..], weights: [w..]} | {NAME: W, ..}
//            | {normal: [mean, sigma], min, max} | {beta: a} or {beta: [a, b]}, min, max
//            | {min, max, distribution: D, values, weights}
// Any map form takes `p` (or `probability`): else the neutral value. A value draws from its own
// slots (ops.md 2): slot 0 decides p, slot 1 on the value, so no value shifts another.
#ifndef IML_BASE_VALUE_H
#define IML_BASE_VALUE_H

#include "imloom/imloom.h"
#include "src/base/yaml.h"

enum iml__dist {
    IML__DIST_UNIFORM,
    IML__DIST_NORMAL,
    IML__DIST_TRUNCATED_NORMAL,
    IML__DIST_HALF_NORMAL,
    IML__DIST_EXPONENTIAL,
    IML__DIST_BETA,
    IML__DIST_LOGNORMAL,
    IML__DIST_CONSTANT,
    IML__DIST_CHOICE, // the nine of synth 2.7
    IML__DIST_GAUSS,  // {normal: [mean, sigma]}, clipped
    IML__DIST_JOHNK   // {beta: [a, b]}
};
extern const char *const iml__dist_names[]; // the nine, NULL at the end

typedef struct iml__value { // pointers are *borrowed* from the arena of the parse
    enum iml__dist dist;
    bool integer;
    double lo, hi; // range, and what is clipped to
    double a, b;   // GAUSS: mean, sigma; JOHNK: a, b
    double p;      // of not being neutral
    double neutral;
    uint32_t n; // CHOICE
    const double *values, *weights;
} iml__value;

typedef struct iml__value_rule { // of a key
    const char *key;
    bool integer;
    double min, max; // allowed, both ends
    bool open_min;   // min itself is not allowed
    double neutral;
    double lo, hi;       // default range
    enum iml__dist dist; // default distribution
} iml__value_rule;

iml__value iml__value_default(const iml__value_rule *r);
iml__value iml__value_const(double v);
// Any form of VALUE under the rule's key. Complains and leaves *out alone if it is wrong.
bool iml__value_parse(const iml__value_rule *r, const iml__ynode *n, iml_arena *a,
                      iml__complaints *c, iml__value *out);
// The older four fields; those not given are NULL and keep what *out says (default or `defaults`).
bool iml__value_fields(const iml__value_rule *r, const iml__ynode *min, const iml__ynode *max,
                       const iml__ynode *dist, const iml__ynode *p, iml_arena *a,
                       iml__complaints *c, iml__value *out);
// Its value for an item: p is drawn at `slot`, the value at slot + 1. Pure in its arguments.
double iml__value_draw(const iml__value *v, uint64_t seed, uint64_t index, uint32_t stream,
                       uint32_t slot);
bool iml__value_is(const iml__value *v, double constant);            // can never be anything else
void iml__value_bounds(const iml__value *v, double *lo, double *hi); // of what a draw can give

// Enumerations: NAME, {NAME: W}, [NAME, ..], {choice, weights}.
typedef struct iml__choice {
    uint32_t n; // of names
    double weight[32];
} iml__choice;
iml__choice iml__choice_const(uint32_t n, uint32_t which);
bool iml__choice_parse(const char *key, const char *const *names, const iml__ynode *n,
                       iml__complaints *c, iml__choice *out);
uint32_t iml__choice_draw(const iml__choice *v, uint64_t seed, uint64_t index, uint32_t stream,
                          uint32_t slot);

// A number under a key, complaining with the range; false: complained.
bool iml__number_parse(const iml__value_rule *r, const iml__ynode *n, iml__complaints *c,
                       double *out);

#endif
