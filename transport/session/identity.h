// Who a process is: an Ed25519 key pair. Its peer id is the BLAKE2b-256 of the public key, so that the id
// can be checked by anyone who sees the key. Also signs and verifies (invite tokens). Making and storing
// keys needs chance and files: transport/asio/identity_file.h.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/ids.h"

namespace whim {

using PublicKey = std::array<uint8_t, 32>;
using Signature = std::array<uint8_t, 64>;
using KeySeed = std::array<uint8_t, 32>;  // the secret; keep it off logs and disks but for the identity file

class Identity {
public:
    explicit Identity(const KeySeed& seed);
    const PeerId& id() const { return id_; }
    const PublicKey& public_key() const { return public_key_; }
    const KeySeed& seed() const { return seed_; }
    Signature sign(ByteSpan message) const;

private:
    KeySeed seed_{};
    PublicKey public_key_{};
    PeerId id_;
};

PeerId peer_id_of(const PublicKey& key);
bool verify(const PublicKey& key, ByteSpan message, const Signature& signature);

}  // namespace whim
