// The ways to all-reduce that are compared: an implementation and one of its algorithms, and how each is run
// once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stress/process.h"
#include "stress/timed_loop.h"

namespace stress {

struct Contender {
    std::string implementation;  // whimbrel, whimbrel-tcp (its same-host path switched off), gloo or openmpi
    std::string algorithm;
    std::string security;  // none or tls

    bool is_ours() const { return implementation.starts_with("whimbrel"); }
    // As --impl takes it: whimbrel-tls, gloo, openmpi.
    std::string name() const { return is_ours() ? implementation + "-" + security : implementation; }
};

// Those that --impl names, "whimbrel-none,gloo:ring,...", or all when it is empty. One that was not built is
// left out with a word on stderr, or an error when it was named.
std::vector<Contender> choose_contenders(const std::string& names);

struct Cell {
    uint64_t peers = 0, bytes = 0, iterations = 0, warm_ups = kWarmUps, rest_ms = 0;
    Places places;                   // of the peers; empty: all on loopback
    bool pinned = false;             // process i of every contender keeps to core i, counted around
    std::optional<Millis> patience;  // with one run; patience_for() if there is none
};

// Starts the processes, and returns when all have measured, found the result right, and are gone. Throws
// otherwise.
Totals run_once(const Contender& contender, const Cell& cell);

}  // namespace stress
