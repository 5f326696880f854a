// int8, int4, int2, e4m3, e5m2, e2m1, e3m0 and sign: blocks of [scale][codes], see docs/reference/codecs.md.
//
// A block's scale is its largest magnitude / the grid's top, rounded up (sign: the mean magnitude, to
// nearest); each element / scale goes to the nearest number of the grid. Blocks with a scale below 2^-110 are
// zeros.
#pragma once

#include "collectives/codec/codec.h"

namespace whim {

class BlockCodec final : public Codec {
public:
    // Asserted: format.block is kWhole or a multiple of 16; sign does not round stochastically.
    BlockCodec(const BlockFormat& format, Rounding rounding);

    std::string text() const override;
    size_t cut_elements() const override {
        return format_.block == BlockFormat::kWhole ? kUncut : format_.block;
    }
    size_t encoded_bytes_max(size_t count) const override { return format_.encoded_bytes(count); }
    float magnitude_max() const override { return magnitude_max_; }
    double error_bound(float x, Extremes block) const override;
    Status check(ByteSpan bytes, size_t count) const override;

private:
    size_t do_encode(const Values& in, std::byte* out) const override;
    void do_decode(ByteSpan bytes, std::span<float> out) const override;
    void do_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const override;

    double relative_bound(double scale, double magnitude) const;

    const BlockFormat format_;
    const Rounding rounding_;
    const float magnitude_max_;
};

}  // namespace whim
