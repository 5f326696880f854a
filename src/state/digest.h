// Digest of shared state: 128 bits that are equal on two members when their named tensors are, and a digest
// per tensor that names the one that differs. For accidents, not for adversaries: XXH3-128 is no
// cryptographic hash.
//
// Format, version 1. All integers are little-endian; names are taken as bytes.
//   tensor digest = XXH3-128 (seed 0) of the tensor's bytes, as they lie in memory, little-endian
//   state digest  = XXH3-128 (seed 0) of: the 16 bytes "whimbrel state 1", then for each tensor in order
//                   u32 name length, name, u8 dtype, u64 length in bytes, 16 bytes tensor digest
// Digests are written in the canonical, big-endian form of xxHash.
// The order is the caller's and part of the digest: use the order of a manifest that all members share.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/dtype.h"
#include "base/ids.h"

namespace whim {

struct TensorDigest {
    std::string name;
    Dtype dtype = Dtype::f32;
    uint64_t bytes = 0;
    Digest digest;
    bool operator==(const TensorDigest&) const = default;
};

// XXH3-128 of bytes, in canonical (big-endian) form.
Digest digest_of(ByteSpan bytes);

// The state digest of tensors whose digests are known.
Digest digest_of(std::span<const TensorDigest> tensors);

// Names of the tensors that differ place by place: in bytes, dtype, name or by missing on one side. Each
// once.
std::vector<std::string> differing_tensors(std::span<const TensorDigest> a, std::span<const TensorDigest> b);

// Hashes tensors, whole or piece by piece, and remembers the digest of each.
class StateDigest {
public:
    StateDigest();
    ~StateDigest();
    StateDigest(StateDigest&&) noexcept;
    StateDigest& operator=(StateDigest&&) noexcept;

    void add(std::string_view name, Dtype dtype, ByteSpan bytes);

    // The same piece by piece: begin, any number of append, end. One tensor at a time.
    void begin(std::string_view name, Dtype dtype);
    void append(ByteSpan piece);
    void end();

    // Of all tensors so far; more may follow. No tensor may be open.
    Digest finish() const;
    const std::vector<TensorDigest>& tensors() const { return tensors_; }

private:
    struct Hasher;  // keeps xxhash.h out of this header
    std::unique_ptr<Hasher> hasher_;
    std::vector<TensorDigest> tensors_;
    bool open_ = false;
};

}  // namespace whim
