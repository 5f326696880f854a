// Conversions of f32 to and from the formats of formats-inl.h, compiled once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collectives/kernels/floats.cpp"
#include <hwy/foreach_target.h>  // keep before highway.h

#include <hwy/highway.h>

#include "base/assert.h"
#include "collectives/kernels/floats.h"
#include "collectives/kernels/formats-inl.h"
#include "collectives/kernels/philox-inl.h"
#include "collectives/kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Stochastic rounding: the words' upper bits are added below the last place.
template <class Format> struct Dithered;

template <> struct Dithered<F32> {
    static HWY_INLINE void store(VF v, VU, std::byte* to) { F32::store(DF(), v, to); }
};

template <> struct Dithered<F16> {
    static HWY_INLINE void store(VF v, VU words, std::byte* to) {
        store_halves(DF(), hn::BitCast(DU(), FloatGrid<5, 10, 15, 0x7bff>::stochastic(v, words)), to);
    }
};

template <> struct Dithered<Bf16> {
    static HWY_INLINE void store(VF v, VU words, std::byte* to) {
        const VU up = hn::ShiftRight<16>(hn::Add(hn::BitCast(DU(), v), hn::ShiftRight<16>(words)));
        store_halves(DF(), up, to);
    }
};

// One tile; n is a multiple of kPad, and to has room for it.
template <class Format> void encode_tile(const float* x, size_t n, const uint32_t* words, std::byte* to) {
    for (size_t i = 0; i < n; i += hn::Lanes(DF()), to += hn::Lanes(DF()) * Format::kBytes) {
        if (words) {
            Dithered<Format>::store(load_floats(x + i), hn::LoadU(DU(), words + i), to);
        } else {
            Format::store(DF(), load_floats(x + i), to);
        }
    }
}

template <class Format> void encode_as(const BlockInput& input, std::byte* out) {
    HWY_ALIGN float staged[kTile];
    HWY_ALIGN uint32_t words[kTile];
    HWY_ALIGN std::byte last[kPad * Format::kBytes];
    const size_t count = input.values.size();
    for (size_t at = 0; at < count; at += kTile) {
        const size_t n = std::min(kTile, count - at), whole = n / kPad * kPad;
        if (input.dither) dither_fill(*input.dither, input.first + at, n, words);
        const uint32_t* use = input.dither ? words : nullptr;
        const float* x = prepared(input.values.data() + at, n, input.divisor, staged);
        encode_tile<Format>(x, whole, use, out + at * Format::kBytes);
        if (whole == n) continue;
        encode_tile<Format>(x + whole, kPad, use ? use + whole : nullptr, last);
        std::memcpy(out + (at + whole) * Format::kBytes, last, (n - whole) * Format::kBytes);
    }
}

// then(decoded, place of the element) gives what is stored.
template <class Format, class Then> void decode_as(const std::byte* in, std::span<float> out, Then then) {
    const size_t lanes = hn::Lanes(DF());
    const size_t whole = out.size() - out.size() % lanes, rest = out.size() - whole;
    for (size_t i = 0; i < whole; i += lanes) {
        hn::StoreU(then(Format::load(DF(), in + i * Format::kBytes), out.data() + i), DF(), out.data() + i);
    }
    if (rest == 0) return;
    std::byte bytes[kPad * Format::kBytes] = {};
    float staged[kPad] = {};
    std::memcpy(bytes, in + whole * Format::kBytes, rest * Format::kBytes);
    std::memcpy(staged, out.data() + whole, rest * sizeof(float));
    hn::StoreU(then(Format::load(DF(), bytes), staged), DF(), staged);
    std::memcpy(out.data() + whole, staged, rest * sizeof(float));
}

void encode_floats_here(Dtype dtype, const BlockInput& input, std::byte* out) {
    switch (dtype) {
        case Dtype::f32: return encode_as<F32>(input, out);
        case Dtype::f16: return encode_as<F16>(input, out);
        case Dtype::bf16: return encode_as<Bf16>(input, out);
        default: WHIM_ASSERT(!"not a float of the wire");
    }
}

template <class Then> void decode_with(Dtype dtype, const std::byte* in, std::span<float> out, Then then) {
    switch (dtype) {
        case Dtype::f32: return decode_as<F32>(in, out, then);
        case Dtype::f16: return decode_as<F16>(in, out, then);
        case Dtype::bf16: return decode_as<Bf16>(in, out, then);
        default: WHIM_ASSERT(!"not a float of the wire");
    }
}

void decode_floats_here(Dtype dtype, const std::byte* in, std::span<float> out) {
    decode_with(dtype, in, out, Put{});
}

void accumulate_floats_here(Dtype dtype, const std::byte* in, float weight, std::span<float> acc) {
    decode_with(dtype, in, acc, AddTo{weight});
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(encode_floats_here);
HWY_EXPORT(decode_floats_here);
HWY_EXPORT(accumulate_floats_here);

void encode_floats(Dtype dtype, const BlockInput& input, std::byte* out) {
    WHIM_ASSERT(input.first % 4 == 0);
    HWY_DYNAMIC_DISPATCH(encode_floats_here)(dtype, input, out);
}

void decode_floats(Dtype dtype, const std::byte* in, std::span<float> out) {
    HWY_DYNAMIC_DISPATCH(decode_floats_here)(dtype, in, out);
}

void accumulate_floats(Dtype dtype, const std::byte* in, float weight, std::span<float> acc) {
    HWY_DYNAMIC_DISPATCH(accumulate_floats_here)(dtype, in, weight, acc);
}

}  // namespace whim::kernels
#endif
