/* Bounds, priorities and shares reach the links. Times are compared with what a bound allows at most, and
 * with each other over a link whose bound is what they wait for; nothing has to be fast. */
#define _POSIX_C_SOURCE 200809L
#include <time.h>

#include "harness.h"

#define RATE 8000000u /* bytes per second */
#define COUNT (1u << 20)
#define BYTES (COUNT * sizeof(float))

static float x[PEERS_MAX][2][COUNT];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void bound_all(whim_group_options* options) { options->rate_limit = RATE; }
static void bound_each(whim_group_options* options) { options->link_rate_limit = RATE; }
static void bound_all_small_chunks(whim_group_options* options) {
    options->rate_limit = RATE;
    options->chunk_bytes = 16384;
}
static void bound_each_small_chunks(whim_group_options* options) {
    options->link_rate_limit = RATE;
    options->chunk_bytes = 16384;
}

/* Seconds until all have what rank 0 had. */
static double seconds_of_a_broadcast(run* r) {
    whim_op* ops[PEERS_MAX];
    const double begin = now();
    int p;
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_broadcast(r->groups[p], x[p][0], COUNT, WHIM_F32, 0, NULL, &ops[p]));
    for (p = 0; p < r->peers; p++) end_op(ops[p], WHIM_OK);
    return now() - begin;
}

/* Of three peers the source sends each other one half of the data, which that one passes on. A bucket holds a
 * hundredth of a second. */
static const double of_each = (0.5 * BYTES) / RATE - 0.05;
static const double of_all = (1.0 * BYTES) / RATE - 0.05;

static void bounds_begin_with_the_group(void) {
    run r;
    start_run_with(&r, 3, bound_each);
    CHECK(seconds_of_a_broadcast(&r) >= of_each);
    stop_run(&r);
    start_run_with(&r, 3, bound_all);
    CHECK(seconds_of_a_broadcast(&r) >= of_all);
    stop_run(&r);
}

static void set_limits(run* r, uint64_t all, uint64_t each) {
    int p;
    for (p = 0; p < r->peers; p++) CHECK_OK(whim_group_set_rate_limits(r->groups[p], all, each));
}

static void bounds_change_at_any_time(void) {
    run r;
    whim_op* ops[PEERS_MAX];
    int p;
    start_run(&r, 3);
    set_limits(&r, 0, RATE);
    CHECK(seconds_of_a_broadcast(&r) >= of_each);
    set_limits(&r, RATE, 0);
    CHECK(seconds_of_a_broadcast(&r) >= of_all);
    set_limits(&r, 0, BYTES / 1000); /* many minutes: what waits for it goes on without it */
    for (p = 0; p < r.peers; p++)
        CHECK_OK(whim_broadcast(r.groups[p], x[p][0], COUNT, WHIM_F32, 0, NULL, &ops[p]));
    CHECK_IS(whim_op_wait(ops[r.peer_of_rank[1]], 200), WHIM_IN_PROGRESS);
    set_limits(&r, 0, 0);
    for (p = 0; p < r.peers; p++) end_op(ops[p], WHIM_OK);
    stop_run(&r);
}

static double seconds_until_the_end(whim_op* op) {
    whim_op_info info = WHIM_OP_INFO_INIT;
    CHECK_OK(whim_op_wait(op, PATIENCE_MS));
    CHECK_OK(whim_op_get_info(op, &info));
    whim_op_release(op);
    return 1e-9 * (double)info.elapsed_ns;
}

/* What a strand has taken when another op begins leaves first: half a MiB, of 4 of each op. */
static int clearly_before(double first, double second) { return first < 0.85 * second; }

static void a_higher_priority_goes_first(void) {
    run r;
    whim_op* ops[2][2];
    int p, i;
    start_run_with(&r, 2, bound_all_small_chunks);
    for (i = 0; i < 2; i++)
        for (p = 0; p < 2; p++) {
            whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
            options.tag = (uint64_t)i;
            options.priority = (uint32_t)i;
            CHECK_OK(whim_all_reduce(r.groups[p], x[p][i], x[p][i], COUNT, WHIM_F32, WHIM_AVG, &options,
                                     &ops[p][i]));
        }
    for (p = 0; p < 2; p++) {
        const double low = seconds_until_the_end(ops[p][0]), high = seconds_until_the_end(ops[p][1]);
        CHECK(clearly_before(high, low));
    }
    stop_run(&r);
}

/* Called by the receivers first, so that nothing of either op waits for them. */
static void equals_get_their_shares(void) {
    static const uint32_t shares[2] = {1, 4};
    run r;
    whim_op *ops[2][2], *met[2];
    double called[2], ends[2];
    int i, source, other;
    start_run_with(&r, 2, bound_each_small_chunks);
    source = r.peer_of_rank[0];
    other = 1 - source;
    for (i = 0; i < 2; i++) {
        whim_collective_options options = WHIM_COLLECTIVE_OPTIONS_INIT;
        options.tag = 1 + (uint64_t)i;
        called[i] = now();
        CHECK_OK(whim_broadcast(r.groups[other], x[other][i], COUNT, WHIM_F32, 0, &options, &ops[other][i]));
    }
    for (i = 0; i < 2; i++) CHECK_OK(whim_barrier(r.groups[i], NULL, &met[i]));
    for (i = 0; i < 2; i++) end_op(met[i], WHIM_OK);
    for (i = 0; i < 2; i++) {
        whim_collective_options options = WHIM_COLLECTIVE_OPTIONS_INIT;
        options.tag = 1 + (uint64_t)i;
        options.share = shares[i];
        CHECK_OK(
            whim_broadcast(r.groups[source], x[source][i], COUNT, WHIM_F32, 0, &options, &ops[source][i]));
    }
    for (i = 0; i < 2; i++) ends[i] = called[i] + seconds_until_the_end(ops[other][i]);
    for (i = 0; i < 2; i++) end_op(ops[source][i], WHIM_OK);
    CHECK(clearly_before(ends[1] - called[0], ends[0] - called[0]));
    stop_run(&r);
}

int main(void) {
    bounds_begin_with_the_group();
    bounds_change_at_any_time();
    a_higher_priority_goes_first();
    equals_get_their_shares();
    return 0;
}
