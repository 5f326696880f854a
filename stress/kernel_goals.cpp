// The table of goals.
#include "stress/kernel_goals.h"

#include <cstdio>

namespace stress {
namespace {

constexpr const char* kCopy = "copy/67108864";

struct Goal {
    const char* run;
    double copy_share = 0;         // of kCopy's rate
    double floats_per_second = 0;  // bytes of them, where memory is not the bound
};

constexpr Goal kGoals[] = {
    {"fold_speed/f32_sum/2/67108864", .8}, {"int8/encode/16777216", .5},
    {"int8/encode_screened/16777216", .5}, {"int8/accumulate/16777216", .5},
    {"int4/encode/16777216", .35},         {"int4/encode_screened/16777216", .35},
    {"int4/accumulate/16777216", .35},     {"topk:1/64/encode/16777216", 0, 1e9},
};

}  // namespace

void GoalsReporter::ReportRuns(const std::vector<Run>& runs) {
    for (const Run& run : runs) {
        const auto rate = [&](const char* name) {
            const auto found = run.counters.find(name);
            return found == run.counters.end() ? 0.0 : static_cast<double>(found->second);
        };
        const std::string name = run.benchmark_name();
        rates_[name] = {rate("bytes_per_second"), rate("floats")};
    }
    ConsoleReporter::ReportRuns(runs);
}

void GoalsReporter::Finalize() {
    const double copy = rates_[kCopy].bytes;
    if (copy == 0) return;
    std::printf("\nover what %s reaches, %.1f GB/s:\n", kCopy, copy / 1e9);
    for (const Goal& goal : kGoals) {
        const auto found = rates_.find(goal.run);
        if (found == rates_.end()) continue;
        const double wanted = goal.copy_share > 0 ? goal.copy_share : goal.floats_per_second / 1e9;
        const double reached = goal.copy_share > 0 ? found->second.bytes / copy : found->second.floats / 1e9;
        std::printf("  %-34s %.2f%s, goal %.2f%s\n", goal.run, reached,
                    goal.copy_share > 0 ? "" : " GB of floats/s", wanted,
                    reached >= wanted ? "" : "  MISSED");
    }
}

}  // namespace stress
