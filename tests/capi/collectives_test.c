/* Collectives as documented: all kinds, many at once, empty buffers, weights of zero, non-finite input, one
 * peer. */
#include <math.h>

#include "harness.h"

#define COUNT 5000

static float x[PEERS_MAX][COUNT], y[PEERS_MAX][COUNT];

static void fill(int peers) {
    int p, i;
    for (p = 0; p < peers; p++)
        for (i = 0; i < COUNT; i++) x[p][i] = (float)(p + 1) * (float)(i % 100);
}

static void end_all(whim_op** ops, int peers, whim_result wanted) {
    int p;
    for (p = 0; p < peers; p++) end_op(ops[p], wanted);
}

static void weighted_mean(run* r) {
    static const float weights[] = {1, 0, 2};
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    int p, i;
    fill(r->peers);
    for (p = 0; p < r->peers; p++) {
        options.weight = &weights[p];
        CHECK_OK(whim_all_reduce(r->groups[p], x[p], y[p], COUNT, WHIM_F32, WHIM_AVG, &options, &ops[p]));
    }
    end_all(ops, r->peers, WHIM_OK);
    for (i = 0; i < COUNT; i++) CHECK(y[0][i] == (1 * x[0][i] + 0 * x[1][i] + 2 * x[2][i]) / 3);
    for (p = 1; p < r->peers; p++) CHECK(memcmp(y[0], y[p], sizeof y[0]) == 0);
}

static void all_weights_zero(run* r) {
    static const float none = 0;
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    int p;
    options.weight = &none;
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_all_reduce(r->groups[p], x[p], y[p], COUNT, WHIM_F32, WHIM_AVG, &options, &ops[p]));
    end_all(ops, r->peers, WHIM_E_WEIGHTS);
}

static void sum_in_place_reports_its_set(run* r) {
    whim_op* ops[PEERS_MAX];
    whim_op_info info = WHIM_OP_INFO_INIT;
    whim_contributor_set set = WHIM_CONTRIBUTOR_SET_INIT;
    whim_contributor_run part = WHIM_CONTRIBUTOR_RUN_INIT;
    whim_member member = WHIM_MEMBER_INIT;
    int p, i;
    fill(r->peers);
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_all_reduce(r->groups[p], x[p], x[p], COUNT, WHIM_F32, WHIM_SUM, NULL, &ops[p]));
    for (p = 0; p < r->peers; p++) CHECK_OK(whim_op_wait(ops[p], PATIENCE_MS));
    for (i = 0; i < COUNT; i++) CHECK(x[2][i] == 6 * (float)(i % 100));
    CHECK_OK(whim_op_get_info(ops[1], &info));
    CHECK(info.kind == WHIM_OP_ALL_REDUCE && info.birth_members == 3 && info.contributor_sets == 1);
    CHECK(info.chunks > 0 && info.chunks_final == info.chunks && info.chunks_resent == 0 &&
          info.elapsed_ns > 0);
    CHECK(info.contributor_runs == 1 && info.gone_members == 0 && info.excluded_self == 0);
    CHECK_OK(whim_op_get_contributor_set(ops[1], 0, &set));
    CHECK(set.members == 3 && set.elements == COUNT);
    CHECK_OK(whim_op_get_contributor_run(ops[1], 0, &part));
    CHECK(part.set == 0 && part.first == 0 && part.count == COUNT);
    CHECK_OK(whim_op_get_contributor(ops[1], 0, 2, &member));
    CHECK(member.rank == 2 && strlen(member.id) == 64 && member.incarnation > 0);
    for (p = 0; p < r->peers; p++) whim_op_release(ops[p]);
}

static void empty_buffers_synchronise(run* r) {
    whim_op* ops[PEERS_MAX];
    int p;
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_all_reduce(r->groups[p], NULL, NULL, 0, WHIM_F32, WHIM_AVG, NULL, &ops[p]));
    end_all(ops, r->peers, WHIM_OK);
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_broadcast(r->groups[p], NULL, 0, WHIM_F32, 1, NULL, &ops[p]));
    end_all(ops, r->peers, WHIM_OK);
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_agree(r->groups[p], NULL, NULL, 0, WHIM_AGREE_MAX, NULL, &ops[p]));
    end_all(ops, r->peers, WHIM_OK);
}

static void a_barrier_waits_for_the_last(run* r) {
    whim_op* ops[PEERS_MAX];
    int p;
    for (p = 0; p < r->peers - 1; p++) CHECK_OK(whim_barrier(r->groups[p], NULL, &ops[p]));
    CHECK_IS(whim_op_wait(ops[0], 200), WHIM_IN_PROGRESS);
    CHECK_OK(whim_barrier(r->groups[p], NULL, &ops[p]));
    end_all(ops, r->peers, WHIM_OK);
}

static void whoever_is_late_is_not_waited_for(run* r) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_contributor_set set = WHIM_CONTRIBUTOR_SET_INIT;
    whim_op* ops[PEERS_MAX];
    int p, i;
    fill(r->peers);
    options.min_contributors = 2;
    options.grace_ms = 100;
    for (p = 0; p < 2; p++)
        CHECK_OK(whim_all_reduce(r->groups[p], x[p], y[p], COUNT, WHIM_F32, WHIM_AVG, &options, &ops[p]));
    for (p = 0; p < 2; p++) CHECK_OK(whim_op_wait(ops[p], PATIENCE_MS));
    CHECK_OK(whim_op_get_contributor_set(ops[0], 0, &set));
    CHECK(set.members == 2 && set.elements == COUNT);
    for (i = 0; i < COUNT; i++) CHECK(y[0][i] == 1.5f * (float)(i % 100));
    CHECK(memcmp(y[0], y[1], sizeof y[0]) == 0);
    memcpy(x[0], y[0], sizeof y[0]);
    memset(y, 0, sizeof y);
    CHECK_OK(whim_all_reduce(r->groups[2], x[2], y[2], COUNT, WHIM_F32, WHIM_AVG, &options, &ops[2]));
    CHECK_OK(whim_op_wait(ops[2], PATIENCE_MS));
    CHECK(memcmp(x[0], y[2], sizeof y[2]) == 0); /* it was kept for it */
    for (p = 0; p < 3; p++) whim_op_release(ops[p]);
}

static void a_grace_that_is_learnt(run* r) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    int i, p;
    options.tag = 3;
    options.grace_ms = WHIM_GRACE_LEARNT;
    for (i = 0; i < 8; i++) {
        fill(r->peers);
        for (p = 0; p < r->peers; p++)
            CHECK_OK(whim_all_reduce(r->groups[p], x[p], y[p], COUNT, WHIM_F32, WHIM_AVG, &options, &ops[p]));
        end_all(ops, r->peers, WHIM_OK);
        for (p = 1; p < r->peers; p++) CHECK(memcmp(y[0], y[p], sizeof y[0]) == 0);
    }
}

static void broadcast_and_agree(run* r) {
    static const int64_t votes[PEERS_MAX][2] = {{5, -1}, {7, 3}, {5, 2}};
    int64_t agreed[PEERS_MAX][4][2];
    whim_op *ops[PEERS_MAX], *more[PEERS_MAX][4];
    whim_collective_options options = WHIM_COLLECTIVE_OPTIONS_INIT;
    int p, how;
    fill(r->peers);
    memcpy(y[0], x[r->peer_of_rank[2]], sizeof y[0]);
    for (p = 0; p < r->peers; p++) {
        CHECK_OK(whim_broadcast(r->groups[p], x[p], COUNT, WHIM_F32, 2, NULL, &ops[p]));
        for (how = 0; how < 4; how++) {
            options.tag = 10 + (uint64_t)how;
            CHECK_OK(whim_agree(r->groups[p], votes[p], agreed[p][how], 2, (uint32_t)how, &options,
                                &more[p][how]));
        }
    }
    end_all(ops, r->peers, WHIM_OK);
    for (p = 0; p < r->peers; p++) {
        CHECK(memcmp(x[p], y[0], sizeof y[0]) == 0);
        for (how = 0; how < 4; how++) end_op(more[p][how], WHIM_OK);
        CHECK(agreed[p][WHIM_AGREE_MAX][0] == 7 && agreed[p][WHIM_AGREE_MAX][1] == 3);
        CHECK(agreed[p][WHIM_AGREE_MIN][0] == 5 && agreed[p][WHIM_AGREE_MIN][1] == -1);
        CHECK(agreed[p][WHIM_AGREE_MAJORITY][0] == 5 && agreed[p][WHIM_AGREE_MAJORITY][1] == -1);
        CHECK(agreed[p][WHIM_AGREE_SUM][0] == 17 && agreed[p][WHIM_AGREE_SUM][1] == 4);
    }
}

static void many_at_once_in_different_orders(run* r) {
    enum { kOps = 32 };
    static float z[PEERS_MAX][kOps][64];
    whim_op* ops[PEERS_MAX][kOps];
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    int p, i;
    for (p = 0; p < r->peers; p++)
        for (i = 0; i < kOps; i++) {
            const int tag = p == 1 ? kOps - 1 - i : i;
            int e;
            for (e = 0; e < 64; e++) z[p][tag][e] = (float)(tag * p);
            options.tag = 100 + (uint64_t)tag;
            CHECK_OK(whim_all_reduce(r->groups[p], z[p][tag], z[p][tag], 64, WHIM_F32, WHIM_MAX, &options,
                                     &ops[p][tag]));
        }
    for (p = 0; p < r->peers; p++)
        for (i = 0; i < kOps; i++) {
            end_op(ops[p][i], WHIM_OK);
            CHECK(z[p][i][0] == (float)(2 * i) && z[p][i][63] == (float)(2 * i));
        }
}

static void non_finite_input(run* r) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    whim_op_info info = WHIM_OP_INFO_INIT;
    int p;
    fill(r->peers);
    x[1][17] = NAN;
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_all_reduce(r->groups[p], x[p], y[p], COUNT, WHIM_F32, WHIM_MAX, NULL, &ops[p]));
    CHECK_OK(whim_op_wait(ops[1], PATIENCE_MS));
    CHECK_OK(whim_op_get_info(ops[1], &info));
    CHECK(info.excluded_self == 1);
    end_all(ops, r->peers, WHIM_OK);
    CHECK(y[0][17] == 3 * 17 && y[1][99] == 3 * 99);

    options.non_finite = WHIM_NON_FINITE_ABORT;
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_all_reduce(r->groups[p], x[p], x[p], COUNT, WHIM_F32, WHIM_MAX, &options, &ops[p]));
    end_all(ops, r->peers, WHIM_E_NON_FINITE);
    CHECK(x[1][99] == 2 * 99); /* in place, the input or the result: here the former */
    CHECK(x[0][99] == 99 || x[0][99] == 3 * 99);

    options.non_finite = WHIM_NON_FINITE_ALLOW;
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_all_reduce(r->groups[p], x[p], y[p], COUNT, WHIM_F32, WHIM_MAX, &options, &ops[p]));
    end_all(ops, r->peers, WHIM_OK);
    CHECK(isnan(y[0][17]) && isnan(y[2][17]) && y[2][16] == 3 * 16);
}

static void codecs_cut_bytes_and_keep_peers_alike(run* r) {
    static const char* const codecs[] = {"int8", "int4:block=64", "bf16+zstd", "topk:1/64"};
    static const float most[] = {0.02f, 0.5f, 0.02f, 10.0f};
    size_t c;
    int p, i;
    for (c = 0; c < sizeof codecs / sizeof *codecs; c++) {
        whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
        whim_op_info info = WHIM_OP_INFO_INIT;
        whim_op* ops[PEERS_MAX];
        for (p = 0; p < r->peers; p++)
            for (i = 0; i < COUNT; i++) x[p][i] = sinf((float)(i * (p + 1)));
        options.codec = codecs[c];
        for (p = 0; p < r->peers; p++)
            CHECK_OK(whim_all_reduce(r->groups[p], x[p], y[p], COUNT, WHIM_F32, WHIM_AVG, &options, &ops[p]));
        for (p = 0; p < r->peers; p++) CHECK_OK(whim_op_wait(ops[p], PATIENCE_MS));
        CHECK_OK(whim_op_get_info(ops[1], &info));
        CHECK(info.bytes_sent > 0 && info.bytes_sent < COUNT * sizeof(float));
        for (p = 0; p < r->peers; p++) {
            CHECK(memcmp(y[0], y[p], sizeof y[0]) == 0);
            whim_op_release(ops[p]);
        }
        for (i = 0; i < COUNT; i++) CHECK(fabsf(y[0][i] - (x[0][i] + x[1][i] + x[2][i]) / 3) <= most[c]);
    }
}

static void a_codec_through_a_broadcast(run* r) {
    whim_collective_options options = WHIM_COLLECTIVE_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    float source;
    int p;
    fill(r->peers);
    source = x[r->peer_of_rank[1]][99];
    options.codec = "int8";
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_broadcast(r->groups[p], x[p], COUNT, WHIM_F32, 1, &options, &ops[p]));
    end_all(ops, r->peers, WHIM_OK);
    for (p = 0; p < r->peers; p++) CHECK(memcmp(x[0], x[p], sizeof x[0]) == 0);
    CHECK(fabsf(x[0][99] - source) <= 2);
}

static void what_codecs_refuse(run* r) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op_info info = WHIM_OP_INFO_INIT;
    whim_op *op, *ops[PEERS_MAX];
    int p;
    options.codec = "int9";
    CHECK(whim_all_reduce(r->groups[0], x[0], y[0], COUNT, WHIM_F32, WHIM_AVG, &options, &op) ==
          WHIM_E_INVALID);
    options.codec = "int8";
    CHECK(whim_all_reduce(r->groups[0], x[0], y[0], COUNT, WHIM_F32, WHIM_MAX, &options, &op) ==
          WHIM_E_UNSUPPORTED);
    CHECK(whim_all_reduce(r->groups[0], x[0], y[0], COUNT, WHIM_I32, WHIM_SUM, &options, &op) ==
          WHIM_E_UNSUPPORTED);
    options.non_finite = WHIM_NON_FINITE_ALLOW;
    CHECK(whim_all_reduce(r->groups[0], x[0], y[0], COUNT, WHIM_F32, WHIM_AVG, &options, &op) ==
          WHIM_E_UNSUPPORTED);
    /* More than fp16 holds: this peer is left out and told; a result that is more fails for all. */
    options.non_finite = WHIM_NON_FINITE_EXCLUDE;
    options.codec = "fp16";
    fill(r->peers);
    x[1][7] = 1e5f;
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_all_reduce(r->groups[p], x[p], y[p], COUNT, WHIM_F32, WHIM_AVG, &options, &ops[p]));
    for (p = 0; p < r->peers; p++) CHECK_OK(whim_op_wait(ops[p], PATIENCE_MS));
    CHECK_OK(whim_op_get_info(ops[1], &info));
    CHECK(info.excluded_self == 1);
    for (p = 0; p < r->peers; p++) whim_op_release(ops[p]);
    for (p = 0; p < r->peers; p++) x[p][7] = 6e4f;
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_all_reduce(r->groups[p], x[p], x[p], COUNT, WHIM_F32, WHIM_SUM, &options, &ops[p]));
    end_all(ops, r->peers, WHIM_E_UNSUPPORTED);
    for (p = 0; p < r->peers; p++) CHECK(x[p][7] == 6e4f);
}

static void a_codec_that_others_do_not_use(run* r) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    int p;
    for (p = 0; p < r->peers; p++) {
        options.codec = p == 1 ? "int8" : "none";
        CHECK_OK(whim_all_reduce(r->groups[p], y[p], y[p], COUNT, WHIM_F32, WHIM_AVG, &options, &ops[p]));
    }
    end_all(ops, r->peers, WHIM_E_MISMATCH);
}

static void plans_that_are_asked_for(run* r) {
    static const char* const plans[] = {"ring", "plain-ring", "forest", "direct", "auto"};
    static const char* const run_by[] = {"ring", "ring", "forest", "direct", "direct"};
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op *op, *ops[PEERS_MAX];
    size_t c;
    int p, i;
    for (c = 0; c < sizeof plans / sizeof *plans; c++) {
        whim_op_info info = WHIM_OP_INFO_INIT;
        fill(r->peers);
        options.plan = plans[c];
        for (p = 0; p < r->peers; p++)
            CHECK_OK(whim_all_reduce(r->groups[p], x[p], y[p], COUNT, WHIM_F32, WHIM_AVG, &options, &ops[p]));
        for (p = 0; p < r->peers; p++) CHECK_OK(whim_op_wait(ops[p], PATIENCE_MS));
        CHECK_OK(whim_op_get_info(ops[1], &info));
        CHECK(info.contributor_sets == 1 && strcmp(info.plan, run_by[c]) == 0);
        for (p = 0; p < r->peers; p++) {
            CHECK(memcmp(y[0], y[p], sizeof y[0]) == 0);
            whim_op_release(ops[p]);
        }
        for (i = 0; i < COUNT; i++)
            CHECK(fabsf(y[0][i] - (x[0][i] + x[1][i] + x[2][i]) / 3) <= 1e-5f * fabsf(y[0][i]));
    }
    options.plan = "star";
    CHECK(whim_all_reduce(r->groups[0], x[0], y[0], COUNT, WHIM_F32, WHIM_AVG, &options, &op) ==
          WHIM_E_INVALID);
    for (p = 0; p < r->peers; p++) {
        options.plan = p == 1 ? "ring" : "plain-ring";
        CHECK_OK(whim_all_reduce(r->groups[p], y[p], y[p], COUNT, WHIM_F32, WHIM_AVG, &options, &ops[p]));
    }
    end_all(ops, r->peers, WHIM_E_MISMATCH);
}

/* By rank, which need not be the order of the groups. */
static whim_group* member(const run* r, int rank) { return r->groups[r->peer_of_rank[rank]]; }

static void gather_and_scatter(run* r) {
    static const uint64_t counts[] = {700, 0, 300};
    static float all[PEERS_MAX][3 * 1000];
    whim_collective_options uneven = WHIM_COLLECTIVE_OPTIONS_INIT;
    whim_all_reduce_options scatter = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    whim_op_info info = WHIM_OP_INFO_INIT;
    whim_contributor_run part = WHIM_CONTRIBUTOR_RUN_INIT;
    int p, i;
    for (p = 0; p < r->peers; p++)
        for (i = 0; i < 1000; i++) x[p][i] = (float)(1000 * p + i);
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_all_gather(member(r, p), x[p], all[p], 1000, WHIM_F32, NULL, &ops[p]));
    end_all(ops, r->peers, WHIM_OK);
    for (p = 0; p < r->peers; p++)
        for (i = 0; i < 3000; i++) CHECK(all[p][i] == (float)i);

    /* Unequal parts, in place. */
    uneven.counts = counts;
    uneven.counts_len = 3;
    for (p = 0; p < r->peers; p++) {
        float* mine = all[p] + (p == 0 ? 0 : 700);
        memset(all[p], 0, sizeof all[p]);
        for (i = 0; i < (int)counts[p]; i++) mine[i] = (float)(p + 1);
        CHECK_OK(whim_all_gather(member(r, p), mine, all[p], counts[p], WHIM_F32, &uneven, &ops[p]));
    }
    for (p = 0; p < r->peers; p++) CHECK_OK(whim_op_wait(ops[p], PATIENCE_MS));
    for (p = 0; p < r->peers; p++)
        for (i = 0; i < 1000; i++) CHECK(all[p][i] == (i < 700 ? 1 : 3));
    CHECK_OK(whim_op_get_info(ops[1], &info));
    CHECK(info.kind == WHIM_OP_ALL_GATHER && info.contributor_runs == 2);
    CHECK_OK(whim_op_get_contributor_run(ops[1], 1, &part));
    CHECK(part.first == 700 && part.count == 300);
    for (p = 0; p < r->peers; p++) whim_op_release(ops[p]);

    /* The mean of three peers' 3000 elements, a thousand each. */
    for (p = 0; p < r->peers; p++)
        for (i = 0; i < 3000; i++) all[p][i] = (float)(i * (p + 1));
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_reduce_scatter(member(r, p), all[p], y[p], 1000, WHIM_F32, WHIM_AVG, NULL, &ops[p]));
    for (p = 0; p < r->peers; p++) CHECK_OK(whim_op_wait(ops[p], PATIENCE_MS));
    for (p = 0; p < r->peers; p++)
        for (i = 0; i < 1000; i++) CHECK(y[p][i] == (float)(2 * (1000 * p + i)));
    CHECK_OK(whim_op_get_info(ops[2], &info));
    CHECK(info.kind == WHIM_OP_REDUCE_SCATTER && info.contributor_runs == 1);
    CHECK_OK(whim_op_get_contributor_run(ops[2], 0, &part));
    CHECK(part.first == 0 && part.count == 1000);
    for (p = 0; p < r->peers; p++) whim_op_release(ops[p]);

    /* A sum in place, with a codec: nothing but the own part is written. */
    scatter.codec = "int8";
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_reduce_scatter(member(r, p), all[p], all[p] + 1000 * p, 1000, WHIM_F32, WHIM_SUM,
                                     &scatter, &ops[p]));
    end_all(ops, r->peers, WHIM_OK);
    for (p = 0; p < r->peers; p++)
        for (i = 0; i < 3000; i++) {
            const float before = (float)(i * (p + 1)), sum = (float)(6 * i);
            CHECK(i / 1000 == p ? fabsf(all[p][i] - sum) <= 60 : all[p][i] == before);
        }
}

static void what_gather_and_scatter_refuse(run* r) {
    static const uint64_t two[] = {10, 10}, many[] = {UINT64_MAX, 2, 3}, fine[] = {10, 10, 10};
    whim_collective_options options = WHIM_COLLECTIVE_OPTIONS_INIT;
    whim_op* op;
    options.counts = two;
    CHECK(whim_all_gather(r->groups[0], x[0], y[0], 10, WHIM_F32, &options, &op) == WHIM_E_INVALID);
    options.counts_len = 2; /* the round has three members */
    CHECK_OK(whim_all_gather(r->groups[0], x[0], y[0], 10, WHIM_F32, &options, &op));
    end_op(op, WHIM_E_INVALID);
    options.counts = many;
    options.counts_len = 3;
    CHECK(whim_all_gather(r->groups[0], x[0], y[0], 10, WHIM_F32, &options, &op) == WHIM_E_INVALID);
    options.counts = fine;
    CHECK_OK(whim_all_gather(r->groups[0], x[0], y[0], 9, WHIM_F32, &options, &op));
    end_op(op, WHIM_E_INVALID);
    CHECK(whim_barrier(r->groups[0], &options, &op) == WHIM_E_INVALID);
    CHECK(whim_all_gather(r->groups[0], x[0], NULL, 10, WHIM_F32, NULL, &op) == WHIM_E_INVALID);
    CHECK_OK(whim_all_gather(member(r, 1), x[0], x[0], 10, WHIM_F32, NULL, &op)); /* its part is elsewhere */
    end_op(op, WHIM_E_INVALID);
    CHECK_OK(whim_reduce_scatter(r->groups[0], x[0], x[0] + 1, 10, WHIM_F32, WHIM_AVG, NULL, &op));
    end_op(op, WHIM_E_INVALID);
}

static void one_peer_alone(void) {
    run r;
    whim_op* op;
    int64_t value = 4;
    start_run(&r, 1);
    fill(1);
    CHECK_OK(whim_all_reduce(r.groups[0], x[0], y[0], COUNT, WHIM_F32, WHIM_AVG, NULL, &op));
    end_op(op, WHIM_OK);
    CHECK(memcmp(x[0], y[0], sizeof y[0]) == 0);
    CHECK_OK(whim_all_reduce(r.groups[0], x[0], x[0], COUNT, WHIM_F32, WHIM_SUM, NULL, &op));
    end_op(op, WHIM_OK);
    CHECK(memcmp(x[0], y[0], sizeof y[0]) == 0);
    CHECK_OK(whim_broadcast(r.groups[0], x[0], COUNT, WHIM_F32, 0, NULL, &op));
    end_op(op, WHIM_OK);
    CHECK_OK(whim_barrier(r.groups[0], NULL, &op));
    end_op(op, WHIM_OK);
    CHECK_OK(whim_agree(r.groups[0], &value, &value, 1, WHIM_AGREE_MAJORITY, NULL, &op));
    end_op(op, WHIM_OK);
    CHECK(value == 4);
    commit_round(&r);
    stop_run(&r);
}

int main(void) {
    run r;
    start_run(&r, 3);
    weighted_mean(&r);
    all_weights_zero(&r);
    sum_in_place_reports_its_set(&r);
    empty_buffers_synchronise(&r);
    a_barrier_waits_for_the_last(&r);
    broadcast_and_agree(&r);
    a_grace_that_is_learnt(&r);
    whoever_is_late_is_not_waited_for(&r);
    many_at_once_in_different_orders(&r);
    non_finite_input(&r);
    codecs_cut_bytes_and_keep_peers_alike(&r);
    a_codec_through_a_broadcast(&r);
    what_codecs_refuse(&r);
    a_codec_that_others_do_not_use(&r);
    plans_that_are_asked_for(&r);
    gather_and_scatter(&r);
    what_gather_and_scatter_refuse(&r);
    commit_round(&r);
    stop_run(&r);
    one_peer_alone();
    return 0;
}
