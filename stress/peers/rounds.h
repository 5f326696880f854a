// All contenders of one cell, interleaved.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "stress/peers/contenders.h"

namespace stress {

// All rounds of one contender in one cell.
struct Pooled {
    Contender contender;
    std::vector<double> seconds;              // of each iteration, as Totals has it
    std::vector<double> first_s;              // of each round's first call, a warm-up
    double cpu_s = 0;                         // all processes
    uint64_t rss_bytes = 0;                   // largest process, its input and output not counted
    double rtt_max_ms = 0, router_share = 0;  // on an emulated WAN: the worst of all rounds
    std::string failure;                      // why it has no figures; empty if it has
};

// Whether all contenders run in every round, or from the second on only each implementation's best so far.
enum class Later { all, best };

struct Rounds {
    uint64_t count = 0;
    Later later = Later::all;
    // One run of a contender, which may note what it saw of the network.
    std::function<Totals(const Contender&, const Cell&, Pooled&)> run;
};

// Every contender once a round, each round beginning with another, so that none always follows the same. One
// that fails is left out from then on, with a word on stderr.
std::vector<Pooled> measure(const std::vector<Contender>& contenders, const Cell& cell, const Rounds& rounds);

// For each implementation (whimbrel: for each security) the algorithm with the best median, in the order
// given. One that fails is the best only where all do.
std::vector<Pooled> best_of_each(const std::vector<Pooled>& all);

}  // namespace stress
