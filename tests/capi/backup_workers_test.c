/* Backup workers from the outside: with groups of which one is always late the choice becomes the others
 * alone, and all members choose alike; numbers that cannot be are refused by name. The losses are those of a
 * quadratic. */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <time.h>

#include "harness.h"

#define PEERS 3
#define ROUNDS 30
#define COUNT 60000 /* a part for each of them */
#define LATE_MS 250
#define GRACE_MS 60 /* longer than a busy machine stops anybody */
#define SMOOTHNESS 0.5
#define ETA 0.5

static float gradient[PEERS][COUNT], mean[PEERS][COUNT];
static double list[PEERS][64];
static whim_backup_workers* policy[PEERS];

static void sleep_ms(long ms) {
    struct timespec span;
    span.tv_sec = 0;
    span.tv_nsec = ms * 1000000;
    nanosleep(&span, NULL);
}

static double norm2(const float* x) {
    double sum = 0;
    int i;
    for (i = 0; i < COUNT; i++) sum += (double)x[i] * (double)x[i];
    return sum;
}

/* Posts of all but one, whose comes so much later; and their ends. */
static void reduce(run* r, whim_all_reduce_options* options, uint32_t dtype, void* in[], void* out[],
                   size_t count, whim_op* ops[]) {
    int p, late = r->peer_of_rank[PEERS - 1];
    for (p = 0; p < PEERS; p++) {
        if (p != late)
            CHECK_OK(whim_all_reduce(r->groups[p], in[p], out[p], count, dtype, WHIM_AVG, options, &ops[p]));
    }
    sleep_ms(LATE_MS);
    CHECK_OK(
        whim_all_reduce(r->groups[late], in[late], out[late], count, dtype, WHIM_AVG, options, &ops[late]));
    for (p = 0; p < PEERS; p++) CHECK_OK(whim_op_wait(ops[p], PATIENCE_MS));
}

static void arrivals_are_told(run* r, whim_op* const ops[], uint32_t waited_for) {
    uint64_t ns[PEERS], closed;
    const int first = r->peer_of_rank[0];
    CHECK_OK(whim_op_get_arrivals(ops[first], ns, PEERS, &closed));
    CHECK(ns[0] == 0 && ns[1] <= closed && closed < UINT64_MAX);
    if (waited_for == PEERS) CHECK(ns[2] >= LATE_MS / 2 * 1000000ull && ns[2] <= closed);
    else CHECK(ns[2] == UINT64_MAX);
    CHECK_OK(whim_op_get_arrivals(ops[first], ns, PEERS, NULL));
    CHECK_IS(whim_op_get_arrivals(ops[first], ns, PEERS - 1, &closed), WHIM_E_INVALID);
    CHECK_IS(whim_op_get_arrivals(ops[first], NULL, PEERS, &closed), WHIM_E_INVALID);
    CHECK_IS(whim_op_get_arrivals(NULL, ns, PEERS, &closed), WHIM_E_INVALID);
}

/* The loss is SMOOTHNESS / 2 |x|^2; x is where all are, and each sees the gradient with noise of its own. */
static void a_straggler_is_not_waited_for(run* r) {
    double x = 4, loss;
    uint32_t state = 1, chosen = PEERS;
    int p, i, round, without_it = 0;
    void *in[PEERS], *out[PEERS];
    whim_op* ops[PEERS];
    for (p = 0; p < PEERS; p++) {
        CHECK_OK(whim_backup_workers_create(PEERS, ETA, NULL, &policy[p]));
        CHECK(whim_backup_workers_list_len(policy[p]) <= 64);
    }
    for (round = 0; round < ROUNDS && without_it < 3; round++) {
        whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
        options.min_contributors = chosen;
        options.grace_ms = GRACE_MS;
        loss = SMOOTHNESS / 2 * x * x * COUNT;
        without_it += chosen < PEERS;
        for (p = 0; p < PEERS; p++) {
            for (i = 0; i < COUNT; i++) {
                state = state * 1664525u + 1013904223u;
                gradient[p][i] = (float)(SMOOTHNESS * x + ((double)(state >> 8) / (1 << 24) - 0.5) * 0.1);
            }
            in[p] = gradient[p];
            out[p] = mean[p];
        }
        reduce(r, &options, WHIM_F32, in, out, COUNT, ops);
        arrivals_are_told(r, ops, chosen);
        for (p = 0; p < PEERS; p++) {
            CHECK_OK(whim_backup_workers_measure(policy[p], ops[p], norm2(gradient[p]), norm2(mean[p]), loss,
                                                 list[p]));
            whim_op_release(ops[p]);
            in[p] = out[p] = list[p];
        }
        options.tag = 1;
        reduce(r, &options, WHIM_F64, in, out, whim_backup_workers_list_len(policy[0]), ops);
        for (p = 0; p < PEERS; p++) {
            whim_op_release(ops[p]);
            CHECK_OK(whim_backup_workers_observe_list(policy[p], list[p]));
        }
        chosen = whim_backup_workers_choose(policy[0]);
        for (p = 1; p < PEERS; p++) CHECK(whim_backup_workers_choose(policy[p]) == chosen);
        x -= ETA * mean[0][0];
        commit_round(r);
        begin_round(r);
    }
    CHECK(without_it == 3);
    for (p = 0; p < PEERS; p++) whim_backup_workers_destroy(policy[p]);
}

/* Once it does not wait, it stays so, and what comes late is said to have not come. */
static void it_stays_so(void) {
    whim_backup_workers* one;
    whim_backup_workers_step step = WHIM_BACKUP_WORKERS_STEP_INIT;
    whim_backup_workers_options options = WHIM_BACKUP_WORKERS_OPTIONS_INIT;
    const uint64_t arrivals[PEERS] = {0, 20000000, 500000000};
    double x = 100;
    int i;
    options.min_contributors_min = 2;
    options.window = 10;
    CHECK_OK(whim_backup_workers_create(PEERS, ETA, &options, &one));
    CHECK(whim_backup_workers_choose(one) == PEERS);
    for (i = 0; i < 50; i++) {
        step.contributors = whim_backup_workers_choose(one);
        step.arrivals_ns = arrivals;
        step.arrivals_len = step.contributors;
        step.closed_ns = arrivals[step.contributors - 1];
        step.mean_norm2 = SMOOTHNESS * x * SMOOTHNESS * x;
        step.variance = 0.01;
        step.loss = SMOOTHNESS / 2 * x * x;
        CHECK_OK(whim_backup_workers_observe(one, &step));
        x -= ETA * SMOOTHNESS * x;
        if (i > 5 && i < 25) CHECK(whim_backup_workers_choose(one) == 2);
    }
    CHECK_OK(whim_backup_workers_resize(one, 5));
    CHECK(whim_backup_workers_list_len(one) > 10);
    CHECK_OK(whim_backup_workers_resize(one, 1));
    CHECK(whim_backup_workers_choose(one) == 1);
    whim_backup_workers_destroy(one);
}

static void what_cannot_be_is_refused(void) {
    whim_backup_workers* one;
    whim_backup_workers_options options = WHIM_BACKUP_WORKERS_OPTIONS_INIT;
    whim_backup_workers_step good = WHIM_BACKUP_WORKERS_STEP_INIT, bad;
    uint64_t arrivals[PEERS] = {1, 2, 3};
    double numbers[64] = {0};
    CHECK_IS(whim_backup_workers_create(PEERS, ETA, NULL, NULL), WHIM_E_INVALID);
    CHECK_IS(whim_backup_workers_create(0, ETA, NULL, &one), WHIM_E_INVALID);
    CHECK_IS(whim_backup_workers_create(1025, ETA, NULL, &one), WHIM_E_INVALID);
    CHECK_DETAIL("members 1025: from 1 to 1024");
    CHECK_IS(whim_backup_workers_create(PEERS, 0, NULL, &one), WHIM_E_INVALID);
    CHECK_IS(whim_backup_workers_create(PEERS, -1, NULL, &one), WHIM_E_INVALID);
    CHECK_IS(whim_backup_workers_create(PEERS, 1e7, NULL, &one), WHIM_E_INVALID);
    CHECK_IS(whim_backup_workers_create(PEERS, NAN, NULL, &one), WHIM_E_NON_FINITE);
    CHECK_DETAIL("eta is nan");
    options.min_contributors_min = PEERS + 1;
    CHECK_IS(whim_backup_workers_create(PEERS, ETA, &options, &one), WHIM_E_INVALID);
    options.min_contributors_min = 0;
    options.window = 1001;
    CHECK_IS(whim_backup_workers_create(PEERS, ETA, &options, &one), WHIM_E_INVALID);
    CHECK_DETAIL("window 1001");

    CHECK_OK(whim_backup_workers_create(PEERS, ETA, NULL, &one));
    CHECK_IS(whim_backup_workers_resize(one, 0), WHIM_E_INVALID);
    CHECK_IS(whim_backup_workers_resize(NULL, 2), WHIM_E_INVALID);
    CHECK_IS(whim_backup_workers_observe(one, NULL), WHIM_E_INVALID);
    CHECK_IS(whim_backup_workers_observe(NULL, &good), WHIM_E_INVALID);
    CHECK_IS(whim_backup_workers_observe_list(one, NULL), WHIM_E_INVALID);
    CHECK_IS(whim_backup_workers_measure(one, NULL, 1, 1, 1, numbers), WHIM_E_INVALID);
    CHECK_IS(whim_backup_workers_measure(one, NULL, 1, 1, 1, NULL), WHIM_E_INVALID);
    good.contributors = 2;
    good.arrivals_ns = arrivals;
    good.arrivals_len = PEERS;
    good.mean_norm2 = good.variance = good.loss = 1;
#define CHECK_BAD(change, wanted, words)                                                                     \
    do {                                                                                                     \
        bad = good;                                                                                          \
        change;                                                                                              \
        CHECK_IS(whim_backup_workers_observe(one, &bad), wanted);                                            \
        CHECK_DETAIL(words);                                                                                 \
    } while (0)
    CHECK_BAD(bad.struct_size = 0, WHIM_E_INVALID, "struct_size is 0");
    CHECK_BAD(bad.contributors = 0, WHIM_E_INVALID, "contributors 0: from 1 to 3");
    CHECK_BAD(bad.contributors = 4, WHIM_E_INVALID, "contributors 4");
    CHECK_BAD(bad.arrivals_len = 4, WHIM_E_INVALID, "arrivals_len 4");
    CHECK_BAD(bad.arrivals_ns = NULL, WHIM_E_INVALID, "arrivals_ns is NULL");
    CHECK_BAD(bad.closed_ns = UINT64_MAX, WHIM_E_INVALID, "closed_ns");
    CHECK_BAD(bad.mean_norm2 = -1, WHIM_E_INVALID, "mean_norm2 is -1");
    CHECK_BAD(bad.mean_norm2 = INFINITY, WHIM_E_NON_FINITE, "mean_norm2 is inf");
    CHECK_BAD(bad.mean_norm2 = 1e151, WHIM_E_INVALID, "mean_norm2 is 1e+151");
    CHECK_BAD(bad.variance = -1, WHIM_E_INVALID, "variance is -1");
    CHECK_BAD(bad.variance = NAN, WHIM_E_NON_FINITE, "variance is nan");
    CHECK_BAD(bad.loss = -INFINITY, WHIM_E_NON_FINITE, "loss is -inf");
    arrivals[1] = 0;
    CHECK_BAD((void)0, WHIM_E_INVALID, "arrival 1 does not ascend");
    arrivals[1] = UINT64_MAX;
    CHECK_BAD((void)0, WHIM_E_INVALID, "arrival 1 is");
    CHECK_IS(whim_backup_workers_observe_list(one, numbers), WHIM_E_INVALID);
    CHECK_DETAIL("nobody roots, or contributes");
    numbers[2] = NAN;
    CHECK_IS(whim_backup_workers_observe_list(one, numbers), WHIM_E_NON_FINITE);
    CHECK_DETAIL("entry 2 of the list");
    CHECK(whim_backup_workers_choose(one) == PEERS && whim_backup_workers_choose(NULL) == 0);
    CHECK(whim_backup_workers_list_len(NULL) == 0);
    whim_backup_workers_destroy(one);
    whim_backup_workers_destroy(NULL);
}

static void ops_of_other_kinds(run* r) {
    whim_op* ops[PEERS];
    uint64_t ns[PEERS];
    float small[PEERS] = {1, 2, 3};
    int p;
    CHECK_OK(whim_backup_workers_create(PEERS, ETA, NULL, &policy[0]));
    CHECK_OK(whim_backup_workers_create(PEERS + 1, ETA, NULL, &policy[1]));
    for (p = 0; p < PEERS; p++) CHECK_OK(whim_barrier(r->groups[p], NULL, &ops[p]));
    for (p = 0; p < PEERS; p++) CHECK_OK(whim_op_wait(ops[p], PATIENCE_MS));
    CHECK_IS(whim_op_get_arrivals(ops[r->peer_of_rank[0]], ns, PEERS, NULL), WHIM_E_WRONG_STATE);
    CHECK_DETAIL("made no part");
    CHECK_OK(whim_op_get_arrivals(ops[r->peer_of_rank[PEERS - 1]], ns, PEERS, NULL)); /* the only root */
    for (p = 0; p < PEERS; p++) whim_op_release(ops[p]);
    for (p = 0; p < PEERS; p++)
        CHECK_OK(whim_broadcast(r->groups[p], &small[p], 1, WHIM_F32, 0, NULL, &ops[p]));
    for (p = 0; p < PEERS; p++) CHECK_OK(whim_op_wait(ops[p], PATIENCE_MS));
    CHECK_IS(whim_backup_workers_measure(policy[0], ops[0], 1, 1, 1, list[0]), WHIM_E_INVALID);
    CHECK_DETAIL("no all-reduce");
    for (p = 0; p < PEERS; p++) whim_op_release(ops[p]);
    for (p = 0; p < PEERS; p++) {
        CHECK_OK(whim_all_reduce(r->groups[p], &small[p], &small[p], 1, WHIM_F32, WHIM_AVG, NULL, &ops[p]));
        if (p == 0)
            CHECK_IS(whim_backup_workers_measure(policy[0], ops[0], 1, 1, 1, list[0]), WHIM_E_WRONG_STATE);
    }
    for (p = 0; p < PEERS; p++) CHECK_OK(whim_op_wait(ops[p], PATIENCE_MS));
    CHECK_IS(whim_backup_workers_measure(policy[0], ops[0], NAN, 1, 1, list[0]), WHIM_E_NON_FINITE);
    CHECK_DETAIL("own_norm2 is nan");
    CHECK_IS(whim_backup_workers_measure(policy[0], ops[0], 1, -1, 1, list[0]), WHIM_E_INVALID);
    CHECK_DETAIL("mean_norm2 is -1");
    CHECK_IS(whim_backup_workers_measure(policy[1], ops[0], 1, 1, 1, list[0]), WHIM_E_INVALID);
    CHECK_DETAIL("3 members, the policy 4");
    /* One part, so one root; the others say that they saw no arrivals. */
    for (p = 0; p < PEERS; p++) CHECK_OK(whim_backup_workers_measure(policy[0], ops[p], 1, 1, 1, list[p]));
    for (p = 0; p < PEERS; p++) whim_op_release(ops[p]);
    whim_backup_workers_destroy(policy[0]);
    whim_backup_workers_destroy(policy[1]);
}

int main(void) {
    run r;
    it_stays_so();
    what_cannot_be_is_refused();
    start_run(&r, PEERS);
    a_straggler_is_not_waited_for(&r);
    ops_of_other_kinds(&r);
    stop_run(&r);
    return 0;
}
