/* What callers get wrong: NULLs, bad buffers, tags in use, peers that disagree, strangers at the door. */
#include "harness.h"

static float x[PEERS_MAX][64];

static void nulls_are_refused(run* r) {
    whim_op* op = NULL;
    size_t index = 0;
    whim_view* view = NULL;
    CHECK_IS(whim_group_join(NULL, &op), WHIM_E_INVALID);
    CHECK_IS(whim_group_join(r->groups[0], NULL), WHIM_E_INVALID);
    CHECK_IS(whim_round_begin(NULL, NULL, &op), WHIM_E_INVALID);
    CHECK_IS(whim_all_reduce(r->groups[0], NULL, x[0], 1, WHIM_F32, WHIM_AVG, NULL, &op), WHIM_E_INVALID);
    CHECK_DETAIL("in is NULL");
    CHECK_IS(whim_all_reduce(r->groups[0], x[0], NULL, 1, WHIM_F32, WHIM_AVG, NULL, &op), WHIM_E_INVALID);
    CHECK_IS(whim_op_wait(NULL, 0), WHIM_E_INVALID);
    CHECK_IS(whim_op_poll(NULL), WHIM_E_INVALID);
    CHECK_IS(whim_op_wait_any(NULL, 1, 0, &index), WHIM_E_INVALID);
    CHECK_IS(whim_op_wait_any(&op, 1, 0, &index), WHIM_E_INVALID); /* only NULL entries */
    CHECK_IS(whim_op_cancel(NULL), WHIM_E_INVALID);
    CHECK_IS(whim_op_on_complete(NULL, NULL, NULL), WHIM_E_INVALID);
    CHECK_IS(whim_group_view(NULL, &view), WHIM_E_INVALID);
    CHECK_IS(whim_group_event_fd(NULL), WHIM_E_INVALID);
    CHECK_IS(whim_group_interrupt(NULL), WHIM_E_INVALID);
    CHECK_IS(whim_group_set_rate_limits(NULL, 0, 0), WHIM_E_INVALID);
    CHECK_IS(whim_view_get_member(NULL, 0, NULL), WHIM_E_INVALID);
    CHECK_IS(whim_last_error(NULL), WHIM_E_INVALID);
    CHECK(whim_view_size(NULL) == 0 && whim_view_epoch(NULL) == 0);
    CHECK_OK(whim_group_destroy(NULL));
    whim_op_release(NULL);
    whim_view_release(NULL);
    CHECK(op == NULL);
}

static whim_result reduce(run* r, const void* in, void* out, size_t count, uint32_t dtype, uint32_t how,
                          const whim_all_reduce_options* options) {
    whim_op* op = NULL;
    whim_result result = whim_all_reduce(r->groups[0], in, out, count, dtype, how, options, &op);
    CHECK(op == NULL); /* all callers here are refused */
    return result;
}

static void bad_arguments_are_named(run* r) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    float weight = -1;
    CHECK_IS(reduce(r, x[0], x[0], 4, 99, WHIM_AVG, NULL), WHIM_E_INVALID);
    CHECK_DETAIL("dtype 99");
    CHECK_IS(reduce(r, x[0], x[0], 4, WHIM_F32, 99, NULL), WHIM_E_INVALID);
    CHECK_DETAIL("reduction 99");
    CHECK_IS(reduce(r, x[0], x[0], 4, WHIM_I32, WHIM_AVG, NULL), WHIM_E_UNSUPPORTED);
    CHECK_IS(reduce(r, x[0], x[0] + 2, 4, WHIM_F32, WHIM_AVG, NULL), WHIM_E_INVALID);
    CHECK_DETAIL("overlap");
    CHECK_IS(reduce(r, (char*)x[0] + 1, (char*)x[0] + 1, 4, WHIM_F32, WHIM_AVG, NULL), WHIM_E_INVALID);
    CHECK_DETAIL("aligned");
    CHECK_IS(reduce(r, x[0], x[0], (size_t)-1, WHIM_F32, WHIM_AVG, NULL), WHIM_E_INVALID);
    options.weight = &weight;
    CHECK_IS(reduce(r, x[0], x[0], 4, WHIM_F32, WHIM_AVG, &options), WHIM_E_WEIGHTS);
    options.weight = NULL;
    options.non_finite = 9;
    CHECK_IS(reduce(r, x[0], x[0], 4, WHIM_F32, WHIM_AVG, &options), WHIM_E_INVALID);
}

/* Nothing of the buffer is touched, which is not there. */
static void more_than_an_op_holds_is_refused(run* r) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op* op = NULL;
    whim_error error = WHIM_ERROR_INIT;
    options.tag = 59;
    CHECK_OK(whim_all_reduce(r->groups[0], x[0], x[0], (size_t)1 << 36, WHIM_F32, WHIM_MAX, &options, &op));
    CHECK_IS(whim_op_wait(op, 5000), WHIM_E_INVALID);
    CHECK_OK(whim_op_error(op, &error));
    CHECK(strstr(error.detail, "nearly 128 GiB"));
    whim_op_release(op);
}

/* Both peers call the tag differently; both are told, and both are named to both. */
static void disagreeing_peers_are_both_named(run* r, size_t count1, uint32_t dtype1, uint64_t tag) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op* ops[2];
    int i;
    options.tag = tag;
    CHECK_OK(whim_all_reduce(r->groups[0], x[0], x[0], 8, WHIM_F32, WHIM_MAX, &options, &ops[0]));
    CHECK_OK(whim_all_reduce(r->groups[1], x[1], x[1], count1, dtype1, WHIM_MAX, &options, &ops[1]));
    for (i = 0; i < 2; i++) {
        whim_error error = WHIM_ERROR_INIT;
        CHECK_IS(whim_op_wait(ops[i], 5000), WHIM_E_MISMATCH);
        CHECK_OK(whim_op_error(ops[i], &error));
        CHECK(strstr(error.detail, "peer0") && strstr(error.detail, "peer1"));
        whim_op_release(ops[i]);
    }
}

static void a_tag_is_used_once_at_a_time(run* r) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op *first, *again, *other;
    options.tag = 70;
    CHECK_OK(whim_all_reduce(r->groups[0], x[0], x[0], 8, WHIM_F32, WHIM_MIN, &options, &first));
    CHECK_OK(whim_all_reduce(r->groups[0], x[0], x[0], 8, WHIM_F32, WHIM_MIN, &options, &again));
    end_op_saying(again, WHIM_E_TAG_IN_USE, "70");
    CHECK_OK(whim_all_reduce(r->groups[1], x[1], x[1], 8, WHIM_F32, WHIM_MIN, &options, &other));
    end_op(first, WHIM_OK);
    end_op(other, WHIM_OK);
}

static void ops_of_another_kind_hold_no_such_info(run* r) {
    whim_op* ops[2];
    whim_round_info round = WHIM_ROUND_INFO_INIT;
    whim_contributor_set set = WHIM_CONTRIBUTOR_SET_INIT;
    whim_commit_info commit = WHIM_COMMIT_INFO_INIT;
    int i;
    for (i = 0; i < 2; i++) CHECK_OK(whim_barrier(r->groups[i], NULL, &ops[i]));
    for (i = 0; i < 2; i++) CHECK_OK(whim_op_wait(ops[i], PATIENCE_MS));
    CHECK_IS(whim_round_get_info(ops[0], &round), WHIM_E_WRONG_STATE);
    CHECK_IS(whim_commit_get_info(ops[0], &commit), WHIM_E_WRONG_STATE);
    CHECK_IS(whim_op_get_contributor_set(ops[0], 99, &set), WHIM_E_INVALID);
    CHECK_OK(whim_op_get_contributor_set(ops[0], 0, &set));
    CHECK(set.members == 2);
    for (i = 0; i < 2; i++) whim_op_release(ops[i]);
}

static void what_is_agreed_on_has_no_codec(run* r) {
    whim_collective_options options = WHIM_COLLECTIVE_OPTIONS_INIT;
    int64_t value = 1;
    whim_op* op = NULL;
    whim_error error = WHIM_ERROR_INIT;
    options.codec = "int8";
    CHECK_IS(whim_barrier(r->groups[0], &options, &op), WHIM_E_UNSUPPORTED);
    CHECK_IS(whim_agree(r->groups[0], &value, &value, 1, WHIM_AGREE_MAX, &options, &op), WHIM_E_UNSUPPORTED);
    CHECK_OK(whim_last_error(&error));
    CHECK(strstr(error.detail, "int8"));
}

static void calls_out_of_place(run* r) {
    whim_group_options options = peer_options(r);
    whim_group* outsider = NULL;
    whim_op* op;
    whim_commit_options commit = WHIM_COMMIT_OPTIONS_INIT;
    CHECK_OK(whim_group_create(&options, &outsider));
    CHECK_OK(whim_round_begin(outsider, NULL, &op));
    end_op(op, WHIM_E_WRONG_STATE);
    CHECK_OK(whim_barrier(outsider, NULL, &op));
    CHECK(whim_op_wait(op, PATIENCE_MS) < 0);
    whim_op_release(op);
    CHECK_OK(whim_group_leave(outsider, NULL, &op));
    end_op(op, WHIM_E_WRONG_STATE);
    CHECK_OK(whim_group_destroy(outsider));

    commit.round = 1000;
    CHECK_OK(whim_round_commit(r->groups[0], &commit, &op));
    CHECK(whim_op_wait(op, PATIENCE_MS) < 0);
    whim_op_release(op);
    CHECK_OK(whim_broadcast(r->groups[0], x[0], 4, WHIM_F32, 17, NULL, &op));
    end_op(op, WHIM_E_INVALID);
}

static void refused_at_the_door(run* r) {
    whim_group_options options = peer_options(r);
    whim_group* stranger = NULL;
    whim_op* op;
    char broken[WHIM_INVITE_SIZE], address[WHIM_TEXT_MAX];
    size_t last = strlen(r->invite) - 3;
    CHECK_OK(whim_coordinator_address(r->coordinator, address, sizeof address));

    strcpy(broken, r->invite); /* the end of an invite is its signature */
    broken[last] = broken[last] == 'A' ? 'B' : 'A';
    options.invite = broken;
    CHECK_OK(whim_group_create(&options, &stranger));
    CHECK_OK(whim_group_join(stranger, &op));
    end_op_saying(op, WHIM_E_TOKEN, "signature");
    CHECK_OK(whim_group_destroy(stranger));

    options.invite = NULL; /* no token at all */
    options.run = "capi";
    options.coordinators = address;
    CHECK_OK(whim_group_create(&options, &stranger));
    CHECK_OK(whim_group_join(stranger, &op));
    end_op_saying(op, WHIM_E_TOKEN, "invite");
    CHECK_OK(whim_group_destroy(stranger));

    options.invite = r->invite; /* the right token for another run */
    options.run = "another";
    CHECK_OK(whim_group_create(&options, &stranger));
    CHECK_OK(whim_group_join(stranger, &op));
    end_op_saying(op, WHIM_E_REFUSED, "run");
    CHECK_OK(whim_group_destroy(stranger));

    options.run = NULL; /* shapes that differ from the members' */
    options.fingerprint = 12345;
    CHECK_OK(whim_group_create(&options, &stranger));
    CHECK_OK(whim_group_join(stranger, &op));
    end_op_saying(op, WHIM_E_REFUSED, "fingerprint");
    CHECK_OK(whim_group_destroy(stranger));

    options.fingerprint = 0;
    options.security = WHIM_SECURITY_NONE; /* against an invite to a run with TLS */
    CHECK_IS(whim_group_create(&options, &stranger), WHIM_E_INVALID);
}

/* Coordinators that are given beside an invite still have to prove the key that it names. */
static void led_to_another_coordinator(run* r) {
    whim_group_options options = peer_options(r);
    whim_group* group = NULL;
    whim_op* op;
    run other;
    char address[WHIM_TEXT_MAX];
    start_run(&other, 0);
    options.coordinators = address;
    CHECK_OK(whim_coordinator_address(other.coordinator, address, sizeof address));
    CHECK_OK(whim_group_create(&options, &group));
    CHECK_OK(whim_group_join(group, &op));
    end_op_saying(op, WHIM_E_IDENTITY, "another peer answers");
    CHECK_OK(whim_group_destroy(group));
    stop_run(&other);

    CHECK_OK(whim_coordinator_address(r->coordinator, address, sizeof address));
    CHECK_OK(whim_group_create(&options, &group));
    CHECK_OK(whim_group_join(group, &op));
    end_op(op, WHIM_OK);
    CHECK_OK(whim_group_destroy(group));
}

static void more_places_than_an_invite_holds(void) {
    whim_coordinator_options options = WHIM_COORDINATOR_OPTIONS_INIT;
    whim_coordinator* coordinator = NULL;
    whim_error error = WHIM_ERROR_INIT;
    options.run = "capi";
    options.data_dir = "/tmp/whimbrel-capi-never-made";
    options.advertise = "a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1";
    CHECK_IS(whim_coordinator_start(&options, &coordinator), WHIM_E_INVALID);
    CHECK_OK(whim_coordinator_last_error(&error));
    CHECK(strstr(error.detail, "advertise: 9 addresses; at most 8") != NULL);
}

int main(void) {
    run r;
    start_run(&r, 2);
    nulls_are_refused(&r);
    bad_arguments_are_named(&r);
    more_than_an_op_holds_is_refused(&r);
    what_is_agreed_on_has_no_codec(&r);
    disagreeing_peers_are_both_named(&r, 9, WHIM_F32, 60);
    disagreeing_peers_are_both_named(&r, 8, WHIM_I32, 61);
    a_tag_is_used_once_at_a_time(&r);
    ops_of_another_kind_hold_no_such_info(&r);
    calls_out_of_place(&r);
    refused_at_the_door(&r);
    led_to_another_coordinator(&r);
    more_places_than_an_invite_holds();
    stop_run(&r);
    return 0;
}
