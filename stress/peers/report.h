// What one cell of the comparison came to, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "stress/peers/contenders.h"
#include "stress/peers/network.h"
#include "stress/peers/rates.h"

namespace stress {

// All rounds of one contender in one cell.
struct Pooled {
    Contender contender;
    std::vector<double> seconds;  // of each iteration, slowest process
    double cpu_s = 0;             // all processes
    uint64_t rss_bytes = 0;       // largest process, its input and output not counted
};

// For each implementation (whimbrel: for each security) the algorithm with the best median, in the order
// given.
std::vector<Pooled> best_of_each(const std::vector<Pooled>& all);

// The rates that the bounds are made of.
void print_rates(const Rates& rates);

// A table, the ratio of each median of ours to the best of the others, and what TLS takes beside the cipher.
void print_table(const Cell& cell, const Network& network, const Rates& rates,
                 const std::vector<Pooled>& best);

// One object a line: docs/how-to/stress-and-simulate.md says what the fields are.
void print_json(const Cell& cell, const Network& network, const Rates& rates,
                const std::vector<Pooled>& best);

}  // namespace stress
