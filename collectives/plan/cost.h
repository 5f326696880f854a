// How long a plan takes, by a closed formula. The planner chooses by it first; `simulate.h` is what it is
// judged by.
//
//     time = the longest of all ways from a leaf to the root and on to a leaf, in any part; a way takes
//            - half a round trip and a hop's cost for each hop,
//            - one piece's time for each hop that passes on what came over another,
//            - once, the time that the busiest of its edges is kept busy by the whole plan.
//
// An edge is kept busy by the line or path that has most to do; pipelining hides all else. `transfer` is the
// busiest of all, `latency` the rest of the time.
//
// Beyond limits::kPlanPackMembersMax members the load of a path is that of the one part that loads it most.
#pragma once

#include <cstdint>
#include <vector>

#include "collectives/plan/links.h"
#include "collectives/plan/plan.h"
#include "collectives/plan/work.h"

namespace whim::plan {

// What a plan asks of each line and path, in buffers (1 is all bytes of the op once).
struct Loads {
    std::vector<double> sent, received, folded, encoded, decoded;  // by member
    std::vector<double> pair;  // [from * members + to]; empty beyond limits::kPlanPackMembersMax members
};
Loads loads_of(const Plan& plan);

enum class Limit : uint8_t { none, up, down, pair, cpu };

struct Forecast {
    double seconds = 0, transfer_s = 0, latency_s = 0;
    Limit limit = Limit::none;  // what is busiest
    Member at = 0, to = 0;      // where; `to` of a pair
};
Forecast forecast(const Plan& plan, const Net& net, const Work& work);

// Pieces in which a part travels: of limits::kChunkBytesPipelined at least, if there are several. An executor
// may have more; they change little beyond that.
inline constexpr uint32_t kPiecesMax = 16;
uint32_t pieces_of(const Part& part, const Work& work);

}  // namespace whim::plan
