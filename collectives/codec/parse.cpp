// From text to codec.
#include "collectives/codec/parse.h"

#include <fmt/format.h>

#include "base/custom_name.h"
#include "base/limits.h"
#include "collectives/codec/affine_codec.h"
#include "collectives/codec/block_codec.h"
#include "collectives/codec/float_codec.h"
#include "collectives/codec/parameters.h"
#include "collectives/codec/topk_codec.h"
#include "collectives/codec/zstd_codec.h"

namespace whim {
namespace {

using codec::Parameters;

constexpr std::string_view kDenseNames =
    "none, bf16, fp16, int8, int4, int2, uint8, uint4, uint2, e4m3, e5m2, e2m1, e3m0, sign";

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

// "1/64", the share that is kept.
void take_share(Parameters& parameters, TopKOptions& options) {
    const std::string text = parameters.take("").value_or("1/64");
    const size_t slash = text.find('/');
    const auto numerator = codec::whole_number(std::string_view(text).substr(0, slash));
    const auto denominator = codec::whole_number(
        slash == std::string::npos ? std::string_view() : std::string_view(text).substr(slash + 1));
    const bool usual = numerator && denominator && *numerator >= 1 && *numerator <= *denominator &&
                       *denominator <= limits::kTopKChunkMax;
    if (!usual) return parameters.refuse(fmt::format("'{}' is no share like 1/64", text));
    options.numerator = static_cast<uint32_t>(*numerator);
    options.denominator = static_cast<uint32_t>(*denominator);
}

CodecPtr make_topk(Parameters& parameters) {
    TopKOptions options;
    take_share(parameters, options);
    const auto chunk = parameters.take_number("chunk", 16, limits::kTopKChunkMax);
    if (chunk && *chunk % 16 != 0) parameters.refuse(fmt::format("chunk={} is not a multiple of 16", *chunk));
    if (chunk && *chunk % 16 == 0) options.chunk = static_cast<uint32_t>(*chunk);
    const std::string index = parameters.take("index").value_or("rice");
    if (index == "packed") options.index = codec::IndexCode::packed;
    if (index != "packed" && index != "rice") {
        parameters.refuse(fmt::format("index={} is neither rice nor packed", index));
    }
    const std::string name = parameters.take("values").value_or("int8");
    CodecPtr values = make_named(name, parameters);  // which takes the rest
    if (!values) {
        parameters.refuse(fmt::format("values={} is none of {}", name, kDenseNames));
        values = std::make_shared<FloatCodec>(Dtype::f32, Rounding::nearest);
    }
    return std::make_shared<TopKCodec>(options, std::move(values));
}

CodecPtr make_zstd(CodecPtr inner, Parameters& parameters) {
    const auto level = parameters.take_number("level", 1, ZstdCodec::kLevelMax);
    return std::make_shared<ZstdCodec>(std::move(inner),
                                       static_cast<int>(level.value_or(ZstdCodec::kDefaultLevel)));
}

// By its name alone, or by its whole text.
Result<CodecPtr> find_custom(std::string_view text, std::string_view name, const CustomCodecs& custom) {
    const auto found = custom.find(name);
    if (found == custom.end())
        return fail(Code::E_MISMATCH, fmt::format("no codec is registered as '{}'", name));
    if (text == name || text == found->second->text()) return found->second;
    return fail(Code::E_MISMATCH,
                fmt::format("what is registered as '{}' is '{}'", name, found->second->text()));
}

// inner: the codec before a '+'.
Result<CodecPtr> parse_stage(std::string_view text, CodecPtr inner, const CustomCodecs& custom) {
    const size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    if (!inner && is_custom_name(name)) return find_custom(text, name, custom);
    const bool has_parameters = colon != std::string_view::npos;
    if (has_parameters && colon + 1 == text.size()) return fail(Code::E_INVALID, "nothing follows the colon");
    auto parameters = Parameters::of(has_parameters ? text.substr(colon + 1) : std::string_view());
    if (!parameters.ok()) return parameters.error();
    CodecPtr codec;
    if (inner) {
        if (name != "zstd")
            return fail(Code::E_INVALID, fmt::format("after '+' stands zstd, not '{}'", name));
        codec = make_zstd(std::move(inner), *parameters);
    } else {
        codec = name == "topk" ? make_topk(*parameters) : make_named(name, *parameters);
    }
    if (!codec) {
        return fail(Code::E_INVALID,
                    fmt::format("there is no codec '{}'; there are: {}, topk", name, kDenseNames));
    }
    if (const Status done = parameters->done(); !done.ok()) return done.error();
    return codec;
}

}  // namespace

Result<CodecPtr> parse_codec(std::string_view text, const CustomCodecs& custom) {
    if (text.size() > limits::kCodecTextBytesMax) {
        return fail(Code::E_INVALID, fmt::format("a codec's text of {} bytes is too long", text.size()));
    }
    const size_t plus = text.find('+');
    auto codec = parse_stage(text.substr(0, plus), nullptr, custom);
    if (codec.ok() && plus != std::string_view::npos)
        codec = parse_stage(text.substr(plus + 1), *codec, custom);
    if (codec.ok()) return codec;
    return fail(codec.error().code, fmt::format("codec '{}': {}", text, codec.error().detail));
}

}  // namespace whim
