// Buffers are touched before, the result is checked after: bit by bit, or as coded_result.h says.
#include "all_reduce_peer.h"

#include <time.h>
#include <xxhash.h>

#include <cstdio>
#include <iostream>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "collectives/codec/parse.h"
#include "pattern.h"
#include "peer.h"
#include "stress/cores.h"
#include "tensors.h"

namespace stress {
namespace {

struct Dtype {
    const char* name;
    whim_dtype code;
    Element element;
};
constexpr Dtype kDtypes[] = {{"f32", WHIM_F32, Element::f32}, {"bf16", WHIM_BF16, Element::bf16}};

struct Reduce {
    const char* name;
    whim_reduce code;
    Fold fold;
};
constexpr Reduce kReduces[] = {{"avg", WHIM_AVG, Fold::avg}, {"sum", WHIM_SUM, Fold::sum}};

Reduce reduce_of(const std::string& name) {
    for (const auto& each : kReduces)
        if (name == each.name) return each;
    throw std::runtime_error("--reduce is avg or sum");
}

Dtype dtype_of(const std::string& name) {
    for (const auto& each : kDtypes)
        if (name == each.name) return each;
    throw std::runtime_error("--dtype is f32 or bf16");
}

double process_cpu_s() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::string name_of(const AllReduceRun& run, uint64_t index) {
    return run.names.empty() ? "peer" + std::to_string(index) : run.names[index];
}

Child start_peer(const AllReduceRun& run, const std::string& invite, uint64_t index) {
    const Place place = place_of(run.places, index);
    std::vector<std::string> arguments = {"--role",          "peer",
                                          "--invite",        invite,
                                          "--security",      run.security,
                                          "--name",          name_of(run, index),
                                          "--bytes",         std::to_string(run.bytes),
                                          "--dtype",         run.dtype,
                                          "--reduce",        run.reduce,
                                          "--codec",         run.codec,
                                          "--quorum",        std::to_string(run.min_contributors),
                                          "--grace-ms",      std::to_string(run.grace_ms),
                                          "--check",         run.check ? "1" : "0",
                                          "--listen",        place.address + ":0",
                                          "--path",          run.path,
                                          "--warm-ups",      std::to_string(run.warm_ups),
                                          "--rest-ms",       std::to_string(run.rest_ms),
                                          "--tensors",       std::to_string(run.tensors),
                                          "--cut",           run.cut,
                                          "--plan",          run.plan,
                                          "--rounds-before", std::to_string(run.rounds_before)};
    if (run.pinned) arguments.insert(arguments.end(), {"--core", std::to_string(index)});
    return Child::start(arguments, place);
}

// Of the op's elements, how many have the contribution of one member.
double share_of_last(const whimbrel::Op& op, uint32_t rank, size_t count) {
    uint64_t elements = 0;
    for (uint32_t set = 0; set < op.info().contributor_sets; ++set) {
        const whim_contributor_set members = op.contributor_set(set);
        for (uint32_t i = 0; i < members.members; ++i)
            if (op.contributor(set, i).rank == rank) elements += members.elements;
    }
    return static_cast<double>(elements) / static_cast<double>(count);
}

// With a grace some parts may lack the contributions of those that were late: each is held to what the op
// says. all: of the round's members, by rank.
bool is_what_it_says(const whimbrel::Op& op, const std::vector<Contribution>& all, const Dtype& dtype,
                     Fold fold, const std::vector<unsigned char>& out) {
    const size_t width = element_bytes(dtype.element);
    const bool in_rank_order = std::string(op.info().plan) == "direct";
    for (uint32_t i = 0; i < op.info().contributor_runs; ++i) {
        const whim_contributor_run run = op.contributor_run(i);
        std::vector<Contribution> made_of;
        for (uint32_t m = 0; m < op.contributor_set(run.set).members; ++m)
            made_of.push_back(all.at(op.contributor(run.set, m).rank));
        const unsigned char* part = out.data() + run.first * width;
        const size_t wrong =
            in_rank_order
                ? first_wrong(made_of, dtype.element, fold, run.first, run.count, part)
                : first_far(made_of, fold, run.first, run.count, reinterpret_cast<const float*>(part));
        if (wrong != run.first + run.count) return false;
    }
    return true;
}

std::ostream& operator<<(std::ostream& out, const CodedResult& r) {
    return out << r.digest << ' ' << r.error_rms << ' ' << r.predicted_rms << ' ' << r.sent_share << ' '
               << r.returned_share;
}

std::istream& operator>>(std::istream& in, CodedResult& r) {
    return in >> r.digest >> r.error_rms >> r.predicted_rms >> r.sent_share >> r.returned_share;
}

}  // namespace

void check_names(const AllReduceRun& run) {
    reduce_of(run.reduce);
    if (dtype_of(run.dtype).element != Element::f32 && run.codec != "none")
        throw std::runtime_error("--codec is for --dtype f32");
    if (const auto codec = whim::parse_codec(run.codec); !codec.ok())
        throw std::runtime_error("--codec: " + codec.error().detail);
}

// Says "joined"; on "go ITERATIONS PEERS" says its share, and "result" with what its last result is like.
int all_reduce_peer_role(const Options& options) {
    if (options.has("core")) keep_to_core(options.number("core", 0));
    const Dtype dtype = dtype_of(options.text("dtype", "f32"));
    const Reduce reduce = reduce_of(options.text("reduce", "avg"));
    const std::string codec = options.text("codec", "none");
    const size_t count = options.number("bytes", 0) / element_bytes(dtype.element);
    const uint64_t key = key_of(1, options.text("name", ""), 0);
    std::vector<unsigned char> in(count * element_bytes(dtype.element)), out(in.size());
    if (codec == "none") make_input(key, dtype.element, 0, count, in.data());
    else make_gradient(key, 0, count, reinterpret_cast<float*>(in.data()));
    auto group = join(options.text("invite", ""), options.text("security", "tls"), options.text("name", ""),
                      options.text("listen", "127.0.0.1:0"), options.text("path", "auto"));
    std::cout << "joined" << std::endl;

    std::string order;
    uint64_t iterations = 0, peers = 0;
    if (!(std::cin >> order >> iterations >> peers)) return 1;
    for (uint64_t before = options.number("rounds-before", 0); before > 0; --before) {
        group.round_begin().get(kPatienceMs);
        for (int i = 0; i < 3; ++i)
            group.all_reduce(in.data(), out.data(), count, dtype.code, reduce.code).get(kPatienceMs);
        group.round_commit().get(kPatienceMs);
    }
    auto begin = group.round_begin();
    begin.get(kPatienceMs);
    if (begin.round_info().world_size != peers)
        throw std::runtime_error("the round began without some peers");

    const auto barrier = [&] {
        whim_collective_options sync = WHIM_COLLECTIVE_OPTIONS_INIT;
        sync.tag = 1;
        group.barrier(&sync).get(kPatienceMs);
    };
    whim_all_reduce_options wishes = WHIM_ALL_REDUCE_OPTIONS_INIT;
    wishes.codec = codec.c_str();
    const std::string plan = options.text("plan", "auto");
    wishes.plan = plan.c_str();
    wishes.min_contributors = static_cast<uint32_t>(options.number("quorum", 0));
    wishes.grace_ms = static_cast<uint32_t>(options.number("grace-ms", 0));
    std::optional<whimbrel::Op> last;
    bool has_result = false;
    std::optional<Tensors> tensors;
    if (const size_t wanted = options.number("tensors", 0); wanted > 0)
        tensors.emplace(cut_into(options.text("cut", "equal"), wanted, count), in.data(),
                        element_bytes(dtype.element));
    const Loop loop{options.number("warm-ups", kWarmUps), iterations, options.number("rest-ms", 0)};
    uint64_t turn = 0;
    double cpu_s[2] = {0, 0};  // of a buffer, of tensors
    const auto call = [&] {
        const bool of_tensors = tensors && turn % 2 == 1;
        const double before = process_cpu_s();
        last.emplace(of_tensors
                         ? group.all_reduce(tensors->list(), dtype.code, reduce.code, &wishes)
                         : group.all_reduce(in.data(), out.data(), count, dtype.code, reduce.code, &wishes));
        try {
            last->get(kPatienceMs);
            has_result = true;
        } catch (const whimbrel::Error& error) {  // of one that is too late, the others may keep nothing
            if (error.result() != WHIM_E_EXCLUDED) throw;
            has_result = false;
        }
        if (turn++ >= loop.warm_ups) cpu_s[of_tensors] += process_cpu_s() - before;
    };
    Share share = timed_loop(loop, {nullptr, barrier, call});
    std::vector<Contribution> all;
    uint32_t last_rank = 0;
    for (uint32_t rank = 0; rank < peers; ++rank) {
        const whim_member member = begin.round_member(WHIM_ROUND_PARTICIPANTS, rank);
        all.push_back({key_of(1, member.name, 0), 1.0f});
        if (member.name == "peer" + std::to_string(peers - 1)) last_rank = rank;
    }
    CodedResult result{.digest = XXH3_64bits(out.data(), out.size())};
    if (codec != "none")
        result = look_at(codec, all, reduce.fold, {reinterpret_cast<const float*>(out.data()), count});
    if (options.number("check", 1) && has_result)
        share.right =
            codec != "none" ? result.plausible() : is_what_it_says(*last, all, dtype, reduce.fold, out);
    if (tensors && codec == "none" && !tensors->result_is(out.data())) share.right = false;
    if (!has_result) result.digest = 0;
    say(share);
    std::cout << "result " << result << ' ' << share_of_last(*last, last_rank, count) << ' '
              << last->info().plan << ' ' << cpu_s[0] << ' ' << cpu_s[1] << std::endl;
    while (std::cin >> order) {}
    return 0;
}

AllReduceFigures measure_all_reduce(const AllReduceRun& run) {
    const ScratchDirectory scratch;
    const Coordinator coordinator =
        start_coordinator(scratch.path(), run.security, run.peers, place_of(run.places, 0), "", run.links);
    std::vector<Child> children;
    for (uint64_t i = 0; i < run.peers; ++i) children.push_back(start_peer(run, coordinator.invite, i));
    for (auto& child : children) child.expect("joined", Millis(kPatienceMs));
    for (auto& child : children)
        child.say("go " + std::to_string(run.iterations) + " " + std::to_string(run.peers));
    AllReduceFigures all{.totals = Totals(run.iterations), .result = {}};
    const Deadline deadline(run.patience.value_or(patience_for(run.iterations)));
    for (auto& child : children) {
        const auto hear = [&](const std::string& word) { return child.expect(word, deadline.left()); };
        const Share share = hear_share(run.iterations, hear);
        const bool late = run.last_is_late && &child == &children.back();
        if (late) all.totals.add_costs(share);
        else all.totals.add(share);
        CodedResult result;
        double late_share = 0;
        std::istringstream line(hear("result"));
        double whole_s = 0, tensors_s = 0;
        line >> result >> late_share >> all.plan >> whole_s >> tensors_s;
        all.cpu_whole_s += whole_s;
        all.cpu_tensors_s += tensors_s;
        all.late_has_result = !late || result.digest != 0;
        if (!all.late_has_result) continue;
        if (&child != &children.front() && result.digest != all.result.digest)
            throw std::runtime_error("two peers have different results");
        all.result = result;
        all.late_share = late_share;
    }
    return all;
}

int all_reduce_main(const Options& options, const char* usage, int (*bench)(const Options&)) {
    const std::string role = options.text("role", "");
    if (options.has("help")) return std::fputs(usage, stdout) < 0;
    if (role == "coordinator") return coordinator_role(options);
    if (role == "peer") return all_reduce_peer_role(options);
    return bench(options);
}

}  // namespace stress
