// What each participant's line carries, as far as its links know: published when a round begins, so that all
// derive the same shares of work from it (collectives/plan/shares.h).
#pragma once

#include <cstdint>
#include <vector>

#include "group/link_matrix.h"

namespace whim::group {

// Bytes per second upwards, in the order of the participants, rounded down to a power of two or the half way
// to the next, so that measurements that barely move change nothing. 0: not known, since some link of it has
// not found its pace. Empty when nothing is known of anybody.
std::vector<uint64_t> line_rates(const LinkMatrix& links, const std::vector<MemberId>& participants);

}  // namespace whim::group
