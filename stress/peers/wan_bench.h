// bench peers --wan: the contenders on an emulated WAN, for each congestion control, loss and size.
#pragma once

#include <set>
#include <string>

#include "stress/options.h"

namespace stress {

inline const std::set<std::string> kWanBenchOptions = {"peers",   "sizes",  "impl",    "rounds", "iters",
                                                       "cc",      "losses", "rate",    "rtt",    "queue",
                                                       "limit-s", "iperf",  "rest-ms", "svg"};

// Returns the exit code: kSkip of wan.h, with a last line that says SKIP, when there can be no emulated WAN.
int bench_wan(const Options& options);

}  // namespace stress
