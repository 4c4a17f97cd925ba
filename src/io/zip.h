// zip.h: ZIP archives (PKWARE APPNOTE 6.3) around members that are already packed.
//
// The writer makes headers only: a local header before each member's bytes and the directory at the
// end; where the bytes come from is the caller's affair, so a member can be a list of fragments
// that stand in several archives. Nothing varies: time 1980-01-01 00:00, made by version 2.0 on
// Unix (0x0314), mode 0600, no data descriptor, no comment, no extra field. zip64 only where a
// size, an offset or the number of members needs it. What is written opens in Python's zipfile,
// Info-ZIP, 7-Zip and libarchive.
//
//     n = iml__zip_add(&z, &m, out);  write(out, n); write(the m.packed bytes);   ...
//     n = iml__zip_end(&z, out);      write(out, n);
#ifndef IML_IO_ZIP_H
#define IML_IO_ZIP_H

#include "src/base/iml_attr.h"

enum { IML__ZIP_STORED = 0, IML__ZIP_DEFLATE = 8 };

struct iml__zip_member {
    const char *name;      // ASCII or UTF-8, at most 65,535 bytes; *borrowed* until the directory
    uint64_t size, packed; // bytes before and after
    uint64_t offset;       // of the local header; set by iml__zip_add
    uint32_t crc;          // of the bytes before (iml__crc32)
    uint16_t method;       // IML__ZIP_STORED or IML__ZIP_DEFLATE
};

struct iml__zip {
    struct iml__zip_member *member; // [cap]; *borrowed*
    size_t n, cap;
    uint64_t at; // bytes of the archive so far
};

static inline void iml__zip_begin(struct iml__zip *z, struct iml__zip_member *member, size_t cap)
{
    *z = (struct iml__zip){.member = member, .cap = cap};
}

// Bytes of m's local header.
size_t iml__zip_local_size(const struct iml__zip_member *m);
// Takes m into the directory and writes its local header to out (iml__zip_local_size bytes), behind
// which the caller puts m->packed bytes. Returns the header's size; 0 if cap members are in.
size_t iml__zip_add(struct iml__zip *z, const struct iml__zip_member *m, uint8_t *out);
// Bytes of the directory and what follows it, as of now.
size_t iml__zip_end_size(const struct iml__zip *z);
// Writes them to out; returns their number.
size_t iml__zip_end(struct iml__zip *z, uint8_t *out);

#endif
