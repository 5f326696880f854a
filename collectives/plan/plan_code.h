// Plans as bytes. Every plan that passes check() has exactly one form, and every form that is accepted is a
// plan that passes check().
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "collectives/plan/plan.h"

namespace whim::plan {

Bytes encode(const Plan& plan);
Result<Plan> decode(ByteSpan bytes);  // E_PROTOCOL, naming what is wrong

}  // namespace whim::plan
