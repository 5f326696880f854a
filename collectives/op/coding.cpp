// Chunks through a codec: dense results, bundles of sparse contributions, copies.
//
// A bundle is, for each contributor in birth order, [bytes: u32][weight: f32][contribution], little-endian.
#include "collectives/op/coding.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/assert.h"
#include "base/limits.h"
#include "base/prng.h"
#include "collectives/kernels/floats.h"
#include "collectives/kernels/screen.h"

namespace whim::op {
namespace {

constexpr size_t kBundleHeadBytes = 8;
constexpr uint64_t kResultStream = 0;  // of random numbers; a contribution's is its rank + 1

uint64_t seed_of(const OpId& id) { return mix64(mix64(mix64(id.round.value) ^ id.tag) ^ id.instance); }

template <class T> void put(MutableByteSpan out, size_t at, T value) {
    std::memcpy(out.data() + at, &value, sizeof value);
}
template <class T> T get(ByteSpan in, size_t at) {
    T value;
    std::memcpy(&value, in.data() + at, sizeof value);
    return value;
}

// Contributions are finite, so that it is their sum that is not, or what a reducer made of them.
Error overflow(const Error& why) {
    const bool too_large = why.code == Code::E_NON_FINITE;
    return fail(too_large ? Code::E_UNSUPPORTED : why.code, "the result cannot be encoded: " + why.detail);
}

// Of the quotients.
std::optional<size_t> first_overflow(std::span<const float> sums, float divisor) {
    if (divisor >= 1.0f) return kernels::first_beyond(sums, std::numeric_limits<float>::max());
    for (size_t i = 0; i < sums.size(); ++i) {
        if (!std::isfinite(sums[i] / divisor)) return i;
    }
    return std::nullopt;
}

bool bundled(const Codec& codec, Reduce reduce, bool kept) {
    return codec.sparse() && reduce != Reduce::copy && !kept;
}

size_t result_max(const Codec& codec, bool bundles, uint32_t members, size_t elements) {
    const size_t one = codec.encoded_bytes_max(elements);
    return bundles ? members * (kBundleHeadBytes + one) : one;
}

}  // namespace

Coding::Coding(CodecPtr codec, Reduce reduce, bool kept, const OpId& id, uint32_t members, Plant plant,
               ReducerPtr reducer)
    : codec_(std::move(codec)), reducer_(std::move(reducer)), reduce_(reduce), seed_(seed_of(id)),
      members_(members), kept_(kept), bundles_(bundled(*codec_, reduce, kept)), plant_(plant) {
    const bool custom = reduce == Reduce::custom && reducer_ && !codec_->sparse();
    WHIM_ASSERT(reduce == Reduce::sum || reduce == Reduce::avg || reduce == Reduce::copy || custom);
}

size_t Coding::result_bytes_max(size_t elements) const {
    return kept_ ? 0 : result_max(*codec_, bundles_, members_, elements);
}

bool Coding::fits(bool result, size_t elements, size_t bytes) const {
    if (result) return bytes <= result_bytes_max(elements);
    const size_t most = contribution_bytes_max(elements);
    return codec_->fixed_size() ? bytes == most : bytes <= most;
}

Coding::Refusal Coding::refusal_of(uint32_t rank, const Error& why) {
    if (why.code == Code::E_BROKEN_CONTRACT) return {std::nullopt, why};
    return {rank, why};
}

Coding::Refusal Coding::own_refusal(const Error& why) {
    return {std::nullopt, fail(Code::E_BROKEN_CONTRACT, "what this peer itself encoded: " + why.detail)};
}

Result<size_t> Coding::contribute(std::span<const float> chunk, uint64_t first, Source source,
                                  MutableByteSpan out, double byte_ns) const {
    const uint64_t stream = uint64_t{source.step} << 32 | (uint64_t{source.rank} + 1);
    const Result<size_t> bytes = codec_->encode({.values = chunk,
                                                 .dither = dither(stream),
                                                 .first = first,
                                                 .screened = source.step == 0,
                                                 .byte_ns = byte_ns},
                                                out);
    // Of the elements it was looked at before the op began.
    WHIM_ASSERT(bytes.ok() || source.step > 0 || bytes.error().code == Code::E_BROKEN_CONTRACT);
    return bytes;
}

Coding::Made Coding::fold(std::span<const Contribution> contributions, uint64_t first, std::span<float> sums,
                          MutableByteSpan encoded, std::span<float> out, double byte_ns) const {
    WHIM_ASSERT(!contributions.empty() && sums.size() == out.size());
    if (bundles_) return bundle(contributions, sums, encoded, out);
    if (reduce_ == Reduce::copy) {
        const Contribution& only = contributions.front();
        if (const Status ok = codec_->decode(only.bytes, out); !ok.ok())
            return {0, refusal_of(only.rank, ok.error())};
        if (encoded.size() < only.bytes.size()) return {0, own_growth()};
        std::copy(only.bytes.begin(), only.bytes.end(), encoded.begin());
        return {only.bytes.size(), std::nullopt};
    }
    if (reduce_ == Reduce::custom) return fold_custom(contributions, first, sums, encoded, out, byte_ns);
    std::fill(sums.begin(), sums.end(), 0.0f);
    float weights = 0.0f;
    for (const Contribution& c : contributions) {
        const float weight = reduce_ == Reduce::avg ? c.weight : 1.0f;
        weights += weight;
        if (const Status ok = codec_->accumulate(c.bytes, weight, sums); !ok.ok())
            return {0, refusal_of(c.rank, ok.error())};
    }
    const float divisor = reduce_ == Reduce::avg ? weights : 1.0f;
    if (!kept_) return encode(sums, divisor, first, encoded, out, byte_ns);
    for (size_t i = 0; i < out.size(); ++i) out[i] = reduce_ == Reduce::avg ? sums[i] / divisor : sums[i];
    return {};
}

Coding::Made Coding::fold_custom(std::span<const Contribution> contributions, uint64_t first,
                                 std::span<float> sums, MutableByteSpan encoded, std::span<float> out,
                                 double byte_ns) const {
    std::vector<float> decoded(contributions.size() * out.size());
    std::vector<FoldInput> inputs;
    std::vector<uint32_t> ranks;
    for (const Contribution& c : contributions) {
        const auto elements = std::span(decoded).subspan(inputs.size() * out.size(), out.size());
        if (const Status ok = codec_->decode(c.bytes, elements); !ok.ok())
            return {0, refusal_of(c.rank, ok.error())};
        inputs.push_back({std::as_bytes(elements), c.weight});
        ranks.push_back(c.rank);
    }
    std::vector<std::byte> room;
    const Contributions in{.dtype = Dtype::f32, .inputs = inputs, .ranks = ranks};
    const Status reduced = reducer_->reduce(in, std::as_writable_bytes(sums), room);
    if (!reduced.ok()) return {0, Refusal{std::nullopt, reduced.error()}};
    if (!kept_) return encode(sums, 1.0f, first, encoded, out, byte_ns);
    std::copy(sums.begin(), sums.end(), out.begin());
    return {};
}

// A result's bytes, and what they stand for.
Coding::Made Coding::encode(std::span<const float> sums, float divisor, uint64_t first,
                            MutableByteSpan encoded, std::span<float> out, double byte_ns) const {
    const Result<size_t> bytes = codec_->encode({.values = sums,
                                                 .divisor = divisor,
                                                 .dither = dither(kResultStream),
                                                 .first = first,
                                                 .byte_ns = byte_ns},
                                                encoded);
    if (!bytes.ok()) return {0, Refusal{std::nullopt, overflow(bytes.error())}};
    // Only a codec of the application may refuse what it made itself.
    if (const Status opened = codec_->decode(encoded.first(*bytes), out); !opened.ok())
        return {0, Refusal{std::nullopt, fail(Code::E_BROKEN_CONTRACT,
                                              "its own encoding of the result: " + opened.error().detail)}};
    for (size_t i = 0; plant_ == Plant::root_keeps_its_sums && i < out.size(); ++i)
        out[i] = sums[i] / divisor;
    return {*bytes, std::nullopt};
}

// Room was taken for what bytes_max said then.
Coding::Refusal Coding::own_growth() const {
    return {std::nullopt, fail(Code::E_BROKEN_CONTRACT, "codec " + codec_->text() +
                                                            ": bytes_max is not always the same, or "
                                                            "larger for fewer elements")};
}

Coding::Made Coding::bundle(std::span<const Contribution> contributions, std::span<float> sums,
                            MutableByteSpan encoded, std::span<float> out) const {
    std::fill(sums.begin(), sums.end(), 0.0f);
    float weights = 0.0f;
    size_t at = 0;
    for (const Contribution& c : contributions) {
        const float weight = reduce_ == Reduce::avg ? c.weight : 1.0f;
        weights += weight;
        if (const Status ok = codec_->accumulate(c.bytes, weight, sums); !ok.ok())
            return {0, refusal_of(c.rank, ok.error())};
        if (encoded.size() - at < kBundleHeadBytes + c.bytes.size()) return {0, own_growth()};
        put(encoded, at, static_cast<uint32_t>(c.bytes.size()));
        put(encoded, at + 4, c.weight);
        std::copy(c.bytes.begin(), c.bytes.end(),
                  encoded.begin() + static_cast<std::ptrdiff_t>(at + kBundleHeadBytes));
        at += kBundleHeadBytes + c.bytes.size();
    }
    if (at > limits::kBulkPayloadBytesMax) return {0, own_growth()};
    if (const Status ok = finish(sums, weights, out); !ok.ok()) return {0, Refusal{std::nullopt, ok.error()}};
    return {at, std::nullopt};
}

Status Coding::unpack(ByteSpan result, size_t contributors, std::span<float> sums,
                      std::span<float> out) const {
    if (!bundles_) return codec_->decode(result, out);
    const Result<float> weights = add_up(result, contributors, sums);
    if (!weights.ok()) return weights.error();
    const Status finished = finish(sums, *weights, out);
    return finished.ok() ? finished : fail(Code::E_PROTOCOL, finished.error().detail);  // no root sends it
}

// avg divides by the sum of weights.
Status Coding::finish(std::span<const float> sums, float weights, std::span<float> out) const {
    const float divisor = reduce_ == Reduce::avg ? weights : 1.0f;
    if (!(divisor > 0.0f && std::isfinite(divisor)))
        return fail(Code::E_PROTOCOL, "the weights of a bundle make no average");
    if (const auto at = first_overflow(sums, divisor))
        return fail(Code::E_UNSUPPORTED,
                    "element " + std::to_string(*at) + " of the result is more than f32 holds");
    kernels::encode_floats(Dtype::f32, {.values = sums, .divisor = divisor},
                           std::as_writable_bytes(out).data());
    return {};
}

// Adds up a bundle; answers the sum of weights.
Result<float> Coding::add_up(ByteSpan bundle, size_t contributors, std::span<float> sums) const {
    std::fill(sums.begin(), sums.end(), 0.0f);
    float weights = 0.0f;
    size_t at = 0;
    for (size_t i = 0; i < contributors; ++i) {
        if (bundle.size() - at < kBundleHeadBytes)
            return fail(Code::E_PROTOCOL, "a bundle ends before contribution " + std::to_string(i));
        const uint32_t bytes = get<uint32_t>(bundle, at);
        const float weight = reduce_ == Reduce::avg ? get<float>(bundle, at + 4) : 1.0f;
        at += kBundleHeadBytes;
        if (bytes > bundle.size() - at)
            return fail(Code::E_PROTOCOL, "contribution " + std::to_string(i) + " of a bundle exceeds it");
        if (const Status ok = codec_->accumulate(bundle.subspan(at, bytes), weight, sums); !ok.ok())
            return fail(
                ok.error().code == Code::E_BROKEN_CONTRACT ? Code::E_BROKEN_CONTRACT : Code::E_PROTOCOL,
                "contribution " + std::to_string(i) + " of a bundle: " + ok.error().detail);
        weights += weight;
        at += bytes;
    }
    if (at != bundle.size())
        return fail(Code::E_PROTOCOL,
                    std::to_string(bundle.size() - at) + " bytes follow a bundle's last contribution");
    return weights;
}

Result<uint32_t> coded_chunk_elements(const Codec& codec, Reduce reduce, bool kept, uint32_t wanted,
                                      uint32_t members) {
    const size_t unit = codec.cut_elements() == Codec::kUncut ? 16 : codec.cut_elements();
    uint64_t chunk = (std::max(1u, wanted) + unit - 1) / unit * unit;
    while (result_max(codec, bundled(codec, reduce, kept), members, chunk) > limits::kBulkPayloadBytesMax) {
        if (chunk == unit)
            return fail(Code::E_UNSUPPORTED, std::to_string(unit) + " elements of " + codec.text() +
                                                 " from " + std::to_string(members) +
                                                 " members exceed a frame");
        chunk = std::max<uint64_t>(unit, chunk / 2 / unit * unit);
    }
    return static_cast<uint32_t>(chunk);
}

}  // namespace whim::op
