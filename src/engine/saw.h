// What a member saw of an op, worked out from what the op says of itself, for a policy that all members agree
// on.
#pragma once

#include "collectives/op/backup_workers.h"
#include "engine/engine.h"

namespace whim {

// Of a completed all-reduce: arrivals and contributors. The application's numbers are left at zero.
op::MemberSaw saw_of(const OpInfo& info);

}  // namespace whim
