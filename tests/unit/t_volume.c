// t_volume.c: every turn, axis, flip, crop and size against the plain definition.
#include "tests/unit/iml_test.h"

#include "src/slice/volume.h"

enum { NX = 5, NY = 7, NZ = 19 };

// The file's item at view coordinates v (before crop) of this turn.
static size_t item_of(const struct iml__turn *t, const uint64_t dim[3], const int64_t v[3])
{
    uint64_t f[3];
    for (int k = 0; k < 3; k++)
        f[t->from[k]] = t->flip[k] ? dim[t->from[k]] - 1 - (uint64_t)v[k] : (uint64_t)v[k];
    return (size_t)(f[0] + dim[0] * (f[1] + dim[1] * f[2]));
}

static void check(const struct iml__layout *l, const uint16_t *data)
{
    static uint16_t out[NX * NY * NZ * 64], table[65536], turned[NX * NY * NZ * 64];
    struct iml__raster c = iml__raster_of(l, 0), tc = iml__raster_transposed(&c);
    int64_t h = (int64_t)l->height, w = (int64_t)l->width, planes = (int64_t)iml__layout_planes(l);
    const uint16_t fill = 60000;
    for (size_t k = 0; k < 65536; k++) table[k] = (uint16_t)(k * 3 + 1);
    iml__raster_planes(&c, data, 0, planes, 2, 2, table, &fill, out);
    iml__raster_planes(&tc, data, 0, planes, 2, 2, NULL, &fill, turned);
    for (int64_t p = 0; p < planes; p++)
        for (int64_t i = 0; i < h; i++)
            for (int64_t j = 0; j < w; j++) {
                int64_t r = i + l->row_shift, s = j + l->col_shift, v[3];
                int64_t nr = (int64_t)l->n[l->row], nc = (int64_t)l->n[l->col];
                uint16_t want = fill, same = fill;
                if (r >= 0 && r < nr && s >= 0 && s < nc) {
                    v[l->axis] = p + (int64_t)l->lo[l->axis];
                    v[l->row] = (l->row_flip ? nr - 1 - r : r) + (int64_t)l->lo[l->row];
                    v[l->col] = (l->col_flip ? nc - 1 - s : s) + (int64_t)l->lo[l->col];
                    same = data[item_of(&l->turn, l->dim, v)];
                    want = table[same];
                }
                assert_int_equal(out[(p * h + i) * w + j], want);
                assert_int_equal(turned[p * h * w + j * h + i], same);
            }
}

static void planes_of_every_layout(void **state)
{
    (void)state;
    static const int perms[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static uint16_t data[NX * NY * NZ];
    const uint64_t dim[3] = {NX, NY, NZ};
    for (size_t k = 0; k < IML_COUNT_OF(data); k++) data[k] = (uint16_t)(k * 7 + 5);
    for (int p = 0; p < 6; p++)
        for (int f = 0; f < 8; f++)
            for (int axis = 0; axis < 3; axis++) {
                struct iml__turn t = {{perms[p][0], perms[p][1], perms[p][2]},
                                      {f & 1, f & 2, f & 4}};
                struct iml__layout l = iml__layout_of(dim, &t, axis);
                check(&l, data);
                l.row_flip = p & 1, l.col_flip = f & 1;
                if (p & 2) {
                    int swap = l.row;
                    l.row = l.col, l.col = swap;
                    l.height = l.n[l.row], l.width = l.n[l.col];
                }
                check(&l, data);
                iml__layout_crop(&l, (uint64_t[]){1, 2, 0}, (uint64_t[]){3, 2, l.n[2] - 1});
                check(&l, data);
                static const uint64_t sizes[][2] = {{2, 2}, {6, 3}, {1, 9},
                                                    {0, 4}, {3, 0}, {11, 13}};
                for (size_t s = 0; s < IML_COUNT_OF(sizes); s++) {
                    struct iml__layout m = l;
                    iml__layout_size(&m, sizes[s][0], sizes[s][1]);
                    check(&m, data);
                }
            }
}

static void boxes_are_walked_in_file_order(void **state)
{
    (void)state;
    static uint16_t data[NX * NY * NZ], tmp[NX * NY * NZ], other[NX * NY * NZ];
    for (size_t k = 0; k < IML_COUNT_OF(data); k++) data[k] = (uint16_t)k;
    struct iml__turn t = {{2, 0, 1}, {true, false, true}};
    struct iml__layout l = iml__layout_of((uint64_t[]){NX, NY, NZ}, &t, 1);
    iml__layout_crop(&l, (uint64_t[]){2, 1, 0}, (uint64_t[]){9, 3, 6});
    struct iml__box b = iml__layout_box(&l);
    assert_int_equal(iml__box_count(&b), 9 * 3 * 6);
    size_t n = 0;
    static uint16_t want[NX * NY * NZ];
    for (uint64_t z = b.lo[2]; z < b.lo[2] + b.n[2]; z++)
        for (uint64_t y = b.lo[1]; y < b.lo[1] + b.n[1]; y++)
            for (uint64_t x = b.lo[0]; x < b.lo[0] + b.n[0]; x++)
                want[n++] = data[x + NX * (y + NY * z)];
    for (size_t from = 0; from < n; from += 13)
        for (size_t count = 1; from + count <= n; count += 29) {
            assert_memory_equal(iml__box_take(&b, 2, data, from, count, tmp), want + from,
                                2 * count);
            const int64_t stride[3] = {1, NX, NX * NY};
            iml__box_take_strided(&b, 2, data, 0, stride, from, count, other);
            assert_memory_equal(other, want + from, 2 * count);
        }
    struct iml__box whole = iml__box_all(b.dim);
    assert_ptr_equal(iml__box_take(&whole, 2, data, 7, 30, tmp), data + 7);
}

static void a_turned_label_lies_on_its_image(void **state)
{
    (void)state;
    // The label file has the image's voxels with axes (z, x, y), y backwards.
    static uint16_t image[NX * NY * NZ], label[NX * NY * NZ], a[NX * NY * NZ], b[NX * NY * NZ];
    const uint64_t dim[3] = {NX, NY, NZ}, label_dim[3] = {NZ, NX, NY};
    struct iml__turn to_image = {{1, 2, 0}, {false, true, false}};
    for (uint64_t z = 0; z < NZ; z++)
        for (uint64_t y = 0; y < NY; y++)
            for (uint64_t x = 0; x < NX; x++) {
                uint16_t v = (uint16_t)(x + 100 * y + 1000 * z);
                image[x + NX * (y + NY * z)] = v;
                label[z + NZ * (x + NX * (NY - 1 - y))] = v;
            }
    struct iml__turn t = {{2, 1, 0}, {true, false, false}};
    struct iml__layout l = iml__layout_of(dim, &t, 0);
    struct iml__raster c = iml__raster_of(&l, 0), d = iml__raster_turned(&l, &to_image, label_dim);
    const uint16_t fill = 0;
    iml__raster_planes(&c, image, 0, NZ, 2, 2, NULL, &fill, a);
    iml__raster_planes(&d, label, 0, NZ, 2, 2, NULL, &fill, b);
    assert_memory_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes_of_every_layout),
        cmocka_unit_test(boxes_are_walked_in_file_order),
        cmocka_unit_test(a_turned_label_lies_on_its_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
