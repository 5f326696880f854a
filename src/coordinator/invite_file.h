// How `whimbrel invite` gives out invites beside a coordinator that runs, or does not: the coordinator leaves
// an unsigned invite (run, security, addresses, key) in its directory, next to the key that signs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "coordinator/journal.h"
#include "wire/invite.h"

namespace whim::coordinator {

inline constexpr uint64_t kInviteSecondsDefault = 30ull * 86400;

std::string key_path(const std::string& directory);

// Survives a power cut whole: either the one before or this one is there.
Status save_template(const std::string& directory, const wire::Invite& invite);
Result<std::optional<wire::Invite>> load_template(const std::string& directory);  // nullopt: a new directory

// The run that the directory belongs to; its name need not be said twice. A template that cannot be read is
// no reason to stand still: the journal knows the name too. asked: what the operator says; may be "".
Result<std::string> choose_run(const std::string& directory, const Journal& journal, const std::string& asked,
                               const std::function<void(const std::string&)>& log);

uint64_t seconds_since_1970();

// The end, in seconds since 1970, of an invite that is to live for expires_s from now: 0 means
// kInviteSecondsDefault, and what is past the last second that can be told is that second.
uint64_t invite_end(uint64_t expires_s);

struct InviteRequest {
    uint64_t expires_s = 0;          // see invite_end
    PeerId peer;                     // zero: anyone
    std::vector<Address> addresses;  // empty: those the coordinator advertised last
};

// Reads template and key of the directory, and signs.
Result<std::string> make_invite(const std::string& directory, const InviteRequest& request);

}  // namespace whim::coordinator
