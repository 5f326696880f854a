// Codecs made by the application: how one is described, and the Codec that stands before it.
//
// CustomCodec keeps what codec.h promises whatever the application's functions do, as far as that can be seen
// at once: they work beside guard bytes in memory that is copied on when all is well, sizes are compared with
// bounds, decoded elements are finite. What it finds is E_BROKEN_CONTRACT, the application's fault; refused
// bytes are E_PROTOCOL, as ever. What only a comparison shows (the same bytes twice, in pieces),
// codec_conformance() looks for.
#pragma once

#include <functional>
#include <string>

#include "collectives/codec/codec.h"

namespace whim {

// Functions may be called by several threads at once. None is called for 0 elements by an op.
struct CodecParts {
    std::string name;  // base/custom_name.h
    std::string
        parameters;  // "" or such as "bits=3"; part of text(), so that peers find out when they differ
    size_t cut_elements = 16;
    bool sparse = false;
    float magnitude_max = 0;

    // Room that encode needs for so many elements; the same each time, and it does not fall with more.
    std::function<size_t(size_t count)> bytes_max;
    // The bytes written, or nullopt when it failed. in.divisor is 1; out has bytes_max bytes.
    std::function<std::optional<size_t>(const Values& in, MutableByteSpan out)> encode;
    // Whether encode can have made these bytes of out.size() elements, and then the elements.
    std::function<bool(ByteSpan bytes, std::span<float> out)> decode;
    // The same, adding weight * element with two roundings. May be empty.
    std::function<bool(ByteSpan bytes, float weight, std::span<float> acc)> accumulate;
};

// E_INVALID, naming the member, when it describes no codec.
Status check_codec(const CodecParts& parts);

class CustomCodec final : public Codec {
public:
    explicit CustomCodec(CodecParts parts) : parts_(std::move(parts)) {}  // asserted: check_codec says OK

    std::string text() const override;
    size_t cut_elements() const override { return parts_.cut_elements; }
    size_t encoded_bytes_max(size_t count) const override;  // with the guard behind
    bool fixed_size() const override { return false; }
    bool sparse() const override { return parts_.sparse; }
    float magnitude_max() const override { return parts_.magnitude_max; }
    double error_bound(float x, Extremes block) const override;  // unknown: infinite
    Status check(ByteSpan bytes, size_t count) const override;

private:
    Result<size_t> try_encode(const Values& in, MutableByteSpan out) const override;
    Status try_decode(ByteSpan bytes, std::span<float> out) const override;
    Status try_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const override;
    size_t do_encode(const Values& in, std::byte* out) const override;
    void do_decode(ByteSpan bytes, std::span<float> out) const override;
    void do_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const override;

    Status accumulated(ByteSpan bytes, float weight, std::span<float> acc) const;
    Result<std::vector<float>> decoded(ByteSpan bytes, size_t count) const;
    Status check_length(ByteSpan bytes, size_t count) const;
    Error broke(const std::string& what) const;
    Error refused(ByteSpan bytes, size_t count) const;

    const CodecParts parts_;
};

}  // namespace whim
