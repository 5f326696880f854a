// The parts of the contract that are the same for every codec.
#include "collectives/codec/codec.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>

#include "collectives/kernels/screen.h"

namespace whim {
namespace {

bool usual_divisor(float divisor) { return std::isfinite(divisor) && divisor > 0; }

// The largest number whose quotient by divisor is at most limit. Quotients rise with the number: a search in
// bits.
float largest_dividend(float limit, float divisor) {
    if (divisor == 1) return limit;
    uint32_t low = 0, high = 0x7f7fffffu;
    while (low < high) {
        const uint32_t middle = low + (high - low + 1) / 2;
        if (std::bit_cast<float>(middle) / divisor <= limit) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return std::bit_cast<float>(low);
}

Error refusal(const Codec& codec, const Values& in, size_t at) {
    const float x = in.values[at];
    if (!std::isfinite(x)) return fail(Code::E_NON_FINITE, fmt::format("element {} is {}", at, x));
    return fail(std::isfinite(x / in.divisor) ? Code::E_UNSUPPORTED : Code::E_NON_FINITE,
                fmt::format("element {} is {}; {} holds magnitudes up to {}", at, x / in.divisor,
                            codec.text(), codec.magnitude_max()));
}

}  // namespace

std::optional<size_t> Codec::first_refused(const Values& in) const {
    return kernels::first_beyond(in.values, largest_dividend(magnitude_max(), in.divisor));
}

Result<size_t> Codec::encode(const Values& in, MutableByteSpan out) const {
    WHIM_ASSERT(in.first % (cut_elements() == kUncut ? 16 : cut_elements()) == 0);
    if (!usual_divisor(in.divisor))
        return fail(Code::E_WEIGHTS, fmt::format("the divisor is {}", in.divisor));
    if (!in.screened) {
        if (const auto at = first_refused(in)) return refusal(*this, in, *at);
    }
    if (in.values.empty()) return size_t{0};
    return try_encode(in, out);
}

Result<size_t> Codec::try_encode(const Values& in, MutableByteSpan out) const {
    WHIM_ASSERT(out.size() >= encoded_bytes_max(in.values.size()));
    return do_encode(in, out.data());
}

Status Codec::decode(ByteSpan bytes, std::span<float> out) const { return try_decode(bytes, out); }

Status Codec::accumulate(ByteSpan bytes, float weight, std::span<float> acc) const {
    if (!std::isfinite(weight) || weight < 0)
        return fail(Code::E_WEIGHTS, fmt::format("the weight is {}", weight));
    return try_accumulate(bytes, weight, acc);
}

Status Codec::try_decode(ByteSpan bytes, std::span<float> out) const {
    if (const Status usual = check(bytes, out.size()); !usual.ok()) return usual;
    if (!out.empty()) do_decode(bytes, out);
    return {};
}

Status Codec::try_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const {
    if (const Status usual = check(bytes, acc.size()); !usual.ok()) return usual;
    if (!acc.empty()) do_accumulate(bytes, weight, acc);
    return {};
}

}  // namespace whim
