// Affine block codes, compiled once per instruction set. Differences and quotients are binary64: hi - lo may
// be past the largest binary32, and x - lo would lose its last places.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collectives/kernels/affine.cpp"
#include <hwy/foreach_target.h>  // keep before highway.h

#include <hwy/highway.h>

#include <cmath>

#include "base/assert.h"
#include "collectives/kernels/affine.h"
#include "collectives/kernels/philox-inl.h"
#include "collectives/kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D64 = hn::CappedTag<double, 8>;
using V64 = hn::Vec<D64>;

template <int kBits> class AffineCoder {
    static constexpr float kLevels = static_cast<float>((1 << kBits) - 1);

public:
    explicit AffineCoder(const AffineFormat& format) : format_(format) {}

    void encode(const BlockInput& input, std::byte* out) {
        for (size_t at = 0; at < input.values.size(); at += format_.block) {
            const size_t count = std::min(format_.block, input.values.size() - at);
            if (input.dither) dither_fill(*input.dither, input.first + at, count, words_);
            encode_block(load(input, at, count), count, input.dither != nullptr, out);
            out += format_.block_bytes(count);
        }
    }

    template <class Then> void decode(const std::byte* in, std::span<float> out, Then then) {
        for (size_t at = 0; at < out.size(); at += format_.block) {
            const size_t count = std::min(format_.block, out.size() - at);
            decode_block(in, out.subspan(at, count), then);
            in += format_.block_bytes(count);
        }
    }

private:
    // Padded with the block's own first element, which changes neither the least nor the largest.
    const float* load(const BlockInput& input, size_t at, size_t count) {
        const float* values = input.values.data() + at;
        if (input.divisor == 1.0f && count % kPad == 0) return values;
        const float* x = prepared(values, count, input.divisor, staged_);
        if (count % kPad != 0) std::fill(staged_ + count, staged_ + padded(count, kPad), x[0]);
        return x;
    }

    void encode_block(const float* x, size_t count, bool dither, std::byte* out) {
        const size_t n = padded(count, kPad);
        VF least = load_floats(x), most = least;
        for (size_t i = 0; i < n; i += hn::Lanes(DF())) {
            least = hn::Min(least, load_floats(x + i));
            most = hn::Max(most, load_floats(x + i));
        }
        // The sum turns a zero positive: which zero is the least depends on the instruction set.
        const float lo = hn::GetLane(hn::MinOfLanes(DF(), least)) + 0.0f;
        const float hi = hn::GetLane(hn::MaxOfLanes(DF(), most));
        const double range = static_cast<double>(hi) - static_cast<double>(lo);
        const Scale scale = scale_up(format_.scale, static_cast<float>(range / static_cast<double>(kLevels)));
        std::memcpy(out, &lo, sizeof lo);
        store_scale(format_.scale, scale, out + sizeof lo);
        round(x, n, lo, scale.value, dither);
        std::memset(codes_ + count, 0, padded(count, kCodesAtOnce) - count);
        pack_codes<kBits>(codes_, padded(count, kCodesAtOnce), packed_);
        std::memcpy(out + sizeof lo + scale_bytes(format_.scale), packed_, (count * kBits + 7) / 8);
    }

    void round(const float* x, size_t n, float lo, float scale, bool dither) {
        if (scale == 0) {
            std::memset(codes_, 0, n);
            return;
        }
        const D64 d;
        const hn::Rebind<float, D64> df;
        const hn::Rebind<int32_t, D64> di;
        const hn::Rebind<uint8_t, D64> d8;
        const V64 from = hn::Set(d, static_cast<double>(lo)), by = hn::Set(d, static_cast<double>(scale));
        const V64 top = hn::Set(d, static_cast<double>(kLevels));
        for (size_t i = 0; i < n; i += hn::Lanes(d)) {
            const V64 y = hn::Div(hn::Sub(hn::PromoteTo(d, hn::LoadU(df, x + i)), from), by);
            const V64 whole = dither ? stochastic(y, i) : hn::Round(y);
            hn::StoreU(hn::DemoteTo(d8, hn::DemoteTo(di, hn::Min(whole, top))), d8, codes_ + i);
        }
    }

    HWY_INLINE V64 stochastic(V64 y, size_t i) const {
        const D64 d;
        const hn::Rebind<uint32_t, D64> du;
        const hn::Rebind<int32_t, D64> di;
        const auto upper = hn::BitCast(di, hn::ShiftRight<8>(hn::LoadU(du, words_ + i)));
        const V64 u = hn::Mul(hn::PromoteTo(d, upper), hn::Set(d, 0x1p-24));
        const V64 below = hn::Floor(y);
        return hn::Add(below, hn::IfThenElseZero(hn::Gt(hn::Sub(y, below), u), hn::Set(d, 1.0)));
    }

    template <class Then> void decode_block(const std::byte* in, std::span<float> out, Then then) {
        float lo;
        std::memcpy(&lo, in, sizeof lo);
        const VF from = hn::Set(DF(), lo), by = hn::Set(DF(), *load_scale(format_.scale, in + sizeof lo));
        std::memcpy(packed_, in + sizeof lo + scale_bytes(format_.scale), (out.size() * kBits + 7) / 8);
        unpack_codes<kBits>(packed_, padded(out.size(), kCodesAtOnce), codes_);
        const auto element = [&](size_t i) HWY_ATTR {
            const VF code = hn::ConvertTo(DF(), hn::PromoteTo(DI(), hn::LoadU(D8(), codes_ + i)));
            return hn::Add(from, hn::Mul(code, by));  // the product is exact but for f32 scales
        };
        const size_t lanes = hn::Lanes(DF());
        size_t i = 0;
        for (; i + lanes <= out.size(); i += lanes) {
            hn::StoreU(then(element(i), out.data() + i), DF(), out.data() + i);
        }
        if (i == out.size()) return;
        float rest[kPad] = {};
        std::memcpy(rest, out.data() + i, (out.size() - i) * sizeof(float));
        hn::StoreU(then(element(i), rest), DF(), rest);
        std::memcpy(out.data() + i, rest, (out.size() - i) * sizeof(float));
    }

    const AffineFormat& format_;
    HWY_ALIGN float staged_[kTile];
    HWY_ALIGN uint32_t words_[kTile];
    HWY_ALIGN uint8_t codes_[kTile + kPad];
    HWY_ALIGN uint8_t packed_[kTile] = {};
};

void encode_affine_here(const AffineFormat& format, const BlockInput& input, std::byte* out) {
    if (format.bits == 8) return AffineCoder<8>(format).encode(input, out);
    if (format.bits == 4) return AffineCoder<4>(format).encode(input, out);
    AffineCoder<2>(format).encode(input, out);
}

template <class Then>
void decode_affine_with(const AffineFormat& format, const std::byte* in, std::span<float> out, Then then) {
    if (format.bits == 8) return AffineCoder<8>(format).decode(in, out, then);
    if (format.bits == 4) return AffineCoder<4>(format).decode(in, out, then);
    AffineCoder<2>(format).decode(in, out, then);
}

void decode_affine_here(const AffineFormat& format, const std::byte* in, std::span<float> out) {
    decode_affine_with(format, in, out, Put{});
}

void accumulate_affine_here(const AffineFormat& format, const std::byte* in, float weight,
                            std::span<float> acc) {
    decode_affine_with(format, in, acc, AddTo{weight});
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(encode_affine_here);
HWY_EXPORT(decode_affine_here);
HWY_EXPORT(accumulate_affine_here);

namespace {

void assert_usual(const AffineFormat& format) {
    WHIM_ASSERT(format.bits == 8 || format.bits == 4 || format.bits == 2);
    WHIM_ASSERT(format.block > 0 && format.block % 16 == 0 && format.block <= kAffineBlockMax);
}

BlockFault check_block(const AffineFormat& format, const std::byte* in, size_t elements) {
    float lo;
    std::memcpy(&lo, in, sizeof lo);
    const auto scale = load_scale(format.scale, in + sizeof lo);
    const bool negative_zero = lo == 0 && std::signbit(lo);
    if (!scale || !std::isfinite(lo) || negative_zero) return BlockFault::scale;
    const float top = format.levels() * *scale;
    if (!std::isfinite(lo + top)) return BlockFault::scale;
    const std::byte* codes = in + sizeof lo + scale_bytes(format.scale);
    const size_t bits = elements * static_cast<size_t>(format.bits), bytes = (bits + 7) / 8;
    if (bits % 8 != 0 && static_cast<unsigned>(codes[bytes - 1]) >> (bits % 8) != 0)
        return BlockFault::padding;
    const auto zero = [](std::byte b) { return b == std::byte{0}; };
    if (*scale == 0 && !std::all_of(codes, codes + bytes, zero)) return BlockFault::zero_scale;
    return BlockFault::none;
}

}  // namespace

void encode_affine(const AffineFormat& format, const BlockInput& input, std::byte* out) {
    assert_usual(format);
    WHIM_ASSERT(input.first % 4 == 0);
    HWY_DYNAMIC_DISPATCH(encode_affine_here)(format, input, out);
}

BlockVerdict check_affine(const AffineFormat& format, const std::byte* in, size_t count) {
    assert_usual(format);
    for (size_t at = 0, block = 0; at < count; at += format.block, ++block) {
        const size_t elements = std::min(format.block, count - at);
        const BlockFault fault = check_block(format, in, elements);
        if (fault != BlockFault::none) return {fault, block};
        in += format.block_bytes(elements);
    }
    return {};
}

void decode_affine(const AffineFormat& format, const std::byte* in, std::span<float> out) {
    assert_usual(format);
    HWY_DYNAMIC_DISPATCH(decode_affine_here)(format, in, out);
}

void accumulate_affine(const AffineFormat& format, const std::byte* in, float weight, std::span<float> acc) {
    assert_usual(format);
    HWY_DYNAMIC_DISPATCH(accumulate_affine_here)(format, in, weight, acc);
}

}  // namespace whim::kernels
#endif
