// How many seeded worlds a test runs: every day a few thousand, with WHIM_WHOLE_MATRIX=1 ten times as many.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace whim::op {

inline bool whole_matrix() { return std::getenv("WHIM_WHOLE_MATRIX") != nullptr; }
inline uint64_t worlds_of(uint64_t daily) { return whole_matrix() ? 10 * daily : daily; }

}  // namespace whim::op
