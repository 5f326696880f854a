// What an op took of this peer's contribution, worked out anew from what the op says of itself.
#pragma once

#include "engine/engine.h"

namespace whim {

// Of each element of input, which is what this peer gave to the op: what its codec made of it, or zero where
// the result holds no contribution of this peer. codec: the op's; null if it had none. E_UNSUPPORTED for
// anything but an all-reduce of f32, E_INVALID when the lengths differ, E_NON_FINITE for an input that could
// not leave, E_BROKEN_CONTRACT from a codec of the application.
Status sent_of(const OpInfo& info, const CodecPtr& codec, std::span<const float> input,
               std::span<float> sent);

}  // namespace whim
