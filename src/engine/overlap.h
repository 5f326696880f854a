// Whether the tensors of an op may be worked on at once. Pure.
#pragma once

#include <span>

#include "base/status.h"
#include "engine/engine.h"

namespace whim {

// E_INVALID, naming two of them by index: an out overlaps another out, or an in that is not just its own
// (in place: the same address). Ins may overlap each other. Of n tensors in O(n log n). Of each, in and out
// are equally long.
Status check_overlaps(std::span<const PostTensor> tensors);

}  // namespace whim
