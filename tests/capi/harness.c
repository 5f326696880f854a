/* mkdtemp is POSIX; everything else is C99 and the public API. */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <unistd.h>

void check_is(whim_result got, whim_result wanted, const char* what, const char* file, int line) {
    whim_error error = WHIM_ERROR_INIT;
    if (got == wanted) return;
    whim_last_error(&error);
    fprintf(stderr, "%s:%d: %s is %s, not %s (last error: %s)\n", file, line, what, whim_result_name(got),
            whim_result_name(wanted), error.detail);
    exit(1);
}

static void check_words(const whim_error* error, const char* words, const char* file, int line) {
    if (strstr(error->detail, words)) return;
    fprintf(stderr, "%s:%d: '%s' does not say '%s'\n", file, line, error->detail, words);
    exit(1);
}

void check_detail(const char* words, const char* file, int line) {
    whim_error error = WHIM_ERROR_INIT;
    whim_last_error(&error);
    check_words(&error, words, file, line);
}

void end_op_saying(whim_op* op, whim_result wanted, const char* words) {
    whim_error error = WHIM_ERROR_INIT;
    whim_result result = whim_op_wait(op, PATIENCE_MS);
    CHECK_OK(whim_op_error(op, &error));
    if (result != wanted) {
        fprintf(stderr, "an op ended with %s, not %s: %s\n", whim_result_name(result),
                whim_result_name(wanted), error.detail);
        exit(1);
    }
    check_words(&error, words, __FILE__, __LINE__);
    whim_op_release(op);
}

void end_op(whim_op* op, whim_result wanted) { end_op_saying(op, wanted, ""); }

whim_group_options peer_options(const run* r) {
    whim_group_options options = WHIM_GROUP_OPTIONS_INIT;
    options.invite = r->invite;
    options.listen = "127.0.0.1:0";
    options.worker_threads = 1;
    return options;
}

static void change_nothing(whim_group_options* options) { (void)options; }

void start_run(run* r, int peers) { start_run_with(r, peers, change_nothing); }

void start_run_with(run* r, int peers, void (*change)(whim_group_options* options)) {
    whim_coordinator_options options = WHIM_COORDINATOR_OPTIONS_INIT;
    whim_op* joined[PEERS_MAX];
    int i;
    memset(r, 0, sizeof *r);
    strcpy(r->directory, "/tmp/whimbrel-capi-XXXXXX");
    CHECK(mkdtemp(r->directory) != NULL);
    options.run = "capi";
    options.listen = "127.0.0.1:0";
    options.data_dir = r->directory;
    options.replicas_min = (uint32_t)peers;
    CHECK_OK(whim_coordinator_start(&options, &r->coordinator));
    CHECK_OK(whim_coordinator_invite(r->coordinator, 600, r->invite, sizeof r->invite));
    r->peers = peers;
    for (i = 0; i < peers; i++) {
        char name[16];
        whim_group_options peer = peer_options(r);
        sprintf(name, "peer%d", i);
        peer.name = name;
        peer.same_host_path = WHIM_SAME_HOST_TCP; /* a path about which the system tells something */
        change(&peer);
        CHECK_OK(whim_group_create(&peer, &r->groups[i]));
        CHECK_OK(whim_group_join(r->groups[i], &joined[i]));
    }
    for (i = 0; i < peers; i++) end_op(joined[i], WHIM_OK);
    begin_round(r);
}

void begin_round(run* r) {
    whim_op* ops[PEERS_MAX];
    int i;
    for (i = 0; i < r->peers; i++) CHECK_OK(whim_round_begin(r->groups[i], NULL, &ops[i]));
    for (i = 0; i < r->peers; i++) {
        whim_round_info info = WHIM_ROUND_INFO_INIT;
        CHECK_OK(whim_op_wait(ops[i], PATIENCE_MS));
        CHECK_OK(whim_round_get_info(ops[i], &info));
        CHECK(info.world_size == (uint32_t)r->peers && info.rank < info.world_size);
        r->peer_of_rank[info.rank] = i;
        whim_op_release(ops[i]);
    }
}

void commit_round(run* r) {
    whim_op* ops[PEERS_MAX];
    int i;
    for (i = 0; i < r->peers; i++) CHECK_OK(whim_round_commit(r->groups[i], NULL, &ops[i]));
    for (i = 0; i < r->peers; i++) end_op(ops[i], WHIM_OK);
}

void stop_run(run* r) {
    char command[128];
    int i;
    for (i = 0; i < r->peers; i++) CHECK_OK(whim_group_destroy(r->groups[i]));
    whim_coordinator_stop(r->coordinator);
    sprintf(command, "rm -r '%s'", r->directory);
    CHECK(system(command) == 0);
}
