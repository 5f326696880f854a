// bench all-reduce: peers as processes on loopback or on an emulated WAN, for each size and codec.
//
// Each iteration starts from a barrier; its time is the longest call of any peer. Buffers are touched before,
// the result is checked after. CPU seconds and memory are those of the peers' processes.
#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

#include "all_reduce_peer.h"
#include "all_reduce_report.h"
#include "machine.h"
#include "peer.h"
#include "sizes.h"
#include "statistics.h"
#include "wan/units.h"
#include "wan/wan.h"

namespace {

using namespace stress;

AllReduceRun run_of(const Options& options, bool on_wan) {
    AllReduceRun run;
    run.peers = options.number("peers", 4);
    run.iterations = options.number("iters", on_wan ? 5 : 10);
    run.warm_ups = options.number("warm-ups", kWarmUps);
    run.security = options.text("security", "tls");
    run.dtype = options.text("dtype", "f32");
    run.reduce = options.text("reduce", "avg");
    run.path = options.text("path", "auto");
    run.check = !options.has("no-check");
    run.min_contributors = options.number("min-contributors", 0);
    run.grace_ms = options.number("grace-ms", 0);
    run.tensors = options.number("tensors", 0);
    if (run.tensors > 0) run.iterations *= 2, run.warm_ups = (run.warm_ups + 1) / 2 * 2;
    if (run.peers == 0 || run.iterations == 0) throw std::runtime_error("--peers and --iters: at least 1");
    return run;
}

WanPath path_of(const Options& options) {
    WanPath path;
    path.congestion_control = options.text("cc", wan::usual_congestion_control());
    path.rate_mbit = wan::parse_rate(options.text("rate", "1gbit")) / 1e6;
    path.rtt_ms = wan::parse_duration(options.text("rtt", "80ms")).seconds() * 1e3;
    path.queue_ms = wan::parse_duration(options.text("queue", "50ms")).seconds() * 1e3;
    path.loss = wan::parse_share(options.text("loss", "0"));
    return path;
}

std::unique_ptr<wan::Lab> lab_of(const Options& options, const WanPath& path, uint64_t peers) {
    auto lab = std::make_unique<wan::Lab>(
        wan::equal_hosts(peers, options.text("rate", "1gbit"),
                         "rtt=" + options.text("rtt", "80ms") + " loss=" + options.text("loss", "0"),
                         options.text("queue", "50ms")) +
        wan::congestion(path.congestion_control));
    const std::string slow = options.text("straggler", "");
    if (!slow.empty()) lab->tell("host " + lab->hosts().back() + " up=" + slow + " down=" + slow);
    return lab;
}

int bench(const Options& options) {
    setenv("WHIMBREL_LOG", "error", 0);  // security none is meant here; a user's own choice stays
    const bool on_wan = options.has("wan");
    AllReduceRun run = run_of(options, on_wan);
    run.last_is_late = !options.text("straggler", "").empty();
    if (run.last_is_late && !on_wan) throw std::runtime_error("--straggler is for --wan");
    const auto codecs = split(options.text("codec", "none"));
    for (const auto& codec : codecs) check_names((run.codec = codec, run));
    std::unique_ptr<wan::Lab> lab;
    std::optional<OnWan> wan;
    if (on_wan) {
        if (const auto reason = wan::why_unavailable()) {
            std::printf("bench all-reduce: SKIP %s\n", reason->c_str());
            return wan::kSkip;
        }
        wan = OnWan{.path = path_of(options)};
        lab = lab_of(options, wan->path, run.peers);
        run.places = lab->places();
    }
    if (!options.has("json") && run.tensors == 0) print_head(run, wan);
    for (const auto& size : split(options.text("bytes", "64MiB"))) {
        run.bytes = parse_bytes(size);
        if (run.bytes == 0) throw std::runtime_error("--bytes: at least 1");
        double f32_s = 0;
        for (const auto& codec : codecs) {
            run.codec = codec;
            if (lab) lab->kill_all(), lab->tell("zero");
            if (run.tensors > 0) {
                for (const auto& cut : split(options.text("cut", "equal,skewed"))) {
                    run.cut = cut;
                    print_tensors(run, measure_all_reduce(run), options.has("json"));
                }
                continue;
            }
            AllReduceRow row{run, measure_all_reduce(run), wan, f32_s};
            if (lab) row.wan->router_share = lab->stats().busiest_share;
            if (codec == "none" && run.dtype == "f32") f32_s = row.f32_s = median(row.figures.totals.seconds);
            if (options.has("json")) print_json(row);
            else print_row(row);
        }
    }
    return 0;
}

}  // namespace

constexpr const char* kUsage =
    R"(usage: ./run bench all-reduce [--peers 4] [--bytes 64MiB[,...]] [--dtype f32|bf16] [--reduce avg|sum]
                              [--codec none[,int8,...]] [--security tls|none] [--path auto|tcp] [--iters 10]
                              [--warm-ups 2] [--json] [--no-check]
                              [--wan [--rate 1gbit] [--rtt 80ms] [--queue 50ms] [--loss 0] [--cc bbr|cubic]
                              [--straggler 100mbit]] [--min-contributors 0] [--grace-ms 0]
                              [--tensors 200 [--cut equal,skewed]]
--codec: of f32; docs/reference/codecs.md has their names. Put none first to have the others compared with it.
--wan: each peer is on a host of an emulated WAN, which needs root. The ideal is what a peer sends, at line rate, and
a round trip.
--cc: by default bbr where the kernel has it. cubic is held fast, another one is the default that programs may change.
--tensors: the same data as one buffer and as so many tensors in turn, --iters of each; prints the overhead of tensors.
--straggler: rate of the last host's line; the times are then those of the others.
)";

int main(int argc, char** argv) try {
    auto names = kAllReducePeerOptions;
    names.insert({"iters", "rate", "rtt", "queue", "loss", "cc", "straggler", "min-contributors"});
    const Options options(argc, argv, names, {"json", "no-check", "help", "wan"});
    return all_reduce_main(options, kUsage, bench);
} catch (const std::exception& problem) {
    std::fprintf(stderr, "bench all-reduce: %s\n", problem.what());
    return 1;
}
