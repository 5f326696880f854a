/* Codecs and reducers of the application: registered, used in ops, missing or different on one member, wrong,
 * and tried by the conformance tests. */
#include "custom_parts.h"

#define COUNT 5000

static float x[PEERS_MAX][COUNT], y[PEERS_MAX][COUNT];
static int released;

static float halved(float x) {
    float out = 0;
    memcpy((char*)&out + 2, (const char*)&x + 2, 2);
    return out;
}

/* The largest magnitude of each element. Times the context's number, if there is a context. */
static whim_result loudest_reduce(void* context, const whim_reduce_input* in, void* out) {
    size_t i;
    uint32_t k;
    if (in->struct_size < sizeof *in || in->dtype != WHIM_F32) return WHIM_E_INTERNAL;
    for (i = 0; i < in->count; i++) {
        float best = 0;
        for (k = 0; k < in->inputs_len; k++) {
            const float x = ((const float*)in->inputs[k])[i];
            if (fabsf(x) > fabsf(best)) best = x;
        }
        ((float*)out)[i] = context ? best * *(const float*)context : best;
    }
    return WHIM_OK;
}

static whim_reducer loudest(void) {
    whim_reducer reducer = WHIM_REDUCER_INIT;
    reducer.name = "test-loudest";
    reducer.flags = WHIM_REDUCER_ELEMENTWISE;
    reducer.reduce = loudest_reduce;
    return reducer;
}

static void count_release(void* context) {
    (void)context;
    released++;
}

static void fill(int peers) {
    int p, i;
    for (p = 0; p < peers; p++)
        for (i = 0; i < COUNT; i++) x[p][i] = (float)((p * 37 + i * 11) % 101 - 50) * 1.01f;
}

static void start_all(run* r, const char* codec, const char* reducer, whim_op** ops) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    int p;
    options.codec = codec;
    options.reducer = reducer;
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_all_reduce(r->groups[p], x[p], y[p], COUNT, WHIM_F32, reducer ? WHIM_CUSTOM : WHIM_SUM,
                                 &options, &ops[p]));
}

static void end_all(whim_op** ops, int peers, whim_result wanted, const char* words) {
    int p;
    for (p = 0; p < peers; p++) end_op_saying(ops[p], wanted, words);
}

static float loudest_of(int peers, int i, int coded) {
    float best = 0;
    int p;
    for (p = 0; p < peers; p++) {
        const float given = coded ? halved(x[p][i]) : x[p][i];
        if (fabsf(given) > fabsf(best)) best = given;
    }
    return best;
}

/* Of two opposite values the first in rank order wins: signs are not looked at here. */
static void in_ops(run* r) {
    static const char* const codecs[] = {NULL, "test-halves", "test-halves+zstd", "none"};
    whim_op* ops[PEERS_MAX];
    int p, c, i;
    fill(r->peers);
    for (c = 0; c < 4; c++) {
        const int coded = c == 1 || c == 2;
        start_all(r, codecs[c], "test-loudest", ops);
        end_all(ops, r->peers, WHIM_OK, "");
        for (i = 0; i < COUNT; i++) CHECK(fabsf(y[0][i]) == fabsf(loudest_of(r->peers, i, coded)));
        for (p = 1; p < r->peers; p++) CHECK(memcmp(y[0], y[p], sizeof y[0]) == 0);
    }
    start_all(r, "test-halves", NULL, ops);
    end_all(ops, r->peers, WHIM_OK, "");
    for (i = 0; i < COUNT; i++) {
        float sum = 0;
        for (p = 0; p < r->peers; p++) sum += halved(x[p][i]);
        CHECK(y[0][i] == halved(sum));
    }
    for (p = 1; p < r->peers; p++) CHECK(memcmp(y[0], y[p], sizeof y[0]) == 0);
}

static void in_the_other_collectives(run* r) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_collective_options copy = WHIM_COLLECTIVE_OPTIONS_INIT;
    whim_op *ops[PEERS_MAX], *more[PEERS_MAX];
    const size_t part = COUNT / 5;
    int p, k;
    size_t i;
    fill(r->peers);
    options.codec = copy.codec = "test-halves";
    options.reducer = "test-loudest";
    copy.tag = 1;
    for (p = 0; p < r->peers; p++) {
        CHECK_OK(
            whim_reduce_scatter(r->groups[p], x[p], y[p], part, WHIM_F32, WHIM_CUSTOM, &options, &ops[p]));
        CHECK_OK(whim_all_gather(r->groups[p], x[p], y[p] + part, part, WHIM_F32, &copy, &more[p]));
    }
    end_all(ops, r->peers, WHIM_OK, "");
    end_all(more, r->peers, WHIM_OK, "");
    for (k = 0; k < r->peers; k++) {
        p = r->peer_of_rank[k];
        for (i = 0; i < part; i++) {
            const int at = (int)((size_t)k * part + i);
            CHECK(fabsf(y[p][i]) == fabsf(loudest_of(r->peers, at, 1)));
            CHECK(y[0][part + (size_t)at] == halved(x[p][i]));
        }
    }
}

static void what_is_refused(run* r) {
    whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
    whim_op* ops[PEERS_MAX];
    int p;
    const size_t n = 16;
    options.reducer = "test-loudest";
    CHECK_IS(whim_all_reduce(r->groups[0], x[0], y[0], n, WHIM_F32, WHIM_SUM, &options, &ops[0]),
             WHIM_E_INVALID);
    CHECK_DETAIL("reducer: it is for WHIM_CUSTOM");
    options.reducer = NULL;
    CHECK_IS(whim_all_reduce(r->groups[0], x[0], y[0], n, WHIM_F32, WHIM_CUSTOM, &options, &ops[0]),
             WHIM_E_INVALID);
    CHECK_DETAIL("needs the name");
    options.reducer = "median";
    CHECK_IS(whim_all_reduce(r->groups[0], x[0], y[0], n, WHIM_F32, WHIM_CUSTOM, &options, &ops[0]),
             WHIM_E_INVALID);
    options.reducer = "test-loudest";
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_all_reduce(r->groups[p], x[p], y[p], n, WHIM_I32, WHIM_CUSTOM, &options, &ops[p]));
    end_all(ops, r->peers, WHIM_E_UNSUPPORTED, "test-loudest is not defined for i32");
    options.codec = "topk:1/4";
    for (p = 0; p < r->peers; p++)
        CHECK_OK(whim_all_reduce(r->groups[p], x[p], y[p], n, WHIM_F32, WHIM_CUSTOM, &options, &ops[p]));
    end_all(ops, r->peers, WHIM_E_UNSUPPORTED, "sparse");
    options.codec = "int9";
    CHECK_IS(whim_all_reduce(r->groups[0], x[0], y[0], n, WHIM_F32, WHIM_CUSTOM, &options, &ops[0]),
             WHIM_E_INVALID);
}

static void wrong_descriptions(run* r) {
    whim_codec codec = halves();
    whim_reducer reducer = loudest();
    CHECK_IS(whim_group_add_codec(NULL, &codec), WHIM_E_INVALID);
    CHECK_IS(whim_group_add_codec(r->groups[0], NULL), WHIM_E_INVALID);
    CHECK_IS(whim_group_add_codec(r->groups[0], &codec), WHIM_E_INVALID);
    CHECK_DETAIL("'test-halves' is registered already");
    CHECK_IS(whim_group_add_reducer(r->groups[0], &reducer), WHIM_E_INVALID);
    CHECK_DETAIL("'test-loudest' is registered already");
    codec.name = "int4";
    CHECK_IS(whim_group_add_codec(r->groups[0], &codec), WHIM_E_INVALID);
    CHECK_DETAIL("hyphen");
    codec = halves();
    codec.name = "test-other";
    codec.flags = 4;
    CHECK_IS(whim_group_add_codec(r->groups[0], &codec), WHIM_E_INVALID);
    codec.flags = WHIM_CODEC_WHOLE;
    codec.cut_elements = 16;
    CHECK_IS(whim_group_add_codec(r->groups[0], &codec), WHIM_E_INVALID);
    codec.flags = 0;
    codec.decode = NULL;
    CHECK_IS(whim_group_add_codec(r->groups[0], &codec), WHIM_E_INVALID);
    CHECK_DETAIL("decode are needed");
    codec.struct_size = 3;
    CHECK_IS(whim_group_add_codec(r->groups[0], &codec), WHIM_E_INVALID);
    reducer.name = "test-other";
    reducer.flags = 8;
    CHECK_IS(whim_group_add_reducer(r->groups[0], &reducer), WHIM_E_INVALID);
    reducer.flags = 0;
    reducer.dtypes = 1u << 20;
    CHECK_IS(whim_group_add_reducer(r->groups[0], &reducer), WHIM_E_INVALID);
    CHECK_DETAIL("dtypes");
}

/* Whoever lacks it says so to all; nobody waits, and the group goes on. */
static void one_member_lacks_it(run* r) {
    whim_codec codec = halves();
    whim_reducer reducer = loudest();
    whim_op* ops[PEERS_MAX];
    int p;
    codec.name = "test-rare";
    reducer.name = "test-rare";
    for (p = 1; p < r->peers; p++) {
        CHECK_OK(whim_group_add_codec(r->groups[p], &codec));
        CHECK_OK(whim_group_add_reducer(r->groups[p], &reducer));
    }
    start_all(r, "test-rare", NULL, ops);
    end_all(ops, r->peers, WHIM_E_MISMATCH, "no codec is registered as 'test-rare'");
    start_all(r, NULL, "test-rare", ops);
    end_all(ops, r->peers, WHIM_E_MISMATCH, "no reducer is registered as 'test-rare'");
    CHECK_OK(whim_group_add_codec(r->groups[0], &codec));
    start_all(r, "test-rare", NULL, ops);
    end_all(ops, r->peers, WHIM_OK, "");
}

static void other_parameters(run* r) {
    whim_reducer reducer = loudest();
    whim_op* ops[PEERS_MAX];
    int p;
    reducer.name = "test-versions";
    for (p = 0; p < r->peers; p++) {
        reducer.parameters = p == 0 ? "v=1" : "v=2";
        CHECK_OK(whim_group_add_reducer(r->groups[p], &reducer));
    }
    start_all(r, NULL, "test-versions", ops);
    end_all(ops, r->peers, WHIM_E_MISMATCH, "test-versions:v=2");
}

static whim_result always_fails(void* context, const whim_reduce_input* in, void* out) {
    (void)context, (void)in, (void)out;
    return WHIM_E_INTERNAL;
}

static whim_result writes_too_much(void* context, const whim_encode_input* in, void* out, size_t out_size,
                                   size_t* bytes) {
    ((unsigned char*)out)[out_size] = 0;
    return halves_encode(context, in, out, out_size, bytes);
}

static void wrong_at_run_time(run* r) {
    whim_codec codec = halves();
    whim_reducer reducer = loudest();
    whim_op* ops[PEERS_MAX];
    int p;
    codec.name = reducer.name = "test-wrong";
    codec.encode = writes_too_much;
    reducer.reduce = always_fails;
    for (p = 0; p < r->peers; p++) {
        CHECK_OK(whim_group_add_codec(r->groups[p], &codec));
        CHECK_OK(whim_group_add_reducer(r->groups[p], &reducer));
    }
    start_all(r, "test-wrong", NULL, ops);
    end_all(ops, r->peers, WHIM_E_BROKEN_CONTRACT, "codec test-wrong: encode of ");
    start_all(r, NULL, "test-wrong", ops);
    end_all(ops, r->peers, WHIM_E_BROKEN_CONTRACT, "reducer test-wrong failed");
    start_all(r, "test-halves", "test-loudest", ops);
    end_all(ops, r->peers, WHIM_OK, "");
}

static void a_minimum_of_contributors(run* r) {
    whim_reducer reducer = loudest();
    whim_op* ops[PEERS_MAX];
    int p;
    reducer.name = "test-many";
    reducer.min_contributors = (uint32_t)r->peers + 1;
    for (p = 0; p < r->peers; p++) CHECK_OK(whim_group_add_reducer(r->groups[p], &reducer));
    start_all(r, NULL, "test-many", ops);
    end_all(ops, r->peers, WHIM_E_TOO_FEW, "4 contributors are required");
}

static void contexts_are_released(void) {
    static float twice = 2;
    run r;
    whim_reducer reducer = loudest();
    whim_op* ops[PEERS_MAX];
    int i;
    start_run(&r, 1);
    reducer.context = &twice;
    reducer.release = count_release;
    CHECK_OK(whim_group_add_reducer(r.groups[0], &reducer));
    CHECK_IS(whim_group_add_reducer(r.groups[0], &reducer), WHIM_E_INVALID);
    CHECK(released == 0);
    fill(1);
    start_all(&r, NULL, "test-loudest", ops);
    CHECK_OK(whim_op_wait(ops[0], PATIENCE_MS));
    for (i = 0; i < COUNT; i++) CHECK(y[0][i] == 2 * x[0][i]);
    stop_run(&r);
    CHECK(released == 1);
    whim_op_release(ops[0]);
    CHECK(released == 1);
}

static void conformance(void) {
    whim_codec codec = halves();
    whim_reducer reducer = loudest();
    char report[2048], little[16];
    CHECK_OK(whim_codec_conformance(&codec, report, sizeof report));
    CHECK(strstr(report, "codec test-halves: all 11 properties hold in ") == report);
    CHECK_OK(whim_reducer_conformance(&reducer, report, sizeof report));
    CHECK(strstr(report, "reducer test-loudest: all 5 properties hold in ") == report);
    codec.encode = writes_too_much;
    CHECK_IS(whim_codec_conformance(&codec, report, sizeof report), WHIM_E_BROKEN_CONTRACT);
    CHECK(strstr(report, "\nbounds: encode writes outside its 0 bytes; input: 0 elements") != NULL);
    CHECK_DETAIL("bounds: encode writes outside");
    CHECK_IS(whim_codec_conformance(&codec, little, sizeof little), WHIM_E_BROKEN_CONTRACT);
    CHECK(strlen(little) == sizeof little - 1);
    CHECK_IS(whim_codec_conformance(&codec, NULL, 0), WHIM_E_BROKEN_CONTRACT);
    CHECK_IS(whim_codec_conformance(&codec, report, 0), WHIM_E_INVALID);
    CHECK_IS(whim_codec_conformance(NULL, report, sizeof report), WHIM_E_INVALID);
    reducer.reduce = always_fails;
    CHECK_IS(whim_reducer_conformance(&reducer, report, sizeof report), WHIM_E_BROKEN_CONTRACT);
    CHECK(strstr(report, "\naccepts: it fails; input: 1 contributors of 0 f32") != NULL);
    reducer.name = "loudest";
    CHECK_IS(whim_reducer_conformance(&reducer, report, sizeof report), WHIM_E_INVALID);
}

int main(void) {
    whim_codec codec = halves();
    whim_reducer reducer = loudest();
    run r;
    int p;
    conformance();
    contexts_are_released();
    start_run(&r, 3);
    for (p = 0; p < r.peers; p++) {
        CHECK_OK(whim_group_add_codec(r.groups[p], &codec));
        CHECK_OK(whim_group_add_reducer(r.groups[p], &reducer));
    }
    in_ops(&r);
    in_the_other_collectives(&r);
    what_is_refused(&r);
    wrong_descriptions(&r);
    one_member_lacks_it(&r);
    other_parameters(&r);
    wrong_at_run_time(&r);
    a_minimum_of_contributors(&r);
    stop_run(&r);
    return 0;
}
