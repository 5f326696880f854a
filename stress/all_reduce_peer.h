// Peers of whimbrel, as processes, that all-reduce: the role, and the run that starts it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "options.h"
#include "process.h"
#include "timed_loop.h"

namespace stress {

struct AllReduceRun {
    uint64_t peers = 0, bytes = 0, iterations = 0, warm_ups = kWarmUps, rest_ms = 0;
    std::string security = "tls", dtype = "f32", reduce = "sum", path = "auto";
    bool check = true;
    bool pinned = false;             // peer i keeps to core i, counted around
    Places places;                   // the coordinator is with the first peer
    std::optional<Millis> patience;  // with all of it; patience_for() if there is none
};

// Throws what is wrong with dtype or reduce.
void check_names(const AllReduceRun& run);

// Starts a coordinator and the peers, with this program in the roles "coordinator" and "peer".
Totals measure_all_reduce(const AllReduceRun& run);

// Role "peer", started by measure_all_reduce() with these options and --role. Returns the exit code.
inline const std::set<std::string> kAllReducePeerOptions = {
    "role",   "invite", "security", "name",     "bytes", "dtype",   "reduce", "check",
    "listen", "dir",    "peers",    "warm-ups", "path",  "rest-ms", "core"};
int all_reduce_peer_role(const Options& options);

// What a program that calls measure_all_reduce() does: its usage on --help, one of the roles, or the
// benchmark.
int all_reduce_main(const Options& options, const char* usage, int (*bench)(const Options&));

}  // namespace stress
