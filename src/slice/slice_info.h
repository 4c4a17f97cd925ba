// slice_info.h: files made of all cases together: dataset_info.json, splits; and patients.
//
// They are functions of the cases' notes, the list of bad items and the settings' context alone
// (imloom.h, iml_aggregate), so a merge of shares makes the same bytes.
#ifndef IML_SLICE_SLICE_INFO_H
#define IML_SLICE_SLICE_INFO_H

#include "src/slice/slicer.h"

// Which of them these settings ask for; into out[IML__SLICE_FILES]. Returns how many.
uint32_t iml__slice_aggregates(const struct iml__slice_conf *c, iml_aggregate *out);
extern const iml_renderer iml__slice_renderers[];
extern const size_t iml__slice_nrenderers;

// Patients of all cases (--patient-regex, --patient-map), parts of all cases for --layout split,
// notes about parts that stay empty. IML_EARG.
iml_status iml__slice_patients(iml__slicer *s, iml_err *e);
// What the renderers need besides the notes, as a JSON object.
iml_status iml__slice_context(const iml__slicer *s, iml__str *out, iml_err *e);

#endif
