// NAME+zstd: another codec's bytes, compressed where that pays.
//
//   [0][bytes]   stored: as the other codec made them
//   [1][frame]   one zstd frame with its content size
//   [2][frame]   the same of bytes sorted by their place in 2-byte codes (kernels/planes.h)
//   [3][frame]   in 4-byte codes
//
// The first 64 KiB decide: compressed each possible way, the best way counts if it saves 3 %. So
// incompressible data costs one look and one byte. What is unpacked never takes more memory than the other
// codec's largest encoding. Compressed sizes may differ between versions of zstd; decoded elements do not.
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

    // The other codec's bytes: a part of bytes, or in storage.
    Result<ByteSpan> unpack(ByteSpan bytes, size_t count, Bytes& storage) const;

    const CodecPtr inner_;
    const int level_;
};

}  // namespace whim
