// How the chunks of an op with a codec look on the wire, and what is computed from them. Pure functions.
//
// Everybody encodes its own contribution, the chunk's root too, so a result does not depend on who folded it.
//   dense   The root adds what the contributions decode to, in birth order, from zero, encodes the sum (of
//   avg:
//           divided by the sum of weights) once, and everybody, the root too, takes what those bytes decode
//           to.
//   bundle  Of a sparse codec the sum is no sparse buffer: the root passes the contributions on, unchanged
//   and
//           together, and everybody adds them up in birth order. avg divides by the sum of weights at the
//           end.
//   copy    The source's bytes are the result.
//   kept    Of reduce_scatter the root is the only one that needs the sum, or the quotient: it is not
//   encoded.
//   custom  What a reducer of the application makes of what the contributions decode to is as a sum.
// A result is never encoded again: the same elements may then give other bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/dtype.h"
#include "base/ids.h"
#include "base/plant.h"
#include "base/status.h"
#include "collectives/codec/codec.h"
#include "collectives/reducer/custom_reducer.h"

namespace whim::op {

// What is the same for all chunks of one op. Threads may share one.
class Coding {
public:
    // reduce: sum, avg, copy, or custom with a reducer and a codec that is not sparse. kept: results stay at
    // their root.
    Coding(CodecPtr codec, Reduce reduce, bool kept, const OpId& id, uint32_t members,
           Plant plant = Plant::none, ReducerPtr reducer = nullptr);

    const Codec& codec() const { return *codec_; }
    bool bundles() const { return bundles_; }

    size_t contribution_bytes_max(size_t elements) const { return codec_->encoded_bytes_max(elements); }
    size_t result_bytes_max(size_t elements) const;
    bool fits(bool result, size_t elements, size_t bytes) const;  // bytes that the network may bring

    // Whose values, and in gossip how many steps they have taken.
    struct Source {
        uint32_t rank = 0, step = 0;
    };
    // A contribution's bytes, written to out (contribution_bytes_max). chunk: known to be encodable, unless a
    // step made it; first: its place in the buffer. byte_ns: what a byte less is worth, see Values; whatever
    // it is, the bytes stand for the same. Fails where a codec of the application does (E_BROKEN_CONTRACT),
    // and where a step made what cannot be encoded (E_UNSUPPORTED, E_NON_FINITE).
    Result<size_t> contribute(std::span<const float> chunk, uint64_t first, Source source,
                              MutableByteSpan out, double byte_ns = 0) const;
    // Whether a root sends its own contribution to somebody, as it is; else nobody but itself needs the
    // bytes.
    bool passes_on() const { return bundles_ || reduce_ == Reduce::copy; }

    struct Contribution {
        uint32_t rank = 0;
        ByteSpan bytes;
        float weight = 1.0f;
    };
    // What came from one contributor cannot have been made by contribute(), or the sum cannot be encoded.
    struct Refusal {
        std::optional<uint32_t> rank;  // whose bytes are wrong; none: the sum's fault, or the codec's
        Error why;
    };
    // Bytes of rank were not decoded: its fault, unless a codec of the application failed.
    static Refusal refusal_of(uint32_t rank, const Error& why);
    static Refusal own_refusal(const Error& why);  // bytes that this peer itself made
    // Makes a result from contributions in birth order, into encoded (result_bytes_max), and the elements it
    // stands for into out. sums: room for as many floats as out. Returns the bytes written. When refused, out
    // is as it was.
    struct Made {
        size_t bytes = 0;
        std::optional<Refusal> refusal;
    };
    Made fold(std::span<const Contribution> contributions, uint64_t first, std::span<float> sums,
              MutableByteSpan encoded, std::span<float> out, double byte_ns = 0) const;

    // The elements that a result stands for; out is as it was when it is refused. contributors: how many the
    // result says it has. sums: as for fold().
    Status unpack(ByteSpan result, size_t contributors, std::span<float> sums, std::span<float> out) const;

private:
    Made fold_custom(std::span<const Contribution> contributions, uint64_t first, std::span<float> sums,
                     MutableByteSpan encoded, std::span<float> out, double byte_ns) const;
    Made encode(std::span<const float> sums, float divisor, uint64_t first, MutableByteSpan encoded,
                std::span<float> out, double byte_ns) const;
    Made bundle(std::span<const Contribution> contributions, std::span<float> sums, MutableByteSpan encoded,
                std::span<float> out) const;
    Result<float> add_up(ByteSpan bundle, size_t contributors, std::span<float> sums) const;
    Status finish(std::span<const float> sums, float weights, std::span<float> out) const;
    Refusal own_growth() const;
    Dither dither(uint64_t stream) const { return {seed_, stream}; }

    CodecPtr codec_;
    ReducerPtr reducer_;  // of Reduce::custom
    Reduce reduce_;
    uint64_t seed_;
    uint32_t members_;
    bool kept_;
    bool bundles_;
    Plant plant_;
};

// Elements a chunk: `wanted`, moved so that the codec may cut there and no result exceeds a frame.
// E_UNSUPPORTED when none does.
Result<uint32_t> coded_chunk_elements(const Codec& codec, Reduce reduce, bool kept, uint32_t wanted,
                                      uint32_t members);

}  // namespace whim::op
