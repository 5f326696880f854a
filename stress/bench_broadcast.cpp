// bench broadcast: one peer's buffer to all others, peers as processes on loopback or on an emulated WAN.
//
// Each iteration starts from a barrier; its time is the longest call of any peer. Before it, those that
// receive spoil what they have. The ideal is the buffer once over the source's line, and a round trip.
#include <stdlib.h>
#include <xxhash.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "machine.h"
#include "pattern.h"
#include "peer.h"
#include "peers/wan_path.h"
#include "sizes.h"
#include "statistics.h"
#include "timed_loop.h"
#include "wan/units.h"
#include "wan/wan.h"

namespace {

using namespace stress;

constexpr double kMiB = 1 << 20;

struct Run {
    uint64_t peers = 4, bytes = 0, iterations = 10, warm_ups = kWarmUps;
    std::string security = "tls", path = "auto";
    Places places;
};

// Says "joined"; on "go ITERATIONS PEERS" says its share. Rank 0 is the source.
int peer_role(const Options& options) {
    const size_t count = options.number("bytes", 0) / sizeof(float);
    std::vector<float> buffer(count);
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
    const uint64_t key = key_of(1, begin.round_member(WHIM_ROUND_PARTICIPANTS, 0).name, 0);
    const bool source = begin.round_info().rank == 0;
    make_input(key, Element::f32, 0, count, buffer.data());
    const uint64_t digest = XXH3_64bits(buffer.data(), count * sizeof(float));
    const auto barrier = [&] {
        whim_collective_options sync = WHIM_COLLECTIVE_OPTIONS_INIT;
        sync.tag = 1;
        group.barrier(&sync).get(kPatienceMs);
    };
    const auto spoil = [&] {
        for (size_t i = 0; !source && i < count; i += 64) buffer[i] = -1.0f;
    };
    const auto call = [&] { group.broadcast(buffer.data(), count, WHIM_F32, 0).get(kPatienceMs); };
    Share share = timed_loop({options.number("warm-ups", kWarmUps), iterations}, {spoil, barrier, call});
    share.right = XXH3_64bits(buffer.data(), count * sizeof(float)) == digest;
    say(share);
    while (std::cin >> order) {}
    return 0;
}

Totals measure(const Run& run) {
    const ScratchDirectory scratch;
    const Coordinator coordinator =
        start_coordinator(scratch.path(), run.security, run.peers, place_of(run.places, 0));
    std::vector<Child> children;
    for (uint64_t i = 0; i < run.peers; ++i) {
        const Place place = place_of(run.places, i);
        children.push_back(Child::start(
            {"--role", "peer", "--invite", coordinator.invite, "--security", run.security, "--name",
             "peer" + std::to_string(i), "--bytes", std::to_string(run.bytes), "--listen",
             place.address + ":0", "--path", run.path, "--warm-ups", std::to_string(run.warm_ups)},
            place));
    }
    for (auto& child : children) child.expect("joined", Millis(kPatienceMs));
    for (auto& child : children)
        child.say("go " + std::to_string(run.iterations) + " " + std::to_string(run.peers));
    Totals totals(run.iterations);
    const Deadline deadline(patience_for(run.iterations));
    for (auto& child : children) {
        totals.add(hear_share(run.iterations,
                              [&](const std::string& word) { return child.expect(word, deadline.left()); }));
    }
    return totals;
}

void print(const Run& run, const Totals& totals, const std::optional<WanPath>& path, double router_share,
           bool json) {
    const double median_s = median(totals.seconds), min_s = quantile(totals.seconds, 0);
    const double spread_s = quantile(totals.seconds, 1) - min_s;
    const double cpu_s = totals.cpu_s / static_cast<double>(run.iterations);
    const double ideal_s = path ? line_ms(*path, static_cast<double>(run.bytes)) / 1e3 : 0;
    if (json) {
        std::printf(
            "{\"bench\": \"broadcast\", \"peers\": %lu, \"bytes\": %lu, \"security\": \"%s\", "
            "\"iters\": %lu, \"median_s\": %.6f, \"min_s\": %.6f, \"spread_s\": %.6f, "
            "\"algbw_gb_s\": %.4f, \"cpu_s\": %.4f, ",
            run.peers, run.bytes, run.security.c_str(), run.iterations, median_s, min_s, spread_s,
            static_cast<double>(run.bytes) / median_s / 1e9, cpu_s);
        if (path)
            std::printf(
                "\"rate_mbit\": %g, \"rtt_ms\": %g, \"loss\": %g, \"cc\": \"%s\", "
                "\"router_share\": %.3f, \"ideal_s\": %.6f, \"ratio_ideal\": %.3f, ",
                path->rate_mbit, path->rtt_ms, path->loss, path->congestion_control.c_str(), router_share,
                ideal_s, median_s / ideal_s);
        std::printf("\"commit\": \"%s\", \"machine\": \"%s\"}\n", commit().c_str(), machine().c_str());
    } else {
        std::printf("%9s  median %9.2f ms  min %9.2f ms  spread %8.2f ms  %6.0f MiB/s  CPU %6.2f s",
                    size_text(run.bytes).c_str(), 1e3 * median_s, 1e3 * min_s, 1e3 * spread_s,
                    static_cast<double>(run.bytes) / kMiB / median_s, cpu_s);
        if (path) std::printf("  ideal %9.2f ms, ratio %.2f", 1e3 * ideal_s, median_s / ideal_s);
        if (router_share >= kRouterShareMax)
            std::printf("  (!) emulator %.0f %% of a core: try --rate 300mbit", 100 * router_share);
        std::printf("\n");
    }
    std::fflush(stdout);
}

int bench(const Options& options) {
    setenv("WHIMBREL_LOG", "error", 0);  // security none is meant here; a user's own choice stays
    Run run;
    run.peers = options.number("peers", 4);
    run.iterations = options.number("iters", options.has("wan") ? 5 : 10);
    run.warm_ups = options.number("warm-ups", kWarmUps);
    run.security = options.text("security", "tls");
    run.path = options.text("path", "auto");
    if (run.peers == 0 || run.iterations == 0) throw std::runtime_error("--peers and --iters: at least 1");
    std::unique_ptr<wan::Lab> lab;
    std::optional<WanPath> path;
    if (options.has("wan")) {
        if (const auto reason = wan::why_unavailable()) {
            std::printf("bench broadcast: SKIP %s\n", reason->c_str());
            return wan::kSkip;
        }
        path.emplace();
        path->congestion_control = wan::usual_congestion_control();
        path->rate_mbit = wan::parse_rate(options.text("rate", "300mbit")) / 1e6;
        path->rtt_ms = wan::parse_duration(options.text("rtt", "80ms")).seconds() * 1e3;
        path->loss = wan::parse_share(options.text("loss", "0"));
        lab = std::make_unique<wan::Lab>(
            wan::equal_hosts(run.peers, options.text("rate", "300mbit"),
                             "rtt=" + options.text("rtt", "80ms") + " loss=" + options.text("loss", "0")) +
            wan::congestion(path->congestion_control));
        run.places = lab->places();
    }
    if (!options.has("json"))
        std::printf("broadcast, %lu peers, security %s\n", run.peers, run.security.c_str());
    for (const auto& size : split(options.text("bytes", "64MiB"))) {
        run.bytes = parse_bytes(size);
        if (run.bytes < sizeof(float)) throw std::runtime_error("--bytes: at least 4");
        if (lab) lab->kill_all(), lab->tell("zero");
        const Totals totals = measure(run);
        print(run, totals, path, lab ? lab->stats().busiest_share : 0, options.has("json"));
    }
    return 0;
}

constexpr const char* kUsage =
    R"(usage: ./run bench broadcast [--peers 4] [--bytes 64MiB[,...]] [--security tls|none] [--path auto|tcp]
                             [--iters 10] [--warm-ups 2] [--json]
                             [--wan [--rate 300mbit] [--rtt 80ms] [--loss 0]]
--wan: each peer is on a host of an emulated WAN, which needs root.
)";

}  // namespace

int main(int argc, char** argv) try {
    const Options options(argc, argv,
                          {"role", "invite", "security", "path", "name", "listen", "dir", "peers", "links",
                           "bytes", "iters", "warm-ups", "rate", "rtt", "loss"},
                          {"json", "help", "wan"});
    const std::string role = options.text("role", "");
    if (options.has("help")) return std::fputs(kUsage, stdout) < 0;
    if (role == "coordinator") return coordinator_role(options);
    if (role == "peer") return peer_role(options);
    return bench(options);
} catch (const std::exception& problem) {
    std::fprintf(stderr, "bench broadcast: %s\n", problem.what());
    return 1;
}
