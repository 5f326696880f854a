// Signatures of invites.
#include "coordinator/invites.h"

#include <fmt/format.h>
#include <sodium.h>

namespace whim::coordinator {
namespace {

std::string age(uint64_t seconds) {
    if (seconds < 120) return fmt::format("{} s", seconds);
    if (seconds < 2 * 3600) return fmt::format("{} min", seconds / 60);
    if (seconds < 2 * 86400) return fmt::format("{} h", seconds / 3600);
    return fmt::format("{} days", seconds / 86400);
}

}  // namespace

std::string sign_invite(wire::Invite invite, const Identity& identity) {
    randombytes_buf(invite.nonce.data(), invite.nonce.size());
    invite.signature = identity.sign(wire::signed_part(invite));
    return wire::encode_invite(invite);
}

Status check_token(std::string_view token, const InviteCheck& check) {
    if (token.empty())
        return fail(Code::E_TOKEN,
                    fmt::format("run {} admits by invite only, and no token was shown", check.run));
    const Result<wire::Invite> invite = wire::decode_invite(token);
    if (!invite) return invite.error();
    if (invite->run != check.run) {
        return fail(Code::E_TOKEN,
                    fmt::format("the token is for run {}, this is run {}", invite->run, check.run));
    }
    if (!verify(check.key, wire::signed_part(*invite), invite->signature)) {
        return fail(Code::E_TOKEN, "the token's signature is not this coordinator's");
    }
    if (invite->expires_at_s <= check.now_s) {
        return fail(Code::E_TOKEN,
                    fmt::format("the token expired {} ago", age(check.now_s - invite->expires_at_s)));
    }
    if (!invite->peer.is_zero() && invite->peer != check.peer) {
        return fail(Code::E_TOKEN, fmt::format("the token is for peer {}, not {}", short_name(invite->peer),
                                               short_name(check.peer)));
    }
    return {};
}

}  // namespace whim::coordinator
