// Making and checking invites: who may join is what the coordinator's key has signed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "transport/session/identity.h"
#include "wire/invite.h"

namespace whim::coordinator {

// Fills in nonce (from the kernel) and signature; the rest is the caller's. Returns the word to give out.
std::string sign_invite(wire::Invite invite, const Identity& identity);

struct InviteCheck {
    std::string run;
    PublicKey key;       // this coordinator's
    PeerId peer;         // who shows the token
    uint64_t now_s = 0;  // seconds since 1970
};

// E_TOKEN with the reason: not a token, for another run, not signed by this coordinator, expired, for another
// peer.
Status check_token(std::string_view token, const InviteCheck& check);

}  // namespace whim::coordinator
