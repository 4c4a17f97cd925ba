// orient.c: letters from an affine, and turns.
//
// nibabel asks the singular value decomposition of the column-normalised matrix for the nearest
// rotation. The same rotation is the polar factor, which Newton's iteration X <- (X + X^-T) / 2
// reaches quadratically (Higham, SIAM J. Sci. Stat. Comput. 7, 1986) with nothing but + - * /, so
// the letters are the same on every machine. The greedy choice of rows is nibabel's, ties included.
#include "src/slice/orient.h"

#include "src/base/err.h"
#include "src/codec/nifti.h"

#include <math.h>

const struct iml__turn iml__turn_none = {{0, 1, 2}, {false, false, false}};

static double det3(const double m[9])
{
    return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) +
           m[2] * (m[3] * m[7] - m[4] * m[6]);
}

// The transposed inverse: cofactors over the determinant. false: singular.
static bool inverse_transposed(const double m[9], double out[9])
{
    double d = det3(m);
    if (!isfinite(d) || !(fabs(d) > 0)) return false;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            int a = (i + 1) % 3, b = (i + 2) % 3, c = (k + 1) % 3, f = (k + 2) % 3;
            out[3 * i + k] = (m[3 * a + c] * m[3 * b + f] - m[3 * a + f] * m[3 * b + c]) / d;
        }
    return true;
}

// The rotation nearest to m with columns of length 1, in place.
static bool nearest_rotation(double m[9])
{
    for (int k = 0; k < 3; k++) {
        double n = sqrt(m[k] * m[k] + m[3 + k] * m[3 + k] + m[6 + k] * m[6 + k]);
        if (!isfinite(n) || !(n > 0)) return false;
        for (int i = 0; i < 3; i++) m[3 * i + k] /= n;
    }
    if (fabs(det3(m)) < 1e-12) return false;
    double change = 1;
    for (int step = 0; step < 100 && change >= 1e-14; step++) {
        double inv[9];
        if (!inverse_transposed(m, inv)) return false;
        change = 0;
        for (int k = 0; k < 9; k++) {
            double x = (m[k] + inv[k]) / 2;
            change = fmax(change, fabs(x - m[k]));
            m[k] = x;
        }
    }
    return isfinite(change);
}

iml_status iml_orient_from_affine(const double affine[12], iml_orient *out, iml_err *e)
{
    double m[9];
    bool used[3] = {false, false, false};
    memset(out, 0, sizeof *out);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) m[3 * i + k] = affine[4 * i + k];
    if (!nearest_rotation(m))
        return iml__coded(e, IML_EINPUT, "orient",
                          "the matrix to millimetres is singular: axes have no direction");
    for (int k = 0; k < 3; k++) {
        int best = -1;
        for (int i = 0; i < 3; i++)
            if (!used[i] && (best < 0 || fabs(m[3 * i + k]) > fabs(m[3 * best + k]))) best = i;
        used[best] = true;
        out->axis[k] = best;
        out->sign[k] = m[3 * best + k] < 0 ? -1 : 1;
        out->letters[k] = (out->sign[k] > 0 ? "RAS" : "LPI")[best];
    }
    return IML_OK;
}

bool iml__orient_letters(const char *text, int axis[3], int sign[3])
{
    static const char pairs[] = "RASLPI";
    bool seen[3] = {false, false, false};
    if (strlen(text) != 3) return false;
    for (int k = 0; k < 3; k++) {
        char c = text[k] >= 'a' && text[k] <= 'z' ? (char)(text[k] - 32) : text[k];
        const char *at = c ? strchr(pairs, c) : NULL;
        if (!at) return false;
        axis[k] = (int)((at - pairs) % 3), sign[k] = at - pairs < 3 ? 1 : -1;
        if (seen[axis[k]]) return false;
        seen[axis[k]] = true;
    }
    return true;
}

struct iml__turn iml__turn_to(const iml_orient *now, const int axis[3], const int sign[3])
{
    struct iml__turn t = iml__turn_none;
    for (int k = 0; k < 3; k++) {
        t.from[k] = iml__orient_find(now, axis[k]);
        t.flip[k] = now->sign[t.from[k]] != sign[k];
    }
    return t;
}

int iml__orient_find(const iml_orient *o, int anatomical)
{
    for (int k = 0; k < 3; k++)
        if (o->axis[k] == anatomical) return k;
    return 0;
}

int iml__axis_auto(const double zoom[3], const iml_orient *view)
{
    double most = fmax(fmax(fabs(zoom[0]), fabs(zoom[1])), fabs(zoom[2]));
    int largest = 2, near = 0;
    for (int k = 0; k < 3; k++)
        if (fabs(zoom[k]) >= most * 0.99) near++, largest = k;
    return near == 1 ? largest : view ? iml__orient_find(view, 2) : 2;
}

void iml__turn_u64(const struct iml__turn *t, const uint64_t in[3], uint64_t out[3])
{
    for (int k = 0; k < 3; k++) out[k] = in[t->from[k]];
}

void iml__turn_double(const struct iml__turn *t, const double in[3], double out[3])
{
    for (int k = 0; k < 3; k++) out[k] = in[t->from[k]];
}

void iml__turn_orient(const struct iml__turn *t, const iml_orient *in, iml_orient *out)
{
    iml_orient o = {0};
    for (int k = 0; k < 3; k++) {
        o.axis[k] = in->axis[t->from[k]];
        o.sign[k] = t->flip[k] ? -in->sign[t->from[k]] : in->sign[t->from[k]];
        o.letters[k] = (o.sign[k] > 0 ? "RAS" : "LPI")[o.axis[k]];
    }
    *out = o;
}

void iml__turn_affine(const struct iml__turn *t, const uint64_t dim[3], const double in[12],
                      double out[12])
{
    double m[12];
    for (int r = 0; r < 3; r++) {
        m[4 * r + 3] = in[4 * r + 3];
        for (int k = 0; k < 3; k++) {
            double c = in[4 * r + t->from[k]];
            if (t->flip[k]) {
                m[4 * r + 3] += c * (double)(dim[t->from[k]] - 1);
                c = -c;
            }
            m[4 * r + k] = c;
        }
    }
    memcpy(out, m, sizeof m);
}

void iml__shift_affine(double affine[12], const double lo[3])
{
    for (int r = 0; r < 3; r++)
        for (int k = 0; k < 3; k++) affine[4 * r + 3] += affine[4 * r + k] * lo[k];
}

bool iml__affine_invert(const double a[12], double out[12])
{
    double m[9], inv[9];
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) m[3 * i + k] = a[4 * i + k];
    if (!inverse_transposed(m, inv)) return false;
    for (int i = 0; i < 3; i++) {
        double t = 0;
        for (int k = 0; k < 3; k++) {
            out[4 * i + k] = inv[3 * k + i];
            t -= inv[3 * k + i] * a[4 * k + 3];
        }
        out[4 * i + 3] = t;
    }
    return true;
}

double iml__affine_corner_distance(const double a[12], const double b[12], const uint64_t dim[3])
{
    double inv[12], most = 0;
    if (!iml__affine_invert(a, inv)) return INFINITY;
    for (int corner = 0; corner < 8; corner++) {
        double at[3], mm[3], d = 0;
        for (int k = 0; k < 3; k++) at[k] = corner >> k & 1 ? (double)(dim[k] - 1) : 0;
        for (int r = 0; r < 3; r++)
            mm[r] = b[4 * r] * at[0] + b[4 * r + 1] * at[1] + b[4 * r + 2] * at[2] + b[4 * r + 3];
        for (int r = 0; r < 3; r++) {
            double v = inv[4 * r] * mm[0] + inv[4 * r + 1] * mm[1] + inv[4 * r + 2] * mm[2] +
                       inv[4 * r + 3] - at[r];
            d += v * v;
        }
        most = fmax(most, sqrt(d));
    }
    return most;
}
