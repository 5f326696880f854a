// An invite is the token and says where to show it.
#include "runtime/peer_options.h"

#include "wire/invite.h"

namespace whim::runtime {

Status apply_invite(std::string_view text, PeerOptions& options) {
    const auto invite = wire::decode_invite(text);
    if (!invite) return invite.error();
    options.token = text;
    options.run = invite->run;
    options.security = invite->tls ? Security::tls : Security::none;
    options.coordinators.clear();
    for (const auto& place : invite->coordinators) {
        options.coordinators.push_back({place.addresses, std::nullopt});
        if (invite->tls && !place.key.is_zero()) options.coordinators.back().pin = place.key;
    }
    return {};
}

}  // namespace whim::runtime
