// gunzip.h: gzip input (RFC 1952) that is believed only when all of it has been checked.
//
// Every member's header, CRC-32 and ISIZE are verified, also those of bytes that the caller does
// not want; zero bytes behind the last member are padding (tapes, blocked copies), anything else is
// garbage. Sizes are the caller's: nothing is allocated for what a trailer claims, ISIZE is only
// compared (modulo 2^32). Two ways in: iml__gunzip for a file in memory into a buffer of known size
// (libdeflate), and a stream (ISA-L if built in, else zlib).
#ifndef IML_IO_GUNZIP_H
#define IML_IO_GUNZIP_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

// What is wrong with a file, as a report's code.
enum iml__gz_fault {
    IML__GZ_FINE,
    IML__GZ_TRUNCATED, // ends inside a member
    IML__GZ_CRC,       // CRC-32 or ISIZE differ, or the data cannot be inflated: damaged
    IML__GZ_GARBAGE,   // bytes that are neither zero nor a member stand behind a member
    IML__GZ_FOREIGN    // does not begin like gzip
};
// "gzip-truncated" "gzip-crc" "gzip-garbage" "not-gzip"; "" for FINE; *borrowed* for ever.
const char *iml__gz_code(enum iml__gz_fault f);

static inline bool iml__gz_is(const uint8_t *p, size_t n)
{
    return n >= 2 && p[0] == 0x1F && p[1] == 0x8B;
}

// Most bytes that so many packed ones can hold (deflate's 1,032 to 1): a header that claims more
// lies. Saturates.
uint64_t iml__gz_most(uint64_t packed);

struct iml__gz_sum { // of what was inflated, all members
    uint64_t size;
    uint32_t crc; // of the size bytes, as iml__crc32
    uint32_t members;
    enum iml__gz_fault fault;
};

// Inflates the file in[0..n) into out, of which at most cap bytes are kept; what is beyond is
// inflated to be checked and dropped, so sum->size tells whether there was less or more than cap.
// label names the file in messages. IML_EINPUT with sum->fault; IML_ENOMEM. On failure out may hold
// anything.
iml_status iml__gunzip(const char *label, const uint8_t *in, size_t n, uint8_t *out, size_t cap,
                       struct iml__gz_sum *sum, iml_err *e);

// ---- A stream. read(user, p, n) gives up to n bytes, 0 at the end, -1 and errno.

struct iml__gzr;

// *owned*: iml__gzr_close. label is *borrowed* while it is open. IML_ENOMEM.
iml_status iml__gzr_open(struct iml__gzr **r, int64_t (*read)(void *user, void *p, size_t n),
                         void *user, const char *label, iml_err *e);
iml_status iml__gzr_open_mem(struct iml__gzr **r, const uint8_t *in, size_t n, const char *label,
                             iml_err *e); // in is *borrowed*
// Exactly n bytes, or *got fewer at the end of the content, when all of it has been checked; so the
// last read asks for more than there should be: (r, NULL, SIZE_MAX, ...). p NULL skips. IML_EINPUT
// with iml__gzr_sum's fault; IML_ENOMEM; a failed read has iml__input_status. A failure stays.
iml_status iml__gzr_read(struct iml__gzr *r, void *p, size_t n, size_t *got, iml_err *e);
// Of what was read so far; the crc is whole when a read has come to the end.
const struct iml__gz_sum *iml__gzr_sum(const struct iml__gzr *r); // *borrowed* while it is open
void iml__gzr_close(struct iml__gzr **r);

const char *iml__gzr_library(void); // "isa-l 2.30.0" or "zlib 1.2.13", for imloom info

#endif
