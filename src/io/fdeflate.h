// fdeflate.h: DEFLATE for the filtered rows of pictures, fast.
//
// Greedy matches of kernel lz_greedy in blocks of deflate_block.h. The bytes depend on the input,
// the length of a row and IML__FDEFLATE_VERSION alone: not on the CPU, nor on any library.
//
// At 552 x 120 against libdeflate 1: about half its time at its size (-1..+1 %); against ISA-L 1,
// whose bytes depend on the CPU: x 1.3..1.6 its time at 0.89..0.95 of its size.
#ifndef IML_IO_FDEFLATE_H
#define IML_IO_FDEFLATE_H

#include "src/base/iml_attr.h"

enum { IML__FDEFLATE_VERSION = 1 }; // of the bytes: part of every hash of settings that they are in

// Bytes of scratch that a call needs, aligned to 8; nothing in it need be set, nothing is kept.
size_t iml__fdeflate_scratch(void);
size_t iml__fdeflate_bound(size_t n); // bytes that out must have for n input bytes

// p[0..n) as a zlib stream (RFC 1950). row: how far apart neighbours of one column stand; 0: there
// are no rows. Returns the bytes in out.
size_t iml__fdeflate_zlib(void *scratch, const uint8_t *p, size_t n, size_t row, uint8_t *out);

#endif
