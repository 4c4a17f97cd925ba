// opt_help.c: --help, man pages and shell completion, all from commands.def and the option tables.
#include "src/cmd/command.h"

#include <string.h>

#include "src/cmd/common.h"

enum { WIDTH = 80, COLUMN = 26 };

static const struct {
    const char *group, *title;
} groups[] = {
    {"make", "make"},           {"look", "look"},   {"decide", "decide"}, {"do", "do"},
    {"transform", "transform"}, {"train", "train"}, {"run", "run"},
};

void iml__help_screen(FILE *f)
{
    (void)fputs("imloom - make, curate, upscale, slice, pack and feed image training data\n\n"
                "usage: imloom COMMAND [OPTIONS] [ARGUMENTS]\n\n",
                f);
    for (size_t g = 0; g < IML_COUNT_OF(groups); g++) {
        const char *title = groups[g].title;
        for (size_t k = 0; k < iml__ncommands; k++) {
            if (strcmp(iml__commands[k].group, groups[g].group) != 0) continue;
            (void)fprintf(f, "%-11s %-9s %s\n", title, iml__commands[k].name,
                          iml__commands[k].summary);
            title = "";
        }
    }
    (void)fputs("\nSame inputs, same settings, same seed: the same bytes.\n"
                "Everywhere: -o OUT, -j N (workers), --seed N, --dry-run, --config FILE, --json\n"
                "More:       imloom help COMMAND, imloom help options, imloom --version\n",
                f);
    if (iml__command_find("synth")) (void)fputs("Try:        imloom synth -n 20 -o out\n", f);
}

// Words of text between column and WIDTH; the cursor stands at `at`.
static void wrapped(FILE *f, const char *text, int at, int column)
{
    if (at && at >= column)
        (void)fprintf(f, "\n%*s", column, ""), at = column;
    else
        (void)fprintf(f, "%*s", column - at, ""), at = column;
    for (const char *p = text; *p;) {
        int n = (int)strcspn(p, " ");
        if (at > column && at + 1 + n > WIDTH)
            (void)fprintf(f, "\n%*s", column, ""), at = column;
        else if (at > column)
            (void)fputc(' ', f), at++;
        (void)fprintf(f, "%.*s", n, p);
        at += n, p += n;
        while (*p == ' ') p++;
    }
    (void)fputc('\n', f);
}

// Paragraphs (an empty line between two) filled anew, whatever lines they were written in.
static void paragraphs(FILE *f, const char *text)
{
    iml__str s;
    iml__str_init(&s, 1 << 16);
    for (const char *p = text; *p;) {
        const char *end = strstr(p, "\n\n");
        size_t n = end ? (size_t)(end - p) : strlen(p);
        iml__str_clear(&s);
        for (size_t k = 0; k < n; k++) iml__str_addc(&s, p[k] == '\n' ? ' ' : p[k]);
        (void)fputc('\n', f);
        wrapped(f, iml__str_text(&s), 0, 0);
        p += n + (end ? 2 : 0);
    }
    iml__str_free(&s);
}

static void help_text(const iml__opt *r, iml__str *s)
{
    iml__str_adds(s, r->help);
    if (r->type == IML__OPT_ENUM) iml__str_addf(s, " (%s)", r->values);
    if (r->def && r->type != IML__OPT_FLAG && !strstr(r->help, "default"))
        iml__str_addf(s, " [%s]", r->def);
    if (r->def && r->type == IML__OPT_FLAG && !strcmp(r->def, "true"))
        iml__str_addf(s, " [on; --no-%s]", r->name);
    if (r->aliases) {
        const char *lead = " (also ";
        for (const char *a = r->aliases; *a; lead = ", ") {
            size_t n = strcspn(a, " ");
            iml__str_addf(s, "%s%s%.*s", lead, a[0] == '-' ? "" : "--", (int)n, a);
            a += n;
            while (*a == ' ') a++;
        }
        iml__str_addc(s, ')');
    }
}

static void table(FILE *f, const iml__opt_table *t)
{
    for (size_t k = 0; k < t->n; k++) {
        const iml__opt *r = &t->row[k];
        if (r->flags & IML__OPT_HIDDEN) continue;
        iml__str s, name;
        iml__str_init(&s, 4096), iml__str_init(&name, 256);
        help_text(r, &s);
        if (r->letter)
            iml__str_addf(&name, "  -%c, --%s", r->letter, r->name);
        else
            iml__str_addf(&name, "      --%s", r->name);
        if (r->arg) iml__str_addf(&name, " %s", r->arg);
        (void)fputs(iml__str_text(&name), f);
        wrapped(f, iml__str_text(&s), (int)name.n + 1, COLUMN);
        iml__str_free(&s), iml__str_free(&name);
    }
}

// The k-th table of a command, the common one last; NULL: no more.
static const iml__opt_table *table_of(const iml__command_doc *d, size_t k)
{
    if (k < d->ntables) return &d->table[k];
    return d->common && k == d->ntables ? &iml__common_table : NULL;
}

static bool is_common(const iml__opt_table *t) { return t == &iml__common_table; }

void iml__help_options(FILE *f)
{
    (void)fputs("Options of every running command:\n\n", f);
    table(f, &iml__common_table);
    (void)fputs("\n_ and - are the same in names. K M G: bytes 1024^n, items and pixels 1000^n.\n"
                "Exit: 0 done; 1 usage, or refused before the first item; 2 the run failed;\n"
                "3 done, some items bad or findings; 130 stopped, run it again to go on.\n",
                f);
}

void iml__help_command(FILE *f, const iml__command_doc *d)
{
    (void)fprintf(f, "imloom %s - %s\n\nusage:\n", d->name, d->summary);
    for (const char *p = d->usage; *p;) {
        size_t n = strcspn(p, "\n");
        (void)fprintf(f, "  imloom %s %.*s\n", d->name, (int)n, p);
        p += n + (p[n] == '\n');
    }
    if (d->about) paragraphs(f, d->about);
    const iml__opt_table *own;
    for (size_t t = 0; (own = table_of(d, t)); t++) {
        (void)fputs(is_common(own) ? "\ncommon options:\n" : "\noptions:\n", f);
        table(f, own);
    }
    if (d->examples) (void)fprintf(f, "\nexamples:\n%s\n", d->examples);
    if (d->common)
        (void)fputs(
            "\nexit: 0 done; 1 usage, or refused before the first item; 2 the run failed;\n"
            "      3 done, some items bad or findings; 130 stopped, run it again to go on\n",
            f);
}

// ---- Man pages

static void roff(FILE *f, const char *text)
{
    bool start = true;
    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\'')) (void)fputs("\\&", f);
        if (*text == '-')
            (void)fputs("\\-", f);
        else if (*text == '\\')
            (void)fputs("\\e", f);
        else
            (void)fputc(*text, f);
        start = *text == '\n';
    }
    (void)fputc('\n', f);
}

static void man_head(FILE *f, const char *page, const char *name, const char *summary)
{
    (void)fprintf(f, ".TH %s 1 \"\" \"imloom " IML_VERSION "\" \"imloom\"\n.SH NAME\n%s \\- ", page,
                  name);
    roff(f, summary);
}

static void man_table(FILE *f, const iml__opt_table *t)
{
    for (size_t k = 0; k < t->n; k++) {
        const iml__opt *r = &t->row[k];
        if (r->flags & IML__OPT_HIDDEN) continue;
        iml__str s, h;
        iml__str_init(&s, 256), iml__str_init(&h, 4096);
        help_text(r, &h);
        (void)fputs(".TP\n.B ", f);
        if (r->letter) iml__str_addf(&s, "-%c, ", r->letter);
        iml__str_addf(&s, "--%s%s%s", r->name, r->arg ? " " : "", r->arg ? r->arg : "");
        roff(f, iml__str_text(&s));
        roff(f, iml__str_text(&h));
        iml__str_free(&s), iml__str_free(&h);
    }
}

void iml__man_page(FILE *f, const iml__command_doc *d)
{
    iml__str name;
    iml__str_init(&name, 128);
    iml__str_addf(&name, "imloom-%s", d->name);
    man_head(f, iml__str_text(&name), iml__str_text(&name), d->summary);
    (void)fputs(".SH SYNOPSIS\n.nf\n", f);
    for (const char *p = d->usage; *p;) {
        size_t n = strcspn(p, "\n");
        (void)fprintf(f, "\\fBimloom %s\\fR ", d->name);
        iml__str_clear(&name);
        iml__str_add(&name, p, n);
        roff(f, iml__str_text(&name));
        p += n + (p[n] == '\n');
    }
    (void)fputs(".fi\n.SH DESCRIPTION\n", f);
    roff(f, d->about ? d->about : d->summary);
    const iml__opt_table *own;
    for (size_t t = 0; (own = table_of(d, t)); t++) {
        (void)fputs(is_common(own) ? ".SH COMMON OPTIONS\n" : ".SH OPTIONS\n", f);
        man_table(f, own);
    }
    if (d->examples) {
        (void)fputs(".SH EXAMPLES\n.nf\n", f);
        roff(f, d->examples);
        (void)fputs(".fi\n", f);
    }
    (void)fputs(
        ".SH EXIT STATUS\n0 done; 1 usage, or refused before the first item; 2 the run failed;\n"
        "3 done, some items bad or findings; 130 stopped.\n.SH SEE ALSO\n.BR imloom (1)\n",
        f);
    iml__str_free(&name);
}

void iml__man_main(FILE *f)
{
    man_head(f, "imloom", "imloom",
             "make, curate, upscale, slice, pack and feed image training data");
    (void)fputs(".SH SYNOPSIS\n\\fBimloom\\fR COMMAND [OPTIONS] [ARGUMENTS]\n.SH COMMANDS\n", f);
    for (size_t k = 0; k < iml__ncommands; k++) {
        (void)fprintf(f, ".TP\n.BR imloom\\-%s (1)\n", iml__commands[k].name);
        roff(f, iml__commands[k].summary);
    }
    (void)fputs(".SH COMMON OPTIONS\n", f);
    man_table(f, &iml__common_table);
}

// ---- Completion

static void bash_words(FILE *f, const iml__command_doc *d)
{
    const iml__opt_table *own;
    for (size_t t = 0; (own = table_of(d, t)); t++)
        for (size_t k = 0; k < own->n; k++)
            if (!(own->row[k].flags & IML__OPT_HIDDEN)) (void)fprintf(f, "--%s ", own->row[k].name);
}

static void bash(FILE *f)
{
    (void)fputs("# bash completion for imloom\n_imloom()\n{\n"
                "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
                "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words=\"help",
                f);
    for (size_t k = 0; k < iml__ncommands; k++) (void)fprintf(f, " %s", iml__commands[k].name);
    (void)fputs("\"\n    else\n        case \"${COMP_WORDS[1]}:$prev\" in\n", f);
    for (size_t k = 0; k < iml__ncommands; k++) {
        const iml__command_doc *d = iml__commands[k].doc;
        const iml__opt_table *own;
        for (size_t t = 0; (own = table_of(d, t)); t++)
            for (size_t i = 0; i < own->n; i++) {
                const iml__opt *r = &own->row[i];
                if (r->type != IML__OPT_ENUM) continue;
                (void)fprintf(f, "        %s:--%s) words=\"", d->name, r->name);
                for (const char *v = r->values; *v; v++) (void)fputc(*v == '|' ? ' ' : *v, f);
                (void)fputs("\" ;;\n", f);
            }
    }
    for (size_t k = 0; k < iml__ncommands; k++) {
        (void)fprintf(f, "        %s:*) words=\"", iml__commands[k].name);
        bash_words(f, iml__commands[k].doc);
        (void)fputs("\" ;;\n", f);
    }
    (void)fputs("        esac\n    fi\n"
                "    case \"$cur\" in -*) ;; *) [ \"$COMP_CWORD\" -gt 1 ] && case \"$words\" in "
                "--*) words= ;; esac ;; esac\n"
                "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                "}\ncomplete -o default -F _imloom imloom\n",
                f);
}

// Inside single quotes: apostrophe stands for one, the characters of escape get a backslash.
static void quoted(FILE *f, const char *s, const char *escape, const char *apostrophe)
{
    for (; *s; s++) {
        if (*s == '\'') {
            (void)fputs(apostrophe, f);
            continue;
        }
        if (strchr(escape, *s)) (void)fputc('\\', f);
        (void)fputc(*s, f);
    }
}

static void zsh(FILE *f)
{
    (void)fputs("#compdef imloom\n_imloom()\n{\n    local -a commands=(help", f);
    for (size_t k = 0; k < iml__ncommands; k++) {
        (void)fprintf(f, " '%s:", iml__commands[k].name);
        quoted(f, iml__commands[k].summary, ":", "'\\''");
        (void)fputc('\'', f);
    }
    (void)fputs(")\n    if (( CURRENT == 2 )); then _describe command commands; return; fi\n    "
                "case $words[2] in\n",
                f);
    for (size_t k = 0; k < iml__ncommands; k++) {
        const iml__command_doc *d = iml__commands[k].doc;
        (void)fprintf(f, "    %s) _arguments '*:file:_files'", d->name);
        const iml__opt_table *own;
        for (size_t t = 0; (own = table_of(d, t)); t++)
            for (size_t i = 0; i < own->n; i++) {
                const iml__opt *r = &own->row[i];
                if (r->flags & IML__OPT_HIDDEN) continue;
                (void)fprintf(f, " \\\n        '--%s[", r->name);
                quoted(f, r->help, "[]:", "'\\''");
                (void)fputc(']', f);
                if (r->type == IML__OPT_ENUM) {
                    (void)fputs(":value:(", f);
                    for (const char *v = r->values; *v; v++) (void)fputc(*v == '|' ? ' ' : *v, f);
                    (void)fputc(')', f);
                } else if (r->type != IML__OPT_FLAG) {
                    (void)fputs(r->type == IML__OPT_DIR ? ":dir:_files -/" : ":value:_files", f);
                }
                (void)fputc('\'', f);
            }
        (void)fputs(" ;;\n", f);
    }
    (void)fputs("    esac\n}\n_imloom \"$@\"\n", f);
}

static void fish(FILE *f)
{
    (void)fputs("# fish completion for imloom\n", f);
    for (size_t k = 0; k < iml__ncommands; k++) {
        const iml__command_doc *d = iml__commands[k].doc;
        (void)fprintf(f, "complete -c imloom -n __fish_use_subcommand -f -a %s -d '", d->name);
        quoted(f, d->summary, "\\", "\\'");
        (void)fputs("'\n", f);
        const iml__opt_table *own;
        for (size_t t = 0; (own = table_of(d, t)); t++)
            for (size_t i = 0; i < own->n; i++) {
                const iml__opt *r = &own->row[i];
                if (r->flags & IML__OPT_HIDDEN) continue;
                (void)fprintf(f, "complete -c imloom -n '__fish_seen_subcommand_from %s' -l %s",
                              d->name, r->name);
                if (r->letter) (void)fprintf(f, " -s %c", r->letter);
                if (r->type == IML__OPT_ENUM) {
                    (void)fputs(" -x -a '", f);
                    for (const char *v = r->values; *v; v++) (void)fputc(*v == '|' ? ' ' : *v, f);
                    (void)fputc('\'', f);
                } else if (r->type != IML__OPT_FLAG) {
                    (void)fputs(" -r", f);
                }
                (void)fputs(" -d '", f);
                quoted(f, r->help, "\\", "\\'");
                (void)fputs("'\n", f);
            }
    }
}

bool iml__completion(FILE *f, const char *shell)
{
    static const struct {
        const char *name;
        void (*make)(FILE *);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t k = 0; k < IML_COUNT_OF(shells); k++)
        if (!strcmp(shell, shells[k].name)) {
            shells[k].make(f);
            return true;
        }
    return false;
}
