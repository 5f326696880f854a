// What packing is worth, samples, frames and the bounded way back.
#include "collectives/codec/zstd_codec.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>

#include "base/limits.h"
#include "collectives/kernels/planes.h"

namespace whim {
namespace {

// ns that packing and unpacking a byte is taken to cost, by level less one.
constexpr double kPackingNs[] = {4, 5, 7, 10, 14, 18, 22, 26, 30};
static_assert(std::size(kPackingNs) == ZstdCodec::kLevelMax);

enum Mode : uint8_t { kStored = 0, kFrame = 1, kFrameOf2 = 2, kFrameOf4 = 3 };

size_t width_of(Mode mode) { return mode == kFrameOf2 ? 2 : mode == kFrameOf4 ? 4 : 1; }

// The compressed size, or nullopt when it would not fit.
std::optional<size_t> compress(ByteSpan in, MutableByteSpan out, int level) {
    const size_t size = ZSTD_compress(out.data(), out.size(), in.data(), in.size(), level);
    if (ZSTD_isError(size)) return std::nullopt;
    return size;
}

Bytes sorted_by_place(ByteSpan in, size_t width) {
    Bytes out(in.size());
    kernels::split_planes(width, in, out);
    return out;
}

// Of more bytes than a sample has: pieces from the beginning, the end, and between. Codes stay whole.
Bytes sample_of(ByteSpan bytes) {
    constexpr size_t kPieces = 4, kCodeBytesMax = 4;
    if (bytes.size() <= limits::kZstdSampleBytes) return Bytes(bytes.begin(), bytes.end());
    const size_t each = limits::kZstdSampleBytes / kPieces;
    Bytes sample;
    for (size_t i = 0; i < kPieces; ++i) {
        const size_t at = (bytes.size() - each) * i / (kPieces - 1) / kCodeBytesMax * kCodeBytesMax;
        const ByteSpan piece = bytes.subspan(at, each);
        sample.insert(sample.end(), piece.begin(), piece.end());
    }
    return sample;
}

// The way that packs a sample best, if its frame is smaller than `best`.
Mode best_way(ByteSpan sample, size_t best, size_t width, int level) {
    Bytes out(sample.size());
    Mode mode = kStored;
    const auto look = [&](ByteSpan candidate, Mode as) {
        const auto size = compress(candidate, out, level);
        if (!size || *size >= best) return;
        best = *size;
        mode = as;
    };
    look(sample, kFrame);
    if (width == 2) look(sorted_by_place(sample, 2), kFrameOf2);
    if (width == 4) look(sorted_by_place(sample, 4), kFrameOf4);
    return mode;
}

Error foreign(const Codec& codec, std::string_view what) {
    return fail(Code::E_PROTOCOL, fmt::format("bytes of {}: {}", codec.text(), what));
}

}  // namespace

ZstdCodec::ZstdCodec(CodecPtr inner, int level) : inner_(std::move(inner)), level_(level) {
    WHIM_ASSERT(level >= 1 && level <= kLevelMax);
}

std::string ZstdCodec::text() const {
    return inner_->text() + (level_ == kDefaultLevel ? "+zstd" : fmt::format("+zstd:level={}", level_));
}

size_t ZstdCodec::encoded_bytes_max(size_t count) const {
    return count == 0 ? 0 : 1 + inner_->encoded_bytes_max(count);
}

size_t ZstdCodec::worth(size_t bytes, double byte_ns) const {
    constexpr double kSavesLeast = 0.03;
    const double saves = std::max(kSavesLeast, kPackingNs[level_ - 1] / byte_ns);
    if (!(saves < 1)) return 0;
    return bytes - static_cast<size_t>(static_cast<double>(bytes) * saves);
}

Result<size_t> ZstdCodec::try_encode(const Values& in, MutableByteSpan out) const {
    WHIM_ASSERT(!out.empty());  // what is inside looks whether the rest is enough
    const Result<size_t> bytes = inner_->try_encode(in, out.subspan(1));
    if (!bytes.ok()) return bytes.error();
    out[0] = static_cast<std::byte>(kStored);
    const MutableByteSpan plain = out.subspan(1, *bytes);
    if (worth(plain.size(), in.byte_ns) == 0) return 1 + plain.size();
    const Bytes sample = sample_of(plain);
    const size_t width = inner_->code_bytes();
    const Mode mode = best_way(sample, worth(sample.size(), in.byte_ns), width, level_);
    if (mode == kStored) return 1 + plain.size();
    const Bytes sorted = width_of(mode) == 1 ? Bytes() : sorted_by_place(plain, width_of(mode));
    Bytes frame(plain.size() - 1);  // one that is not smaller is of no use
    const auto size = compress(sorted.empty() ? ByteSpan(plain) : ByteSpan(sorted), frame, level_);
    if (!size) return 1 + plain.size();
    out[0] = static_cast<std::byte>(mode);
    std::copy_n(frame.begin(), *size, plain.begin());
    return 1 + *size;
}

Result<ByteSpan> ZstdCodec::unpack(ByteSpan bytes, size_t count, Bytes& storage) const {
    if (count == 0) {
        if (bytes.empty()) return bytes;
        return foreign(*this, "there are no elements");
    }
    if (bytes.empty()) return foreign(*this, "there are none");
    const auto mode = static_cast<Mode>(bytes[0]);
    const ByteSpan rest = bytes.subspan(1);
    if (mode == kStored) return rest;
    const size_t width = width_of(mode);
    if (mode > kFrameOf4 || (width != 1 && width != inner_->code_bytes())) {
        return foreign(*this, fmt::format("unknown mode {}", static_cast<int>(mode)));
    }
    const size_t most = inner_->encoded_bytes_max(count);
    const unsigned long long size = ZSTD_getFrameContentSize(rest.data(), rest.size());
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR) return foreign(*this, "no frame");
    if (size > most || (inner_->fixed_size() && size != most)) {
        return foreign(*this, fmt::format("a frame of {} bytes where {} belong", size, most));
    }
    if (ZSTD_findFrameCompressedSize(rest.data(), rest.size()) != rest.size()) {
        return foreign(*this, "not one whole frame");
    }
    storage.resize(size);
    if (ZSTD_decompress(storage.data(), storage.size(), rest.data(), rest.size()) != size) {
        return foreign(*this, "a broken frame");
    }
    if (width == 1) return ByteSpan(storage);
    Bytes joined(storage.size());
    kernels::join_planes(width, storage, joined);
    storage = std::move(joined);
    return ByteSpan(storage);
}

Status ZstdCodec::check(ByteSpan bytes, size_t count) const {
    Bytes storage;
    const auto plain = unpack(bytes, count, storage);
    if (!plain.ok()) return plain.error();
    return inner_->check(*plain, count);
}

Status ZstdCodec::try_decode(ByteSpan bytes, std::span<float> out) const {
    Bytes storage;
    const auto plain = unpack(bytes, out.size(), storage);
    if (!plain.ok()) return plain.error();
    return inner_->decode(*plain, out);
}

Status ZstdCodec::try_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const {
    Bytes storage;
    const auto plain = unpack(bytes, acc.size(), storage);
    if (!plain.ok()) return plain.error();
    return inner_->accumulate(*plain, weight, acc);
}

size_t ZstdCodec::do_encode(const Values&, std::byte*) const {
    WHIM_ASSERT(!"try_encode stands in its place");
    return 0;
}

void ZstdCodec::do_decode(ByteSpan, std::span<float>) const {
    WHIM_ASSERT(!"try_decode stands in its place");
}

void ZstdCodec::do_accumulate(ByteSpan, float, std::span<float>) const {
    WHIM_ASSERT(!"try_accumulate stands in its place");
}

}  // namespace whim
