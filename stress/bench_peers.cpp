// bench peers: whimbrel, gloo and Open MPI all-reduce the same amounts over one network, interleaved:
// loopback here, an emulated WAN in peers/wan_bench.cpp.
//
// Each implementation is a program of its own with as many processes as peers; each iteration starts from a
// barrier and takes from when the last process begins until the last has its result. Results are checked by
// value after each run.
#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "all_reduce_peer.h"
#include "peer.h"
#include "peers/contenders.h"
#include "peers/picture.h"
#include "peers/rates.h"
#include "peers/report.h"
#include "peers/wan_bench.h"
#include "sizes.h"
#include "statistics.h"

namespace {

using namespace stress;

// Enough iterations for a median, few enough for the whole comparison to take ten minutes on two cores.
uint64_t iterations_of(uint64_t bytes) {
    if (bytes >= 256 << 20) return 5;
    return bytes >= 16 << 20 ? 10 : 50;
}

std::vector<Cell> cells_of(const Options& options) {
    std::vector<Cell> cells;
    for (const auto& peers : split(options.text("peers", "2,4")))
        for (const auto& size : split(options.text("sizes", "4KiB,1MiB,16MiB,64MiB,256MiB"))) {
            const uint64_t bytes = parse_bytes(size);
            cells.emplace_back();
            cells.back().peers = std::stoull(peers);
            cells.back().bytes = bytes;
            cells.back().iterations = options.number("iters", iterations_of(bytes));
            cells.back().rest_ms = options.number("rest-ms", 0);
            cells.back().pinned = !options.has("no-pin");
            if (cells.back().peers < 2 || bytes == 0 || bytes % sizeof(float) != 0 ||
                cells.back().iterations == 0)
                throw std::runtime_error(
                    "--peers at least 2, --sizes multiples of 4 bytes, --iters at least 1");
        }
    return cells;
}

void say_network(const std::string& wanted, const Network& network) {
    if (network.isolated) return;
    std::fprintf(
        stderr,
        "--cc %s has no effect: a network namespace needs root. whimbrel, which asks for cubic on loopback, "
        "gets %s; the others have the system's %s.\n",
        wanted.c_str(), network.of_whimbrel.c_str(), network.congestion_control.c_str());
}

int bench_loopback(const Options& options) {
    const std::vector<Cell> cells = cells_of(options);
    const std::vector<Contender> contenders = choose_contenders(options.text("impl", ""));
    const Rounds rounds{
        options.number("rounds", 2), Later::all,
        [](const Contender& contender, const Cell& cell, Pooled&) { return run_once(contender, cell); }};
    if (rounds.count == 0) throw std::runtime_error("--rounds: at least 1");
    const PictureFile file(options.text("svg", ""));
    const std::string wanted = options.text("cc", "cubic");
    const Network network = make_network(wanted);
    say_network(wanted, network);
    const Rates rates = measure_rates();
    if (!options.has("json")) print_rates(rates);
    bool complete = true, drawn = true;
    Picture picture("time of an all-reduce, over that of the better of gloo and Open MPI");
    for (const auto& cell : cells) {
        const std::vector<Pooled> best = best_of_each(measure(contenders, cell, rounds));
        if (options.has("json")) print_json(cell, network, rates, best);
        else print_table(cell, network, rates, best);
        if (const Pooled* other = best_other(best))
            picture.add(std::to_string(cell.peers) + " peers", cell.bytes, best, median(other->seconds));
        drawn = file.show(picture);
        for (const auto& each : best) complete = complete && each.failure.empty();
    }
    return complete && drawn ? 0 : 1;
}

int bench(const Options& options) {
    setenv("WHIMBREL_LOG", "error", 0);  // security none is meant here; a user's own choice stays
    return options.has("wan") ? bench_wan(options) : bench_loopback(options);
}

}  // namespace

constexpr const char* kUsage =
    R"(usage: ./run bench peers [--loopback] [--peers 2,4] [--sizes 4KiB,1MiB,16MiB,64MiB,256MiB]
                         [--impl whimbrel-none,whimbrel-tls,whimbrel-tcp-none,whimbrel-tcp-tls,gloo,openmpi]
                         [--rounds 2] [--iters I] [--rest-ms 0] [--cc cubic|bbr|default]
                         [--pin|--no-pin] [--json] [--svg FILE]
       ./run bench peers --wan [--peers 4] [--sizes 1MiB,16MiB,64MiB,256MiB] [--cc cubic,bbr] [--losses 0,0.01%,0.1%]
                         [--rate 1gbit] [--rtt 80ms] [--queue 50ms] [--rounds 2] [--iters I] [--impl ...]
                         [--iperf 1,4,16,32|none] [--rest-ms 0] [--limit-s 120] [--json] [--svg FILE]
--impl: whimbrel-tcp is whimbrel without its path between processes of one machine. Also gloo:ALGORITHM with ring,
ring-chunked, halving-doubling, new-ring or new-bcube, and openmpi:tuned or openmpi:tuned-yielding; of several
algorithms the one with the best median counts, in each cell by itself.
--iters: of one round; by default 50, from 16 MiB on 10, from 256 MiB on 5; with --wan 3 from 64 MiB on, 6 below.
--rest-ms: nothing is sent for so long before each iteration.
--cc: of all connections alike, in a network namespace of its own, which needs root; default: the system's. With --wan
cubic is held fast, and another one is the default that programs may change.
--pin: process i of every contender, with all its threads, keeps to core i, counted around; --no-pin: they go where the
system puts them.
--limit-s: with --wan, for one run of one contender; one that takes longer is killed and left out.
--iperf: streams; what iperf3 gets between two hosts at best is shown beside.
--svg: the medians over the best other one (--wan: over what the path allows), drawn after each cell.
)";

int main(int argc, char** argv) try {
    const bool is_child = argc > 1 && std::string(argv[1]) == "--role";
    const Options options(argc, argv, is_child ? kAllReducePeerOptions : kWanBenchOptions,
                          {"loopback", "wan", "json", "help", "pin", "no-pin"});
    return all_reduce_main(options, kUsage, bench);
} catch (const std::exception& problem) {
    std::fprintf(stderr, "bench peers: %s\n", problem.what());
    return 1;
}
