// bench peers: whimbrel, gloo and Open MPI all-reduce the same amounts over one loopback, interleaved.
//
// Each implementation is a program of its own with as many processes as peers; each iteration starts from a
// barrier, and its time is that of the slowest process. Results are checked by value after each run.
#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "all_reduce_peer.h"
#include "peer.h"
#include "peers/contenders.h"
#include "peers/rates.h"
#include "peers/report.h"

namespace {

using namespace stress;

// Enough iterations for a median, few enough for the whole comparison to take ten minutes on two cores.
uint64_t iterations_of(uint64_t bytes) {
    if (bytes >= 256 << 20) return 5;
    return bytes >= 16 << 20 ? 10 : 50;
}

struct Plan {
    std::vector<Contender> contenders;
    uint64_t rounds = 0;
    Network network;
};

std::vector<Cell> cells_of(const Options& options) {
    std::vector<Cell> cells;
    for (const auto& peers : split(options.text("peers", "2,4")))
        for (const auto& size : split(options.text("sizes", "4KiB,1MiB,16MiB,64MiB,256MiB"))) {
            const uint64_t bytes = parse_bytes(size);
            cells.push_back({std::stoull(peers), bytes, options.number("iters", iterations_of(bytes))});
            if (cells.back().peers < 2 || bytes == 0 || bytes % sizeof(float) != 0 ||
                cells.back().iterations == 0)
                throw std::runtime_error(
                    "--peers at least 2, --sizes multiples of 4 bytes, --iters at least 1");
        }
    return cells;
}

// One run more for one contender. Another library's algorithm that cannot is dropped from the cell.
void add_run(const Cell& cell, Pooled& pooled, bool& dropped) try {
    const Totals totals = run_once(pooled.contender, cell);
    pooled.seconds.insert(pooled.seconds.end(), totals.seconds.begin(), totals.seconds.end());
    pooled.cpu_s += totals.cpu_s;
    const uint64_t own = 2 * cell.bytes;
    pooled.rss_bytes =
        std::max(pooled.rss_bytes, totals.rss_max_bytes > own ? totals.rss_max_bytes - own : 0);
} catch (const std::exception& problem) {
    if (pooled.contender.is_ours()) throw;
    std::fprintf(stderr, "%s %s with %llu peers and %llu bytes is left out: %s\n",
                 pooled.contender.implementation.c_str(), pooled.contender.algorithm.c_str(),
                 static_cast<unsigned long long>(cell.peers), static_cast<unsigned long long>(cell.bytes),
                 problem.what());
    dropped = true;
}

// Every contender once a round, each round beginning with another, so that none always follows the same.
std::vector<Pooled> measure(const Plan& plan, const Cell& cell) {
    std::vector<Pooled> all;
    for (const auto& contender : plan.contenders) all.push_back({contender, {}, 0, 0});
    std::vector<bool> gone(all.size());
    for (uint64_t round = 0; round < plan.rounds; ++round)
        for (size_t i = 0; i < all.size(); ++i) {
            const size_t at = (i + round) % all.size();
            bool dropped = gone[at];
            if (!dropped) add_run(cell, all[at], dropped);
            gone[at] = dropped;
        }
    std::vector<Pooled> complete;
    for (size_t i = 0; i < all.size(); ++i)
        if (!gone[i]) complete.push_back(all[i]);
    return complete;
}

void say_network(const std::string& wanted, const Network& network) {
    if (network.isolated) return;
    std::fprintf(
        stderr,
        "--cc %s has no effect: a network namespace needs root. whimbrel, which asks for cubic on loopback, "
        "gets %s; the others have the system's %s.\n",
        wanted.c_str(), network.of_whimbrel.c_str(), network.congestion_control.c_str());
}

int bench(const Options& options) {
    setenv("WHIMBREL_LOG", "error", 0);  // security none is meant here; a user's own choice stays
    const std::vector<Cell> cells = cells_of(options);
    Plan plan;
    plan.contenders = choose_contenders(options.text("impl", ""));
    plan.rounds = options.number("rounds", 2);
    if (plan.rounds == 0) throw std::runtime_error("--rounds: at least 1");
    const std::string wanted = options.text("cc", "cubic");
    plan.network = make_network(wanted);
    say_network(wanted, plan.network);
    std::set<std::string> implementations;
    for (const auto& each : plan.contenders) implementations.insert(each.name());
    const Rates rates = measure_rates();
    if (!options.has("json")) print_rates(rates);
    bool complete = true;
    for (const auto& cell : cells) {
        const std::vector<Pooled> best = best_of_each(measure(plan, cell));
        if (options.has("json")) print_json(cell, plan.network, rates, best);
        else print_table(cell, plan.network, rates, best);
        complete = complete && best.size() == implementations.size();
    }
    return complete ? 0 : 1;
}

}  // namespace

constexpr const char* kUsage =
    R"(usage: ./run bench peers [--loopback] [--peers 2,4] [--sizes 4KiB,1MiB,16MiB,64MiB,256MiB]
                         [--impl whimbrel-none,whimbrel-tls,whimbrel-tcp-none,whimbrel-tcp-tls,gloo,openmpi]
                         [--rounds 2] [--iters I] [--cc cubic|bbr|default] [--json]
--impl: whimbrel-tcp is whimbrel without its path between processes of one machine. Also gloo:ALGORITHM with ring,
ring-chunked, halving-doubling, new-ring or new-bcube, and openmpi:tuned or openmpi:tuned-yielding; of several
algorithms the one with the best median counts, in each cell by itself.
--iters: of one round; by default 50, from 16 MiB on 10, from 256 MiB on 5.
--cc: of all connections alike, in a network namespace of its own, which needs root; default: the system's.
)";

int main(int argc, char** argv) try {
    const bool is_child = argc > 1 && std::string(argv[1]) == "--role";
    const std::set<std::string> wishes = {"peers", "sizes", "impl", "rounds", "iters", "cc"};
    const Options options(argc, argv, is_child ? kAllReducePeerOptions : wishes,
                          {"loopback", "json", "help"});
    return all_reduce_main(options, kUsage, bench);
} catch (const std::exception& problem) {
    std::fprintf(stderr, "bench peers: %s\n", problem.what());
    return 1;
}
