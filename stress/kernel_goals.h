// What bench_kernels wants of kernels, and how near a run of it came.
#pragma once

#include <benchmark/benchmark.h>

#include <map>
#include <string>

namespace stress {

// Prints what is measured as usual, and at the end, where what goals need was run, a table of them. Goals are
// shares of the rate at which memory is copied in the same run, both by CPU time, or floats a second.
class GoalsReporter final : public benchmark::ConsoleReporter {
public:
    GoalsReporter() : ConsoleReporter(OO_None) {}
    void ReportRuns(const std::vector<Run>& runs) override;
    void Finalize() override;

private:
    struct Rates {
        double bytes = 0, floats = 0;  // a second
    };
    std::map<std::string, Rates> rates_;
};

}  // namespace stress
