// `whimbrel coordinator` and `whimbrel invite`.
#include <charconv>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <optional>

#include <fmt/format.h>

#include "base/limits.h"
#include "cli/commands.h"
#include "coordinator/invite_file.h"
#include "coordinator/server.h"
#include "wire/address.h"

namespace whim::cli {
namespace {

constexpr long kHealthCheckNs = 500'000'000;

// The signals that end us are taken one at a time on this thread; every other thread inherits the block.
sigset_t block_ending_signals() {
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ending, nullptr);
    return ending;
}

uint64_t seconds_of(char unit) {
    switch (unit) {
        case 's': return 1;
        case 'm': return 60;
        case 'h': return 3600;
        case 'd': return 86400;
        default: return 0;
    }
}

// Digits and a unit, or digits alone for seconds.
Result<uint64_t> parse_ttl(const std::string& text) {
    uint64_t count = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, count);  // no sign, no blanks
    const uint64_t unit = rest == end ? 1 : rest + 1 == end ? seconds_of(*rest) : 0;
    const bool too_large =
        error == std::errc::result_out_of_range || (unit > 0 && count > limits::kInviteSecondsMax / unit);
    if (too_large) {
        return fail(Code::E_INVALID, fmt::format("--ttl {}: at most {} days", text,
                                                 limits::kInviteSecondsMax / seconds_of('d')));
    }
    if (error != std::errc{} || unit == 0 || count == 0) {
        return fail(Code::E_INVALID, fmt::format("--ttl {}: write a number and s, m, h or d", text));
    }
    return count * unit;
}

std::optional<PeerId> parse_peer(const std::string& hex) {
    PeerId id;
    if (hex.size() != 2 * id.bytes.size()) return std::nullopt;
    for (size_t i = 0; i < id.bytes.size(); ++i) {
        unsigned value = 0;
        char rest = 0;
        const std::string digits = hex.substr(2 * i, 2);
        if (std::sscanf(digits.c_str(), "%2x%c", &value, &rest) != 1) return std::nullopt;
        id.bytes[i] = static_cast<uint8_t>(value);
    }
    return id;
}

Result<std::vector<Address>> parse_all(const std::vector<std::string>& texts) {
    std::vector<Address> addresses;
    for (const std::string& text : texts) {
        const Result<Address> address = parse_address(text);
        if (!address.ok()) return address.error();
        addresses.push_back(*address);
    }
    return addresses;
}

Result<coordinator::ServerOptions> server_options(const CoordinatorCommand& command) {
    coordinator::ServerOptions options;
    options.run = command.run;
    options.data_dir = command.data;
    options.tls = command.security == "tls";
    options.open_admission = command.open;
    options.dial_back = !command.no_dial_back;
    options.links = command.links;
    options.run_options.replicas_min = command.replicas_min;
    options.run_options.round_grace_ms = command.round_grace_ms;
    options.run_options.suspect_after_ms = command.suspect_after_ms;
    const Result<Address> listen = parse_address(command.listen);
    if (!listen.ok()) return fail(Code::E_INVALID, "--listen: " + listen.error().detail);
    options.listen = *listen;
    if (!command.http.empty()) {
        const Result<Address> http = parse_address(command.http);
        if (!http.ok()) return fail(Code::E_INVALID, "--http: " + http.error().detail);
        options.http = *http;
    }
    const Result<std::vector<Address>> advertise = parse_all(command.advertise);
    if (!advertise.ok()) return fail(Code::E_INVALID, "--advertise: " + advertise.error().detail);
    if (advertise->size() > limits::kAddressesPerPeerMax)
        return fail(Code::E_INVALID, fmt::format("--advertise: {} addresses; at most {}", advertise->size(),
                                                 limits::kAddressesPerPeerMax));
    options.advertise = *advertise;
    return options;
}

}  // namespace

int run_coordinator(const CoordinatorCommand& command) {
    const Result<coordinator::ServerOptions> options = server_options(command);
    if (!options.ok()) return fail_with(options.error().detail);
    const sigset_t ending = block_ending_signals();
    const auto server = coordinator::CoordinatorServer::start(*options);
    if (!server.ok()) return fail_with(server.error().detail);
    const coordinator::CoordinatorServer& s = **server;
    fmt::print("coordinator ready: run={} listen={} http={} peer={} fencing={}\n", s.run(),
               to_string(s.address()), s.http_address() ? to_string(*s.http_address()) : "none",
               to_hex(s.id()), s.fencing().value);
    std::fflush(stdout);
    const timespec interval{0, kHealthCheckNs};
    while (sigtimedwait(&ending, nullptr, &interval) < 0) {
        if (const Status health = s.health(); !health.ok()) return fail_with(health.error().detail);
    }
    return 0;
}

int run_invite(const InviteCommand& command) {
    coordinator::InviteRequest request;
    const Result<uint64_t> ttl = parse_ttl(command.ttl);
    if (!ttl.ok()) return fail_with(ttl.error().detail);
    request.expires_s = *ttl;
    const Result<std::vector<Address>> addresses = parse_all(command.addresses);
    if (!addresses.ok()) return fail_with("--address: " + addresses.error().detail);
    request.addresses = *addresses;
    if (!command.peer.empty()) {
        const std::optional<PeerId> peer = parse_peer(command.peer);
        if (!peer) return fail_with("--peer: a peer id has 64 hex digits");
        request.peer = *peer;
    }
    const Result<std::string> invite = coordinator::make_invite(command.data, request);
    if (!invite.ok()) return fail_with(invite.error().detail);
    fmt::print("{}\n", *invite);
    return 0;
}

}  // namespace whim::cli
