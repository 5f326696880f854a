// Block codes: sizes, bounds and checks around the kernels.
#include "collectives/codec/block_codec.h"

#include <fmt/format.h>

#include <cmath>

#include "collectives/codec/payload.h"

namespace whim {

BlockCodec::BlockCodec(const BlockFormat& format, Rounding rounding)
    : format_(format), rounding_(rounding),
      magnitude_max_(whim::magnitude_max(format.scale, grid_info(format.grid).top)) {
    WHIM_ASSERT(format.block % 16 == 0);
    WHIM_ASSERT(format.grid != Grid::sign || rounding == Rounding::nearest);
}

std::string BlockCodec::text() const {
    const GridInfo info = grid_info(format_.grid);
    std::string parameters;
    if (format_.block == BlockFormat::kWhole) {
        parameters += ",block=whole";
    } else if (format_.block != info.block) {
        parameters += fmt::format(",block={}", format_.block);
    }
    if (format_.scale != ScaleType::bf16)
        parameters += fmt::format(",scale={}", codec::scale_name(format_.scale));
    if (rounding_ == Rounding::stochastic) parameters += ",round=stochastic";
    if (!parameters.empty()) parameters[0] = ':';
    return std::string(info.name) + parameters;
}

// Of an element of this magnitude when the scale is at most this.
double BlockCodec::relative_bound(double scale, double magnitude) const {
    switch (format_.grid) {
        case Grid::int8:
        case Grid::int4:
        case Grid::int2: return scale / 2;
        case Grid::e4m3: return std::max(magnitude / 16, scale * 0x1p-10);
        case Grid::e5m2: return std::max(magnitude / 8, scale * 0x1p-17);
        case Grid::e2m1: return std::max(magnitude / 4, scale / 4);
        case Grid::e3m0: return std::max(magnitude / 3, scale * 0x1p-7);
        case Grid::sign: return magnitude + scale;
    }
    return 0;
}

double BlockCodec::error_bound(float x, Extremes block) const {
    const double largest = std::max(std::fabs(block.least), std::fabs(block.largest));
    const double magnitude = std::fabs(x), top = grid_info(format_.grid).top;
    const double flushed = std::min(magnitude, top * static_cast<double>(kScaleMin));
    const double scale = codec::scale_bound(format_.scale, largest / top);
    // To a neighbour instead of the nearest: twice as far, and with e3m0, whose numbers double, three times.
    const double step = rounding_ == Rounding::nearest ? 1 : format_.grid == Grid::e3m0 ? 3 : 2;
    const double product =
        format_.scale == ScaleType::f32 ? magnitude * 0x1p-23 : 0;  // the others' are exact
    return std::max(flushed, step * relative_bound(scale, magnitude) * (1 + codec::kQuotientSlack) + product);
}

Status BlockCodec::check(ByteSpan bytes, size_t count) const {
    if (const Status size = codec::check_size(*this, bytes, count, format_.encoded_bytes(count));
        !size.ok()) {
        return size;
    }
    return codec::status_of(*this, kernels::check_blocks(format_, bytes.data(), count));
}

size_t BlockCodec::do_encode(const Values& in, std::byte* out) const {
    kernels::encode_blocks(format_, codec::kernel_input(in, rounding_), out);
    return format_.encoded_bytes(in.values.size());
}

void BlockCodec::do_decode(ByteSpan bytes, std::span<float> out) const {
    kernels::decode_blocks(format_, bytes.data(), out);
}

void BlockCodec::do_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const {
    kernels::accumulate_blocks(format_, bytes.data(), weight, acc);
}

}  // namespace whim
