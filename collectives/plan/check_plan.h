// Whether a plan is one: what an executor relies on. Of bytes from elsewhere, and of our own makers in tests.
#pragma once

#include "base/status.h"
#include "collectives/plan/links.h"
#include "collectives/plan/plan.h"

namespace whim::plan {

// Shares add up to kShares, none is 0; every tree spans exactly the members, from its part's root; no tree is
// deeper than limits::kPlanDepthMax, but for rings; tables are all used, in the order of their first use;
// relays are in order, of two members through a third. E_PROTOCOL, naming the part.
Status check(const Plan& plan);

// That no edge of a tree, nor a leg of a relay it goes over, is a pair that is cut. The plan has passed
// check().
Status check_reach(const Plan& plan, const Links& links);

}  // namespace whim::plan
