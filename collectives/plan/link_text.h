// A flock and its links as text: what `whimbrel plan --matrix` and the benchmark read.
// docs/explanation/planning.md shows one; topologies of the emulated WAN (stress/wan/topologies) are such
// files too.
//
// One statement a line; # begins a comment:
//   host NAME [region=R] [up=RATE] [down=RATE]
//   link A B KEY=VALUE...      both directions; A and B are a host, a region, * or several of those with
//   commas oneway A B KEY=VALUE...    from A to B cut A B                    they cannot talk to each other
// Hosts come before the links; a later statement refines what earlier ones said. Keys of a link: rtt, delay
// (one way: the round trip is that of both directions), rate. Rates: 100mbit, 1.5gbit, unlimited; times:
// 80ms, 1.5s, 300us. What says nothing about rates and round trips is passed over: jitter, loss, queues,
// sysctl, seed, ...
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "collectives/plan/links.h"

namespace whim::plan {

struct NamedLinks {
    std::vector<std::string> names;    // of the hosts, by rank
    std::vector<std::string> regions;  // by the number that Links has, 0: ""
    Links links;
};

// E_INVALID "line N: what is wrong". Reads nothing beyond limits::kPlanTextBytesMax.
Result<NamedLinks> parse_links(std::string_view text);

}  // namespace whim::plan
