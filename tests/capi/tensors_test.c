/* Many tensors in one op, as documented: the same bits as one buffer of them all, in place and not, with
 * codecs; what is refused, and what members must agree on. */
#include <math.h>

#include "harness.h"

#define TENSORS 14
#define COUNT 24000
#define GAP 3 /* elements between tensors: they are no flat buffer */

static const size_t counts[TENSORS] = {0, 1, 1023, 1024, 1025, 7, 0, 4093, 9001, 1, 1, 5000, 2821, 3};
static float flat[PEERS_MAX][COUNT], expected[PEERS_MAX][COUNT];
static float ins[PEERS_MAX][COUNT + TENSORS * GAP], outs[PEERS_MAX][COUNT + TENSORS * GAP];
static whim_tensor lists[PEERS_MAX][TENSORS];

/* Backwards in memory, so that what follows in the op does not in memory. mixed: every third is in place. */
static void lay_out(int peer, int mixed, int in_place) {
    size_t at = COUNT + TENSORS * GAP, first = 0, i;
    int t;
    for (i = 0; i < COUNT + TENSORS * GAP; i++) ins[peer][i] = outs[peer][i] = -5;
    for (t = 0; t < TENSORS; t++) {
        whim_tensor* tensor = &lists[peer][t];
        at -= counts[t] + GAP;
        memcpy(ins[peer] + at, flat[peer] + first, counts[t] * sizeof(float));
        tensor->in = ins[peer] + at;
        tensor->out = in_place || (mixed && t % 3 == 0) ? ins[peer] + at : outs[peer] + at;
        tensor->count = counts[t];
        first += counts[t];
    }
    CHECK(first == COUNT);
}

static void check_result(int peer) {
    size_t first = 0;
    int t, g;
    for (t = 0; t < TENSORS; t++) {
        const float* out = (const float*)lists[peer][t].out;
        CHECK(memcmp(out, expected[peer] + first, counts[t] * sizeof(float)) == 0);
        for (g = 0; g < GAP; g++) CHECK(out[counts[t] + (size_t)g] == -5);
        if (lists[peer][t].in != lists[peer][t].out)
            CHECK(memcmp(lists[peer][t].in, flat[peer] + first, counts[t] * sizeof(float)) == 0);
        first += counts[t];
    }
}

static void fill(int peers) {
    int p, i;
    for (p = 0; p < peers; p++)
        for (i = 0; i < COUNT; i++) flat[p][i] = sinf((float)(i * (p + 1)));
}

static void as_one_buffer(run* r, uint32_t reduce, const char* codec) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    whim_op_info info = WHIM_OP_INFO_INIT;
    whim_contributor_run part = WHIM_CONTRIBUTOR_RUN_INIT;
    int p, in_place, mixed;
    options.codec = codec;
    fill(r->peers);
    for (p = 0; p < r->peers; p++)
        CHECK_OK(
            whim_all_reduce(r->groups[p], flat[p], expected[p], COUNT, WHIM_F32, reduce, &options, &ops[p]));
    for (p = 0; p < r->peers; p++) end_op(ops[p], WHIM_OK);
    for (in_place = 0; in_place < 2; in_place++)
        for (mixed = 0; mixed < 2; mixed++) {
            for (p = 0; p < r->peers; p++) lay_out(p, mixed && p != 1, in_place);
            for (p = 0; p < r->peers; p++)
                CHECK_OK(whim_all_reduce_tensors(r->groups[p], lists[p], TENSORS, WHIM_F32, reduce, &options,
                                                 &ops[p]));
            for (p = 0; p < r->peers; p++) CHECK_OK(whim_op_wait(ops[p], PATIENCE_MS));
            for (p = 0; p < r->peers; p++) check_result(p);
            CHECK_OK(whim_op_get_info(ops[0], &info));
            CHECK(info.kind == WHIM_OP_ALL_REDUCE && info.contributor_runs == 1);
            CHECK_OK(whim_op_get_contributor_run(ops[0], 0, &part));
            CHECK(part.first == 0 && part.count == COUNT);
            for (p = 0; p < r->peers; p++) whim_op_release(ops[p]);
        }
}

static void few_and_empty(run* r) {
    whim_op* ops[PEERS_MAX];
    whim_tensor empty[3];
    int p;
    memset(empty, 0, sizeof empty);
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_all_reduce_tensors(r->groups[p], NULL, 0, WHIM_F32, WHIM_AVG, NULL, &ops[p]));
    for (p = 0; p < r->peers; p++) end_op(ops[p], WHIM_OK);
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_all_reduce_tensors(r->groups[p], empty, 3, WHIM_F32, WHIM_AVG, NULL, &ops[p]));
    for (p = 0; p < r->peers; p++) end_op(ops[p], WHIM_OK);
    /* A list of one meets a plain buffer. */
    for (p = 0; p < r->peers; p++) {
        whim_tensor one;
        flat[p][0] = (float)(p + 1), flat[p][1] = 10;
        one.in = one.out = flat[p];
        one.count = 2;
        if (p == 0)
            CHECK_OK(whim_all_reduce(r->groups[p], flat[p], flat[p], 2, WHIM_F32, WHIM_SUM, NULL, &ops[p]));
        else CHECK_OK(whim_all_reduce_tensors(r->groups[p], &one, 1, WHIM_F32, WHIM_SUM, NULL, &ops[p]));
    }
    for (p = 0; p < r->peers; p++) end_op(ops[p], WHIM_OK);
    for (p = 0; p < r->peers; p++) CHECK(flat[p][0] == 6 && flat[p][1] == 30);
}

/* As many elements, cut at another place: the result would be well defined, and the caller is wrong. */
static void another_cut_is_a_mismatch(run* r) {
    whim_op* ops[PEERS_MAX];
    int p;
    fill(r->peers);
    for (p = 0; p < r->peers; p++) {
        lay_out(p, 0, 0);
        if (p == 1) lists[p][1].count = 2, lists[p][9].count = 0;
        CHECK_OK(whim_all_reduce_tensors(r->groups[p], lists[p], TENSORS, WHIM_F32, WHIM_AVG, NULL, &ops[p]));
    }
    for (p = 0; p < r->peers; p++) end_op_saying(ops[p], WHIM_E_MISMATCH, "in 14 tensors (lengths ");
}

static void a_bad_element_is_named(run* r) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    int p;
    options.non_finite = WHIM_NON_FINITE_ABORT;
    fill(r->peers);
    for (p = 0; p < r->peers; p++) {
        lay_out(p, 0, 0);
        if (p == 2) ((float*)lists[p][7].in)[100] = NAN;
        CHECK_OK(
            whim_all_reduce_tensors(r->groups[p], lists[p], TENSORS, WHIM_F32, WHIM_AVG, &options, &ops[p]));
    }
    for (p = 0; p < r->peers; p++) end_op_saying(ops[p], WHIM_E_NON_FINITE, "element 100 of tensor 7");
}

static void what_is_refused(run* r) {
    whim_group* group = r->groups[0];
    const uint64_t parts[] = {1, 2, 3};
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_tensor two[2];
    whim_op* op;
    CHECK(whim_all_reduce_tensors(group, NULL, 1, WHIM_F32, WHIM_AVG, NULL, &op) == WHIM_E_INVALID);
    two[0].in = two[0].out = flat[0], two[0].count = 10;
    two[1].in = two[1].out = flat[0] + 9, two[1].count = 10;
    CHECK(whim_all_reduce_tensors(group, two, 2, WHIM_F32, WHIM_AVG, NULL, &op) == WHIM_E_INVALID);
    CHECK_DETAIL("out of tensor 1 overlaps out of tensor 0");
    two[1].out = flat[1]; /* its in is another's out */
    CHECK(whim_all_reduce_tensors(group, two, 2, WHIM_F32, WHIM_AVG, NULL, &op) == WHIM_E_INVALID);
    two[1].in = NULL;
    CHECK(whim_all_reduce_tensors(group, two, 2, WHIM_F32, WHIM_AVG, NULL, &op) == WHIM_E_INVALID);
    two[1].in = flat[2], two[1].out = (char*)flat[1] + 1;
    CHECK(whim_all_reduce_tensors(group, two, 2, WHIM_F32, WHIM_AVG, NULL, &op) == WHIM_E_INVALID);
    two[1].out = flat[1], two[1].count = SIZE_MAX / 4;
    CHECK(whim_all_reduce_tensors(group, two, 2, WHIM_F32, WHIM_AVG, NULL, &op) == WHIM_E_INVALID);
    two[1].count = 10;
    options.counts = parts, options.counts_len = 3;
    CHECK(whim_all_reduce_tensors(group, two, 2, WHIM_F32, WHIM_AVG, &options, &op) == WHIM_E_INVALID);
    CHECK(whim_all_reduce_tensors(group, two, 1u << 20, WHIM_F32, WHIM_AVG, NULL, &op) == WHIM_E_INVALID);
}

int main(void) {
    run r;
    start_run(&r, 3);
    as_one_buffer(&r, WHIM_AVG, NULL);
    as_one_buffer(&r, WHIM_SUM, NULL);
    as_one_buffer(&r, WHIM_MAX, NULL);
    as_one_buffer(&r, WHIM_AVG, "int8");
    as_one_buffer(&r, WHIM_SUM, "topk:1/64");
    few_and_empty(&r);
    another_cut_is_a_mismatch(&r);
    a_bad_element_is_named(&r);
    what_is_refused(&r);
    commit_round(&r);
    stop_run(&r);
    return 0;
}
