// wdeflate.h: DEFLATE for planes of equal-sized words, made to be spliced (slice.md 4.7, 4.8).
//
// A plane is an array of words of 1, 2 or 4 bytes with few distinct values; matches are word
// aligned. The encoder gives
//
//   F(p)    blocks that code plane p and reach nowhere before it,
//   G(p|q)  the same, but distances may reach into plane q, which stands directly before p,
//
// both begin at bit 0 of a byte, contain no final block and are closed by an empty stored block, so
// they end at a byte boundary. With S(h) (a header as one stored block) and E (an empty final
// block) any S F {F|G} E is an ordinary deflate stream; a plane is coded once and stands in as many
// files as have it. Members that nobody shares are coded whole.
//
// The bytes depend on the plane, level and IML__WDEFLATE_VERSION alone: not on what the context
// coded before, the CPU, or any library.
#ifndef IML_IO_WDEFLATE_H
#define IML_IO_WDEFLATE_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

enum {
    IML__WDEFLATE_VERSION = 1,     // of the bytes: part of every config_hash that they are in
    IML__WDEFLATE_HISTORY = 32764, // most bytes of q that G looks at
    IML__SPLICE_HEAD = 5,          // bytes that S adds to its header
    IML__SPLICE_END = 2,           // bytes of E
};

// Context of one thread. Level 0 (stored), 1, 6, 9; others are taken as the next lower of these. 1
// is as 6 so far: with the last word and the last pair as the only guesses there are 2 % more
// tokens, which costs more than the guesses save.
struct iml__wdeflate;
size_t iml__wdeflate_size(int level); // bytes of a context, a multiple of 64
// Makes a context of memory that the caller has (an arena's), aligned to 64; *borrowed* from it.
struct iml__wdeflate *iml__wdeflate_init(void *mem, int level);
struct iml__wdeflate *iml__wdeflate_new(int level) IML_MUST_USE; // heap; NULL: no memory
void iml__wdeflate_free(struct iml__wdeflate **c);               // of iml__wdeflate_new

// Bytes that out must have for n input bytes, for any call below.
size_t iml__wdeflate_bound(size_t n);

struct iml__wd_plane {
    const uint8_t *p; // any alignment
    size_t n;         // bytes, any number
    unsigned unit;    // of a word: 4 (f32, UTF-32), 2 (f16, i16) or 1 (labels, u8, PNG rows)
    // Words of a row where rows resemble one another: labels. 0: they do not (images), or are not
    // known. For units of 1 and 2; costs time where it does not help.
    size_t row;
};

// F (history 0) or G. history: bytes directly before the plane, p[-history..-1], that a decoder has
// put out when it comes here; G passes min(bytes of q, IML__WDEFLATE_HISTORY), more is ignored, as
// is what is no multiple of unit. Returns the bytes in out.
size_t iml__wdeflate_part(struct iml__wdeflate *c, const struct iml__wd_plane *in, size_t history,
                          uint8_t *out);
// A whole stream: the last block is final. (A header before the plane may be part of it.)
size_t iml__wdeflate_whole(struct iml__wdeflate *c, const struct iml__wd_plane *in, uint8_t *out);

// ---- The splice

// S(h): n <= 65,535 bytes of header; out has n + IML__SPLICE_HEAD. Returns that.
size_t iml__splice_head(uint8_t *out, const uint8_t *h, size_t n);
extern const uint8_t iml__splice_end[IML__SPLICE_END]; // E

// How planes of n bytes become a member, by n alone (measured in slice.md 4.7): below 8 KiB whole,
// with the header, file by file; below 128 KiB G where channel c follows channel c - 1 of the same
// volume and window, else F; from 128 KiB on F only.
enum iml__splice { IML__SPLICE_WHOLE, IML__SPLICE_FG, IML__SPLICE_F };
enum iml__splice iml__splice_rule(size_t n);

#endif
