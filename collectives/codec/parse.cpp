// From text to codec.
#include "collectives/codec/parse.h"

#include <fmt/format.h>

#include "base/limits.h"
#include "collectives/codec/affine_codec.h"
#include "collectives/codec/block_codec.h"
#include "collectives/codec/float_codec.h"
#include "collectives/codec/parameters.h"

namespace whim {
namespace {

using codec::Parameters;

// Each maker takes its parameters; the codec counts only if parameters.done().
CodecPtr make_float(Dtype dtype, Parameters& parameters) {
    const Rounding rounding = dtype == Dtype::f32 ? Rounding::nearest : parameters.take_rounding();
    return std::make_shared<FloatCodec>(dtype, rounding);
}

CodecPtr make_block(Grid grid, Parameters& parameters) {
    BlockFormat format{.grid = grid};
    format.block = parameters.take_block(grid_info(grid).block, limits::kCodecBlockMax, true);
    format.scale = parameters.take_scale();
    const Rounding rounding = grid == Grid::sign ? Rounding::nearest : parameters.take_rounding();
    return std::make_shared<BlockCodec>(format, rounding);
}

CodecPtr make_affine(int bits, Parameters& parameters) {
    AffineFormat format{.bits = bits};
    format.block = parameters.take_block(AffineCodec::default_block(bits), kernels::kAffineBlockMax, false);
    format.scale = parameters.take_scale();
    return std::make_shared<AffineCodec>(format, parameters.take_rounding());
}

CodecPtr make_named(std::string_view name, Parameters& parameters) {
    if (name == "none") return make_float(Dtype::f32, parameters);
    if (name == "bf16") return make_float(Dtype::bf16, parameters);
    if (name == "fp16") return make_float(Dtype::f16, parameters);
    if (name == "uint8") return make_affine(8, parameters);
    if (name == "uint4") return make_affine(4, parameters);
    if (name == "uint2") return make_affine(2, parameters);
    for (size_t i = 0; i < kGridCount; ++i) {
        if (name == grid_info(static_cast<Grid>(i)).name) return make_block(static_cast<Grid>(i), parameters);
    }
    return nullptr;
}

Result<CodecPtr> parse_stage(std::string_view text) {
    const size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    const bool has_parameters = colon != std::string_view::npos;
    if (has_parameters && colon + 1 == text.size()) return fail(Code::E_INVALID, "nothing follows the colon");
    auto parameters = Parameters::of(has_parameters ? text.substr(colon + 1) : std::string_view());
    if (!parameters.ok()) return parameters.error();
    CodecPtr codec = make_named(name, *parameters);
    if (!codec) {
        return fail(
            Code::E_INVALID,
            fmt::format(
                "there is no codec '{}'; there are: none, bf16, fp16, int8, int4, int2, uint8, uint4, "
                "uint2, e4m3, e5m2, e2m1, e3m0, sign",
                name));
    }
    if (const Status done = parameters->done(); !done.ok()) return done.error();
    return codec;
}

}  // namespace

Result<CodecPtr> parse_codec(std::string_view text) {
    if (text.size() > limits::kCodecTextBytesMax) {
        return fail(Code::E_INVALID, fmt::format("a codec's text of {} bytes is too long", text.size()));
    }
    auto codec = parse_stage(text);
    if (codec.ok()) return codec;
    return fail(codec.error().code, fmt::format("codec '{}': {}", text, codec.error().detail));
}

}  // namespace whim
