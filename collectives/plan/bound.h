// The least time that any plan can take, from the slowest cut. It is a bound for plans that fold and forward
// whole elements, whatever their trees; nothing says that a plan reaches it.
//
// Each element needs one sending less than there are members to be folded, and as many to go out. So, B being
// the bytes of the op on the wire:
//   - a set of members and the rest send B to each other at least, in both directions;
//   - of k sets that hold all members, all together send 2(k-1)B to each other, and receive as much.
// Sets looked at: single members; regions; what is joined by links faster than any threshold.
#pragma once

#include <cstdint>
#include <vector>

#include "collectives/plan/links.h"
#include "collectives/plan/plan.h"
#include "collectives/plan/work.h"

namespace whim::plan {

struct Bound {
    enum class Cause : uint8_t { delay, send, receive, all_send, all_receive };
    double seconds = 0;
    Cause cause = Cause::delay;
    std::vector<Member> set;  // that sends or receives; of all_send and all_receive empty
    uint32_t sets = 0;        // of all_send and all_receive: how many
};
Bound slowest_cut(const Net& net, const Work& work);

}  // namespace whim::plan
