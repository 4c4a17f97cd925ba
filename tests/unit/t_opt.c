#include "tests/unit/iml_test.h"

#include "src/cmd/common.h"

static struct own {
    const char *font;
    iml__opt_list dirs;
    int64_t count;
    int kind;
    bool fast;
} own;
static struct iml__common common;

static const iml__opt rows[] = {
    {"font", 'f', IML__OPT_PATH, offsetof(struct own, font), "F", NULL, 0, 0, NULL, "type-face -t",
     "a font", 0, NULL},
    {"font-dir", 0, IML__OPT_LIST, offsetof(struct own, dirs), "D", NULL, 0, 0, NULL, NULL, "dirs",
     0, NULL},
    {"count", 'n', IML__OPT_INT, offsetof(struct own, count), "N", "7", 1, 100, NULL, NULL,
     "how many", 0, NULL},
    {"kind", 0, IML__OPT_ENUM, offsetof(struct own, kind), "K", "b", 0, 0, "a|b|c", NULL, "which",
     0, NULL},
    {"fast", 0, IML__OPT_FLAG, offsetof(struct own, fast), NULL, NULL, 0, 0, NULL, NULL, "fast", 0,
     NULL},
};
static const iml__opt_table tables[2] = {{rows, IML_COUNT_OF(rows)}, {NULL, 0}};

static iml__opts o;
static iml_status parse(iml_err *e, int argc, ...)
{
    static char *argv[32];
    static iml__opt_table both[2];
    static void *structs[2] = {&own, &common};
    iml__opts_free(&o);
    memset(&own, 0, sizeof own), memset(&common, 0, sizeof common);
    both[0] = tables[0], both[1] = iml__common_table;
    o = (iml__opts){.command = "try", .table = both, .structs = structs, .ntables = 2};
    va_list ap;
    va_start(ap, argc);
    for (int i = 0; i < argc; i++) argv[i] = va_arg(ap, char *);
    va_end(ap);
    return iml__opts_parse(&o, argc, argv, e);
}

static void all_spellings_mean_the_same(void **state)
{
    (void)state;
    assert_ok(parse(e, 2, "--font", "x.ttf"));
    assert_string_equal(own.font, "x.ttf");
    assert_ok(parse(e, 1, "--font=x.ttf"));
    assert_string_equal(own.font, "x.ttf");
    assert_ok(parse(e, 2, "--type_face", "x.ttf"));
    assert_string_equal(own.font, "x.ttf");
    assert_ok(parse(e, 1, "-fx.ttf"));
    assert_string_equal(own.font, "x.ttf");
    assert_ok(parse(e, 2, "-t", "x.ttf"));
    assert_string_equal(own.font, "x.ttf");
    assert_ok(parse(e, 4, "--font_dir", "a", "--font-dir=b", "rest"));
    assert_int_equal(own.dirs.n, 2);
    assert_string_equal(own.dirs.item[1], "b");
    assert_int_equal(o.args.n, 1);
    assert_ok(parse(e, 4, "--fast", "--no-fast", "--", "--fast"));
    assert_false(own.fast);
    assert_string_equal(o.args.item[0], "--fast");
}

static void defaults_stand_until_given(void **state)
{
    (void)state;
    assert_ok(parse(e, 0));
    assert_int_equal(own.count, 7);
    assert_int_equal(own.kind, 1);
    assert_true(common.resume);
    assert_int_equal(common.workers, IML_WORKERS_AUTO);
    assert_int_equal(common.max_pixels, 500000000);
    assert_false(iml__opts_given(&o, "count"));
    assert_ok(parse(e, 1, "-n7"));
    assert_true(iml__opts_given(&o, "count"));
}

static void bad_values_are_named(void **state)
{
    (void)state;
    iml_err e = {0};
    assert_int_equal(parse(&e, 1, "--count=0"), IML_EARG);
    assert_non_null(strstr(e.msg, "0 is outside 1..100"));
    assert_int_equal(parse(&e, 1, "--count=1e3"), IML_EARG);
    assert_non_null(strstr(e.msg, "'1e3' is not a whole number"));
    assert_int_equal(parse(&e, 1, "--kind=d"), IML_EARG);
    assert_non_null(strstr(e.msg, "a|b|c"));
    assert_int_equal(parse(&e, 1, "--wrokers=3"), IML_EARG);
    assert_non_null(strstr(e.msg, "did you mean --workers?"));
    assert_int_equal(parse(&e, 1, "--font"), IML_EARG);
    assert_non_null(strstr(e.msg, "--font needs a value"));
    assert_int_equal(parse(&e, 1, "--font="), IML_EARG);
    assert_int_equal(parse(&e, 1, "--memory=12Q"), IML_EARG);
    assert_int_equal(parse(&e, 1, "--workers=many"), IML_EARG);
    assert_int_equal(parse(&e, 1, "-z"), IML_EARG);
    assert_int_equal(parse(&e, 1, "--no-font"), IML_EARG);
}

static void command_line_wins_over_config(void **state)
{
    (void)state;
    assert_ok(parse(e, 2, "--count", "5"));
    assert_ok(iml__opts_config(&o, "f.yaml:1:1", "count", "9", e));
    assert_ok(iml__opts_config(&o, "f.yaml:2:1", "num_workers", "3", e));
    assert_ok(iml__opts_config(&o, "f.yaml:3:1", "fast", "yes", e));
    assert_int_equal(own.count, 5);
    assert_int_equal(common.workers, 3);
    assert_true(iml__opts_given(&o, "workers") && iml__opts_given(&o, "count"));
    assert_false(iml__opts_given(&o, "seed"));
    assert_true(own.fast);
    iml_err why = {0};
    assert_int_equal(iml__opts_config(&o, "f.yaml:4:3", "counts", "9", &why), IML_EARG);
    assert_non_null(strstr(why.msg, "f.yaml:4:3"));
    assert_non_null(strstr(why.msg, "--count"));
    assert_int_equal(iml__opts_config(&o, "f.yaml:5:1", "dry_run", "true", &why), IML_EARG);
}

static bool known(const char *name) { return !strcmp(name, "try") || !strcmp(name, "other"); }

static iml_status read_config(const char *text, char *said, iml_err *e)
{
    iml__complaints c;
    FILE *f = fopen("t_opt.yaml", "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0 && !fclose(f));
    iml__complaints_init(&c);
    iml_status st = iml__opts_config_file(&o, "t_opt.yaml", known, &c, e);
    (void)snprintf(said, 1000, "%s", iml__str_text(&c.text));
    iml__complaints_free(&c);
    (void)remove("t_opt.yaml");
    return st;
}

static void a_config_file_is_read_and_every_wrong_line_is_named(void **state)
{
    (void)state;
    char said[1000];
    iml_err why = {0};
    assert_ok(parse(e, 4, "--count", "5", "--font-dir", "z"));
    assert_ok(read_config(
        "imloom: 1\nnum_workers: 3\ncount: 9\nfont-dir: [a, b]\nkind: a\nonly: [1, 4-5]\n"
        "other: {count: 1, nonsense: 2}\n"
        "try: {kind: c, font-dir: d}\n",
        said, e));
    assert_int_equal(own.count, 5); // the command line wins
    assert_int_equal(common.workers, 3);
    assert_int_equal(own.kind, 2); // the own section wins
    assert_int_equal(own.dirs.n, 4);
    assert_string_equal(own.dirs.item[3], "d");
    assert_int_equal(common.only.n, 2);
    assert_ok(read_config("", said, e));
    assert_ok(read_config("x-notes: {any: thing}\nshard: [0/2]\n", said, e));
    assert_string_equal(common.shard, "0/2");
    assert_ok(parse(e, 0));
    assert_int_equal(
        read_config(
            "imloom: 2\nwrokers: 3\ncount: 0\ndry-run: true\nnobody: {a: 1}\nfont: [{a: 1}]\n",
            said, &why),
        IML_EARG);
    static const char *const want[] = {
        "t_opt.yaml:1:9: imloom: version 1",
        "t_opt.yaml:2:1: no option '--wrokers'; did you mean --workers?",
        "t_opt.yaml:3:1: ",
        "t_opt.yaml:4:1: --dry-run stands on the command line only",
        "t_opt.yaml:5:1: nobody: no command has this name",
        "t_opt.yaml:6:8: font takes text"};
    for (size_t k = 0; k < IML_COUNT_OF(want); k++)
        if (!strstr(said, want[k])) fail_msg("'%s' is missing in\n%s", want[k], said);
    assert_int_equal(read_config("- a\n", said, &why), IML_EARG);
    assert_int_equal(read_config("a: [1\n", said, &why), IML_EARG);
}

static void older_worker_options_keep_their_meaning(void **state)
{
    (void)state;
    iml_run_opts run;
    assert_ok(parse(e, 4, "--generation-workers", "4", "--workers", "3"));
    assert_ok(iml__common_settle(&common, &o, &run, NULL, NULL, e));
    assert_int_equal(run.workers, 4);
    assert_int_equal(run.io_workers, 3);
    assert_int_equal(common.nnotes, 1);
    assert_ok(parse(e, 1, "--sequential"));
    assert_ok(iml__common_settle(&common, &o, &run, NULL, NULL, e));
    assert_int_equal(run.workers, 0);
}

static void only_takes_lists_and_ranges(void **state)
{
    (void)state;
    iml_run_opts run;
    assert_ok(parse(e, 2, "--only=5,1,5", "--only=7-9"));
    assert_ok(iml__common_settle(&common, &o, &run, NULL, NULL, e));
    const uint64_t want[] = {1, 5, 7, 8, 9};
    assert_int_equal(run.n_only, 5);
    assert_memory_equal(run.only, want, sizeof want);
    iml__common_free(&common);
    iml_err why = {0};
    const char *bad[] = {"--only=x", "--only=", "--only=9-7", "--only=1,,2"};
    for (size_t k = 0; k < IML_COUNT_OF(bad); k++) {
        iml_status st = parse(&why, 1, bad[k]);
        if (!st) st = iml__common_settle(&common, &o, &run, NULL, NULL, &why);
        assert_int_equal(st, IML_EARG);
        iml__common_free(&common);
    }
}

static void shard_comes_from_schedulers(void **state)
{
    (void)state;
    iml_run_opts run;
    static const char *const names[] = {
        "IMLOOM_SHARD",         "SLURM_ARRAY_TASK_ID",   "SLURM_ARRAY_TASK_COUNT",
        "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP", "JOB_COMPLETION_INDEX",
        "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",  "PMI_RANK",
        "SLURM_PROCID",         "PBS_ARRAY_INDEX"};
    for (size_t k = 0; k < IML_COUNT_OF(names); k++) unsetenv(names[k]);
    assert_ok(parse(e, 1, "--shard=2/5"));
    assert_ok(iml__common_settle(&common, &o, &run, NULL, NULL, e));
    assert_int_equal(run.shard_index, 2);
    assert_int_equal(run.shard_count, 5);
    setenv("SLURM_ARRAY_TASK_ID", "14", 1), setenv("SLURM_ARRAY_TASK_COUNT", "3", 1);
    setenv("SLURM_ARRAY_TASK_MIN", "10", 1), setenv("SLURM_ARRAY_TASK_STEP", "2", 1);
    assert_ok(parse(e, 1, "--shard=auto"));
    assert_ok(iml__common_settle(&common, &o, &run, NULL, NULL, e));
    assert_int_equal(run.shard_index, 2);
    assert_int_equal(run.shard_count, 3);
    setenv("IMLOOM_SHARD", "0/9", 1);
    assert_ok(iml__common_settle(&common, &o, &run, NULL, NULL, e));
    assert_int_equal(run.shard_count, 9);
    for (size_t k = 0; k < IML_COUNT_OF(names); k++) unsetenv(names[k]);
    iml_err why = {0};
    assert_int_equal(iml__common_settle(&common, &o, &run, NULL, NULL, &why), IML_EARG);
    setenv("JOB_COMPLETION_INDEX", "1", 1);
    assert_int_equal(iml__common_settle(&common, &o, &run, NULL, NULL, &why), IML_EARG);
    unsetenv("JOB_COMPLETION_INDEX");
    assert_ok(parse(e, 1, "--shard=5/5"));
    assert_int_equal(iml__common_settle(&common, &o, &run, NULL, NULL, &why), IML_EARG);
}

static void settings_echo_reads_back(void **state)
{
    (void)state;
    assert_ok(parse(e, 3, "--font=a\"b", "--count=3", "--workers=auto"));
    iml__str s;
    iml__jsonw w;
    iml__str_init(&s, 1 << 16);
    iml__jsonw_init(&w, &s, 0);
    iml__jsonw_object(&w);
    iml__opts_json(&o, true, &w);
    iml__jsonw_end(&w);
    assert_non_null(strstr(iml__str_text(&s), "\"font\":\"a\\\"b\""));
    assert_non_null(strstr(iml__str_text(&s), "\"count\":3"));
    assert_null(strstr(iml__str_text(&s), "workers")); // bytes do not depend on it
    iml__str_free(&s);
}

static int done(void **state)
{
    (void)state;
    iml__opts_free(&o);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_spellings_mean_the_same),
        cmocka_unit_test(defaults_stand_until_given),
        cmocka_unit_test(bad_values_are_named),
        cmocka_unit_test(command_line_wins_over_config),
        cmocka_unit_test(a_config_file_is_read_and_every_wrong_line_is_named),
        cmocka_unit_test(older_worker_options_keep_their_meaning),
        cmocka_unit_test(only_takes_lists_and_ranges),
        cmocka_unit_test(shard_comes_from_schedulers),
        cmocka_unit_test(settings_echo_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
