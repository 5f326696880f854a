// topk: of each chunk of elements those with the largest magnitudes, as [indexes][values]; the rest are
// zeros.
//
// Of a chunk of n elements ceil(n * numerator / denominator) are kept, at least one; of equal magnitudes the
// lower indexes. Indexes ascend, see codec/index_code.h; the values, in their order, are coded by another
// codec, chunk by chunk. accumulate() touches the kept elements only.
#pragma once

#include <functional>
#include <vector>

#include "collectives/codec/codec.h"
#include "collectives/codec/index_code.h"

namespace whim {

struct TopKOptions {
    uint32_t numerator = 1;
    uint32_t denominator = 64;
    uint32_t chunk = 4096;  // elements: a multiple of 16 up to limits::kTopKChunkMax
    codec::IndexCode index = codec::IndexCode::rice;
};

class TopKCodec final : public Codec {
public:
    static constexpr uint32_t kDefaultChunk = 4096;

    // Asserted: 1 <= numerator <= denominator; values has a fixed size.
    TopKCodec(const TopKOptions& options, CodecPtr values);

    size_t kept(size_t elements) const;  // of a chunk of so many

    std::string text() const override;
    size_t cut_elements() const override { return options_.chunk; }
    size_t encoded_bytes_max(size_t count) const override;
    bool fixed_size() const override { return options_.index == codec::IndexCode::packed; }
    bool sparse() const override { return true; }
    float magnitude_max() const override { return values_->magnitude_max(); }
    double error_bound(float x, Extremes block) const override;
    Status check(ByteSpan bytes, size_t count) const override;

private:
    // A chunk of a payload: where it begins in the tensor, its indexes and the bytes of its values.
    struct Chunk {
        size_t at = 0, elements = 0;
        std::span<const uint32_t> indexes;
        ByteSpan values;
    };

    // What a payload keeps, decoded.
    struct Kept {
        std::vector<size_t> places;
        std::vector<float> values;
    };

    size_t do_encode(const Values& in, std::byte* out) const override;
    Status try_decode(ByteSpan bytes, std::span<float> out) const override;
    Status try_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const override;
    void do_decode(ByteSpan bytes, std::span<float> out) const override;
    void do_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const override;

    size_t chunk_bytes_max(size_t elements) const;
    Status check_values(const Chunk& chunk) const;
    Result<Kept> read(ByteSpan bytes, size_t count) const;
    Status walk(ByteSpan bytes, size_t count, const std::function<Status(const Chunk&)>& visit) const;

    const TopKOptions options_;
    const CodecPtr values_;
};

}  // namespace whim
