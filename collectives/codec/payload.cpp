// Texts of refusals, and small helpers of the codecs.
#include "collectives/codec/payload.h"

#include <fmt/format.h>

#include <algorithm>

namespace whim::codec {
namespace {

std::string_view fault_text(BlockFault fault) {
    switch (fault) {
        case BlockFault::none: return "nothing";
        case BlockFault::scale: return "a scale that no encoder writes";
        case BlockFault::code: return "a code that no encoder writes";
        case BlockFault::zero_scale: return "codes other than zero under a scale of zero";
        case BlockFault::padding: return "bits after its last code";
    }
    return "nothing";
}

}  // namespace

Status check_size(const Codec& codec, ByteSpan bytes, size_t count, size_t wanted) {
    if (bytes.size() == wanted) return {};
    return fail(Code::E_PROTOCOL, fmt::format("{} elements of {} are {} bytes, not {}", count, codec.text(),
                                              wanted, bytes.size()));
}

Status status_of(const Codec& codec, BlockVerdict verdict) {
    if (verdict.fault == BlockFault::none) return {};
    return fail(Code::E_PROTOCOL,
                fmt::format("block {} of {} has {}", verdict.block, codec.text(), fault_text(verdict.fault)));
}

kernels::BlockInput kernel_input(const Values& in, Rounding rounding) {
    return {in.values, in.divisor, rounding == Rounding::stochastic ? &in.dither : nullptr, in.first};
}

std::string_view scale_name(ScaleType scale) {
    switch (scale) {
        case ScaleType::bf16: return "bf16";
        case ScaleType::f16: return "fp16";
        case ScaleType::f32: return "fp32";
        case ScaleType::e8m0: return "e8m0";
    }
    return "?";
}

double scale_bound(ScaleType scale, double x) {
    switch (scale) {
        case ScaleType::bf16: return x * (1 + 0x1p-7);
        case ScaleType::f16: return std::max(x * (1 + 0x1p-10), x + 0x1p-24);
        case ScaleType::f32: return x * (1 + 0x1p-23);
        case ScaleType::e8m0: return x * 2;
    }
    return x;
}

}  // namespace whim::codec
