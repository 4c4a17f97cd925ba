// config_keys.h: one layer of keys (defaults, a specification, --set) onto a specification.
#ifndef IML_SYNTH_CONFIG_KEYS_H
#define IML_SYNTH_CONFIG_KEYS_H

#include "src/synth/config.h"

void iml__spec_default(iml__spec *s);
// Applies every key of the map; what it does not give stays. Complains about unknown keys, wrong
// types and ranges. false: complained.
bool iml__spec_apply(iml__spec *s, const iml__ynode *map, iml_arena *a, iml__complaints *c);
// What only the whole can tell: curves without their type, lengths, required keys.
bool iml__spec_check(const iml__spec *s, const iml__ynode *at, iml__complaints *c);
// "#rrggbb" or a list of channels; false: complained.
bool iml__colour_parse(const char *key, int channels, const iml__ynode *n, iml__complaints *c,
                       uint8_t out[4]);
// The map `output`, but for image_height and max_width, which are keys of specifications; n may be
// NULL.
void iml__output_read(iml__output *o, const iml__ynode *n, iml__complaints *c);
// Its lines in --print-config. hashed: only what an item's bytes depend on.
void iml__output_print(const iml__output *o, bool hashed, iml__str *out);
// Complains about keys of a map that are not among names (NULL at the end), with the nearest one.
bool iml__known_keys(const char *where, const iml__ynode *map, const char *const *names,
                     iml__complaints *c);

// A map `fonts` (or `backgrounds`): what it does not give stays; its enumeration, on_missing_glyph
// or mode, goes to choice. false: complained.
bool iml__sources_parse(bool fonts, const iml__ynode *n, iml_arena *a, iml__complaints *c,
                        iml__sources *s, iml__choice *choice);

#endif
