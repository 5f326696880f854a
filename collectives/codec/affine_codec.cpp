// Affine block codes: sizes, bounds and checks around the kernels.
#include "collectives/codec/affine_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "collectives/codec/payload.h"

namespace whim {

AffineCodec::AffineCodec(const AffineFormat& format, Rounding rounding)
    : format_(format), rounding_(rounding) {}

std::string AffineCodec::text() const {
    std::string parameters;
    if (format_.block != default_block(format_.bits)) parameters += fmt::format(",block={}", format_.block);
    if (format_.scale != ScaleType::bf16)
        parameters += fmt::format(",scale={}", codec::scale_name(format_.scale));
    if (rounding_ == Rounding::stochastic) parameters += ",round=stochastic";
    if (!parameters.empty()) parameters[0] = ':';
    return fmt::format("uint{}{}", format_.bits, parameters);
}

// So that the scale can be written, and levels * scale, up to twice the range, is finite.
float AffineCodec::magnitude_max() const {
    return format_.scale == ScaleType::f16 ? 65504.0f * format_.levels() / 2 : 0x1p126f;
}

double AffineCodec::error_bound(float x, Extremes block) const {
    const double range = static_cast<double>(block.largest) - static_cast<double>(block.least);
    if (range == 0) return 0;
    const double levels = format_.levels();
    const double flushed = std::min(range, levels * static_cast<double>(kScaleMin));
    const double scale = codec::scale_bound(format_.scale, range / levels);
    const double step = rounding_ == Rounding::stochastic ? 1 : 0.5;
    // The sum is rounded to f32, the product too when the scale is f32; levels * scale may be past the range.
    const double rounded = (std::fabs(x) + range + scale) * 0x1p-23 + 0x1p-149;
    return std::max(flushed, step * scale * (1 + codec::kQuotientSlack)) + rounded;
}

Status AffineCodec::check(ByteSpan bytes, size_t count) const {
    const Status size = codec::check_size(*this, bytes, count, format_.encoded_bytes(count));
    if (!size.ok()) return size;
    return codec::status_of(*this, kernels::check_affine(format_, bytes.data(), count));
}

size_t AffineCodec::do_encode(const Values& in, std::byte* out) const {
    kernels::encode_affine(format_, codec::kernel_input(in, rounding_), out);
    return format_.encoded_bytes(in.values.size());
}

void AffineCodec::do_decode(ByteSpan bytes, std::span<float> out) const {
    kernels::decode_affine(format_, bytes.data(), out);
}

void AffineCodec::do_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const {
    kernels::accumulate_affine(format_, bytes.data(), weight, acc);
}

}  // namespace whim
