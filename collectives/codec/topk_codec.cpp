// Choosing, coding and walking of chunks.
#include "collectives/codec/topk_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "collectives/kernels/floats.h"
#include "collectives/kernels/select.h"

namespace whim {

TopKCodec::TopKCodec(const TopKOptions& options, CodecPtr values)
    : options_(options), values_(std::move(values)) {
    WHIM_ASSERT(options.numerator >= 1 && options.numerator <= options.denominator);
    WHIM_ASSERT(options.chunk > 0 && options.chunk % 16 == 0);
    WHIM_ASSERT(values_->fixed_size());
}

size_t TopKCodec::kept(size_t elements) const {
    const size_t share = (elements * options_.numerator + options_.denominator - 1) / options_.denominator;
    return std::clamp<size_t>(share, 1, std::max<size_t>(elements, 1));
}

std::string TopKCodec::text() const {
    std::string out = fmt::format("topk:{}/{}", options_.numerator, options_.denominator);
    if (options_.chunk != kDefaultChunk) out += fmt::format(",chunk={}", options_.chunk);
    if (options_.index == codec::IndexCode::packed) out += ",index=packed";
    std::string values = values_->text();
    std::replace(values.begin(), values.end(), ':', ',');  // its parameters are ours
    return values == "int8" ? out : out + ",values=" + values;
}

size_t TopKCodec::chunk_bytes_max(size_t elements) const {
    return codec::index_bytes_max(options_.index, elements, kept(elements)) +
           values_->encoded_bytes_max(kept(elements));
}

size_t TopKCodec::encoded_bytes_max(size_t count) const {
    const size_t rest = count % options_.chunk;
    return count / options_.chunk * chunk_bytes_max(options_.chunk) + (rest == 0 ? 0 : chunk_bytes_max(rest));
}

double TopKCodec::error_bound(float x, Extremes block) const {
    return std::max(static_cast<double>(std::fabs(x)), values_->error_bound(x, block));
}

size_t TopKCodec::do_encode(const Values& in, std::byte* out) const {
    std::byte* const begin = out;
    std::vector<uint32_t> indexes(kept(std::min<size_t>(options_.chunk, in.values.size())));
    std::vector<float> values(indexes.size());
    std::vector<float> quotients(in.divisor == 1 ? 0 : std::min<size_t>(options_.chunk, in.values.size()));
    for (size_t at = 0; at < in.values.size(); at += options_.chunk) {
        std::span<const float> x =
            in.values.subspan(at, std::min<size_t>(options_.chunk, in.values.size() - at));
        if (in.divisor != 1) {
            const auto to = std::as_writable_bytes(std::span(quotients));
            kernels::encode_floats(Dtype::f32, {x, in.divisor, nullptr, 0}, to.data());
            x = std::span(quotients).first(x.size());
        }
        const auto chosen = std::span(indexes).first(kept(x.size()));
        kernels::select_largest(x, chosen);
        out += codec::write_indexes(options_.index, x.size(), chosen, out);
        for (size_t i = 0; i < chosen.size(); ++i) values[i] = x[chosen[i]];
        out += values_->do_encode({.values = std::span(values).first(chosen.size()),
                                   .dither = in.dither,
                                   .first = in.first + at,
                                   .screened = true},
                                  out);
    }
    return static_cast<size_t>(out - begin);
}

Status TopKCodec::walk(ByteSpan bytes, size_t count, const std::function<Status(const Chunk&)>& visit) const {
    std::vector<uint32_t> indexes(kept(std::min<size_t>(options_.chunk, count)));
    for (size_t at = 0; at < count; at += options_.chunk) {
        Chunk chunk{
            .at = at, .elements = std::min<size_t>(options_.chunk, count - at), .indexes = {}, .values = {}};
        const auto here = std::span(indexes).first(kept(chunk.elements));
        const auto read = codec::read_indexes(options_.index, chunk.elements, bytes, here);
        if (!read) {
            return fail(Code::E_PROTOCOL, fmt::format("chunk {} of {} has indexes that no encoder writes",
                                                      at / options_.chunk, text()));
        }
        bytes = bytes.subspan(*read);
        const size_t values = values_->encoded_bytes_max(here.size());
        if (bytes.size() < values) {
            return fail(Code::E_PROTOCOL,
                        fmt::format("chunk {} of {} ends within its values", at / options_.chunk, text()));
        }
        chunk.indexes = here;
        chunk.values = bytes.first(values);
        bytes = bytes.subspan(values);
        if (const Status status = visit(chunk); !status.ok()) return status;
    }
    if (bytes.empty()) return {};
    return fail(Code::E_PROTOCOL, fmt::format("{} bytes follow the last chunk of {}", bytes.size(), text()));
}

Status TopKCodec::check_values(const Chunk& chunk) const {
    const Status values = values_->check(chunk.values, chunk.indexes.size());
    if (values.ok()) return {};
    return fail(Code::E_PROTOCOL,
                fmt::format("chunk {} of {}: {}", chunk.at / options_.chunk, text(), values.error().detail));
}

Status TopKCodec::check(ByteSpan bytes, size_t count) const {
    return walk(bytes, count, [&](const Chunk& chunk) { return check_values(chunk); });
}

// The whole payload, so that nothing is written when its end is wrong; it is little beside what it stands
// for.
Result<TopKCodec::Kept> TopKCodec::read(ByteSpan bytes, size_t count) const {
    Kept all;
    const Status status = walk(bytes, count, [&](const Chunk& chunk) -> Status {
        if (const Status values = check_values(chunk); !values.ok()) return values;
        const size_t before = all.values.size();
        all.values.resize(before + chunk.indexes.size());
        values_->do_decode(chunk.values, std::span(all.values).subspan(before));
        for (const uint32_t index : chunk.indexes) all.places.push_back(chunk.at + index);
        return {};
    });
    if (!status.ok()) return status.error();
    return all;
}

Status TopKCodec::try_decode(ByteSpan bytes, std::span<float> out) const {
    const Result<Kept> kept = read(bytes, out.size());
    if (!kept.ok()) return kept.error();
    std::fill(out.begin(), out.end(), 0.0f);
    for (size_t i = 0; i < kept->places.size(); ++i) out[kept->places[i]] = kept->values[i];
    return {};
}

Status TopKCodec::try_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const {
    const Result<Kept> kept = read(bytes, acc.size());
    if (!kept.ok()) return kept.error();
    for (size_t i = 0; i < kept->places.size(); ++i) acc[kept->places[i]] += weight * kept->values[i];
    return {};
}

void TopKCodec::do_decode(ByteSpan, std::span<float>) const {
    WHIM_ASSERT(!"try_decode stands in its place");
}

void TopKCodec::do_accumulate(ByteSpan, float, std::span<float>) const {
    WHIM_ASSERT(!"try_accumulate stands in its place");
}

}  // namespace whim
