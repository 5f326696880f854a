// How good plans are: on topologies and on random flocks, the chosen plan's simulated time over that of the
// best of direct, ring and two-level, over the bound of the slowest cut and over its own forecast, and the
// time to plan. The times are simulated; only the time to plan is this machine's. One JSON line a flock, then
// one of the quantiles.
//   ./run bench plan [--flocks 200] [--seed 1] [--members 3..24] [--bytes 67108864] [--topologies DIR]
//   [--json]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "collectives/plan/bound.h"
#include "collectives/plan/link_text.h"
#include "collectives/plan/planner.h"
#include "collectives/plan/simulate.h"
#include "stress/machine.h"
#include "stress/options.h"
#include "stress/random_flock.h"
#include "stress/statistics.h"

namespace {

using namespace stress;
using namespace whim::plan;

constexpr uint64_t kFlocksTimed = 12;

struct Row {
    std::string flock, chosen, best_plain;
    uint32_t members = 0;
    double forecast_s = 0, simulated_s = 0, best_plain_s = 0, plain_ring_s = 0, bound_s = 0, plan_ms = 0;
};

// A ring in rank order with equal shares: what those build who measure nothing.
double simulated_rank_ring(const Net& net, const Work& work) {
    Plan ring = make_plain_ring(net.members());
    ring.relays = relays_of(net);
    return keep_needed_relays(ring, net) ? simulate(ring, net, work) : 0;
}

bool is_plain(const Plan& plan) { return plan.kind != Kind::forest; }

Row measure(const std::string& name, const Links& links, const Work& work) {
    const auto begin = std::chrono::steady_clock::now();
    const Choice choice = plan_for(links, work);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    const Net net(links);
    Row row;
    row.flock = name;
    row.members = links.members();
    row.plan_ms = took.count();
    row.chosen = choice.candidates[choice.chosen].name;
    row.forecast_s = choice.forecast().seconds;
    row.simulated_s = simulate(choice.plan(), net, work);
    row.bound_s = slowest_cut(net, work).seconds;
    for (const Candidate& candidate : choice.candidates) {
        if (!candidate.plan || !is_plain(*candidate.plan)) continue;
        const double s = simulate(*candidate.plan, net, work);
        if (!row.best_plain.empty() && s >= row.best_plain_s) continue;
        row.best_plain = candidate.name;
        row.best_plain_s = s;
    }
    row.plain_ring_s = simulated_rank_ring(net, work);
    return row;
}

void print(const Row& r, uint64_t bytes, bool json) {
    const char* form =
        json
            ? "{\"bench\": \"plan\", \"flock\": \"%s\", \"n\": %u, \"bytes\": %llu, \"chosen\": \"%s\", "
              "\"simulated_s\": %.6g, \"forecast_ratio\": %.4f, \"best_plain\": \"%s\", \"plain_ratio\": "
              "%.4f, "
              "\"bound_ratio\": %.4f, \"rank_ring_ratio\": %.3f, \"plan_ms\": %.2f, \"commit\": \"%s\"}\n"
            : "%-16s %3u peers %10llu B  %-18s %10.4g s  forecast %5.3f  over %-18s %5.3f  over bound %5.3f  "
              "rank ring %6.2f  planned in %6.2f ms  %s\n";
    std::printf(form, r.flock.c_str(), r.members, static_cast<unsigned long long>(bytes), r.chosen.c_str(),
                r.simulated_s, r.forecast_s / r.simulated_s, r.best_plain.c_str(),
                r.simulated_s / r.best_plain_s, r.simulated_s / r.bound_s, r.plain_ring_s / r.simulated_s,
                r.plan_ms, commit().c_str());
}

struct Figures {
    std::vector<double> plain, bound, forecast, plan_ms;
    void note(const Row& row) {
        plain.push_back(row.simulated_s / row.best_plain_s);
        bound.push_back(row.simulated_s / row.bound_s);
        forecast.push_back(row.forecast_s / row.simulated_s);
        plan_ms.push_back(row.plan_ms);
    }
    void print(const char* of, uint64_t bytes, bool json) const {
        const char* form = json ? "{\"bench\": \"plan\", \"summary\": \"%s\", \"flocks\": %zu, \"bytes\": "
                                  "%llu, \"plain_ratio_max\": "
                                  "%.4f, \"bound_ratio_median\": %.4f, \"bound_ratio_max\": %.4f, "
                                  "\"forecast_ratio_min\": %.4f, "
                                  "\"forecast_ratio_max\": %.4f, \"plan_ms_median\": %.2f, \"plan_ms_max\": "
                                  "%.2f, \"machine\": \"%s\", "
                                  "\"commit\": \"%s\"}\n"
                                : "%s: %zu flocks, %llu bytes: over the best plain plan at most %.3f; over "
                                  "the bound median %.3f, at "
                                  "most %.3f; forecast over simulated %.3f to %.3f; planned in %.2f ms "
                                  "(median), %.2f ms (most); "
                                  "%s, %s\n";
        std::printf(form, of, plain.size(), static_cast<unsigned long long>(bytes), quantile(plain, 1),
                    median(bound), quantile(bound, 1), quantile(forecast, 0), quantile(forecast, 1),
                    median(plan_ms), quantile(plan_ms, 1), machine().c_str(), commit().c_str());
    }
};

// Of larger flocks, where simulating takes long: the time to plan alone.
void print_times_to_plan(uint32_t members, uint64_t seed, const Work& work, bool json) {
    std::vector<double> ms;
    for (uint64_t i = 0; i < kFlocksTimed; ++i) {
        const Links links = random_flock(seed + i, members, members);
        const auto begin = std::chrono::steady_clock::now();
        const Choice choice = plan_for(links, work);
        ms.push_back(
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    }
    std::printf(
        json
            ? "{\"bench\": \"plan\", \"n\": %u, \"flocks\": %llu, \"plan_ms_median\": %.2f, \"plan_ms_max\": "
              "%.2f, \"machine\": \"%s\", \"commit\": \"%s\"}\n"
            : "%4u peers, %llu flocks: planned in %.2f ms (median), %.2f ms (most); %s, %s\n",
        members, static_cast<unsigned long long>(kFlocksTimed), median(ms), quantile(ms, 1),
        machine().c_str(), commit().c_str());
}

std::string text_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(path.string() + ": cannot be read");
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::filesystem::path> files_in(const std::string& directory) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace

int main(int argc, char** argv) try {
    const Options options(argc, argv, {"flocks", "seed", "members", "bytes", "topologies"}, {"json"});
    const bool json = options.has("json");
    const std::string members = options.text("members", "3..24");
    const size_t dots = members.find("..");
    const auto least = static_cast<uint32_t>(std::stoul(members.substr(0, dots)));
    const auto most =
        dots == members.npos ? least : static_cast<uint32_t>(std::stoul(members.substr(dots + 2)));
    Work work;
    work.bytes = options.number("bytes", 64u << 20);
    Figures topologies, flocks;
    for (const auto& path : files_in(options.text("topologies", "stress/wan/topologies"))) {
        const auto flock = parse_links(text_of(path));
        if (!flock) throw std::runtime_error(path.string() + ": " + flock.error().detail);
        const Row row = measure(path.stem().string(), flock->links, work);
        print(row, work.bytes, json);
        topologies.note(row);
    }
    const uint64_t seed = options.number("seed", 1);
    for (uint64_t i = 0; i < options.number("flocks", 200); ++i) {
        const Row row =
            measure("random " + std::to_string(seed + i), random_flock(seed + i, least, most), work);
        print(row, work.bytes, json);
        flocks.note(row);
    }
    if (!topologies.plain.empty()) topologies.print("topologies", work.bytes, json);
    if (!flocks.plain.empty()) flocks.print("random", work.bytes, json);
    for (const uint32_t n : {16u, 32u, 64u, 128u, 256u, 1024u}) print_times_to_plan(n, seed, work, json);
    return 0;
} catch (const std::exception& problem) {
    std::cerr << "bench plan: " << problem.what() << "\n";
    return 2;
}
