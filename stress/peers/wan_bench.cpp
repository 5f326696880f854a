// One lab for each congestion control; losses are changed between cells.
#include "stress/peers/wan_bench.h"

#include <algorithm>
#include <cstdio>

#include "stress/peers/picture.h"
#include "stress/peers/probe.h"
#include "stress/peers/wan_report.h"
#include "stress/sizes.h"
#include "stress/wan/units.h"
#include "stress/wan/wan.h"

namespace stress {
namespace {

constexpr uint64_t kLarge = 64 << 20;  // from here on, fewer iterations
constexpr unsigned kIperfSeconds = 8;

struct Wishes {
    std::vector<Contender> contenders;
    std::vector<Cell> cells;
    Rounds rounds;
    std::vector<std::string> congestion_controls, losses;
    std::vector<unsigned> iperf_streams;
    std::string rate, rtt, queue;
    uint64_t peers = 0;
};

Wishes wishes_of(const Options& options) {
    Wishes wishes;
    wishes.contenders = choose_contenders(options.text("impl", ""));
    wishes.rounds.count = options.number("rounds", 2);
    wishes.rounds.later = Later::best;
    wishes.congestion_controls = split(options.text("cc", "cubic,bbr"));
    wishes.losses = split(options.text("losses", "0,0.01%,0.1%"));
    for (const auto& streams : split(options.text("iperf", "1,4,16,32")))
        if (streams != "none") wishes.iperf_streams.push_back(static_cast<unsigned>(std::stoul(streams)));
    wishes.rate = options.text("rate", "1gbit");
    wishes.rtt = options.text("rtt", "80ms");
    wishes.queue = options.text("queue", "50ms");
    wishes.peers = options.number("peers", 4);
    for (const auto& size : split(options.text("sizes", "1MiB,16MiB,64MiB,256MiB"))) {
        Cell cell;
        cell.peers = wishes.peers;
        cell.bytes = parse_bytes(size);
        cell.iterations = options.number("iters", cell.bytes >= kLarge ? 3 : 6);
        cell.warm_ups = 1;
        cell.rest_ms = options.number("rest-ms", 0);
        cell.patience = std::chrono::seconds(options.number("limit-s", 120));
        if (cell.peers < 2 || cell.bytes == 0 || cell.bytes % sizeof(float) != 0 || cell.iterations == 0)
            throw std::runtime_error("--peers at least 2, --sizes multiples of 4 bytes, --iters at least 1");
        wishes.cells.push_back(cell);
    }
    if (wishes.rounds.count == 0) throw std::runtime_error("--rounds: at least 1");
    return wishes;
}

std::string topology_of(const Wishes& wishes, const std::string& congestion_control) {
    return wan::equal_hosts(wishes.peers, wishes.rate, "rtt=" + wishes.rtt, wishes.queue) +
           wan::congestion(congestion_control);
}

// Runs a contender while a ping watches, on hosts on which nothing of the one before is left.
Totals run_watched(const wan::Lab& lab, const Contender& contender, const Cell& cell, Pooled& pooled) {
    lab.kill_all();
    lab.tell("zero");
    Ping ping(cell.places.front(), cell.places.back().address);
    try {
        const Totals totals = run_once(contender, cell);
        pooled.rtt_max_ms = std::max(pooled.rtt_max_ms, ping.longest_ms().value_or(0));
        pooled.router_share = std::max(pooled.router_share, lab.stats().busiest_share);
        return totals;
    } catch (const Silence&) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*cell.patience).count();
        throw std::runtime_error("killed: no result within " + std::to_string(seconds) + " s");
    }
}

void measure_iperf(const Wishes& wishes, const Places& places, WanPath& path) {
    for (const unsigned streams : wishes.iperf_streams) {
        const double mbit = iperf_mbit(places[0], places[1], streams, kIperfSeconds);
        std::fprintf(stderr, "iperf3, %s, loss %g %%, %u streams: %.0f Mbit/s\n",
                     path.congestion_control.c_str(), 100 * path.loss, streams, mbit);
        if (mbit > path.iperf_mbit) path.iperf_mbit = mbit, path.iperf_streams = streams;
    }
}

WanPath path_of(const Wishes& wishes, const std::string& congestion_control, const std::string& loss) {
    WanPath path;
    path.congestion_control = congestion_control;
    path.rate_mbit = wan::parse_rate(wishes.rate) / 1e6;
    path.rtt_ms = wan::parse_duration(wishes.rtt).seconds() * 1e3;
    path.queue_ms = wan::parse_duration(wishes.queue).seconds() * 1e3;
    path.loss = wan::parse_share(loss);
    return path;
}

}  // namespace

int bench_wan(const Options& options) {
    if (const auto reason = wan::why_unavailable()) {
        std::printf("bench peers: SKIP %s\n", reason->c_str());
        return wan::kSkip;
    }
    Wishes wishes = wishes_of(options);
    const PictureFile file(options.text("svg", ""));
    bool complete = true, drawn = true;
    Picture picture("time of an all-reduce, over what the path allows");
    for (const auto& congestion_control : wishes.congestion_controls) {
        const wan::Lab lab(topology_of(wishes, congestion_control));
        const Places places = lab.places();
        wishes.rounds.run = [&](const Contender& contender, const Cell& cell, Pooled& pooled) {
            return run_watched(lab, contender, cell, pooled);
        };
        for (const auto& loss : wishes.losses) {
            WanPath path = path_of(wishes, congestion_control, loss);
            lab.kill_all();
            lab.tell("set * * loss=" + loss);
            measure_iperf(wishes, places, path);
            for (Cell cell : wishes.cells) {
                cell.places = places;
                const auto best = best_of_each(measure(wishes.contenders, cell, wishes.rounds));
                if (options.has("json")) print_wan_json(cell, path, best);
                else print_wan_table(cell, path, best);
                picture.add(congestion_control + ", loss " + loss, cell.bytes, best,
                            ideal_ms(path, cell.peers, cell.bytes) / 1e3);
                drawn = file.show(picture);
                for (const auto& each : best)
                    complete = complete && (each.failure.empty() || !each.contender.is_ours());
            }
        }
    }
    return complete && drawn ? 0 : 1;
}

}  // namespace stress
