// session.h: numbers as people read them, shared by the commands' messages.
#ifndef IML_CMD_SESSION_H
#define IML_CMD_SESSION_H

#include "src/base/str.h"

void iml__text_count(iml__str *s, uint64_t n); // 1,234,567
void iml__text_bytes(iml__str *s, uint64_t n); // 310M, 1.0G (1024^n)
void iml__text_size(iml__str *s, uint64_t n);  // 310 MB, 1.0 GB, 424 bytes (1024^n)
void iml__text_rate(iml__str *s, double v);    // 3.9k (1000^n)

#endif
