/* Size-first structs: initializers, older (shorter) and newer (longer) callers, NULL. Needs no run. */
#include "harness.h"

#define CHECK_INIT(type, initializer)                                                                        \
    do {                                                                                                     \
        type value = initializer;                                                                            \
        CHECK(value.struct_size == sizeof value);                                                            \
    } while (0)

static void initializers_say_their_size(void) {
    CHECK_INIT(whim_error, WHIM_ERROR_INIT);
    CHECK_INIT(whim_member, WHIM_MEMBER_INIT);
    CHECK_INIT(whim_op_info, WHIM_OP_INFO_INIT);
    CHECK_INIT(whim_contributor_set, WHIM_CONTRIBUTOR_SET_INIT);
    CHECK_INIT(whim_contributor_run, WHIM_CONTRIBUTOR_RUN_INIT);
    CHECK_INIT(whim_event, WHIM_EVENT_INIT);
    CHECK_INIT(whim_group_options, WHIM_GROUP_OPTIONS_INIT);
    CHECK_INIT(whim_group_info, WHIM_GROUP_INFO_INIT);
    CHECK_INIT(whim_link_info, WHIM_LINK_INFO_INIT);
    CHECK_INIT(whim_round_options, WHIM_ROUND_OPTIONS_INIT);
    CHECK_INIT(whim_round_info, WHIM_ROUND_INFO_INIT);
    CHECK_INIT(whim_commit_options, WHIM_COMMIT_OPTIONS_INIT);
    CHECK_INIT(whim_commit_info, WHIM_COMMIT_INFO_INIT);
    CHECK_INIT(whim_record_info, WHIM_RECORD_INFO_INIT);
    CHECK_INIT(whim_record_vote, WHIM_RECORD_VOTE_INIT);
    CHECK_INIT(whim_all_reduce_options, WHIM_ALL_REDUCE_OPTIONS_INIT);
    CHECK_INIT(whim_collective_options, WHIM_COLLECTIVE_OPTIONS_INIT);
    CHECK_INIT(whim_neighbour_options, WHIM_NEIGHBOUR_OPTIONS_INIT);
    CHECK_INIT(whim_pair_options, WHIM_PAIR_OPTIONS_INIT);
    CHECK_INIT(whim_gossip_info, WHIM_GOSSIP_INFO_INIT);
    CHECK_INIT(whim_mix, WHIM_MIX_INIT);
    CHECK_INIT(whim_codec, WHIM_CODEC_INIT);
    CHECK_INIT(whim_reducer, WHIM_REDUCER_INIT);
    CHECK_INIT(whim_coordinator_options, WHIM_COORDINATOR_OPTIONS_INIT);
}

/* A caller of the future: the struct it knows goes on after ours. */
typedef struct {
    whim_group_options known;
    uint64_t unknown[2];
} newer_options;

static whim_group_options options_of_a_peer(void) {
    whim_group_options options = WHIM_GROUP_OPTIONS_INIT;
    options.run = "none";
    options.coordinators = "127.0.0.1:1";
    options.listen = "127.0.0.1:0";
    return options;
}

static void longer_is_accepted_when_the_excess_is_zero(void) {
    newer_options newer;
    whim_group* group = NULL;
    memset(&newer, 0, sizeof newer);
    newer.known = options_of_a_peer();
    newer.known.struct_size = sizeof newer;
    CHECK_OK(whim_group_create(&newer.known, &group));
    CHECK_OK(whim_group_destroy(group));

    newer.unknown[1] = 1;
    CHECK_IS(whim_group_create(&newer.known, &group), WHIM_E_STRUCT_SIZE);
    CHECK_DETAIL("byte");
}

static void shorter_is_filled_up_with_zeros(void) {
    whim_group_options options = options_of_a_peer();
    whim_group* group = NULL;
    options.worker_threads = 100000; /* out of range, and beyond what the older caller has */
    CHECK_IS(whim_group_create(&options, &group), WHIM_E_INVALID);
    CHECK_DETAIL("worker_threads");
    options.struct_size = (uint32_t)offsetof(whim_group_options, worker_threads);
    CHECK_OK(whim_group_create(&options, &group));
    CHECK_OK(whim_group_destroy(group));
}

static void a_size_never_set_is_told(void) {
    whim_group_options options = options_of_a_peer();
    whim_group* group = NULL;
    options.struct_size = 0;
    CHECK_IS(whim_group_create(&options, &group), WHIM_E_INVALID);
    CHECK_DETAIL("initializer");
    options.struct_size = 0xfefefefe;
    CHECK_IS(whim_group_create(&options, &group), WHIM_E_INVALID);
}

static void outputs_fit_older_and_newer_callers(void) {
    struct {
        whim_error known;
        char unknown[8];
    } newer;
    whim_error error = WHIM_ERROR_INIT;
    memset(&newer, 0x55, sizeof newer);
    CHECK_IS(whim_group_create(NULL, NULL), WHIM_E_INVALID);

    newer.known.struct_size = sizeof newer;
    CHECK_OK(whim_last_error(&newer.known));
    CHECK(newer.known.struct_size == sizeof newer && newer.known.result == WHIM_E_INVALID);
    CHECK(newer.unknown[0] == 0 && newer.unknown[7] == 0);

    memset(error.detail, 0x55, sizeof error.detail);
    error.struct_size = (uint32_t)offsetof(whim_error, detail);
    CHECK_OK(whim_last_error(&error));
    CHECK(error.result == WHIM_E_INVALID && error.detail[0] == 0x55);
}

static void each_wrong_option_is_named(void) {
    static const struct {
        const char *run, *coordinators, *listen, *advertise, *invite, *words;
        whim_result result;
    } wrong[] = {
        {NULL, "127.0.0.1:1", NULL, NULL, NULL, "run", WHIM_E_INVALID},
        {"r", NULL, NULL, NULL, NULL, "coordinators", WHIM_E_INVALID},
        {"r", "127.0.0.1", NULL, NULL, NULL, "coordinators", WHIM_E_INVALID},
        {"r", "127.0.0.1:1,", "nonsense", NULL, NULL, "listen", WHIM_E_INVALID},
        {"r", "127.0.0.1:1", NULL, "::::", NULL, "advertise", WHIM_E_INVALID},
        {"r", "127.0.0.1:1", NULL, NULL, "whim1.nonsense", "", WHIM_E_TOKEN},
        {"r", "127.0.0.1:1", "192.0.2.1:1", NULL, NULL, "192.0.2.1", WHIM_E_BIND},
    };
    size_t i;
    for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        whim_group_options options = WHIM_GROUP_OPTIONS_INIT;
        whim_group* group = NULL;
        options.run = wrong[i].run;
        options.coordinators = wrong[i].coordinators;
        options.listen = wrong[i].listen;
        options.advertise = wrong[i].advertise;
        options.invite = wrong[i].invite;
        CHECK_IS(whim_group_create(&options, &group), wrong[i].result);
        CHECK_DETAIL(wrong[i].words);
        CHECK(group == NULL);
    }
}

/* Numbers out of range: the option, the value and the range are named; the ends of each range are fine. */
static void ranges_of_a_peer_are_checked(void) {
    static const struct {
        uint32_t bulk_strands, worker_threads, chunk_bytes, same_host_path, outbound_only;
        uint64_t retain_bytes_max, window_bytes;
        const char* words; /* NULL: fine */
    } cases[] = {
        {33, 0, 0, 0, 0, 0, 0, "bulk_strands 33: from 0 to 32"},
        {0, 65, 0, 0, 0, 0, 0, "worker_threads 65: from 1 to 64"},
        {0, 0, 4095, 0, 0, 0, 0, "chunk_bytes 4095: from 4096 to 1048576"},
        {0, 0, 1048577, 0, 0, 0, 0, "chunk_bytes 1048577: from 4096 to 1048576"},
        {0, 0, 0, 2, 0, 0, 0, "same_host_path 2: from 0 to 1"},
        {0, 0, 0, 0, 0, 0, 262143, "window_bytes 262143: from 262144"},
        {0, 0, 8192, 0, 0, 0, 8191, "window_bytes 8191: from 8192"},
        {0, 0, 0, 0, 2, 0, 0, "outbound_only 2: from 0 to 1"},
        {1, 1, 4096, 0, 1, 1, 4096, NULL},
        {32, 64, 1048576, 1, 0, UINT64_MAX, UINT64_MAX, NULL},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        whim_group_options options = options_of_a_peer();
        whim_group* group = NULL;
        options.bulk_strands = cases[i].bulk_strands;
        options.worker_threads = cases[i].worker_threads;
        options.chunk_bytes = cases[i].chunk_bytes;
        options.same_host_path = cases[i].same_host_path;
        options.outbound_only = cases[i].outbound_only;
        options.retain_bytes_max = cases[i].retain_bytes_max;
        options.window_bytes = cases[i].window_bytes;
        CHECK_IS(whim_group_create(&options, &group), cases[i].words ? WHIM_E_INVALID : WHIM_OK);
        if (cases[i].words) CHECK_DETAIL(cases[i].words);
        CHECK_OK(whim_group_destroy(group));
    }
}

static void reserved_fields_of_a_round_are_zero(void) {
    whim_group_options options = options_of_a_peer();
    whim_round_options round = WHIM_ROUND_OPTIONS_INIT;
    whim_group* group = NULL;
    whim_op* op = NULL;
    CHECK_OK(whim_group_create(&options, &group));
    round.reserved = 7;
    CHECK_IS(whim_round_begin(group, &round, &op), WHIM_E_INVALID);
    CHECK_DETAIL("reserved 7");
    CHECK(op == NULL);
    CHECK_OK(whim_group_destroy(group));
}

static void ranges_of_a_coordinator_are_checked(void) {
    static const struct {
        uint32_t replicas_min, round_grace_ms, suspect_after_ms;
        const char* words;
    } wrong[] = {
        {1025, 0, 0, "replicas_min 1025: from 1 to 1024"},
        {0, 3600001, 0, "round_grace_ms 3600001: from 0 to 3600000"},
        {0, 0, 99, "suspect_after_ms 99: from 100 to 600000"},
        {0, 0, 600001, "suspect_after_ms 600001: from 100 to 600000"},
    };
    size_t i;
    for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        whim_coordinator_options options = WHIM_COORDINATOR_OPTIONS_INIT;
        whim_coordinator* coordinator = NULL;
        whim_error error = WHIM_ERROR_INIT;
        options.run = "r";
        options.data_dir = "/proc/nowhere";
        options.replicas_min = wrong[i].replicas_min;
        options.round_grace_ms = wrong[i].round_grace_ms;
        options.suspect_after_ms = wrong[i].suspect_after_ms;
        CHECK_IS(whim_coordinator_start(&options, &coordinator), WHIM_E_INVALID);
        CHECK_OK(whim_coordinator_last_error(&error));
        CHECK(strstr(error.detail, wrong[i].words) != NULL);
    }
}

static void coordinators_check_theirs(void) {
    whim_coordinator_options options = WHIM_COORDINATOR_OPTIONS_INIT;
    whim_coordinator* coordinator = NULL;
    whim_error error = WHIM_ERROR_INIT;
    char text[8];
    CHECK_IS(whim_coordinator_start(NULL, &coordinator), WHIM_E_INVALID);
    CHECK_IS(whim_coordinator_start(&options, &coordinator), WHIM_E_INVALID);
    options.run = "r";
    options.data_dir = "/proc/nowhere";
    options.suspect_after_ms = 5;
    CHECK_IS(whim_coordinator_start(&options, &coordinator), WHIM_E_INVALID);
    CHECK_OK(whim_coordinator_last_error(&error));
    CHECK(strstr(error.detail, "suspect_after_ms") != NULL);
    options.suspect_after_ms = 0;
    CHECK_IS(whim_coordinator_start(&options, &coordinator), WHIM_E_STORE);
    CHECK_IS(whim_coordinator_address(NULL, text, sizeof text), WHIM_E_INVALID);
    whim_coordinator_stop(NULL);
}

static void names_and_texts(void) {
    CHECK(strcmp(whim_result_name(WHIM_E_TAG_IN_USE), "WHIM_E_TAG_IN_USE") == 0);
    CHECK(strcmp(whim_result_name(-12345), "WHIM_E_UNKNOWN") == 0);
    CHECK(strlen(whim_result_text(WHIM_OK)) > 0 && strlen(whim_result_text(-12345)) > 0);
    CHECK(whim_result_is_retryable(WHIM_E_EVICTED) == 1);
    CHECK(whim_result_is_retryable(WHIM_E_INVALID) == 0 && whim_result_is_retryable(-12345) == 0);
    CHECK(whim_version() == WHIM_VERSION && strcmp(whim_version_text(), "0.1.0") == 0);
}

/* What others may read is UTF-8 and one line, whatever the name was made of. */
static void a_name_is_shown_as_text(void) {
    whim_group_options options = options_of_a_peer();
    whim_group_info info = WHIM_GROUP_INFO_INIT;
    whim_group* group = NULL;
    options.security = WHIM_SECURITY_NONE;
    options.name = "B\xfcro\n3 \xc3\xa9";
    CHECK_OK(whim_group_create(&options, &group));
    CHECK_OK(whim_group_get_info(group, &info));
    CHECK(strcmp(info.name, "B?ro?3 \xc3\xa9") == 0);
    CHECK_OK(whim_group_destroy(group));
}

static int entries = 0;
static void count_entry(int32_t level, const char* component, const char* text, void* user) {
    CHECK(user == &entries && level >= WHIM_LOG_TRACE && component[0] && text[0] && !strchr(text, '\n'));
    entries++;
}

static void the_log_goes_where_it_is_told(void) {
    whim_group_options options = options_of_a_peer();
    whim_group* group = NULL;
    int loud;
    CHECK_IS(whim_log_set_filter("chatty"), WHIM_E_INVALID);
    CHECK_IS(whim_log_set_filter("info,kitchen=debug"), WHIM_E_INVALID);
    CHECK_OK(whim_log_set_sink(count_entry, &entries));
    CHECK_OK(whim_log_set_filter("info"));
    options.security = WHIM_SECURITY_NONE; /* is warned about */
    options.name = "two\nlines";
    CHECK_OK(whim_group_create(&options, &group));
    CHECK_OK(whim_group_destroy(group));
    loud = entries;
    CHECK(loud >= 2);
    CHECK_OK(whim_log_set_filter("info,runtime=off"));
    CHECK_OK(whim_group_create(&options, &group));
    CHECK_OK(whim_group_destroy(group));
    CHECK(entries == loud);
    CHECK_OK(whim_log_set_filter(NULL));
    CHECK_OK(whim_log_set_sink(NULL, NULL));
}

int main(void) {
    initializers_say_their_size();
    longer_is_accepted_when_the_excess_is_zero();
    shorter_is_filled_up_with_zeros();
    a_size_never_set_is_told();
    outputs_fit_older_and_newer_callers();
    each_wrong_option_is_named();
    ranges_of_a_peer_are_checked();
    reserved_fields_of_a_round_are_zero();
    ranges_of_a_coordinator_are_checked();
    coordinators_check_theirs();
    names_and_texts();
    a_name_is_shown_as_text();
    the_log_goes_where_it_is_told();
    return 0;
}
