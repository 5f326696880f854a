// What a lab understands while it is up, one command a line, and how our router carries it out. Pure: the
// router passes on what it measures. What the kernel makes of the same commands: kernel_network.h.
//
//   set A B KEY=VALUE... · oneway A B KEY=VALUE... · host A KEY=VALUE...   as in topology files
//   partition A [B]    cuts A off from all others, or from B alone: silently, packets on their way included
//   heal [A B]         undoes that for all, or between two
//   reset A B [one]    resets the TCP connections between them, or of each pair one by chance
//   stats              a line for each direction, and one for the router, of KEY=VALUE
//   zero               lets stats begin anew
//   quit
// A and B are a host, a list with commas, or *.
#pragma once

#include <string>

#include "stress/wan/network.h"

namespace stress::wan {

// Of the router since the last `zero`.
struct Load {
    double cpu_s = 0, wall_s = 0;
    double busiest_share = 0;  // of a core, in the busiest half second
};

// What `reset A B [one]` asks for. Throws Error.
struct Resets {
    std::vector<std::pair<size_t, size_t>> pairs;
    bool one = false;  // of each pair, by chance
};
Resets resets_of(const Topology& topology, const std::vector<std::string>& words);
std::string answer_to_reset(size_t connections);

// The answer's text. Throws Error for what is not understood. `quit` and `zero` need the router as well.
std::string carry_out(Network& network, const std::string& line, const Load& load, whim::Instant now);

}  // namespace stress::wan
