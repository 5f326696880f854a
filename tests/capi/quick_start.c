// Two peers and their coordinator in one program: joins, averages four floats, commits the round.
#include <stdio.h>
#include <whimbrel/coordinator.h>
#include <whimbrel/whimbrel.h>

// 1 when a call went well; says what did not.
static int ok(whim_result result) {
    whim_error error = WHIM_ERROR_INIT;
    if (result >= 0) return 1;
    whim_last_error(&error);
    fprintf(stderr, "%s: %s\n", whim_result_name(result), error.detail);
    return 0;
}

// Waits for both peers' ops and releases them: 1 when both went well.
static int both(whim_op* ops[2]) {
    int i, good = 1;
    for (i = 0; i < 2; i++) {
        whim_error error = WHIM_ERROR_INIT;
        whim_result result = whim_op_wait(ops[i], 30000);
        if (result == WHIM_IN_PROGRESS) whim_op_waiting_for(ops[i], error.detail, sizeof error.detail);
        else whim_op_error(ops[i], &error);
        if (result != WHIM_OK)
            fprintf(stderr, "peer %d: %s: %s\n", i, whim_result_name(result), error.detail);
        good = good && result == WHIM_OK;
        whim_op_release(ops[i]);
    }
    return good;
}

// One round of both: their arrays are averaged.
static int average(whim_group* peers[2], float x[2][4]) {
    whim_op* ops[2];
    int i;
    for (i = 0; i < 2; i++)
        if (!ok(whim_round_begin(peers[i], NULL, &ops[i]))) return 0;
    if (!both(ops)) return 0;
    for (i = 0; i < 2; i++)
        if (!ok(whim_all_reduce(peers[i], x[i], x[i], 4, WHIM_F32, WHIM_AVG, NULL, &ops[i]))) return 0;
    if (!both(ops)) return 0;
    for (i = 0; i < 2; i++)
        if (!ok(whim_round_commit(peers[i], NULL, &ops[i]))) return 0;
    return both(ops);
}

int main(int argc, char** argv) {
    whim_coordinator_options authority = WHIM_COORDINATOR_OPTIONS_INIT;
    whim_group_options options = WHIM_GROUP_OPTIONS_INIT;
    whim_coordinator* coordinator;
    whim_group* groups[2];
    whim_op* ops[2];
    char invite[WHIM_INVITE_SIZE];
    float x[2][4] = {{1, 2, 3, 4}, {3, 4, 5, 6}};
    int i, good;

    authority.run = "quick-start";
    authority.listen = "127.0.0.1:0";
    // A new directory: one that holds a run resumes it, and waits for a peer with its state.
    authority.data_dir = argc > 1 ? argv[1] : "quick-start.coordinator";
    authority.replicas_min = 2;  // no round begins with fewer
    if (whim_coordinator_start(&authority, &coordinator) < 0 ||
        whim_coordinator_invite(coordinator, 3600, invite, sizeof invite) < 0) {
        whim_error error = WHIM_ERROR_INIT;
        whim_coordinator_last_error(&error);  // a library of its own
        fprintf(stderr, "coordinator: %s\n", error.detail);
        return 1;
    }

    options.invite = invite;
    options.listen = "127.0.0.1:0";
    for (i = 0; i < 2; i++) {
        if (!ok(whim_group_create(&options, &groups[i]))) return 1;
        if (!ok(whim_group_join(groups[i], &ops[i]))) return 1;
    }
    good = both(ops) && average(groups, x);

    for (i = 0; i < 2; i++) whim_group_destroy(groups[i]);  // ends what still runs
    whim_coordinator_stop(coordinator);
    if (good) printf("%g %g %g %g\n", x[0][0], x[0][1], x[0][2], x[0][3]);  // 2 3 4 5
    return good ? 0 : 1;
}
