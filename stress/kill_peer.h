// One peer of the kill trials: reduces when told, then proves what it got.
#pragma once

#include "options.h"

namespace stress {

// Role "peer". Orders and answers, one line each:
//   round TRIAL -> ready WORLD_SIZE      go -> reduced NS PARTIAL RESENT REFOLDED ADOPTED SETS
//                                              checked HASH WRONG (first wrong element, or "none")
int kill_peer_role(const Options& options);

}  // namespace stress
