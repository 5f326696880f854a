// How much of an op may be under way, by the number of its members. Pure functions of their arguments.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/engine.h"

namespace whim {

// What each contributor may be ahead of this peer's grants. far: the path to one member at least is long; it
// has to hold more to be full. What all senders together fill is this peer's line, so that they share what is
// for long paths.
uint64_t window_bytes(const EngineConfig& config, size_t members, bool far);

// What the op that may send more than config.eager_bytes ahead may send to each member: enough to fill the
// half round trip until the others are known to have called it.
uint64_t eager_large_bytes(const EngineConfig& config, size_t members);

}  // namespace whim
