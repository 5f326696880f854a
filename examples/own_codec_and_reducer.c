/* A codec and a reducer of the application's own, in C99: three processes fit a line of 64 weights together.
 * One of them lies about its gradients, which the reducer, a trimmed mean, does not mind; then it is killed,
 * and the other two go on and end with the same bits.
 *
 *     own_codec_and_reducer DIRECTORY      (of the coordinator; a new one)
 *
 * The codec sends a byte for each element and a scale for 16 of them. Both are tried by the library's
 * conformance tests before anything is joined. See docs/how-to/make-your-own-codec-or-reducer.md. */
#define _POSIX_C_SOURCE 200809L /* for fork, pipe and kill; the library needs none of it */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <whimbrel/coordinator.h>
#include <whimbrel/experimental.h>
#include <whimbrel/whimbrel.h>

#define WEIGHTS 64
#define SAMPLES 32 /* of each process and round */
#define ROUNDS 40
#define LIE_UNTIL 10 /* the liar is killed once this round is committed */
#define PROCESSES 3
#define LIAR 2
#define PATIENCE_MS 60000

/* The codec: of each 16 elements [scale: f32][a byte for each, -100 to 100]. Nothing is kept between calls
 * and no context is needed. The bytes are those of the machine: give a codec that crosses kinds of machines
 * an order of bytes of its own. */
#define BLOCK 16
#define STEPS 100

static size_t packed_bytes_max(void* context, size_t count) {
    (void)context;
    return count + (count + BLOCK - 1) / BLOCK * sizeof(float);
}

static whim_result packed_encode(void* context, const whim_encode_input* in, void* out, size_t out_size,
                                 size_t* bytes) {
    unsigned char* to = out;
    size_t at, i;
    (void)context;
    (void)out_size; /* packed_bytes_max, which is what is written */
    for (at = 0; at < in->count; at += BLOCK) {
        const size_t end = at + BLOCK < in->count ? at + BLOCK : in->count;
        float largest = 0, scale;
        for (i = at; i < end; i++) largest = fmaxf(largest, fabsf(in->values[i]));
        scale = largest < 1e-30f ? 0 : largest / STEPS;
        memcpy(to, &scale, sizeof scale);
        to += sizeof scale;
        for (i = at; i < end; i++) {
            const float steps = scale == 0 ? 0 : fminf(fmaxf(in->values[i] / scale, -STEPS), STEPS);
            *to++ = (unsigned char)(lrintf(steps) + STEPS);
        }
    }
    *bytes = (size_t)(to - (unsigned char*)out);
    return WHIM_OK;
}

/* Bytes may come from anybody: the length, each scale and each code are looked at. */
static whim_result packed_decode(void* context, const void* bytes, size_t bytes_len, float* out,
                                 size_t count) {
    const unsigned char* from = bytes;
    size_t at, i;
    if (bytes_len != packed_bytes_max(context, count)) return WHIM_E_PROTOCOL;
    for (at = 0; at < count; at += BLOCK) {
        const size_t end = at + BLOCK < count ? at + BLOCK : count;
        float scale;
        memcpy(&scale, from, sizeof scale);
        from += sizeof scale;
        if (!(scale >= 0 && scale < 3.4e36f)) return WHIM_E_PROTOCOL;
        for (i = at; i < end; i++, from++) {
            if (*from > 2 * STEPS) return WHIM_E_PROTOCOL;
            out[i] = (float)(*from - STEPS) * scale;
        }
    }
    return WHIM_OK;
}

/* The reducer: of each element the largest and the smallest value are left out, as long as something remains,
 * and the others are averaged in ascending order. Its context says how many at either end may be liars. */
typedef struct {
    uint32_t liars;
} trimmed;

static void sort(float* values, uint32_t count) {
    uint32_t i, k;
    for (i = 1; i < count; i++) {
        const float x = values[i];
        for (k = i; k > 0 && values[k - 1] > x; k--) values[k] = values[k - 1];
        values[k] = x;
    }
}

static whim_result trimmed_reduce(void* context, const whim_reduce_input* in, void* out) {
    const trimmed* options = context;
    const uint32_t cut = 2 * options->liars < in->inputs_len ? options->liars : (in->inputs_len - 1) / 2;
    float* const result = out;
    float column[1024]; /* a group has no more members */
    size_t i;
    uint32_t k;
    for (i = 0; i < in->count; i++) {
        float sum = 0;
        for (k = 0; k < in->inputs_len; k++) column[k] = ((const float*)in->inputs[k])[i];
        sort(column, in->inputs_len);
        for (k = cut; k < in->inputs_len - cut; k++) sum += column[k];
        result[i] = sum / (float)(in->inputs_len - 2 * cut);
    }
    return WHIM_OK;
}

static trimmed one_liar = {1};

static whim_codec make_codec(void) {
    whim_codec codec = WHIM_CODEC_INIT;
    codec.name = "example-packed";
    codec.parameters = "v=1";
    codec.cut_elements = BLOCK;
    codec.magnitude_max = 3e38f; /* whose scale is one that packed_decode takes */
    codec.bytes_max = packed_bytes_max;
    codec.encode = packed_encode;
    codec.decode = packed_decode;
    return codec;
}

static whim_reducer make_reducer(void) {
    whim_reducer reducer = WHIM_REDUCER_INIT;
    reducer.name = "example-trimmed";
    reducer.parameters = "liars=1";
    reducer.context = &one_liar;
    reducer.flags = WHIM_REDUCER_ELEMENTWISE;
    reducer.reduce = trimmed_reduce;
    return reducer;
}

static int conform(void) {
    const whim_codec codec = make_codec();
    const whim_reducer reducer = make_reducer();
    char report[4096];
    int good = whim_codec_conformance(&codec, report, sizeof report) == WHIM_OK;
    puts(report);
    good = whim_reducer_conformance(&reducer, report, sizeof report) == WHIM_OK && good;
    puts(report);
    fflush(stdout);
    return good;
}

/* The task: targets are what the true weights make of random points. */
static uint32_t next_random(uint32_t* state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static float between_ones(uint32_t* state) { return (float)next_random(state) / 8388608.0f - 1; }

static float true_weight(int i) { return (float)(i % 7) - 3; }

static void gradient_of(int process, uint64_t round, const float* weights, float* gradient) {
    uint32_t state = (uint32_t)round * 7919u + (uint32_t)process * 104729u + 1;
    int s, i;
    memset(gradient, 0, WEIGHTS * sizeof *gradient);
    for (s = 0; s < SAMPLES; s++) {
        float x[WEIGHTS], error = 0;
        for (i = 0; i < WEIGHTS; i++) {
            x[i] = between_ones(&state);
            error += x[i] * (weights[i] - true_weight(i));
        }
        for (i = 0; i < WEIGHTS; i++) gradient[i] += error * x[i] / SAMPLES;
    }
}

/* Waits for an op and releases it; says what went wrong. One that takes too long is cancelled: its buffers
 * are the caller's again, whatever the result. */
static whim_result end(whim_op* op, const char* what) {
    whim_error error = WHIM_ERROR_INIT;
    whim_result result = whim_op_wait(op, PATIENCE_MS);
    if (result == WHIM_IN_PROGRESS && whim_op_cancel(op) == WHIM_OK) result = whim_op_wait(op, PATIENCE_MS);
    if (result != WHIM_OK && whim_op_error(op, &error) == WHIM_OK)
        fprintf(stderr, "%d: %s: %s: %s\n", (int)getpid(), what, whim_result_name(result), error.detail);
    whim_op_release(op);
    return result;
}

/* Begins a round; a newcomer gets the weights of whoever has them. 0: that failed. */
static uint64_t begin(whim_group* group, uint64_t have, float* weights) {
    whim_round_options options = WHIM_ROUND_OPTIONS_INIT;
    whim_round_info info = WHIM_ROUND_INFO_INIT;
    whim_collective_options heal = WHIM_COLLECTIVE_OPTIONS_INIT;
    whim_op* op;
    options.state_round = have;
    if (whim_round_begin(group, &options, &op) < 0) return 0;
    if (whim_op_wait(op, PATIENCE_MS) != WHIM_OK || whim_round_get_info(op, &info) < 0) {
        (void)end(op, "begin");
        return 0;
    }
    whim_op_release(op);
    heal.tag = 1;
    if (!info.healing_any || info.donor_rank == WHIM_RANK_NONE) return info.round;
    if (whim_broadcast(group, weights, WEIGHTS, WHIM_F32, info.donor_rank, &heal, &op) < 0) return 0;
    return end(op, "heal") == WHIM_OK ? info.round : 0;
}

/* One round: what is reduced counts once the round is committed. */
static int step(whim_group* group, int process, uint64_t* committed, float* weights) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_commit_options commit = WHIM_COMMIT_OPTIONS_INIT;
    float gradient[WEIGHTS], next[WEIGHTS];
    whim_op* op;
    whim_result result;
    int i;
    const uint64_t round = begin(group, *committed, weights);
    if (round == 0) return 0;
    gradient_of(process, round, weights, gradient);
    for (i = 0; process == LIAR && i < WEIGHTS; i++) gradient[i] = -1000 * gradient[i] - 7;
    options.codec = "example-packed";
    options.reducer = "example-trimmed";
    if (whim_all_reduce(group, gradient, gradient, WEIGHTS, WHIM_F32, WHIM_CUSTOM, &options, &op) < 0)
        return 0;
    if (end(op, "all-reduce") != WHIM_OK) return 0;
    for (i = 0; i < WEIGHTS; i++) next[i] = weights[i] - 0.5f * gradient[i];
    if (whim_digest(next, sizeof next, commit.digest) < 0) return 0;
    if (whim_round_commit(group, &commit, &op) < 0) return 0;
    result = end(op, "commit");
    /* The weights are as they were; where the others have gone on without this member, the next round heals
     * it. */
    if (result == WHIM_E_ROUND_ABORTED || result == WHIM_E_EXCLUDED || result == WHIM_E_DIVERGED) return 1;
    if (result != WHIM_OK) return 0;
    memcpy(weights, next, sizeof next);
    *committed = round;
    return 1;
}

/* A member: reads the invite, tells each committed round, and at the end its weights. */
static int member(int process, int invite_from, int tell) {
    whim_group_options options = WHIM_GROUP_OPTIONS_INIT;
    const whim_codec codec = make_codec();
    const whim_reducer reducer = make_reducer();
    char invite[WHIM_INVITE_SIZE];
    float weights[WEIGHTS] = {0};
    uint64_t committed = 0;
    whim_group* group;
    whim_op* op;
    if (read(invite_from, invite, sizeof invite) != (ssize_t)sizeof invite) return 1;
    options.invite = invite;
    options.listen = "127.0.0.1:0";
    if (whim_group_create(&options, &group) < 0) return 1;
    if (whim_group_add_codec(group, &codec) < 0 || whim_group_add_reducer(group, &reducer) < 0) return 1;
    if (whim_group_join(group, &op) < 0 || end(op, "join") != WHIM_OK) return 1;
    while (committed < ROUNDS) {
        if (!step(group, process, &committed, weights)) return 1;
        if (write(tell, &committed, sizeof committed) != (ssize_t)sizeof committed) return 1;
    }
    if (write(tell, weights, sizeof weights) != (ssize_t)sizeof weights) return 1;
    if (whim_group_leave(group, "done", &op) < 0 || end(op, "leave") != WHIM_OK) return 1;
    return whim_group_destroy(group) == WHIM_OK ? 0 : 1;
}

static int read_all(int from, void* into, size_t bytes) {
    char* to = into;
    while (bytes > 0) {
        const ssize_t got = read(from, to, bytes);
        if (got <= 0) return 0;
        to += got;
        bytes -= (size_t)got;
    }
    return 1;
}

/* Reads a member's rounds until one is at least `round`. */
static int await_round(int from, uint64_t round) {
    uint64_t committed = 0;
    while (committed < round)
        if (!read_all(from, &committed, sizeof committed)) return 0;
    return 1;
}

static float worst_of(const float* weights) {
    float worst = 0;
    int i;
    for (i = 0; i < WEIGHTS; i++) worst = fmaxf(worst, fabsf(weights[i] - true_weight(i)));
    return worst;
}

/* The members' work, watched: the liar is killed in the middle of it. 1 when all is as it should be. */
static int watch(const pid_t* members, const int* told) {
    float weights[PROCESSES][WEIGHTS];
    int p, status, good = 1;
    if (!await_round(told[LIAR], LIE_UNTIL)) return 0;
    kill(members[LIAR], SIGKILL);
    waitpid(members[LIAR], &status, 0);
    printf("the liar is dead after round %d\n", LIE_UNTIL);
    for (p = 0; p < PROCESSES; p++) {
        if (p == LIAR) continue;
        good = await_round(told[p], ROUNDS) && read_all(told[p], weights[p], sizeof weights[p]) && good;
        waitpid(members[p], &status, 0);
        good = good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    if (!good) return 0;
    printf("after %d rounds the worst weight is off by %g\n", ROUNDS, worst_of(weights[0]));
    return memcmp(weights[0], weights[1], sizeof weights[0]) == 0 && worst_of(weights[0]) < 0.05f;
}

int main(int argc, char** argv) {
    whim_coordinator_options authority = WHIM_COORDINATOR_OPTIONS_INIT;
    whim_coordinator* coordinator;
    char invite[WHIM_INVITE_SIZE] = "";
    pid_t members[PROCESSES];
    int told[PROCESSES], invites[PROCESSES], p, good;
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    if (!conform()) return 1;
    /* Members are forked before the coordinator has threads; none of them survives a fork. */
    for (p = 0; p < PROCESSES; p++) {
        int up[2], down[2];
        if (pipe(up) < 0 || pipe(down) < 0) return 1;
        members[p] = fork();
        if (members[p] < 0) return 1;
        if (members[p] == 0) {
            close(up[0]);
            close(down[1]);
            _exit(member(p, down[0], up[1]));
        }
        close(up[1]);
        close(down[0]);
        told[p] = up[0];
        invites[p] = down[1];
    }
    authority.run = "own-codec-and-reducer";
    authority.listen = "127.0.0.1:0";
    authority.data_dir = argv[1];
    authority.replicas_min = 2;
    if (whim_coordinator_start(&authority, &coordinator) < 0) return 1;
    if (whim_coordinator_invite(coordinator, 600, invite, sizeof invite) < 0) return 1;
    for (p = 0; p < PROCESSES; p++)
        if (write(invites[p], invite, sizeof invite) != (ssize_t)sizeof invite) return 1;
    good = watch(members, told);
    whim_coordinator_stop(coordinator);
    puts(good ? "all survivors hold the same weights" : "something went wrong");
    return good ? 0 : 1;
}
