// Digests by libxxhash.
#include "state/digest.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/assert.h"

namespace whim {
namespace {

constexpr std::string_view kFormatName = "whimbrel state 1";

Digest canonical(XXH128_hash_t hash) {
    XXH128_canonical_t form;
    XXH128_canonicalFromHash(&form, hash);
    Digest out;
    static_assert(sizeof form.digest == sizeof out.bytes);
    std::memcpy(out.bytes.data(), form.digest, sizeof form.digest);
    return out;
}

}  // namespace

Digest digest_of(ByteSpan bytes) { return canonical(XXH3_128bits(bytes.data(), bytes.size())); }

Digest digest_of(std::span<const TensorDigest> tensors) {
    Bytes record;
    ByteWriter writer(record);
    writer.raw(std::as_bytes(std::span(kFormatName)));
    for (const TensorDigest& tensor : tensors) {
        writer.text(tensor.name);
        writer.u8(static_cast<uint8_t>(tensor.dtype));
        writer.u64(tensor.bytes);
        writer.raw_u8(tensor.digest.bytes);
    }
    return digest_of(record);
}

std::vector<std::string> differing_tensors(std::span<const TensorDigest> a, std::span<const TensorDigest> b) {
    std::vector<std::string> out;
    std::set<std::string_view> reported;
    const size_t both = std::min(a.size(), b.size());
    const auto report = [&](const std::string& name) {
        if (reported.insert(name).second) out.push_back(name);
    };
    for (size_t i = 0; i < both; ++i) {
        if (a[i] == b[i]) continue;
        report(a[i].name);
        report(b[i].name);
    }
    for (const TensorDigest& tensor : a.subspan(both)) report(tensor.name);
    for (const TensorDigest& tensor : b.subspan(both)) report(tensor.name);
    return out;
}

struct StateDigest::Hasher {
    XXH3_state_t* state = XXH3_createState();  // aligned as xxhash wants it
    Hasher() { WHIM_ASSERT(state != nullptr); }
    ~Hasher() { XXH3_freeState(state); }
    Hasher(const Hasher&) = delete;
    Hasher& operator=(const Hasher&) = delete;
};

StateDigest::StateDigest() : hasher_(std::make_unique<Hasher>()) {}
StateDigest::~StateDigest() = default;
StateDigest::StateDigest(StateDigest&&) noexcept = default;
StateDigest& StateDigest::operator=(StateDigest&&) noexcept = default;

void StateDigest::add(std::string_view name, Dtype dtype, ByteSpan bytes) {
    begin(name, dtype);
    append(bytes);
    end();
}

void StateDigest::begin(std::string_view name, Dtype dtype) {
    WHIM_ASSERT(!open_);
    XXH3_128bits_reset(hasher_->state);
    tensors_.push_back({std::string(name), dtype, 0, {}});
    open_ = true;
}

void StateDigest::append(ByteSpan piece) {
    WHIM_ASSERT(open_);
    if (piece.empty()) return;
    XXH3_128bits_update(hasher_->state, piece.data(), piece.size());
    tensors_.back().bytes += piece.size();
}

void StateDigest::end() {
    WHIM_ASSERT(open_);
    tensors_.back().digest = canonical(XXH3_128bits_digest(hasher_->state));
    open_ = false;
}

Digest StateDigest::finish() const {
    WHIM_ASSERT(!open_);
    return digest_of(tensors_);
}

}  // namespace whim
