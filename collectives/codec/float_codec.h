// none, bf16 and fp16: each element by itself, as f32, bf16 or f16, little-endian, rounded to nearest (ties
// to even) or stochastically.
#pragma once

#include "base/dtype.h"
#include "collectives/codec/codec.h"

namespace whim {

class FloatCodec final : public Codec {
public:
    // Asserted: dtype is f32, bf16 or f16; f32 is not rounded stochastically.
    FloatCodec(Dtype dtype, Rounding rounding);

    std::string text() const override;
    size_t cut_elements() const override { return 16; }
    size_t encoded_bytes_max(size_t count) const override { return count * dtype_bytes(dtype_); }
    size_t code_bytes() const override { return dtype_bytes(dtype_); }
    float magnitude_max() const override;
    double error_bound(float x, Extremes block) const override;
    Status check(ByteSpan bytes, size_t count) const override;

private:
    size_t do_encode(const Values& in, std::byte* out) const override;
    void do_decode(ByteSpan bytes, std::span<float> out) const override;
    void do_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const override;

    const Dtype dtype_;
    const Rounding rounding_;
};

}  // namespace whim
