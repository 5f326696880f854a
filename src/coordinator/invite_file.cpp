// The invite template beside the key.
#include "coordinator/invite_file.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "coordinator/invites.h"
#include "transport/asio/identity_file.h"

namespace whim::coordinator {
namespace {

std::string template_path(const std::string& directory) { return directory + "/invite-template"; }

}  // namespace

std::string key_path(const std::string& directory) { return directory + "/key"; }

Status save_template(const std::string& directory, const wire::Invite& invite) {
    const std::string path = template_path(directory), fresh = path + ".new";
    {
        std::ofstream file(fresh, std::ios::trunc);
        file << wire::encode_invite(invite) << "\n";
        if (!file.flush())
            return fail(Code::E_STORE, fmt::format("cannot write {}: {}", fresh, std::strerror(errno)));
    }
    if (std::rename(fresh.c_str(), path.c_str()) == 0) return {};
    return fail(Code::E_STORE, fmt::format("cannot replace {}: {}", path, std::strerror(errno)));
}

Result<std::optional<wire::Invite>> load_template(const std::string& directory) {
    const std::string path = template_path(directory);
    if (!std::filesystem::exists(path)) return std::optional<wire::Invite>();
    std::ifstream file(path);
    std::string text;
    std::getline(file, text);
    const Result<wire::Invite> invite = wire::decode_invite(text);
    if (!invite.ok()) return fail(Code::E_STORE, fmt::format("{}: {}", path, invite.error().detail));
    return std::optional(*invite);
}

Result<std::string> make_invite(const std::string& directory, const InviteRequest& request) {
    const auto known = load_template(directory);
    if (!known.ok()) return known.error();
    if (!*known)
        return fail(Code::E_STORE, fmt::format("no coordinator has been started on {} yet", directory));
    const Result<Identity> identity = load_identity(key_path(directory));
    if (!identity.ok()) return identity.error();
    wire::Invite invite = **known;
    if (!request.addresses.empty()) invite.coordinators = {{request.addresses, identity->id()}};
    if (!invite.tls) {
        for (wire::InvitePlace& place : invite.coordinators) place.key = {};
    }
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    const auto now_s =
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(since_1970).count());
    invite.expires_at_s = now_s + (request.expires_s == 0 ? kInviteSecondsDefault : request.expires_s);
    invite.peer = request.peer;
    return sign_invite(std::move(invite), *identity);
}

}  // namespace whim::coordinator
