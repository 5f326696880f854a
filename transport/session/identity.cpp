// Ed25519 and BLAKE2b by libsodium.
#include "transport/session/identity.h"

#include <sodium.h>

#include "base/assert.h"

namespace whim {
namespace {

static_assert(crypto_sign_SEEDBYTES == std::tuple_size_v<KeySeed>);
static_assert(crypto_sign_PUBLICKEYBYTES == std::tuple_size_v<PublicKey>);
static_assert(crypto_sign_BYTES == std::tuple_size_v<Signature>);

const unsigned char* data_of(ByteSpan bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

}  // namespace

Identity::Identity(const KeySeed& seed) : seed_(seed) {
    WHIM_ASSERT(sodium_init() >= 0);
    std::array<uint8_t, crypto_sign_SECRETKEYBYTES> secret{};
    WHIM_ASSERT(crypto_sign_seed_keypair(public_key_.data(), secret.data(), seed_.data()) == 0);
    sodium_memzero(secret.data(), secret.size());
    id_ = peer_id_of(public_key_);
}

Signature Identity::sign(ByteSpan message) const {
    PublicKey key{};
    std::array<uint8_t, crypto_sign_SECRETKEYBYTES> secret{};
    crypto_sign_seed_keypair(key.data(), secret.data(), seed_.data());
    Signature signature{};
    crypto_sign_detached(signature.data(), nullptr, data_of(message), message.size(), secret.data());
    sodium_memzero(secret.data(), secret.size());
    return signature;
}

PeerId peer_id_of(const PublicKey& key) {
    PeerId id;
    WHIM_ASSERT(crypto_generichash(id.bytes.data(), id.bytes.size(), key.data(), key.size(), nullptr, 0) ==
                0);
    return id;
}

bool verify(const PublicKey& key, ByteSpan message, const Signature& signature) {
    WHIM_ASSERT(sodium_init() >= 0);
    return crypto_sign_verify_detached(signature.data(), data_of(message), message.size(), key.data()) == 0;
}

}  // namespace whim
