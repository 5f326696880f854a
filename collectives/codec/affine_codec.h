// uint8, uint4 and uint2: blocks of [least element, f32][scale][codes]; an element is least + code * scale,
// the product exact and the sum rounded once. A block of equal elements comes back exactly. Zero usually does
// not, so the symmetric codes are better for updates.
#pragma once

#include "collectives/codec/codec.h"
#include "collectives/kernels/affine.h"

namespace whim {

class AffineCodec final : public Codec {
public:
    // Asserted: format.bits is 8, 4 or 2, format.block a multiple of 16 up to kernels::kAffineBlockMax.
    AffineCodec(const AffineFormat& format, Rounding rounding);

    static size_t default_block(int bits) { return bits == 8 ? 256 : 64; }

    std::string text() const override;
    size_t cut_elements() const override { return format_.block; }
    size_t encoded_bytes_max(size_t count) const override { return format_.encoded_bytes(count); }
    float magnitude_max() const override;
    double error_bound(float x, Extremes block) const override;
    Status check(ByteSpan bytes, size_t count) const override;

private:
    size_t do_encode(const Values& in, std::byte* out) const override;
    void do_decode(ByteSpan bytes, std::span<float> out) const override;
    void do_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const override;

    const AffineFormat format_;
    const Rounding rounding_;
};

}  // namespace whim
