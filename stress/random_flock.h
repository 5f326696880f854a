// Flocks that might be: links drawn from a seed, for tests and benchmarks of planning.
#pragma once

#include <cstdint>

#include "collectives/plan/links.h"

namespace stress {

// Of members_min to members_max. A third each: homes on asymmetric lines; machines of some regions whose
// paths between regions are slower than their lines; a mixture of both where each path has a rate of its own.
// Some flocks have pairs that cannot talk, and some lack figures.
whim::plan::Links random_flock(uint64_t seed, uint32_t members_min, uint32_t members_max);

}  // namespace stress
