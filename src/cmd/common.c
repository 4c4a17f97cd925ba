// common.c: the table of common options (DESIGN 3) and what they mean to the engine.
#include "src/cmd/common.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/mem.h"

#define AT(field) offsetof(struct iml__common, field)
#define NH IML__OPT_NO_HASH
static const iml__opt rows[] = {
    {"workers", 'j', IML__OPT_WORKERS, AT(workers), "N", "auto", 0, 0, NULL,
     "num-workers threads max-workers",
     "compute workers; 0 = all in the calling thread, auto or -1 = the CPUs this process may use",
     NH, NULL},
    {"generation-workers", 0, IML__OPT_INT, AT(generation_workers), "N", "-2", -2, 4096, NULL, NULL,
     "older name of --workers; beside it --workers means --io-workers", NH | IML__OPT_HIDDEN, NULL},
    {"sequential", 0, IML__OPT_FLAG, AT(sequential), NULL, NULL, 0, 0, NULL, NULL,
     "the same as --workers 0", NH, NULL},
    {"io-workers", 0, IML__OPT_WORKERS, AT(io_workers), "N", "auto", 0, 0, NULL, NULL,
     "threads that read inputs ahead", NH, NULL},
    {"chunk-size", 0, IML__OPT_COUNT, AT(chunk_size), "N", "0", 0, 0, NULL, NULL,
     "most items between claim and written; 0 = bounded by bytes. Never a barrier", NH, NULL},
    {"io-batch-size", 0, IML__OPT_COUNT, AT(io_batch_size), "N", "0", 0, 1e6, NULL, NULL,
     "items per group commit; 0 = auto", NH, NULL},
    {"memory", 0, IML__OPT_BYTES, AT(memory), "SIZE", "0", 0, 0, NULL, NULL,
     "bytes in flight; 0 = the smaller of 25 % of what is available and half the cgroup's limit",
     NH, NULL},
    {"mode", 0, IML__OPT_ENUM, AT(mode), "MODE", "auto", 0, 0, "auto|thread|process", NULL,
     "workers are threads or processes; auto chooses and says why", NH, NULL},
    {"timeout", 0, IML__OPT_DOUBLE, AT(timeout), "S", "0", 0, 1e6, NULL, NULL,
     "limit per item in seconds; 0 = none", NH, NULL},
    {"order", 0, IML__OPT_ENUM, AT(order), "ORDER", "auto", 0, 0, "auto|index|size|random", NULL,
     "claim order; never changes bytes", NH, NULL},
    {"output", 'o', IML__OPT_DIR, AT(out), "OUT", NULL, 0, 0, NULL, "output-dir out",
     "where the data set goes", NH, NULL},
    {"config", 0, IML__OPT_PATH, AT(config), "FILE", NULL, 0, 0, NULL, NULL,
     "option names as YAML keys; the command line wins", NH | IML__OPT_NO_CONFIG, NULL},
    {"seed", 0, IML__OPT_U64, AT(seed), "N", "0", 0, 0, NULL, NULL, "randomness", 0, NULL},
    {"only", 0, IML__OPT_LIST, AT(only), "I[,J..]", NULL, 0, 0, NULL, NULL,
     "only these items; I-J is a range", NH, NULL},
    {"limit", 0, IML__OPT_COUNT, AT(limit), "N", NULL, 1, 1099511627776.0, NULL, NULL,
     "only the first N items", NH, NULL},
    {"resume", 0, IML__OPT_FLAG, AT(resume), NULL, "true", 0, 0, NULL, NULL,
     "go on where an earlier run stopped; --no-resume refuses a directory that holds one", NH,
     NULL},
    {"overwrite", 0, IML__OPT_FLAG, AT(overwrite), NULL, NULL, 0, 0, NULL, NULL,
     "remove what an earlier run made in OUT, then begin anew", NH, NULL},
    {"max-errors", 0, IML__OPT_STR, AT(max_errors), "N|P%", NULL, 0, 0, NULL, NULL,
     "stop after so many bad items", NH, NULL},
    {"retry-bad", 0, IML__OPT_FLAG, AT(retry_bad), NULL, NULL, 0, 0, NULL, NULL,
     "try items again that were bad before", NH, NULL},
    {"quarantine", 0, IML__OPT_DIR, AT(quarantine), "DIR", NULL, 0, 0, NULL, NULL,
     "links to the inputs of bad items: hard ones, symbolic ones across file systems", NH, NULL},
    {"shard", 0, IML__OPT_STR, AT(shard), "i/n|auto", NULL, 0, 0, NULL, NULL,
     "this machine's share, i from 0; auto reads Slurm's, Kubernetes' and MPI's environment", NH,
     NULL},
    {"of", 0, IML__OPT_U64, AT(of), "N", NULL, 0, 0, NULL, NULL,
     "number of shares for --shard auto under Kubernetes", NH, NULL},
    {"lease", 0, IML__OPT_DIR, AT(lease), "DIR", NULL, 0, 0, NULL, NULL,
     "shares handed out over a shared directory", NH | IML__OPT_HIDDEN, NULL},
    {"lease-ttl", 0, IML__OPT_DOUBLE, AT(lease_ttl), "S", "60", 1, 86400, NULL, NULL,
     "age at which a lease is taken over", NH | IML__OPT_HIDDEN, NULL},
    {"metrics", 0, IML__OPT_PATH, AT(metrics), "FILE", NULL, 0, 0, NULL, NULL,
     "Prometheus text file, written every 10 s", NH, NULL},
    {"durability", 0, IML__OPT_ENUM, AT(durability), "LEVEL", "batch", 0, 0, "process|batch|item",
     NULL, "what survives power loss: nothing unsynced, whole batches, each item", NH, NULL},
    {"log-level", 0, IML__OPT_ENUM, AT(log_level), "LEVEL", "info", 0, 0, "error|warn|info|debug",
     NULL, "how much the log says", NH, NULL},
    {"log-dir", 0, IML__OPT_DIR, AT(log_dir), "DIR", NULL, 0, 0, NULL, NULL,
     "where NAME_YYYYMMDD_HHMMSS.log goes [./logs]", NH, NULL},
    {"progress", 0, IML__OPT_ENUM, AT(progress), "KIND", "auto", 0, 0, "auto|plain|json|none", NULL,
     "one live line on a terminal, elsewhere a line every 10 s or 5 %; json goes to fd 3", NH,
     NULL},
    {"json", 0, IML__OPT_FLAG, AT(json), NULL, NULL, 0, 0, NULL, NULL,
     "the result as JSON on stdout; all talk is on stderr", NH, NULL},
    {"print-config", 0, IML__OPT_FLAG, AT(print_config), NULL, NULL, 0, 0, NULL, NULL,
     "print the effective configuration and stop", NH | IML__OPT_NO_CONFIG, NULL},
    {"dry-run", 0, IML__OPT_FLAG, AT(dry_run), NULL, NULL, 0, 0, NULL, NULL,
     "check everything, write nothing", NH | IML__OPT_NO_CONFIG, NULL},
    {"bell", 0, IML__OPT_FLAG, AT(bell), NULL, NULL, 0, 0, NULL, NULL, "ring when done", NH, NULL},
    {"max-pixels", 0, IML__OPT_COUNT, AT(max_pixels), "N", "500M", 1, 1e12, NULL, NULL,
     "largest picture that is decoded", NH, NULL},
    {"cpu-only", 0, IML__OPT_FLAG, AT(cpu_only), NULL, NULL, 0, 0, NULL, NULL, "use no accelerator",
     NH, NULL},
    {"gpu-memory", 0, IML__OPT_DOUBLE, AT(gpu_memory), "F", "0.9", 0.1, 1, NULL, NULL,
     "share of the free GPU memory", NH, NULL},
    {"inject", 0, IML__OPT_STR, AT(inject), "SPEC", NULL, 0, 0, NULL, NULL,
     "crash=p,hang=p,oom=p,fail=p: faults on purpose (builds for tests)", NH | IML__OPT_HIDDEN,
     NULL},
};
const iml__opt_table iml__common_table = {rows, IML_COUNT_OF(rows)};

// ---- --shard

static iml_status shard_of(uint64_t i, uint64_t n, const char *from, iml_run_opts *run, iml_err *e)
{
    if (!n || i >= n || n > UINT32_MAX)
        return IML_FAIL(e, IML_EARG, "%s: share %llu of %llu; i runs from 0 to n-1", from,
                        (unsigned long long)i, (unsigned long long)n);
    run->shard_index = (uint32_t)i, run->shard_count = (uint32_t)n;
    return IML_OK;
}

static bool env_u64(const char *name, uint64_t *v)
{
    const char *s = getenv(name);
    return s && iml__parse_u64(s, v);
}

static iml_status parse_shard(const char *from, const char *text, iml_run_opts *run, iml_err *e)
{
    char head[24];
    const char *slash = strchr(text, '/');
    uint64_t i, n;
    size_t len = slash ? (size_t)(slash - text) : 0;
    if (!slash || len >= sizeof head) goto bad;
    memcpy(head, text, len);
    head[len] = 0;
    if (!iml__parse_u64(head, &i) || !iml__parse_u64(slash + 1, &n)) goto bad;
    return shard_of(i, n, from, run, e);
bad:
    return IML_FAIL(e, IML_EARG, "%s: '%.40s' is not i/n (0/4) or auto", from, text);
}

// In this order (engine.md 10), so that the innermost scheduler a user wraps wins over nothing.
static iml_status shard_auto(const struct iml__common *c, iml_run_opts *run, iml_err *e)
{
    static const char *const pairs[][2] = {{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                           {"PMI_RANK", "PMI_SIZE"},
                                           {"SLURM_PROCID", "SLURM_NTASKS"}};
    uint64_t i, n, low = 0, step = 1;
    const char *own = getenv("IMLOOM_SHARD");
    if (own) return parse_shard("IMLOOM_SHARD", own, run, e);
    if (env_u64("SLURM_ARRAY_TASK_ID", &i) && env_u64("SLURM_ARRAY_TASK_COUNT", &n)) {
        (void)env_u64("SLURM_ARRAY_TASK_MIN", &low);
        (void)env_u64("SLURM_ARRAY_TASK_STEP", &step);
        if (i < low || !step)
            return IML_FAIL(e, IML_EARG, "SLURM_ARRAY_TASK_ID is below SLURM_ARRAY_TASK_MIN");
        return shard_of((i - low) / step, n, "SLURM_ARRAY_TASK_ID", run, e);
    }
    if (env_u64("JOB_COMPLETION_INDEX", &i)) {
        if (!c->of)
            return IML_FAIL(
                e, IML_EARG,
                "--shard auto under Kubernetes needs --of N, the number of completions");
        return shard_of(i, c->of, "JOB_COMPLETION_INDEX", run, e);
    }
    for (size_t k = 0; k < IML_COUNT_OF(pairs); k++)
        if (env_u64(pairs[k][0], &i) && env_u64(pairs[k][1], &n))
            return shard_of(i, n, pairs[k][0], run, e);
    if (env_u64("PBS_ARRAY_INDEX", &i)) {
        if (!c->of)
            return IML_FAIL(e, IML_EARG,
                            "--shard auto under PBS needs --of N, the number of tasks");
        return shard_of(i, c->of, "PBS_ARRAY_INDEX", run, e);
    }
    return IML_FAIL(
        e, IML_EARG,
        "--shard auto: no scheduler's environment found; set IMLOOM_SHARD=i/n or give --shard i/n");
}

// ---- --only, --max-errors

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static iml_status add_only(struct iml__common *c, uint64_t from, uint64_t to, iml_err *e)
{
    if (to < from || to - from >= 1u << 24)
        return IML_FAIL(e, IML_EARG, "--only: the range %llu-%llu is empty or too long",
                        (unsigned long long)from, (unsigned long long)to);
    uint64_t *p = iml__realloc(c->only_index, c->nonly + (size_t)(to - from) + 1, sizeof *p);
    if (!p) return IML_FAIL(e, IML_ENOMEM, "no memory for --only");
    c->only_index = p;
    for (uint64_t i = from; i <= to; i++) p[c->nonly++] = i;
    return IML_OK;
}

static iml_status only_entry(struct iml__common *c, const char *text, size_t n,
                             iml_status (*resolve)(void *, const char *, uint64_t *, iml_err *),
                             void *user, iml_err *e)
{
    char word[512];
    uint64_t from, to;
    if (!n || n >= sizeof word)
        return IML_FAIL(e, IML_EARG, "--only: an entry is empty or too long");
    memcpy(word, text, n);
    word[n] = 0;
    if (iml__parse_u64(word, &from)) return add_only(c, from, from, e);
    char *dash = strchr(word, '-');
    if (dash && dash > word) {
        *dash = 0;
        if (iml__parse_u64(word, &from) && iml__parse_u64(dash + 1, &to))
            return add_only(c, from, to, e);
        *dash = '-';
    }
    if (!resolve) return IML_FAIL(e, IML_EARG, "--only: '%.60s' is not an index", word);
    IML_TRY(resolve(user, word, &from, e));
    return add_only(c, from, from, e);
}

static iml_status settle_only(struct iml__common *c, iml_run_opts *run,
                              iml_status (*resolve)(void *, const char *, uint64_t *, iml_err *),
                              void *user, iml_err *e)
{
    for (size_t k = 0; k < c->only.n; k++)
        for (const char *p = c->only.item[k];;) {
            size_t n = strcspn(p, ",");
            IML_TRY(only_entry(c, p, n, resolve, user, e));
            if (!p[n]) break;
            p += n + 1;
        }
    if (!c->nonly) return IML_OK;
    qsort(c->only_index, c->nonly, sizeof *c->only_index, by_value);
    size_t m = 1;
    for (size_t k = 1; k < c->nonly; k++)
        if (c->only_index[k] != c->only_index[m - 1]) c->only_index[m++] = c->only_index[k];
    c->nonly = m;
    run->only = c->only_index, run->n_only = m;
    return IML_OK;
}

static iml_status settle_max_errors(const char *text, iml_run_opts *run, iml_err *e)
{
    char head[32];
    size_t n = text ? strlen(text) : 0;
    double percent;
    if (!n) return IML_OK;
    if (n < sizeof head && text[n - 1] == '%') {
        memcpy(head, text, n - 1);
        head[n - 1] = 0;
        if (!iml__parse_double(head, &percent) || percent < 0 || percent > 100)
            return IML_FAIL(e, IML_EARG, "--max-errors: '%.30s' is not within 0%%..100%%", text);
        run->max_error_rate = percent / 100;
        return IML_OK;
    }
    if (!iml__parse_u64(text, &run->max_errors))
        return IML_FAIL(e, IML_EARG, "--max-errors: '%.30s' is neither a number nor a percentage",
                        text);
    return IML_OK;
}

// ---- All of them

static iml_status settle_workers(struct iml__common *c, const iml__opts *o, iml_run_opts *run)
{
    run->workers = c->sequential ? 0 : c->workers;
    run->io_workers = c->io_workers;
    if (c->generation_workers < -1) return IML_OK;
    run->workers = c->sequential ? 0 : (int)c->generation_workers;
    if (iml__opts_given(o, "workers") && !iml__opts_given(o, "io-workers")) {
        run->io_workers = c->workers;
        c->notes[c->nnotes++] = "--workers beside --generation-workers is read as --io-workers";
    }
    return IML_OK;
}

iml_status iml__common_settle(struct iml__common *c, const iml__opts *o, iml_run_opts *run,
                              iml_status (*resolve)(void *user, const char *text, uint64_t *index,
                                                    iml_err *e),
                              void *user, iml_err *e)
{
    iml_run_opts_default(run);
    IML_TRY(settle_workers(c, o, run));
    run->chunk_items = c->chunk_size, run->io_batch = c->io_batch_size,
    run->memory_bytes = c->memory;
    run->mode = c->mode, run->order = c->order, run->durability = c->durability;
    run->timeout_s = c->timeout, run->seed = c->seed, run->gpu_memory = c->gpu_memory;
    run->out_dir = c->out, run->quarantine_dir = c->quarantine, run->metrics_file = c->metrics;
    run->inject = c->inject;
    if (iml__opts_given(o, "limit")) run->limit = c->limit;
    run->flags = (c->resume ? IML_RUN_RESUME : 0u) | (c->overwrite ? IML_RUN_OVERWRITE : 0u) |
                 (c->retry_bad ? IML_RUN_RETRY_BAD : 0u) | (c->dry_run ? IML_RUN_DRY_RUN : 0u);
    if (c->overwrite && (c->retry_bad || (c->resume && iml__opts_given(o, "resume"))))
        return IML_FAIL(e, IML_EARG, "--overwrite begins anew; it does not go with --%s",
                        c->retry_bad ? "retry-bad" : "resume");
    if (c->lease)
        return IML_FAIL(e, IML_EARG,
                        "--lease: leases are not there yet; give each machine its --shard i/n");
    IML_TRY(settle_max_errors(c->max_errors, run, e));
    if (c->of && (!c->shard || strcmp(c->shard, "auto") != 0))
        return IML_FAIL(e, IML_EARG, "--of goes with --shard auto; a share is --shard i/%llu",
                        (unsigned long long)c->of);
    if (c->shard && !strcmp(c->shard, "auto"))
        IML_TRY(shard_auto(c, run, e));
    else if (c->shard)
        IML_TRY(parse_shard("--shard", c->shard, run, e));
    return settle_only(c, run, resolve, user, e);
}

void iml__common_free(struct iml__common *c)
{
    IML_FREE(c->only_index);
    c->nonly = 0;
}
