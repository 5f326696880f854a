// An invite: one printable word that tells a peer where a run is and proves to the coordinator that the peer
// may join.
//
// "whim1." and base64url of the fields; the coordinator's Ed25519 signature covers all fields before it. A
// peer reads addresses and keys from it and sends it back whole as its token. Signing and checking:
// src/coordinator.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "wire/address.h"

namespace whim::wire {

struct InvitePlace {
    std::vector<Address> addresses;  // of one coordinator, in the order to try
    PeerId key;                      // that it must prove; zero with security none
    bool operator==(const InvitePlace&) const = default;
};

struct Invite {
    std::string run;
    bool tls = true;  // the run's security; false: none
    std::vector<InvitePlace> coordinators;
    uint64_t expires_at_s = 0;  // seconds since 1970
    PeerId peer;                // the only one it admits; zero: anyone
    std::array<uint8_t, 16> nonce{};
    std::array<uint8_t, 64> signature{};
    bool operator==(const Invite&) const = default;
};

Bytes signed_part(const Invite& invite);  // what the signature covers
std::string encode_invite(const Invite& invite);
Result<Invite> decode_invite(std::string_view text);  // E_TOKEN; checks the form only, not the signature

}  // namespace whim::wire
