// bench plan-wan: plans on an emulated WAN, each beside its prediction. The coordinator is told the topology,
// as an operator would who knows it; so peers plan by the very links that the emulator makes.
//
// Rates of the topology are scaled, all alike, so that the machine can emulate them: what a plan gains does
// not depend on that while transfers take much longer than round trips.
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "all_reduce_peer.h"
#include "collectives/plan/link_text.h"
#include "collectives/plan/planner.h"
#include "collectives/plan/simulate.h"
#include "machine.h"
#include "peer.h"
#include "peers/wan_path.h"
#include "sizes.h"
#include "statistics.h"
#include "wan/units.h"
#include "wan/wan.h"

namespace {

using namespace stress;

constexpr const char* kUsage =
    R"(usage: ./run bench plan-wan [--topology stress/wan/topologies/eu-us-asia.topology] [--scale 0.05] [--bytes 64MiB]
                            [--plans plain-ring,direct,ring,two-level,forest,auto] [--iters 5] [--warm-ups 2]
                            [--security none|tls] [--cc bbr|cubic] [--rounds-before 0] [--json]
Measured and predicted times of an all-reduce of f32 on an emulated WAN, for each plan. Needs root.
--rounds-before: the coordinator is told nothing, and plans are made from what was measured in so many rounds.
)";

// The topology with all rates multiplied.
std::string scaled(const std::string& text, double scale) {
    std::string out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line); out += '\n') {
        std::istringstream words(line.substr(0, line.find('#')));
        for (std::string word; words >> word; out += ' ') {
            const size_t is = word.find('=');
            const std::string key = word.substr(0, is);
            const bool rate = key == "up" || key == "down" || key == "rate";
            if (is == std::string::npos || !rate) {
                out += word;
                continue;
            }
            const double bits = wan::parse_rate(word.substr(is + 1)) * scale;
            out += key + "=" + std::to_string(static_cast<uint64_t>(bits / 1e3)) + "kbit";
        }
    }
    return out;
}

std::string read_file(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(path + " cannot be read");
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct Row {
    std::string wanted, ran;
    std::vector<double> seconds;
    double predicted_s = 0, router_share = 0;
};

void print(const Row& row, const AllReduceRun& run, const std::string& topology, double scale, bool json) {
    const double typical = median(row.seconds);
    const auto [least, most] = std::minmax_element(row.seconds.begin(), row.seconds.end());
    if (!json) {
        const bool full = row.router_share >= kRouterShareMax;
        std::printf("%-11s %-10s %9.0f %9.0f %9.0f %11.0f %7.2f %8.2f%s\n", row.wanted.c_str(),
                    row.ran.c_str(), typical * 1e3, *least * 1e3, *most * 1e3, row.predicted_s * 1e3,
                    typical / row.predicted_s, row.router_share,
                    full ? "  (!) a smaller --scale leaves the emulator headroom" : "");
    } else {
        std::printf(
            R"({"bench": "plan-wan", "topology": "%s", "scale": %g, "n": %zu, "bytes": %llu, "plan": "%s", )"
            R"("ran": "%s", "median_ms": %.1f, "min_ms": %.1f, "max_ms": %.1f, "predicted_ms": %.1f, )"
            R"("security": "%s", "router_share": %.2f, "machine": "%s", "commit": "%s"})"
            "\n",
            topology.c_str(), scale, run.names.size(), static_cast<unsigned long long>(run.bytes),
            row.wanted.c_str(), row.ran.c_str(), typical * 1e3, *least * 1e3, *most * 1e3,
            row.predicted_s * 1e3, run.security.c_str(), row.router_share, machine().c_str(),
            commit().c_str());
    }
    std::fflush(stdout);
}

int bench(const Options& options) {
    setenv("WHIMBREL_LOG", "error", 0);
    if (const auto reason = wan::why_unavailable()) {
        std::printf("bench plan-wan: SKIP %s\n", reason->c_str());
        return wan::kSkip;
    }
    const std::string path = options.text("topology", "stress/wan/topologies/eu-us-asia.topology");
    const double scale = std::stod(options.text("scale", "0.05"));
    const std::string text = scaled(read_file(path), scale);
    const auto known = whim::plan::parse_links(text);
    if (!known.ok()) throw std::runtime_error(path + ": " + known.error().detail);

    const ScratchDirectory scratch;
    AllReduceRun run;
    run.rounds_before = options.number("rounds-before", 0);
    if (run.rounds_before == 0) run.links = scratch.path() + "/links";
    if (!run.links.empty()) std::ofstream(run.links) << text;
    wan::Lab lab(text + wan::congestion(options.text("cc", wan::usual_congestion_control())));
    run.places = lab.places();
    run.names = known->names;
    if (run.names != lab.hosts()) throw std::runtime_error("the emulator has other hosts than the planner");
    run.peers = run.names.size();
    run.iterations = options.number("iters", 5);
    run.warm_ups = options.number("warm-ups", kWarmUps);
    run.security = options.text("security", "none");
    run.reduce = "avg";
    run.path = "tcp";
    run.bytes = parse_bytes(options.text("bytes", "64MiB"));
    const std::string name = std::filesystem::path(path).stem();
    if (!options.has("json")) {
        std::printf("%s x %g, %llu peers, %s, f32 avg, security %s\n%-11s %-10s %9s %9s %9s %11s %7s %8s\n",
                    name.c_str(), scale, static_cast<unsigned long long>(run.peers),
                    options.text("bytes", "64MiB").c_str(), run.security.c_str(), "plan", "ran", "median ms",
                    "min ms", "max ms", "predicted", "ratio", "router");
    }
    const whim::plan::Net net(known->links);
    const whim::plan::Work work{.bytes = run.bytes};
    for (const auto& wanted : split(options.text("plans", "plain-ring,direct,ring,two-level,forest,auto"))) {
        const auto kind = whim::plan::wanted_from(wanted);
        if (!kind) throw std::runtime_error("--plans: " + wanted + " is unknown");
        const auto plan = whim::plan::plan_wanted(known->links, work, *kind);
        if (!plan) {
            if (!options.has("json")) std::printf("%-11s cannot be had here\n", wanted.c_str());
            continue;
        }
        run.plan = wanted;
        lab.kill_all();
        lab.tell("zero");
        const AllReduceFigures figures = measure_all_reduce(run);
        Row row{wanted, figures.plan, figures.totals.seconds, whim::plan::simulate(*plan, net, work), 0};
        row.router_share = lab.stats().busiest_share;
        print(row, run, name, scale, options.has("json"));
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    auto names = kAllReducePeerOptions;
    names.insert({"iters", "topology", "scale", "plans", "cc"});
    const Options options(argc, argv, names, {"json", "help"});
    return all_reduce_main(options, kUsage, bench);
} catch (const std::exception& problem) {
    std::fprintf(stderr, "bench plan-wan: %s\n", problem.what());
    return 1;
}
