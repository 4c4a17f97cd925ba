// npy.h: the head of a .npy file (format 1.0), byte for byte as numpy 1.24 writes it.
//
// An array in a file is this head and then its bytes in C or Fortran order. numpy pads the
// dictionary with room for the growing axis to reach 21 digits, then to 64 bytes, so a head's size
// is a multiple of 64 and the data behind it is aligned.
#ifndef IML_IO_NPY_H
#define IML_IO_NPY_H

#include "src/base/iml_attr.h"

enum { IML__NPY_DIMS = 8, IML__NPY_MAX = 384 }; // most dimensions; most bytes of a head

// The head of an array of dtype descr ("<f4", "|i1", "<U12": at most 16 characters, as numpy spells
// it). shape[0..ndim), ndim <= IML__NPY_DIMS; ndim 0 is a scalar, whose order must be C. Returns
// the head's size, 0 if an argument is out of range.
size_t iml__npy_head(uint8_t out[IML__NPY_MAX], const char *descr, bool fortran,
                     const uint64_t *shape, unsigned ndim);

// A whole scalar of n >= 1 ASCII characters, as numpy.savez makes it of a str: head with dtype
// <Un, shape (), then UTF-32LE. out: IML__NPY_MAX + 4 n bytes. Returns the size, 0 if n is 0 or a
// byte is not ASCII.
size_t iml__npy_text(uint8_t *out, const char *text, size_t n);

#endif
