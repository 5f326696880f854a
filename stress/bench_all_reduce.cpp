// bench all-reduce: peers as processes on loopback, one JSON object a line.
//
// Each iteration starts from a barrier; its time is the longest call of any peer. Buffers are touched before,
// the result is checked after. CPU seconds and peak memory are those of all peer processes together.
#include <cstdio>

#include "all_reduce_peer.h"
#include "machine.h"
#include "peer.h"
#include "sizes.h"
#include "statistics.h"

namespace {

using namespace stress;

int bench(const Options& options) {
    AllReduceRun run;
    run.peers = options.number("peers", 4);
    run.iterations = options.number("iters", 10);
    run.bytes = parse_bytes(options.text("bytes", "64MiB"));
    run.security = options.text("security", "tls");
    run.dtype = options.text("dtype", "f32");
    run.reduce = options.text("reduce", "avg");
    run.path = options.text("path", "auto");
    run.check = !options.has("no-check");
    if (run.peers == 0 || run.iterations == 0 || run.bytes == 0)
        throw std::runtime_error("--peers, --iters and --bytes: at least 1");
    check_names(run);
    const Totals totals = measure_all_reduce(run);
    const double typical = median(totals.seconds), best = quantile(totals.seconds, 0);
    const double algbw = static_cast<double>(run.bytes) / typical / 1e9;
    const double busbw = algbw * 2.0 * static_cast<double>(run.peers - 1) / static_cast<double>(run.peers);
    const double cpu = totals.cpu_s / static_cast<double>(run.iterations);
    if (!options.has("json"))
        std::printf(
            "all-reduce of %llu bytes %s %s, %llu peers, security %s: median %.2f ms, min %.2f ms, algbw "
            "%.3f GB/s, "
            "busbw %.3f GB/s, %.3f CPU s each, peak %.0f MiB a peer; %s\n",
            static_cast<unsigned long long>(run.bytes), run.dtype.c_str(), run.reduce.c_str(),
            static_cast<unsigned long long>(run.peers), run.security.c_str(), typical * 1e3, best * 1e3,
            algbw, busbw, cpu,
            static_cast<double>(totals.rss_sum_bytes) / static_cast<double>(run.peers) / 1048576.0,
            run.check ? "checked" : "not checked");
    else
        std::printf(
            "{\"bench\": \"all_reduce\", \"peers\": %llu, \"bytes\": %llu, \"dtype\": \"%s\", \"reduce\": "
            "\"%s\", "
            "\"security\": \"%s\", \"iters\": %llu, \"median_s\": %.6f, \"min_s\": %.6f, \"algbw_gb_s\": "
            "%.4f, "
            "\"busbw_gb_s\": %.4f, \"cpu_s\": %.4f, \"rss_bytes_sum\": %llu, \"checked\": %s, \"commit\": "
            "\"%s\", "
            "\"machine\": \"%s\"}\n",
            static_cast<unsigned long long>(run.peers), static_cast<unsigned long long>(run.bytes),
            run.dtype.c_str(), run.reduce.c_str(), run.security.c_str(),
            static_cast<unsigned long long>(run.iterations), typical, best, algbw, busbw, cpu,
            static_cast<unsigned long long>(totals.rss_sum_bytes), run.check ? "true" : "false",
            commit().c_str(), machine().c_str());
    return 0;
}

}  // namespace

constexpr const char* kUsage =
    R"(usage: ./run bench all-reduce [--peers 4] [--bytes 64MiB] [--dtype f32|bf16] [--reduce avg|sum]
                              [--security tls|none] [--path auto|tcp] [--iters 10] [--json] [--no-check]
)";

int main(int argc, char** argv) try {
    auto names = kAllReducePeerOptions;
    names.insert("iters");
    const Options options(argc, argv, names, {"json", "no-check", "help"});
    return all_reduce_main(options, kUsage, bench);
} catch (const std::exception& problem) {
    std::fprintf(stderr, "bench all-reduce: %s\n", problem.what());
    return 1;
}
