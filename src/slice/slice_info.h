// slice_info.h: files made of all cases together: dataset_info.json, splits; and patients.
//
// They are functions of the cases' notes, the list of bad items and the settings' context alone
// (imloom.h, iml_aggregate), so a merge of shares makes the same bytes.
#ifndef IML_SLICE_SLICE_INFO_H
#define IML_SLICE_SLICE_INFO_H

#include "src/slice/slicer.h"

// Which of them these settings ask for; into out[IML__SLICE_FILES]. Returns how many.
uint32_t iml__slice_aggregates(const iml__slicer *s, iml_aggregate *out);
extern const iml_renderer iml__slice_renderers[];
extern const size_t iml__slice_nrenderers;

// slice_patient.c. Patients of all cases (--patient-regex, --patient-map), parts of the planned
// cases, notes about parts that stay empty. IML_EARG.
iml_status iml__slice_patients(iml__slicer *s, iml_err *e);
enum { IML__NO_PART = 255 };
extern const char *const iml__part_names[]; // train val test
// Each text once, sorted by bytes. NULL: no memory.
const char **iml__distinct(iml_arena *a, const char *const *text, size_t n, uint32_t *count);
// The place of text among n ascending ones that hold it.
uint32_t iml__find_text(const char *const *sorted, uint32_t n, const char *text);
struct iml__draw { // which patients stand in which part, in drawn order
    const char **patient;
    uint32_t n, *order;
    uint8_t *part; // [n] by place in order
};
iml_status iml__draw_parts(bool hash, double a, double b, uint64_t seed, iml_arena *arena,
                           struct iml__draw *d, iml_err *e);
// What the renderers need besides the notes, as a JSON object.
iml_status iml__slice_context(const iml__slicer *s, iml__str *out, iml_err *e);

#endif
