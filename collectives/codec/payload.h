// What the codecs say about bytes that they refuse, and what they share in making kernels' input.
#pragma once

#include "collectives/codec/codec.h"

namespace whim::codec {

// E_PROTOCOL unless there are exactly so many bytes.
Status check_size(const Codec& codec, ByteSpan bytes, size_t count, size_t wanted);

Status status_of(const Codec& codec, BlockVerdict verdict);

// in as a kernel takes it; the dither only when rounding asks for it. in must outlive the result.
kernels::BlockInput kernel_input(const Values& in, Rounding rounding);

std::string_view scale_name(ScaleType scale);

// A quotient of up to 127, rounded to f32, may cross the middle between two codes by this part of half a
// step.
inline constexpr double kQuotientSlack = 0x1p-16;

// The largest scale that scale_up makes of a wish of at most x.
double scale_bound(ScaleType scale, double x);

}  // namespace whim::codec
