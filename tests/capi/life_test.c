/* Ops and groups over time: callbacks, interrupts, cancels, events, records, and ends in any order. */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <time.h>

#include "harness.h"

static float x[PEERS_MAX][1000];

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int calls;
    whim_op* seen;
    whim_result wait_inside, destroy_inside, result;
    whim_group* group;
} notes;

static void take_notes(whim_op* op, void* user) {
    notes* n = user;
    pthread_mutex_lock(&n->mutex);
    n->calls++;
    n->seen = op;
    n->result = whim_op_poll(op);
    n->wait_inside = whim_op_wait(op, 1000); /* done already: that is fine */
    n->destroy_inside = whim_group_destroy(n->group);
    pthread_cond_signal(&n->changed);
    pthread_mutex_unlock(&n->mutex);
}

static void wait_for_calls(notes* n, int calls) {
    pthread_mutex_lock(&n->mutex);
    while (n->calls < calls) pthread_cond_wait(&n->changed, &n->mutex);
    pthread_mutex_unlock(&n->mutex);
}

static void callbacks_come_once(run* r) {
    notes n = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL, 0, 0, 0, NULL};
    whim_op* ops[2];
    n.group = r->groups[0];
    CHECK_OK(whim_barrier(r->groups[0], NULL, &ops[0]));
    CHECK_OK(whim_op_on_complete(ops[0], take_notes, &n));
    CHECK_IS(whim_op_on_complete(ops[0], take_notes, &n), WHIM_E_WRONG_STATE);
    CHECK_OK(whim_barrier(r->groups[1], NULL, &ops[1]));
    wait_for_calls(&n, 1);
    CHECK(n.seen == ops[0] && n.result == WHIM_OK && n.wait_inside == WHIM_OK);
    CHECK(n.destroy_inside == WHIM_E_WOULD_DEADLOCK);
    end_op(ops[0], WHIM_OK);
    CHECK_OK(whim_op_wait(ops[1], PATIENCE_MS));
    n.group = r->groups[1];
    CHECK_OK(whim_op_on_complete(ops[1], take_notes, &n)); /* after the end: soon */
    wait_for_calls(&n, 2);
    whim_op_release(ops[1]);
}

static whim_result waited_inside;
static void wait_for_another(whim_op* op, void* user) {
    whim_op** other = user;
    (void)op;
    waited_inside = whim_op_wait(*other, 1000);
}

static void waiting_inside_is_refused(run* r) {
    whim_collective_options options = WHIM_COLLECTIVE_OPTIONS_INIT;
    whim_op *done[2], *open[2];
    int i;
    options.tag = 5;
    CHECK_OK(whim_barrier(r->groups[0], &options, &open[0]));
    CHECK_OK(whim_barrier(r->groups[0], NULL, &done[0]));
    CHECK_OK(whim_op_on_complete(done[0], wait_for_another, &open[0]));
    CHECK_OK(whim_barrier(r->groups[1], NULL, &done[1]));
    for (i = 0; i < 500 && waited_inside == 0; i++) CHECK_IS(whim_op_wait(open[0], 10), WHIM_IN_PROGRESS);
    CHECK_IS(waited_inside, WHIM_E_WOULD_DEADLOCK);
    CHECK_OK(whim_barrier(r->groups[1], &options, &open[1]));
    for (i = 0; i < 2; i++) {
        end_op(done[i], WHIM_OK);
        end_op(open[i], WHIM_OK);
    }
}

static void* interrupt_soon(void* group) {
    struct timespec soon = {0, 100000000};
    nanosleep(&soon, NULL);
    CHECK_OK(whim_group_interrupt(group));
    CHECK_OK(whim_group_set_rate_limits(group, 1000000, 0));
    CHECK_OK(whim_group_set_rate_limits(group, 0, 0));
    return NULL;
}

static void an_interrupt_wakes_and_harms_nothing(run* r) {
    pthread_t thread;
    whim_op* ops[2];
    size_t index;
    CHECK_OK(whim_barrier(r->groups[0], NULL, &ops[0]));
    CHECK(pthread_create(&thread, NULL, interrupt_soon, r->groups[0]) == 0);
    CHECK_IS(whim_op_wait(ops[0], PATIENCE_MS), WHIM_E_INTERRUPTED);
    pthread_join(thread, NULL);
    CHECK_IS(whim_op_poll(ops[0]), WHIM_IN_PROGRESS);
    CHECK_OK(whim_barrier(r->groups[1], NULL, &ops[1]));
    CHECK_OK(whim_op_wait_any(&ops[0], 1, PATIENCE_MS, &index));
    CHECK(index == 0);
    CHECK_IS(whim_op_wait_any(ops, 2, 10, &index), WHIM_E_INVALID); /* of two groups */
    end_op(ops[0], WHIM_OK);
    end_op(ops[1], WHIM_OK);
}

static void wait_any_finds_the_first(run* r) {
    whim_collective_options options = WHIM_COLLECTIVE_OPTIONS_INIT;
    whim_op *mine[3] = {NULL, NULL, NULL}, *theirs[2];
    size_t index = 99;
    options.tag = 1;
    CHECK_OK(whim_barrier(r->groups[0], &options, &mine[1]));
    options.tag = 2;
    CHECK_OK(whim_barrier(r->groups[0], &options, &mine[2]));
    CHECK_IS(whim_op_wait_any(mine, 3, 20, &index), WHIM_IN_PROGRESS);
    CHECK_OK(whim_barrier(r->groups[1], &options, &theirs[1]));
    CHECK_OK(whim_op_wait_any(mine, 3, PATIENCE_MS, &index));
    CHECK(index == 2);
    options.tag = 1;
    CHECK_OK(whim_barrier(r->groups[1], &options, &theirs[0]));
    end_op(mine[1], WHIM_OK);
    end_op(mine[2], WHIM_OK);
    end_op(theirs[0], WHIM_OK);
    end_op(theirs[1], WHIM_OK);
}

/* One gives up; the other finishes without it. */
static void a_cancel_ends_only_the_callers_part(run* r) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op* ops[2];
    whim_op_info info = WHIM_OP_INFO_INIT;
    char text[WHIM_TEXT_MAX];
    int i;
    for (i = 0; i < 1000; i++) x[0][i] = x[1][i] = (float)i;
    options.tag = 9;
    CHECK_OK(whim_all_reduce(r->groups[0], x[0], x[0], 1000, WHIM_F32, WHIM_AVG, &options, &ops[0]));
    CHECK_IS(whim_op_wait(ops[0], 50), WHIM_IN_PROGRESS);
    CHECK_OK(whim_op_waiting_for(ops[0], text, sizeof text));
    CHECK(strstr(text, "peer1") != NULL);
    CHECK_OK(whim_group_waiting_for(r->groups[0], text, sizeof text));
    CHECK(strstr(text, "peer1") != NULL);
    CHECK_OK(whim_all_reduce(r->groups[1], x[1], x[1], 1000, WHIM_F32, WHIM_MAX, NULL, &ops[1]));
    CHECK_IS(whim_op_wait(ops[1], 50), WHIM_IN_PROGRESS);
    CHECK_OK(whim_op_cancel(ops[1]));
    end_op(ops[1], WHIM_E_CANCELLED);
    options.budget_ms = 1; /* gives its part up by itself */
    CHECK_OK(whim_all_reduce(r->groups[1], x[1], x[1], 1000, WHIM_F32, WHIM_AVG, &options, &ops[1]));
    CHECK_OK(whim_op_wait(ops[0], PATIENCE_MS));
    CHECK_OK(whim_op_get_info(ops[0], &info));
    CHECK(info.birth_members == 2);
    whim_op_release(ops[0]);
    CHECK(whim_op_wait(ops[1], PATIENCE_MS) != WHIM_IN_PROGRESS);
    whim_op_release(ops[1]);
    options.tag =
        10; /* which the other never calls: of tag 0 it was left out, so that op could end at once */
    options.budget_ms = 0;
    CHECK_OK(whim_all_reduce(r->groups[0], x[0], x[0], 1000, WHIM_F32, WHIM_MAX, &options, &ops[0]));
    CHECK_OK(whim_op_cancel(ops[0]));
    end_op(ops[0], WHIM_E_CANCELLED);
    CHECK(x[0][999] == 999);
}

static void rounds_are_recorded(run* r) {
    static const char bytes[2][4] = {"a-0", "b-1"};
    whim_commit_options options = WHIM_COMMIT_OPTIONS_INIT;
    whim_commit_info outcome = WHIM_COMMIT_INFO_INIT;
    whim_record_info record = WHIM_RECORD_INFO_INIT;
    whim_op* ops[2];
    uint64_t round = 0;
    uint32_t i;
    memset(options.digest, 7, sizeof options.digest);
    for (i = 0; i < 2; i++) {
        options.bytes = bytes[i];
        options.bytes_len = sizeof bytes[i];
        options.samples = 100 + i;
        CHECK_OK(whim_round_commit(r->groups[i], &options, &ops[i]));
    }
    for (i = 0; i < 2; i++) {
        CHECK_OK(whim_op_wait(ops[i], PATIENCE_MS));
        CHECK_OK(whim_commit_get_info(ops[i], &outcome));
        CHECK(outcome.committed == 1 && outcome.contributors == 2 && outcome.digest[15] == 7);
        round = outcome.round;
        whim_op_release(ops[i]);
    }
    CHECK_OK(whim_round_record(r->groups[0], round, &ops[0]));
    CHECK_OK(whim_op_wait(ops[0], PATIENCE_MS));
    CHECK_OK(whim_record_get_info(ops[0], &record));
    CHECK(record.round == round && record.votes == 2 && record.participants == 2 && record.digest[0] == 7);
    for (i = 0; i < 2; i++) {
        whim_record_vote vote = WHIM_RECORD_VOTE_INIT;
        CHECK_OK(whim_record_get_vote(ops[0], i, &vote));
        CHECK(vote.bytes_len == 4 &&
              (memcmp(vote.bytes, bytes[0], 4) == 0 || memcmp(vote.bytes, bytes[1], 4) == 0));
        CHECK(vote.samples == 100u + (memcmp(vote.bytes, bytes[1], 4) == 0));
    }
    whim_op_release(ops[0]);
    CHECK_OK(whim_round_record(r->groups[0], round + 100, &ops[0]));
    end_op(ops[0], WHIM_E_INVALID);
    begin_round(r);
}

static whim_link_info link_to(run* r, int from, int to) {
    whim_view* view;
    whim_link_info link = WHIM_LINK_INFO_INIT;
    whim_group_info info = WHIM_GROUP_INFO_INIT;
    CHECK_OK(whim_group_get_info(r->groups[to], &info));
    CHECK_OK(whim_group_view(r->groups[from], &view));
    CHECK_OK(whim_view_get_link(view, info.rank, &link));
    whim_view_release(view);
    return link;
}

/* Traffic until the looks that come with heartbeats have seen it. */
static void a_link_tells_what_it_measured(run* r) {
    enum { COUNT = 1 << 18 };
    static float big[2][COUNT];
    struct {
        whim_link_info known;
        char unknown[8];
    } newer;
    whim_link_info link, older;
    whim_view* view;
    whim_op* ops[2];
    int i, round;
    for (round = 0; round < 2000; round++) {
        link = link_to(r, 0, 1);
        if (link.rate_received_bytes_per_s > 0 && link.path_rtt_ns > 0 && link.rtt_p99_ns > 0) break;
        for (i = 0; i < 2; i++)
            CHECK_OK(whim_all_reduce(r->groups[i], big[i], big[i], COUNT, WHIM_F32, WHIM_AVG, NULL, &ops[i]));
        for (i = 0; i < 2; i++) end_op(ops[i], WHIM_OK);
    }
    CHECK(link.rate_received_bytes_per_s > 0 && link.path_rtt_ns > 0);
    CHECK(link.rtt_min_ns > 0 && link.rtt_min_ns <= link.rtt_smoothed_ns &&
          link.rtt_min_ns <= link.rtt_p99_ns);
    CHECK(link.queueing_delay_ns == link.rtt_smoothed_ns - link.rtt_min_ns);
    CHECK(link.strands_open >= 1 && link.strands_used >= 1 && link.strands_used <= link.strands_open);
    CHECK(link.strands_reason[0] != '\0' && link.via[0] == '\0');
    CHECK(link.pace_reason[0] != '\0' && link.lossy == 0 && link.reserved_end == 0);
    link = link_to(r, 0, 0); /* to itself: all zero */
    CHECK(link.strands_reason[0] == '\0' && link.pace_reason[0] == '\0' && link.pace_bytes_per_s == 0);

    /* Callers that know less, and more. */
    CHECK_OK(whim_group_view(r->groups[0], &view));
    memset(&older, 0x55, sizeof older);
    older.struct_size = (uint32_t)offsetof(whim_link_info, rtt_p99_ns);
    memset(&newer, 0x55, sizeof newer);
    newer.known.struct_size = sizeof newer;
    for (i = 0; i < 2; i++) {
        CHECK_OK(whim_view_get_link(view, (uint32_t)i, &older));
        CHECK(older.rtt_p99_ns == 0x5555555555555555u && older.via[0] == 0x55);
        CHECK_OK(whim_view_get_link(view, (uint32_t)i, &newer.known));
        CHECK(newer.unknown[0] == 0 && newer.unknown[7] == 0 && newer.known.reserved[6] == 0);
        CHECK(older.bytes_sent == newer.known.bytes_sent);
    }
    whim_view_release(view);
}

static void views_and_events(run* r) {
    whim_view* view;
    whim_member member = WHIM_MEMBER_INIT;
    whim_link_info link = WHIM_LINK_INFO_INIT;
    whim_group_info info = WHIM_GROUP_INFO_INIT;
    whim_event event = WHIM_EVENT_INIT;
    struct pollfd waiting;
    int joined = 0;
    whim_op* met[2];
    int i;
    for (i = 0; i < 2; i++) CHECK_OK(whim_barrier(r->groups[i], NULL, &met[i]));
    for (i = 0; i < 2; i++) end_op(met[i], WHIM_OK); /* so the link is up */
    CHECK_OK(whim_group_get_info(r->groups[0], &info));
    CHECK(info.world_size == 2 && info.rank < 2 && info.incarnation > 0 && info.coordinator_connected == 1);
    CHECK(strcmp(info.name, "peer0") == 0 && strcmp(info.run, "capi") == 0 &&
          strstr(info.listen, "127.0.0.1:"));
    CHECK_OK(whim_group_view(r->groups[0], &view));
    CHECK(whim_view_size(view) == 2 && whim_view_epoch(view) == info.epoch);
    CHECK_OK(whim_view_get_member(view, info.rank, &member));
    CHECK(member.is_self == 1 && strcmp(member.id, info.id) == 0 && strcmp(member.name, "peer0") == 0);
    CHECK_OK(whim_view_get_member(view, 1 - info.rank, &member));
    CHECK(member.is_self == 0 && strstr(member.addresses, "127.0.0.1:"));
    CHECK_OK(whim_view_get_link(view, 1 - info.rank, &link));
    CHECK(link.up == 1 && link.bytes_sent > 0 && link.messages_received > 0);
    CHECK_IS(whim_view_get_member(view, 2, &member), WHIM_E_INVALID);

    waiting.fd = whim_group_event_fd(r->groups[0]);
    waiting.events = POLLIN;
    CHECK(poll(&waiting, 1, 0) == 1);
    while (whim_group_next_event(r->groups[0], &event) == WHIM_OK) {
        joined += event.kind == WHIM_EVENT_JOINED;
        CHECK(event.text[0] != '\0');
    }
    CHECK(joined == 1 && poll(&waiting, 1, 0) == 0);
    whim_view_release(view);
}

/* A round that cannot begin, an op that cannot end: destroying takes neither long nor ill. */
static void ends_in_any_order(void) {
    run r;
    whim_op *open, *begin, *last;
    whim_view* view;
    start_run(&r, 2);
    CHECK_OK(whim_all_reduce(r.groups[0], x[0], x[0], 1000, WHIM_F32, WHIM_SUM, NULL, &open));
    CHECK_OK(whim_round_begin(r.groups[0], NULL, &begin));
    CHECK_OK(whim_group_view(r.groups[0], &view));
    CHECK_OK(whim_barrier(r.groups[0], NULL, &last));
    whim_op_release(last); /* runs on unseen */
    CHECK_OK(whim_group_destroy(r.groups[0]));
    CHECK_IS(whim_op_poll(open), WHIM_E_LEFT);
    CHECK_OK(whim_op_cancel(open));
    CHECK(whim_view_size(view) == 2);
    end_op(begin, WHIM_E_LEFT);
    whim_view_release(view);
    whim_coordinator_stop(r.coordinator); /* before its peers */
    r.coordinator = NULL;
    r.groups[0] = NULL;
    stop_run(&r);
    CHECK_IS(whim_op_wait(open, 10), WHIM_E_LEFT);
    whim_op_release(open);
}

static void leaving_is_told_to_the_others(void) {
    run r;
    whim_op* op;
    whim_event event = WHIM_EVENT_INIT;
    int told = 0, i;
    start_run(&r, 2);
    CHECK_OK(whim_group_leave(r.groups[0], "its time has come", &op));
    end_op(op, WHIM_OK);
    for (i = 0; i < 500 && !told; i++) {
        struct timespec moment = {0, 10000000};
        while (whim_group_next_event(r.groups[1], &event) == WHIM_OK)
            told = told || strstr(event.text, "its time has come") != NULL;
        nanosleep(&moment, NULL);
    }
    CHECK(told);
    stop_run(&r);
}

/* Before the others are ready: the request stands, and the next begin takes it up. Until then ops that name
 * no round are of the last one that began here for all the program knows. */
static void a_cancelled_begin_is_taken_up(run* r) {
    whim_op *first, *again, *other, *op;
    whim_group_info group = WHIM_GROUP_INFO_INIT;
    whim_op_info info = WHIM_OP_INFO_INIT;
    float x[4] = {1, 2, 3, 4};
    CHECK_OK(whim_group_get_info(r->groups[0], &group));
    commit_round(r);
    CHECK_OK(whim_round_begin(r->groups[0], NULL, &first));
    CHECK_OK(whim_op_cancel(first));
    end_op(first, WHIM_E_CANCELLED);
    CHECK_OK(whim_round_begin(r->groups[1], NULL, &other));
    end_op(other, WHIM_OK);
    CHECK_OK(whim_all_reduce(r->groups[0], x, x, 4, WHIM_F32, WHIM_SUM, NULL, &op));
    CHECK_OK(whim_op_cancel(op));
    CHECK_IS(whim_op_wait(op, PATIENCE_MS), WHIM_E_CANCELLED);
    CHECK_OK(whim_op_get_info(op, &info));
    CHECK(info.round == group.round);
    whim_op_release(op);
    CHECK_OK(whim_round_begin(r->groups[0], NULL, &again));
    end_op(again, WHIM_OK);
}

int main(void) {
    run r;
    start_run(&r, 2);
    views_and_events(&r);
    a_link_tells_what_it_measured(&r);
    callbacks_come_once(&r);
    waiting_inside_is_refused(&r);
    an_interrupt_wakes_and_harms_nothing(&r);
    wait_any_finds_the_first(&r);
    rounds_are_recorded(&r);
    a_cancel_ends_only_the_callers_part(&r);
    a_cancelled_begin_is_taken_up(&r);
    stop_run(&r);
    ends_in_any_order();
    leaving_is_told_to_the_others();
    return 0;
}
