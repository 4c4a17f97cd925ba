// op_files.h: each op's own file, called by ops.c after parameters and type were checked.
#ifndef IML_IMAGE_OP_FILES_H
#define IML_IMAGE_OP_FILES_H

#include "src/image/ops.h"

iml_status iml__op_tone(const iml__op *op, iml_image *m, iml_err *e);
iml_status iml__op_morph(const iml__op *op, iml_arena *a, iml_image *m, iml_err *e);
iml_status iml__op_noise(const iml__op *op, iml_arena *a, iml_image *m, iml_err *e);
iml_status iml__op_resize(const iml__op *op, iml_arena *a, iml_image *m, iml_err *e);

#endif
