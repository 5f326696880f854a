// What the pages show of the links between members.
#pragma once

#include <vector>

#include "coordinator/snapshot.h"
#include "group/coordinator.h"

namespace whim::coordinator {

// Fills links and links_left_out.
void add_links(Snapshot& snapshot, const group::LinkMatrix& matrix,
               const std::vector<group::MemberStatus>& members, Instant now);

}  // namespace whim::coordinator
