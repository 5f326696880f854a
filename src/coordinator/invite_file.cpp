// The invite template beside the key.
#include "coordinator/invite_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include <fmt/format.h>

#include "coordinator/invites.h"
#include "group/ledger.h"
#include "transport/asio/identity_file.h"

namespace whim::coordinator {
namespace {

std::string template_path(const std::string& directory) { return directory + "/invite-template"; }

bool write_durably(const std::string& path, const std::string& text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return false;
    size_t written = 0;
    while (written < text.size()) {
        const ssize_t count = ::write(fd, text.data() + written, text.size() - written);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) break;
        written += static_cast<size_t>(count);
    }
    const bool whole = written == text.size() && ::fsync(fd) == 0;
    const int why = errno;
    ::close(fd);
    errno = why;
    return whole;
}

bool sync_directory(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool synced = ::fsync(fd) == 0;
    const int why = errno;
    ::close(fd);
    errno = why;
    return synced;
}

// Every journal begins with the name of its run.
Result<std::string> run_of(const Journal& journal) {
    const auto record = journal.first();
    if (!record.ok()) return record.error();
    if (!*record) return std::string();
    const Result<group::Entry> entry = group::decode_entry(**record);
    if (!entry.ok()) return entry.error();
    if (const auto* opened = std::get_if<group::entry::Opened>(&*entry)) return opened->run;
    if (const auto* condensed = std::get_if<group::entry::Condensed>(&*entry)) return condensed->run;
    return std::string();
}

}  // namespace

std::string key_path(const std::string& directory) { return directory + "/key"; }

Status save_template(const std::string& directory, const wire::Invite& invite) {
    const std::string path = template_path(directory), fresh = path + ".new";
    if (!write_durably(fresh, wire::encode_invite(invite) + "\n"))
        return fail(Code::E_STORE, fmt::format("cannot write {}: {}", fresh, std::strerror(errno)));
    if (std::rename(fresh.c_str(), path.c_str()) != 0 || !sync_directory(directory))
        return fail(Code::E_STORE, fmt::format("cannot replace {}: {}", path, std::strerror(errno)));
    return {};
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

Result<std::string> choose_run(const std::string& directory, const Journal& journal, const std::string& asked,
                               const std::function<void(const std::string&)>& log) {
    const auto known = load_template(directory);
    if (!known.ok()) log("WARNING: " + known.error().detail + "; it is written anew");
    if (!asked.empty()) return asked;
    if (known.ok() && *known) return (*known)->run;
    Result<std::string> run = run_of(journal);
    if (run.ok() && run->empty()) return std::string("default");
    return run;
}

uint64_t seconds_since_1970() {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(since_1970).count());
}

uint64_t invite_end(uint64_t expires_s) {
    const uint64_t valid_s = expires_s == 0 ? kInviteSecondsDefault : expires_s;
    const uint64_t now_s = seconds_since_1970();
    return now_s + std::min(valid_s, std::numeric_limits<uint64_t>::max() - now_s);
}

Result<std::string> make_invite(const std::string& directory, const InviteRequest& request) {
    const auto known = load_template(directory);
    if (!known.ok()) return known.error();
    if (!*known)
        return fail(Code::E_STORE, fmt::format("no coordinator has been started on {} yet", directory));
    const Result<Identity> identity = load_identity(key_path(directory));
    if (!identity.ok()) return identity.error();
    wire::Invite invite = **known;
    if (request.addresses.size() > limits::kAddressesPerPeerMax)
        return fail(Code::E_INVALID, fmt::format("{} addresses in an invite; at most {}",
                                                 request.addresses.size(), limits::kAddressesPerPeerMax));
    if (!request.addresses.empty()) invite.coordinators = {{request.addresses, identity->id()}};
    if (!invite.tls) {
        for (wire::InvitePlace& place : invite.coordinators) place.key = {};
    }
    invite.expires_at_s = invite_end(request.expires_s);
    invite.peer = request.peer;
    return sign_invite(std::move(invite), *identity);
}

}  // namespace whim::coordinator
