// Buffers are touched before, the result is checked after, bit by bit.
#include "all_reduce_peer.h"

#include <cstdio>
#include <iostream>
#include <stdexcept>

#include "pattern.h"
#include "peer.h"
#include "stress/cores.h"

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

Child start_peer(const AllReduceRun& run, const std::string& invite, uint64_t index) {
    const Place place = place_of(run.places, index);
    std::vector<std::string> arguments = {"--role",     "peer",
                                          "--invite",   invite,
                                          "--security", run.security,
                                          "--name",     "peer" + std::to_string(index),
                                          "--bytes",    std::to_string(run.bytes),
                                          "--dtype",    run.dtype,
                                          "--reduce",   run.reduce,
                                          "--check",    run.check ? "1" : "0",
                                          "--listen",   place.address + ":0",
                                          "--path",     run.path,
                                          "--warm-ups", std::to_string(run.warm_ups),
                                          "--rest-ms",  std::to_string(run.rest_ms)};
    if (run.pinned) arguments.insert(arguments.end(), {"--core", std::to_string(index)});
    return Child::start(arguments, place);
}

}  // namespace

void check_names(const AllReduceRun& run) {
    dtype_of(run.dtype);
    reduce_of(run.reduce);
}

// Says "joined"; on "go ITERATIONS PEERS" says its share.
int all_reduce_peer_role(const Options& options) {
    if (options.has("core")) keep_to_core(options.number("core", 0));
    const Dtype dtype = dtype_of(options.text("dtype", "f32"));
    const Reduce reduce = reduce_of(options.text("reduce", "avg"));
    const size_t count = options.number("bytes", 0) / element_bytes(dtype.element);
    const uint64_t key = key_of(1, options.text("name", ""), 0);
    std::vector<unsigned char> in(count * element_bytes(dtype.element)), out(in.size());
    make_input(key, dtype.element, 0, count, in.data());
    auto group = join(options.text("invite", ""), options.text("security", "tls"), options.text("name", ""),
                      options.text("listen", "127.0.0.1:0"), options.text("path", "auto"));
    std::cout << "joined" << std::endl;

    std::string order;
    uint64_t iterations = 0, peers = 0;
    if (!(std::cin >> order >> iterations >> peers)) return 1;
    auto begin = group.round_begin();
    begin.get(kPatienceMs);
    if (begin.round_info().world_size != peers)
        throw std::runtime_error("the round began without some peers");

    const auto barrier = [&] {
        whim_collective_options sync = WHIM_COLLECTIVE_OPTIONS_INIT;
        sync.tag = 1;
        group.barrier(&sync).get(kPatienceMs);
    };
    const auto call = [&] {
        group.all_reduce(in.data(), out.data(), count, dtype.code, reduce.code).get(kPatienceMs);
    };
    const Loop loop{options.number("warm-ups", kWarmUps), iterations, options.number("rest-ms", 0)};
    Share share = timed_loop(loop, {nullptr, barrier, call});
    if (options.number("check", 1)) {
        std::vector<Contribution> all;
        for (uint32_t rank = 0; rank < peers; ++rank)
            all.push_back({key_of(1, begin.round_member(WHIM_ROUND_PARTICIPANTS, rank).name, 0), 1.0f});
        share.right = first_wrong(all, dtype.element, reduce.fold, 0, count, out.data()) == count;
    }
    say(share);
    while (std::cin >> order) {}
    return 0;
}

Totals measure_all_reduce(const AllReduceRun& run) {
    const ScratchDirectory scratch;
    const Coordinator coordinator =
        start_coordinator(scratch.path(), run.security, run.peers, place_of(run.places, 0));
    std::vector<Child> children;
    for (uint64_t i = 0; i < run.peers; ++i) children.push_back(start_peer(run, coordinator.invite, i));
    for (auto& child : children) child.expect("joined", Millis(kPatienceMs));
    for (auto& child : children)
        child.say("go " + std::to_string(run.iterations) + " " + std::to_string(run.peers));
    Totals totals(run.iterations);
    const Deadline deadline(run.patience.value_or(patience_for(run.iterations)));
    for (auto& child : children)
        totals.add(hear_share(run.iterations,
                              [&](const std::string& word) { return child.expect(word, deadline.left()); }));
    return totals;
}

int all_reduce_main(const Options& options, const char* usage, int (*bench)(const Options&)) {
    const std::string role = options.text("role", "");
    if (options.has("help")) return std::fputs(usage, stdout) < 0;
    if (role == "coordinator") return coordinator_role(options);
    if (role == "peer") return all_reduce_peer_role(options);
    return bench(options);
}

}  // namespace stress
