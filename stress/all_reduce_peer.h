// Peers of whimbrel, as processes, that all-reduce: the role, and the run that starts it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coded_result.h"
#include "options.h"
#include "process.h"
#include "timed_loop.h"

namespace stress {

struct AllReduceRun {
    uint64_t peers = 0, bytes = 0, iterations = 0, warm_ups = kWarmUps, rest_ms = 0;
    std::string security = "tls", dtype = "f32", reduce = "sum", path = "auto";
    std::string codec = "none";  // f32 only
    std::string plan = "auto";
    uint64_t rounds_before = 0;      // of three ops each, in which links are measured
    std::string links;               // file that the coordinator takes the links from; empty: measured
    std::vector<std::string> names;  // of the peers; empty: peer0, peer1, ...
    bool check = true;
    uint64_t min_contributors = 0, grace_ms = 0;
    uint64_t tensors = 0;       // above 0: every other iteration is of the same data as so many tensors, a
    std::string cut = "equal";  // buffer first; iterations is even
    bool last_is_late = false;  // the last peer's times do not count; its data may be left out, so that
                                // results are only held to be the same everywhere
    bool pinned = false;        // peer i keeps to core i, counted around
    Places places;              // the coordinator is with the first peer
    std::optional<Millis> patience;  // with all of it; patience_for() if there is none
};

// Throws what is wrong with dtype, reduce or codec.
void check_names(const AllReduceRun& run);

struct AllReduceFigures {
    Totals totals;
    CodedResult result;
    std::string plan = {};                      // that the last op had
    double late_share = 1;                      // of the last op's elements that the last peer contributed to
    bool late_has_result = true;                // of the last op
    double cpu_whole_s = 0, cpu_tensors_s = 0;  // with tensors: of the calls of each kind, all peers
};

// Starts a coordinator and the peers, with this program in the roles "coordinator" and "peer". Throws when a
// result is wrong, or two differ.
AllReduceFigures measure_all_reduce(const AllReduceRun& run);

// Role "peer", started by measure_all_reduce() with these options and --role. Returns the exit code.
inline const std::set<std::string> kAllReducePeerOptions = {
    "role",     "invite", "security", "name",  "bytes",   "dtype",   "reduce",       "codec",
    "check",    "listen", "dir",      "peers", "path",    "rest-ms", "warm-ups",     "quorum",
    "grace-ms", "core",   "plan",     "links", "tensors", "cut",     "rounds-before"};
int all_reduce_peer_role(const Options& options);

// What a program that calls measure_all_reduce() does: its usage on --help, one of the roles, or the
// benchmark.
int all_reduce_main(const Options& options, const char* usage, int (*bench)(const Options&));

}  // namespace stress
