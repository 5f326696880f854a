/* Error feedback with ops and rounds: nothing is lost, whatever the codec drops and whichever rounds count,
 * with codecs of the library and of the application, and for a member whose contribution was left out. */
#include "custom_parts.h"

#define COUNT 4000
#define ROUNDS 6

static float update[COUNT], x[PEERS_MAX][COUNT], y[PEERS_MAX][COUNT], residual[COUNT];
static double given[PEERS_MAX][COUNT], arrived[COUNT];
static whim_error_feedback* feedback[PEERS_MAX];

/* Whole numbers, so that sums are exact. */
static void draw(int peer, int round) {
    uint32_t state = (uint32_t)(peer * 977 + round * 31 + 1);
    int i;
    for (i = 0; i < COUNT; i++) {
        state = state * 1664525u + 1013904223u;
        update[i] = (float)(state >> 8) / 65536.0f - 128;
        update[i] = floorf(update[i]);
    }
}

static void one_round(run* r, int round, const char* codec, int counts) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    int p, i;
    options.codec = codec;
    for (p = 0; p < r->peers; p++) {
        draw(p, round);
        CHECK_OK(whim_error_feedback_apply(feedback[p], update, x[p]));
        for (i = 0; counts && i < COUNT; i++) given[p][i] += update[i];
        CHECK_OK(whim_all_reduce(r->groups[p], x[p], y[p], COUNT, WHIM_F32, WHIM_SUM, &options, &ops[p]));
    }
    for (p = 0; p < r->peers; p++) {
        CHECK_OK(whim_op_wait(ops[p], PATIENCE_MS));
        if (strcmp(codec, "test-halves") != 0) CHECK_OK(whim_error_feedback_stage(feedback[p], NULL, ops[p]));
        else CHECK_IS(whim_error_feedback_stage(feedback[p], NULL, ops[p]), WHIM_E_INVALID);
        CHECK_IS(whim_error_feedback_stage(feedback[p], r->groups[(p + 1) % r->peers], ops[p]),
                 WHIM_E_INVALID);
        CHECK_OK(whim_error_feedback_stage(feedback[p], r->groups[p], ops[p]));
        whim_op_release(ops[p]);
        if (counts) CHECK_OK(whim_error_feedback_commit(feedback[p]));
        else CHECK_OK(whim_error_feedback_abort(feedback[p]));
    }
    for (i = 0; counts && i < COUNT; i++) arrived[i] += y[0][i];
}

/* Of "topk" the sum holds all that was sent, exactly. */
static void nothing_is_lost(run* r, const char* codec) {
    int p, i, round;
    memset(given, 0, sizeof given);
    memset(arrived, 0, sizeof arrived);
    for (p = 0; p < r->peers; p++) CHECK_OK(whim_error_feedback_create(COUNT, 1, &feedback[p]));
    for (round = 0; round < ROUNDS; round++) one_round(r, round, codec, round % 3 != 1);
    for (p = 0; p < r->peers; p++) {
        CHECK_OK(whim_error_feedback_save(feedback[p], residual));
        for (i = 0; i < COUNT; i++) arrived[i] += residual[i];
        whim_error_feedback_destroy(feedback[p]);
    }
    for (i = 0; i < COUNT; i++) {
        double all = 0;
        for (p = 0; p < r->peers; p++) all += given[p][i];
        CHECK(arrived[i] == all);
    }
}

static void of_one_that_is_left_out(run* r) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    int p, i;
    for (p = 0; p < r->peers; p++) {
        CHECK_OK(whim_error_feedback_create(COUNT, 1, &feedback[p]));
        draw(p, 9);
        if (p == 1) update[7] = INFINITY;
        CHECK_OK(whim_error_feedback_apply(feedback[p], update, x[p]));
        options.codec = "int8";
        CHECK_OK(whim_all_reduce(r->groups[p], x[p], y[p], COUNT, WHIM_F32, WHIM_SUM, &options, &ops[p]));
    }
    for (p = 0; p < r->peers; p++) {
        CHECK_OK(whim_op_wait(ops[p], PATIENCE_MS));
        CHECK_IS(whim_error_feedback_stage(feedback[p], r->groups[p], ops[p]),
                 p == 1 ? WHIM_E_NON_FINITE : WHIM_OK);
        whim_op_release(ops[p]);
        CHECK_IS(whim_error_feedback_commit(feedback[p]), p == 1 ? WHIM_E_WRONG_STATE : WHIM_OK);
        whim_error_feedback_destroy(feedback[p]);
    }
    /* A contribution that did not count is kept whole. */
    for (p = 0; p < r->peers; p++) {
        CHECK_OK(whim_error_feedback_create(COUNT, 1, &feedback[p]));
        draw(p, 10);
        CHECK_OK(whim_error_feedback_apply(feedback[p], update, x[p]));
        if (p == 1) x[p][3] = NAN; /* spoilt on its way */
        CHECK_OK(whim_all_reduce(r->groups[p], x[p], y[p], COUNT, WHIM_F32, WHIM_SUM, &options, &ops[p]));
    }
    for (p = 0; p < r->peers; p++) {
        CHECK_OK(whim_op_wait(ops[p], PATIENCE_MS));
        CHECK_OK(whim_error_feedback_stage(feedback[p], r->groups[p], ops[p]));
        CHECK_OK(whim_error_feedback_commit(feedback[p]));
        whim_op_release(ops[p]);
        CHECK_OK(whim_error_feedback_save(feedback[p], residual));
        draw(p, 10);
        for (i = 0; i < COUNT; i++) CHECK(p == 1 ? residual[i] == update[i] : fabsf(residual[i]) <= 1);
        whim_error_feedback_destroy(feedback[p]);
    }
}

static void saved_and_restored(void) {
    whim_error_feedback *one, *other;
    int i;
    CHECK_OK(whim_error_feedback_create(COUNT, 0.5f, &one));
    for (i = 0; i < COUNT; i++) update[i] = (float)i;
    CHECK_OK(whim_error_feedback_restore(one, update));
    CHECK_OK(whim_error_feedback_save(one, residual));
    CHECK(memcmp(update, residual, sizeof update) == 0);
    CHECK_OK(whim_error_feedback_create(COUNT, 0.5f, &other));
    CHECK_OK(whim_error_feedback_restore(other, residual));
    CHECK_OK(whim_error_feedback_apply(other, update, update)); /* in place */
    for (i = 0; i < COUNT; i++) CHECK(update[i] == 1.5f * (float)i);
    residual[5] = NAN;
    CHECK_IS(whim_error_feedback_restore(one, residual), WHIM_E_NON_FINITE);
    CHECK_DETAIL("element 5");
    whim_error_feedback_destroy(one);
    whim_error_feedback_destroy(other);
}

static void misuse(run* r) {
    whim_error_feedback* one;
    whim_op* op;
    CHECK_IS(whim_error_feedback_create(4, 1.5f, &one), WHIM_E_INVALID);
    CHECK_IS(whim_error_feedback_create(4, NAN, &one), WHIM_E_INVALID);
    CHECK_IS(whim_error_feedback_create(4, 1, NULL), WHIM_E_INVALID);
    CHECK_OK(whim_error_feedback_create(4, 1, &one));
    CHECK_IS(whim_error_feedback_commit(one), WHIM_E_WRONG_STATE);
    CHECK_OK(whim_error_feedback_abort(one));
    CHECK_IS(whim_error_feedback_commit(NULL), WHIM_E_INVALID);
    CHECK_IS(whim_error_feedback_abort(NULL), WHIM_E_INVALID);
    CHECK_IS(whim_error_feedback_apply(one, NULL, residual), WHIM_E_INVALID);
    CHECK_IS(whim_error_feedback_save(one, NULL), WHIM_E_INVALID);
    CHECK_IS(whim_error_feedback_restore(one, NULL), WHIM_E_INVALID);
    CHECK_OK(whim_barrier(r->groups[0], NULL, &op));
    CHECK_IS(whim_error_feedback_stage(one, r->groups[0], op), WHIM_E_WRONG_STATE);
    CHECK_DETAIL("nothing was applied");
    CHECK_OK(whim_error_feedback_apply(one, update, residual));
    CHECK_IS(whim_error_feedback_stage(one, NULL, NULL), WHIM_E_INVALID);
    CHECK_IS(whim_error_feedback_stage(one, NULL, op), WHIM_E_WRONG_STATE);
    CHECK_IS(whim_error_feedback_stage(one, r->groups[0], op), WHIM_E_WRONG_STATE);
    CHECK_DETAIL("still runs");
    CHECK_OK(whim_op_cancel(op));
    end_op(op, WHIM_E_CANCELLED);
    whim_error_feedback_destroy(one);
    whim_error_feedback_destroy(NULL);
}

static void of_one_peer(void) {
    run r;
    whim_op* op;
    int i;
    start_run(&r, 1);
    CHECK_OK(whim_error_feedback_create(COUNT, 1, &feedback[0]));
    draw(0, 1);
    CHECK_OK(whim_error_feedback_apply(feedback[0], update, x[0]));
    CHECK_OK(whim_all_reduce(r.groups[0], x[0], y[0], COUNT, WHIM_F32, WHIM_SUM, NULL, &op));
    CHECK_OK(whim_op_wait(op, PATIENCE_MS));
    CHECK_OK(whim_error_feedback_stage(feedback[0], r.groups[0], op));
    CHECK_OK(whim_error_feedback_commit(feedback[0]));
    CHECK_OK(whim_error_feedback_save(feedback[0], residual));
    for (i = 0; i < COUNT; i++) CHECK(residual[i] == 0);
    whim_op_release(op);
    CHECK_OK(whim_barrier(r.groups[0], NULL, &op));
    CHECK_OK(whim_op_wait(op, PATIENCE_MS));
    CHECK_OK(whim_error_feedback_apply(feedback[0], update, x[0]));
    CHECK_IS(whim_error_feedback_stage(feedback[0], r.groups[0], op), WHIM_E_UNSUPPORTED);
    whim_op_release(op);
    CHECK_OK(whim_all_reduce(r.groups[0], x[0], y[0], COUNT - 1, WHIM_F32, WHIM_SUM, NULL, &op));
    CHECK_OK(whim_op_wait(op, PATIENCE_MS));
    CHECK_IS(whim_error_feedback_stage(feedback[0], r.groups[0], op), WHIM_E_INVALID);
    CHECK_DETAIL("3999 elements");
    whim_op_release(op);
    whim_error_feedback_destroy(feedback[0]);
    stop_run(&r);
}

int main(void) {
    whim_codec codec = halves();
    run r;
    int p;
    saved_and_restored();
    of_one_peer();
    start_run(&r, 3);
    codec.flags = WHIM_CODEC_SPARSE; /* its contributions are passed on as they are: sums stay exact */
    for (p = 0; p < r.peers; p++) CHECK_OK(whim_group_add_codec(r.groups[p], &codec));
    nothing_is_lost(&r, "topk:1/16,chunk=64,values=none");
    nothing_is_lost(&r, "test-halves");
    of_one_that_is_left_out(&r);
    misuse(&r);
    stop_run(&r);
    return 0;
}
