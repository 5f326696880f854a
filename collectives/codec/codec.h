// Codec: f32 elements to bytes on the wire and back, with the same bits on every machine.
//
//   auto codec = parse_codec("int4:block=64");                          // codec/parse.h
//   Bytes out((*codec)->encoded_bytes_max(values.size()));
//   const auto bytes = (*codec)->encode({.values = values}, out);       // bytes written
//   (*codec)->accumulate(ByteSpan(out).first(*bytes), weight, sums);    // sums += weight * element
//
// A codec is fixed after construction: threads may share one. Buffers have any alignment and do not overlap.
// The thread runs in the default floating-point environment (nearest rounding, subnormals kept).
// Bytes may come from anybody: check(), decode() and accumulate() read no byte outside them, refuse what
// encode() cannot have made with Code::E_PROTOCOL and a detail that says what is wrong and where, and then
// write nothing.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "collectives/kernels/blocks.h"
#include "collectives/kernels/philox.h"

namespace whim {

// What is encoded: values[i] / divisor. A mean is encoded from its sums, with their weight as divisor.
struct Values {
    std::span<const float> values;
    float divisor = 1;
    Dither dither = {};     // for codecs that round stochastically
    uint64_t first = 0;     // place of values[0] in its tensor: a multiple of cut_elements(), or of 16
    bool screened = false;  // the caller knows that first_refused() finds nothing: it is not looked for again
    // What a byte less is worth, in ns: codecs that pack spend no more on it. 0: nothing.
    double byte_ns = std::numeric_limits<double>::infinity();
};

// The least and the largest element of a block.
struct Extremes {
    float least = 0;
    float largest = 0;
};

class Codec {
public:
    static constexpr size_t kUncut = 0;

    virtual ~Codec() = default;

    // Canonical: parse_codec(text()) gives this codec again, where the application's own are known.
    virtual std::string text() const = 0;

    // A tensor may be encoded in pieces that begin at multiples of this: each decodes to the same elements as
    // in the whole. kUncut: it may not.
    virtual size_t cut_elements() const = 0;

    // Bytes that encode() needs room for; it writes exactly as many when fixed_size().
    virtual size_t encoded_bytes_max(size_t count) const = 0;
    virtual bool fixed_size() const { return true; }

    // Most elements decode to zero, and the sum of two payloads has more that do not than one of them holds.
    virtual bool sparse() const { return false; }

    // Whether time is spent on making the same payload shorter, where Values::byte_ns says that it is worth
    // it.
    virtual bool packs() const { return false; }

    // Bytes of one code of the payload where that is 2 or 4, else 1: a later stage may sort its bytes by
    // place.
    virtual size_t code_bytes() const { return 1; }

    // The largest magnitude that can be encoded.
    virtual float magnitude_max() const = 0;

    // The largest |x - decoded x| for an element x of a block with these extremes.
    virtual double error_bound(float x, Extremes block) const = 0;

    // Index of the first value that encode() refuses: its quotient is not finite or past magnitude_max().
    std::optional<size_t> first_refused(const Values& in) const;

    // Returns the bytes written. Refuses, before anything is written: a value that is not finite
    // (E_NON_FINITE) or past magnitude_max() (E_UNSUPPORTED), naming its index; a divisor that is not finite
    // and > 0 (E_WEIGHTS). A codec of the application may also fail (E_BROKEN_CONTRACT). Asserted: out has
    // encoded_bytes_max bytes, first fits.
    Result<size_t> encode(const Values& in, MutableByteSpan out) const;

    // Whether bytes are an encoding of count elements.
    virtual Status check(ByteSpan bytes, size_t count) const = 0;

    // bytes are an encoding of out.size() elements.
    Status decode(ByteSpan bytes, std::span<float> out) const;

    // acc[i] += weight * element i, two roundings each; nothing else is done, so that sums from zero in the
    // order of the contributors are the same everywhere. Refuses a weight that is not finite and >= 0
    // (E_WEIGHTS).
    Status accumulate(ByteSpan bytes, float weight, std::span<float> acc) const;

protected:
    // After all checks. do_encode returns the bytes written; it is memory-safe also when in holds what
    // first_refused would have found.
    virtual size_t do_encode(const Values& in, std::byte* out) const = 0;
    virtual void do_decode(ByteSpan bytes, std::span<float> out) const = 0;
    virtual void do_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const = 0;

    // The above, for codecs that can fail.
    virtual Result<size_t> try_encode(const Values& in, MutableByteSpan out) const;

    // check, then the above, for codecs whose check has the decoded bytes in hand.
    virtual Status try_decode(ByteSpan bytes, std::span<float> out) const;
    virtual Status try_accumulate(ByteSpan bytes, float weight, std::span<float> acc) const;

    friend class TopKCodec;  // these two are codecs over another one
    friend class ZstdCodec;
};

using CodecPtr = std::shared_ptr<const Codec>;

enum class Rounding : uint8_t { nearest, stochastic };

}  // namespace whim
