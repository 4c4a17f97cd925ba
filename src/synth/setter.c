// setter.c: one worker's typesetter: FreeType, HarfBuzz's buffers, open files, faces, scratch.
//
// Everything in it is a cache: closing files, faces and bitmaps between items changes no result.
// Nothing is closed while an item is worked on, so pointers stay good until iml__setter_tidy.
#include "src/synth/face.h"

#include <string.h>

#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/io/vfs.h"

iml_status iml__setter_new(iml__setter **out, size_t cache_bytes, iml_err *e)
{
    iml__setter *s = iml__calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return IML_FAIL(e, IML_ENOMEM, "no memory for a typesetter");
    s->cache.fd = -1;
    s->cache_bytes = cache_bytes;
    s->buffer = hb_buffer_create();
    s->proof = hb_buffer_create();
    s->points = iml__calloc(IML__SCRATCH_POINTS, sizeof *s->points);
    s->tags = iml__calloc(IML__SCRATCH_POINTS, 1);
    s->contours = iml__calloc(IML__SCRATCH_CONTOURS, sizeof(short));
    bool good = iml__thai_new(&s->thai, e) == IML_OK && s->points && s->tags && s->contours &&
                hb_buffer_allocation_successful(s->buffer) &&
                hb_buffer_allocation_successful(s->proof) && !FT_Init_FreeType(&s->ft) &&
                !FT_Stroker_New(s->ft, &s->stroker);
    if (good && cache_bytes) {
        s->slots = iml__calloc(IML__GLYPH_SLOTS, sizeof *s->slots);
        good = s->slots && iml__arena_open(&s->cache, cache_bytes, -1, e) == IML_OK;
    }
    if (!good) {
        iml__setter_free(&s);
        return IML_FAIL(e, IML_ENOMEM, "no memory for a typesetter");
    }
    *out = s;
    return IML_OK;
}

static void close_faces(iml__setter *s)
{
    for (uint32_t i = 0; i < s->nfaces; i++) {
        iml__face *f = s->faces[i];
        if (f->file->active == f) f->file->active = NULL;
        f->file->users--;
        hb_font_destroy(f->hb);
        IML_FREE(s->faces[i]);
    }
    s->nfaces = 0;
}

static void close_files(iml__setter *s)
{
    close_faces(s);
    for (uint32_t i = 0; i < s->nfiles; i++) iml__fontfile_close(&s->files[i]);
    s->nfiles = 0;
    s->last = NULL;
}

void iml__setter_free(iml__setter **ps)
{
    iml__setter *s = *ps;
    if (!s) return;
    close_files(s);
    if (s->cover_free) s->cover_free(&s->cover);
    if (s->stroker) FT_Stroker_Done(s->stroker);
    if (s->ft) FT_Done_FreeType(s->ft);
    hb_buffer_destroy(s->buffer);
    hb_buffer_destroy(s->proof);
    iml__thai_free(&s->thai);
    iml__arena_close(&s->cache);
    IML_FREE(s->slots);
    IML_FREE(s->points);
    IML_FREE(s->tags);
    IML_FREE(s->contours);
    IML_FREE(s->files);
    IML_FREE(s->faces);
    IML_FREE(*ps);
}

void iml__setter_tidy(iml__setter *s)
{
    if (s->nfiles > IML__FILES_MAX)
        close_files(s);
    else if (s->nfaces > IML__FACES_MAX)
        close_faces(s);
    if (!s->cache_full) return;
    iml__arena_reset(&s->cache);
    memset(s->slots, 0, IML__GLYPH_SLOTS * sizeof *s->slots);
    s->nslots = 0;
    s->cache_full = false;
}

void iml__setter_trim(iml__setter *s)
{
    if (s->nfiles <= IML__FILES_MAX) return;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->nfiles; i++)
        if (s->files[i]->users)
            s->files[n++] = s->files[i];
        else
            iml__fontfile_close(&s->files[i]);
    s->nfiles = n;
    s->last = NULL;
}

// A face that cannot be opened any more is no face without the character: another one in its place
// would make other bytes of the same inputs.
static iml_status still_there(const char *path, const iml__file_stamp *was, iml_err *e)
{
    struct stat st;
    if (!was->size) return IML_OK;
    if (iml__fstatat(AT_FDCWD, path, &st, 0))
        return IML_FAIL_SYS(e, IML_EAGAIN, errno,
                            "font %.200s was there when the run began, but cannot be read now",
                            path);
    if ((uint64_t)st.st_size == was->size && st.st_ino == was->ino &&
        (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec == was->mtime_ns)
        return IML_OK;
    return IML_FAIL(e, IML_EAGAIN, "font %.200s is another file now than when the run began", path);
}

iml_status iml__setter_file(iml__setter *s, const char *path, const iml__file_stamp *stamp,
                            int32_t index, iml__fontfile **f, iml_err *e)
{
    if (s->last && s->last->index == index && !strcmp(s->last->path, path)) {
        *f = s->last;
        return IML_OK;
    }
    for (uint32_t i = s->nfiles; i-- > 0;)
        if (s->files[i]->index == index && !strcmp(s->files[i]->path, path)) {
            *f = s->last = s->files[i];
            return IML_OK;
        }
    if (s->nfiles == s->cap_files) {
        uint32_t cap = s->cap_files ? 2 * s->cap_files : 64;
        iml__fontfile **grown = iml__realloc(s->files, cap, sizeof(iml__fontfile *));
        if (!grown) return IML_FAIL(e, IML_ENOMEM, "no memory for %u font files", cap);
        s->files = grown, s->cap_files = cap;
    }
    hb_blob_t *blob;
    IML_TRY(still_there(path, stamp, e));
    IML_TRY(iml__font_blob(path, &blob, e));
    IML_TRY(iml__fontfile_open(s->ft, blob, path, index, f, NULL, e));
    s->files[s->nfiles++] = s->last = *f;
    return IML_OK;
}
