// NAME+zstd: another codec's bytes, compressed where that pays.
//
//   [0][bytes]   stored: as the other codec made them
//   [1][frame]   one zstd frame with its content size
//   [2][frame]   the same of bytes sorted by their place in 2-byte codes (kernels/planes.h)
//   [3][frame]   in 4-byte codes
//
// Packing is worth it where a frame saves at least 3 %, and where what it saves, at Values::byte_ns each, is
// worth more time than the packing and unpacking of all: 4 ns a byte at level 1. That is a constant and no
// measurement, so that the same inputs give the same bytes in every simulation; it is what one slow core
// needs, for a codec that spares the line must not make the machine the bottleneck. Where not even an empty
// frame could be worth it, nothing is tried. Otherwise samples decide: 8 KiB from four places, packed each
// possible way. What is unpacked never takes more memory than the other codec's largest encoding. Packed
// sizes may differ between versions of zstd, and from sender to sender; decoded elements do not.
#pragma once

#include "collectives/codec/codec.h"

namespace whim {

class ZstdCodec final : public Codec {
public:
    static constexpr int kDefaultLevel = 1, kLevelMax = 9;

    ZstdCodec(CodecPtr inner, int level);

    std::string text() const override;
    size_t cut_elements() const override { return inner_->cut_elements(); }
    size_t encoded_bytes_max(size_t count) const override;
    bool fixed_size() const override { return false; }
    bool sparse() const override { return inner_->sparse(); }
    bool packs() const override { return true; }
    float magnitude_max() const override { return inner_->magnitude_max(); }
    double error_bound(float x, Extremes block) const override { return inner_->error_bound(x, block); }
    Status check(ByteSpan bytes, size_t count) const override;

private:
    size_t do_encode(const Values& in, std::byte* out) const override;
    void do_decode(ByteSpan bytes, std::span<float> out) const override;
    void do_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const override;
    Result<size_t> try_encode(const Values& in, MutableByteSpan out) const override;
    Status try_decode(ByteSpan bytes, std::span<float> out) const override;
    Status try_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const override;

    // The largest frame that is worth it for so many bytes; 0: none is.
    size_t worth(size_t bytes, double byte_ns) const;

    // The other codec's bytes: a part of bytes, or in storage.
    Result<ByteSpan> unpack(ByteSpan bytes, size_t count, Bytes& storage) const;

    const CodecPtr inner_;
    const int level_;
};

}  // namespace whim
