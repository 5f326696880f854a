// What one cell of the comparison came to, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "stress/peers/network.h"
#include "stress/peers/rates.h"
#include "stress/peers/rounds.h"

namespace stress {

// The contender with the best median that is not ours; nullptr when there is none.
const Pooled* best_other(const std::vector<Pooled>& best);

// "median_ms": ... and the like, without braces: what every line of results has.
std::string json_fields(const Cell& cell, const std::string& congestion_control, const Pooled& pooled);

// The rates that the bounds are made of.
void print_rates(const Rates& rates);

// A table, the ratio of each median of ours to the best of the others, and what TLS takes beside the cipher.
void print_table(const Cell& cell, const Network& network, const Rates& rates,
                 const std::vector<Pooled>& best);

// One object a line: docs/how-to/stress-and-simulate.md says what the fields are.
void print_json(const Cell& cell, const Network& network, const Rates& rates,
                const std::vector<Pooled>& best);

}  // namespace stress
