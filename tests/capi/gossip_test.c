/* Gossip as documented: graphs, Chebyshev, pairs that are named and drawn, a partner that is late, codecs,
 * other floats, calls that do not fit, a neighbour that is killed. */
#include <math.h>

#include "harness.h"

#define COUNT 70000 /* two chunks */

static float x[PEERS_MAX][COUNT], y[PEERS_MAX][COUNT];

static void fill(void) {
    int p, i;
    for (p = 0; p < PEERS_MAX; p++)
        for (i = 0; i < COUNT; i++) {
            x[p][i] = (float)((p + 1) * (p + 1)) * (float)(i % 64);
            y[p][i] = -1;
        }
}

static float mean_at(int peers, int i) {
    float sum = 0;
    int p;
    for (p = 0; p < peers; p++) sum += y[p][i];
    return sum / (float)peers;
}

static float spread_at(int peers, int i) {
    float low = y[0][i], high = y[0][i];
    int p;
    for (p = 1; p < peers; p++) {
        low = fminf(low, y[p][i]);
        high = fmaxf(high, y[p][i]);
    }
    return high - low;
}

static whim_gossip_info went(whim_op* op) {
    whim_gossip_info info = WHIM_GOSSIP_INFO_INIT;
    CHECK_OK(whim_op_wait(op, PATIENCE_MS));
    CHECK_OK(whim_op_get_gossip_info(op, &info));
    return info;
}

static void average(run* r, const whim_neighbour_options* options, whim_op** ops) {
    int p;
    fill();
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_neighbour_average(r->groups[p], x[p], y[p], COUNT, WHIM_F32, options, &ops[p]));
}

static void a_complete_graph_gives_the_mean(run* r) {
    whim_neighbour_options options = WHIM_NEIGHBOUR_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    whim_op_info info = WHIM_OP_INFO_INIT;
    int p, i;
    options.graph = WHIM_GRAPH_COMPLETE;
    average(r, &options, ops);
    for (p = 0; p < r->peers; p++) {
        const whim_gossip_info gossip = went(ops[p]);
        CHECK(gossip.steps == 1 && gossip.steps_min == 1 && gossip.lost == 0);
        CHECK(gossip.neighbours == (uint32_t)r->peers - 1 && gossip.mixed == gossip.neighbours);
    }
    CHECK_OK(whim_op_get_info(ops[0], &info));
    CHECK(info.kind == WHIM_OP_NEIGHBOUR_AVERAGE && info.chunks > 1 && info.chunks_final == info.chunks);
    CHECK(info.contributor_runs == 0 && info.bytes_sent > 0);
    for (i = 0; i < COUNT; i++) CHECK(spread_at(r->peers, i) < 1e-3f);
    for (p = 0; p < r->peers; p++) whim_op_release(ops[p]);
}

static void a_ring_draws_members_together_and_says_how(run* r) {
    whim_neighbour_options options = WHIM_NEIGHBOUR_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    whim_contributor_set set = WHIM_CONTRIBUTOR_SET_INIT;
    whim_mix mix = WHIM_MIX_INIT;
    float plain;
    int p, accelerated;
    for (accelerated = 0; accelerated < 2; accelerated++) {
        options.steps = 3;
        options.chebyshev = (uint32_t)accelerated;
        average(r, &options, ops);
        for (p = 0; p < r->peers; p++) {
            const whim_gossip_info gossip = went(ops[p]);
            CHECK(gossip.steps_min == 3 && gossip.mixes == 3 && gossip.mixed == 2);
            CHECK_OK(whim_op_get_mix(ops[p], 2, &mix));
            CHECK(mix.step == 2 && mix.first == 0 && mix.count == COUNT);
            CHECK_OK(whim_op_get_contributor_set(ops[p], mix.set, &set));
            CHECK(set.members == 2);
            CHECK_IS(whim_op_get_mix(ops[p], 3, &mix), WHIM_E_INVALID);
            whim_op_release(ops[p]);
        }
        CHECK(fabsf(mean_at(4, 63) - 63 * 7.5f) < 1e-2f);
        if (accelerated) CHECK(spread_at(4, 63) < plain);
        plain = spread_at(4, 63);
        CHECK(plain < 63 * 8);
    }
}

/* Fewer bytes, the same mean, and members as alike as the codec allows. */
static void a_codec_keeps_the_mean(run* r) {
    whim_neighbour_options options = WHIM_NEIGHBOUR_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    whim_op_info plain = WHIM_OP_INFO_INIT, coded = WHIM_OP_INFO_INIT;
    int p, i;
    options.graph = WHIM_GRAPH_COMPLETE;
    options.steps = 2;
    average(r, &options, ops);
    for (p = 0; p < r->peers; p++) went(ops[p]);
    CHECK_OK(whim_op_get_info(ops[0], &plain));
    for (p = 0; p < r->peers; p++) whim_op_release(ops[p]);
    options.codec = "int8";
    average(r, &options, ops);
    for (p = 0; p < r->peers; p++) CHECK(went(ops[p]).steps_min == 2);
    CHECK_OK(whim_op_get_info(ops[0], &coded));
    CHECK(coded.bytes_sent > 0 && 3 * coded.bytes_sent < plain.bytes_sent);
    for (i = 0; i < COUNT; i++) {
        CHECK(fabsf(mean_at(r->peers, i) - (float)(i % 64) * 7.5f) < 1e-2f);
        CHECK(spread_at(r->peers, i) < 16 * 63 / 127.0f * 2);
    }
    for (p = 0; p < r->peers; p++) whim_op_release(ops[p]);
}

static void every_float_is_averaged(run* r) {
    static const uint32_t dtypes[] = {WHIM_F64, WHIM_F16, WHIM_BF16};
    static const uint16_t one[] = {0, 0x3c00, 0x3f80}, three[] = {0, 0x4200, 0x4040},
                          two[] = {0, 0x4000, 0x4000};
    const int a = r->peer_of_rank[0], b = r->peer_of_rank[2];
    whim_pair_options options = WHIM_PAIR_OPTIONS_INIT;
    whim_op *first, *second;
    int d, i;
    options.tag = 51;
    for (d = 0; d < 3; d++) {
        double* wide[2] = {(double*)(void*)x[a], (double*)(void*)x[b]};
        uint16_t* narrow[2] = {(uint16_t*)(void*)x[a], (uint16_t*)(void*)x[b]};
        for (i = 0; i < 100; i++) {
            if (d == 0) wide[0][i] = 1, wide[1][i] = 3;
            else narrow[0][i] = one[d], narrow[1][i] = three[d];
        }
        CHECK_OK(whim_pair_average(r->groups[a], x[a], x[a], 100, dtypes[d], 2, &options, &first));
        CHECK_OK(whim_pair_average(r->groups[b], x[b], x[b], 100, dtypes[d], 0, &options, &second));
        CHECK(went(first).mixed == 1 && went(second).mixed == 1);
        for (i = 0; i < 100; i++) CHECK(d == 0 ? wide[i % 2][i] == 2 : narrow[i % 2][i] == two[d]);
        whim_op_release(first);
        whim_op_release(second);
    }
}

static void a_named_pair_needs_nobody_else(run* r) {
    const int a = r->peer_of_rank[0], b = r->peer_of_rank[3];
    whim_pair_options options = WHIM_PAIR_OPTIONS_INIT;
    whim_op_info info = WHIM_OP_INFO_INIT;
    whim_op *first, *second;
    int times, i;
    options.tag = 5;
    for (times = 0; times < 2; times++) {
        fill();
        CHECK_OK(whim_pair_average(r->groups[a], x[a], x[a], COUNT, WHIM_F32, 3, &options, &first));
        CHECK_OK(whim_pair_average(r->groups[b], x[b], y[b], COUNT, WHIM_F32, 0, &options, &second));
        CHECK(went(first).mixed == 1 && went(second).mixed == 1);
        CHECK_OK(whim_op_get_info(second, &info));
        CHECK(info.instance == (uint32_t)times && info.tag == 5 && info.kind == WHIM_OP_PAIR_AVERAGE);
        CHECK(memcmp(x[a], y[b], sizeof x[a]) == 0);
        for (i = 0; i < COUNT; i++)
            CHECK(y[b][i] == 0.5f * (float)((a + 1) * (a + 1) + (b + 1) * (b + 1)) * (float)(i % 64));
        whim_op_release(first);
        whim_op_release(second);
    }
}

static void of_drawn_pairs_all_have_one(run* r) {
    whim_pair_options options = WHIM_PAIR_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    int p;
    fill();
    options.seed = 9;
    options.turn = 1234;
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_pair_average(r->groups[p], x[p], y[p], COUNT, WHIM_F32, WHIM_PARTNER_DRAWN, &options,
                                   &ops[p]));
    for (p = 0; p < r->peers; p++) {
        CHECK(went(ops[p]).mixed == 1);
        whim_op_release(ops[p]);
    }
    CHECK(fabsf(mean_at(4, 63) - 63 * 7.5f) < 1e-2f);
}

/* Afterwards everybody has heard what anybody said before. */
static void meet(run* r) {
    whim_op* ops[PEERS_MAX];
    int p;
    for (p = 0; p < r->peers; p++) CHECK_OK(whim_barrier(r->groups[p], NULL, &ops[p]));
    for (p = 0; p < r->peers; p++) end_op(ops[p], WHIM_OK);
}

static void a_late_partner_costs_the_budget(run* r) {
    const int a = r->peer_of_rank[1], b = r->peer_of_rank[2];
    whim_pair_options options = WHIM_PAIR_OPTIONS_INIT;
    whim_error error = WHIM_ERROR_INIT;
    whim_gossip_info gossip;
    whim_op* op;
    options.tag = 6;
    options.budget_ms = 100;
    fill();
    CHECK_OK(whim_pair_average(r->groups[a], x[a], y[a], COUNT, WHIM_F32, 2, &options, &op));
    gossip = went(op);
    CHECK(gossip.mixed == 0 && gossip.steps == 1 && gossip.steps_min == 0 && gossip.mixes == 0);
    CHECK_OK(whim_op_error(op, &error));
    CHECK(strstr(error.detail, "budget") != NULL);
    CHECK(memcmp(x[a], y[a], sizeof x[a]) == 0);
    whim_op_release(op);
    /* The other comes late and finds itself alone. */
    meet(r);
    options.budget_ms = 0;
    CHECK_OK(whim_pair_average(r->groups[b], x[b], y[b], COUNT, WHIM_F32, 1, &options, &op));
    gossip = went(op);
    CHECK(gossip.mixed == 0 && gossip.lost == 1 && gossip.steps_min == 1);
    CHECK(memcmp(x[b], y[b], sizeof x[b]) == 0);
    whim_op_release(op);
}

static void both_say(run* r, const whim_neighbour_options* of_a, const whim_neighbour_options* of_b,
                     const char* first_says, const char* second_says) {
    const int a = r->peer_of_rank[0], b = r->peer_of_rank[1];
    whim_op *first, *second;
    CHECK_OK(whim_neighbour_average(r->groups[a], x[a], y[a], COUNT, WHIM_F32, of_a, &first));
    CHECK_OK(whim_neighbour_average(r->groups[b], x[b], y[b], COUNT, WHIM_F32, of_b, &second));
    end_op_saying(first, WHIM_E_MISMATCH, first_says);
    end_op_saying(second, WHIM_E_MISMATCH, second_says);
}

static void a_mismatch_is_named_on_both(run* r) {
    whim_neighbour_options options = WHIM_NEIGHBOUR_OPTIONS_INIT, other;
    const whim_edge edge = {0, 1};
    options.graph = WHIM_GRAPH_LISTED;
    options.edges = &edge;
    options.edges_len = 1;
    options.tag = 7;
    options.steps = 2;
    other = options;
    other.steps = 3;
    both_say(r, &options, &other, "2 steps", "3 steps");
    /* Whoever waits gives signs by its own grace: another one would have it left out. */
    options.tag = 70;
    other = options;
    other.grace_ms = 60000;
    both_say(r, &options, &other, "a grace of 60000 ms", "a grace of 60000 ms");
}

static void who_is_not_finite_keeps_its_values(run* r) {
    const int a = r->peer_of_rank[0], b = r->peer_of_rank[1];
    whim_pair_options options = WHIM_PAIR_OPTIONS_INIT;
    whim_op_info info = WHIM_OP_INFO_INIT;
    whim_op *first, *second;
    options.tag = 8;
    fill();
    x[a][5] = INFINITY;
    CHECK_OK(whim_pair_average(r->groups[a], x[a], y[a], COUNT, WHIM_F32, 1, &options, &first));
    CHECK_OK(whim_pair_average(r->groups[b], x[b], y[b], COUNT, WHIM_F32, 0, &options, &second));
    CHECK(went(first).mixed == 0 && went(second).mixed == 0 && went(second).lost == 1);
    CHECK_OK(whim_op_get_info(first, &info));
    CHECK(info.excluded_self == 1);
    CHECK(memcmp(x[a], y[a], sizeof x[a]) == 0 && memcmp(x[b], y[b], sizeof x[b]) == 0);
    whim_op_release(first);
    whim_op_release(second);
    options.non_finite = WHIM_NON_FINITE_ABORT;
    CHECK_OK(whim_pair_average(r->groups[a], x[a], y[a], COUNT, WHIM_F32, 1, &options, &first));
    CHECK_OK(whim_pair_average(r->groups[b], x[b], y[b], COUNT, WHIM_F32, 0, &options, &second));
    end_op_saying(first, WHIM_E_NON_FINITE, "element 5");
    end_op_saying(second, WHIM_E_NON_FINITE, "element 5");
}

static void misuse_is_refused(run* r) {
    whim_neighbour_options options = WHIM_NEIGHBOUR_OPTIONS_INIT;
    whim_gossip_info info = WHIM_GOSSIP_INFO_INIT;
    const whim_edge outside = {0, 99};
    whim_group* group = r->groups[0];
    whim_op* op;
    CHECK_IS(whim_neighbour_average(group, x[0], y[0], 8, WHIM_I32, NULL, &op), WHIM_E_UNSUPPORTED);
    options.codec = "topk:1/64";
    CHECK_IS(whim_neighbour_average(group, x[0], y[0], 8, WHIM_F32, &options, &op), WHIM_E_UNSUPPORTED);
    CHECK_DETAIL("sparse");
    options.codec = "int8";
    CHECK_IS(whim_neighbour_average(group, x[0], y[0], 4, WHIM_F64, &options, &op), WHIM_E_UNSUPPORTED);
    options.non_finite = WHIM_NON_FINITE_ALLOW;
    CHECK_IS(whim_neighbour_average(group, x[0], y[0], 8, WHIM_F32, &options, &op), WHIM_E_UNSUPPORTED);
    options.non_finite = 0;
    options.codec = "int9";
    CHECK_IS(whim_neighbour_average(group, x[0], y[0], 8, WHIM_F32, &options, &op), WHIM_E_INVALID);
    options.codec = NULL;
    CHECK_IS(whim_neighbour_average(group, x[0], x[0] + 1, 8, WHIM_F32, NULL, &op), WHIM_E_INVALID);
    CHECK_IS(whim_neighbour_average(group, x[0], NULL, 8, WHIM_F32, NULL, &op), WHIM_E_INVALID);
    options.steps = WHIM_GOSSIP_STEPS_MAX + 1;
    CHECK_IS(whim_neighbour_average(group, x[0], y[0], 8, WHIM_F32, &options, &op), WHIM_E_INVALID);
    CHECK_DETAIL("steps 65");
    options.steps = 2;
    options.edges = &outside;
    options.edges_len = 1;
    CHECK_IS(whim_neighbour_average(group, x[0], y[0], 8, WHIM_F32, &options, &op), WHIM_E_INVALID);
    options.graph = WHIM_GRAPH_LISTED;
    CHECK_OK(whim_neighbour_average(group, x[0], y[0], 8, WHIM_F32, &options, &op));
    end_op_saying(op, WHIM_E_INVALID, "99");
    options.edges = NULL;
    options.edges_len = 0;
    options.graph = WHIM_GRAPH_RANDOM_MATCHING;
    options.chebyshev = 1;
    CHECK_OK(whim_neighbour_average(group, x[0], y[0], 8, WHIM_F32, &options, &op));
    end_op_saying(op, WHIM_E_UNSUPPORTED, "random-matching changes");
    CHECK_OK(whim_pair_average(group, x[0], y[0], 8, WHIM_F32, 77, NULL, &op));
    end_op_saying(op, WHIM_E_INVALID, "77");
    CHECK_OK(whim_barrier(group, NULL, &op));
    CHECK_OK(whim_op_cancel(op));
    CHECK_IS(whim_op_wait(op, PATIENCE_MS), WHIM_E_CANCELLED);
    CHECK_IS(whim_op_get_gossip_info(op, &info), WHIM_E_WRONG_STATE);
    whim_op_release(op);
}

/* It never calls the op, and its death is known only later: the others go on without, with its weight. */
static void a_killed_neighbour_leaves_its_weight(run* r) {
    const int victim = r->peer_of_rank[1];
    whim_neighbour_options options = WHIM_NEIGHBOUR_OPTIONS_INIT;
    whim_member lost = WHIM_MEMBER_INIT;
    whim_op* ops[PEERS_MAX];
    float alone;
    int p, left = 0;
    options.tag = 9;
    fill();
    for (p = 0; p < r->peers; p++) {
        if (p == victim) continue;
        CHECK_OK(whim_neighbour_average(r->groups[p], x[p], y[p], COUNT, WHIM_F32, &options, &ops[p]));
    }
    CHECK_OK(whim_group_destroy(r->groups[victim]));
    for (p = 0; p < r->peers; p++) {
        whim_gossip_info gossip;
        if (p == victim) continue;
        gossip = went(ops[p]);
        CHECK(gossip.steps_min == 1);
        if (p == r->peer_of_rank[3]) CHECK(gossip.lost == 0 && gossip.mixed == 2); /* not beside it */
        else {
            CHECK(gossip.lost == 1 && gossip.mixed == 1);
            CHECK_OK(whim_op_get_lost(ops[p], 0, &lost));
            CHECK(lost.rank == 1);
            /* A third of the weight each, the victim's being this peer's own. */
            alone = x[p][63] + (x[r->peer_of_rank[3]][63] - x[p][63]) * (1.0f / 3.0f);
            CHECK(fabsf(y[p][63] - alone) < 1e-2f);
            left++;
        }
        whim_op_release(ops[p]);
    }
    CHECK(left == 2);
    r->groups[victim] = r->groups[r->peers - 1];
    r->peers--;
}

int main(void) {
    run r;
    start_run(&r, 4);
    a_complete_graph_gives_the_mean(&r);
    a_ring_draws_members_together_and_says_how(&r);
    a_codec_keeps_the_mean(&r);
    every_float_is_averaged(&r);
    a_named_pair_needs_nobody_else(&r);
    of_drawn_pairs_all_have_one(&r);
    a_late_partner_costs_the_budget(&r);
    a_mismatch_is_named_on_both(&r);
    who_is_not_finite_keeps_its_values(&r);
    misuse_is_refused(&r);
    a_killed_neighbour_leaves_its_weight(&r);
    stop_run(&r);
    return 0;
}
