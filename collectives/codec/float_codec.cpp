// Floats without blocks: names, bounds and checks around the kernels.
#include "collectives/codec/float_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "collectives/codec/payload.h"
#include "collectives/kernels/finite.h"
#include "collectives/kernels/floats.h"

namespace whim {

FloatCodec::FloatCodec(Dtype dtype, Rounding rounding) : dtype_(dtype), rounding_(rounding) {
    WHIM_ASSERT(dtype == Dtype::f32 || dtype == Dtype::bf16 || dtype == Dtype::f16);
    WHIM_ASSERT(dtype != Dtype::f32 || rounding == Rounding::nearest);
}

std::string FloatCodec::text() const {
    const char* name = dtype_ == Dtype::f32 ? "none" : dtype_ == Dtype::bf16 ? "bf16" : "fp16";
    return rounding_ == Rounding::stochastic ? std::string(name) + ":round=stochastic" : name;
}

float FloatCodec::magnitude_max() const {
    if (dtype_ == Dtype::f32) return std::numeric_limits<float>::max();
    return dtype_ == Dtype::bf16 ? f32_from_bf16(0x7f7f) : f32_from_f16(0x7bff);
}

double FloatCodec::error_bound(float x, Extremes) const {
    const double magnitude = std::fabs(x), step = rounding_ == Rounding::stochastic ? 2 : 1;
    if (dtype_ == Dtype::f32) return 0;
    if (dtype_ == Dtype::bf16) return step * std::max(magnitude * 0x1p-8, 0x1p-134);
    return step * std::max(magnitude * 0x1p-11, 0x1p-25);
}

Status FloatCodec::check(ByteSpan bytes, size_t count) const {
    const Status size = codec::check_size(*this, bytes, count, encoded_bytes_max(count));
    if (!size.ok()) return size;
    const auto at = kernels::first_non_finite_float(dtype_, bytes);
    if (!at) return {};
    return fail(Code::E_PROTOCOL, fmt::format("element {} of {} is not finite", *at, text()));
}

size_t FloatCodec::do_encode(const Values& in, std::byte* out) const {
    kernels::encode_floats(dtype_, codec::kernel_input(in, rounding_), out);
    return encoded_bytes_max(in.values.size());
}

void FloatCodec::do_decode(ByteSpan bytes, std::span<float> out) const {
    kernels::decode_floats(dtype_, bytes.data(), out);
}

void FloatCodec::do_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const {
    kernels::accumulate_floats(dtype_, bytes.data(), weight, acc);
}

}  // namespace whim
