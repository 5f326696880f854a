// The adaptive detector of silence and its reports.
#include "group/peer_watch.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace whim::group {

using wire::SuspectKind;
using wire::SuspectReport;
namespace {

constexpr Duration kTimeoutMin = milliseconds(200);  // of TCP, beyond the round trip

// How long TCP is silent over a segment that is lost twice: until its timeout, and then twice as long. Means
// of silences do not show what is that rare, and a new link has none.
Duration repair_time(Duration rtt) { return (rtt + kTimeoutMin) * 3; }

}  // namespace

void PeerWatch::set_members(const std::vector<MemberId>& others, Instant now) {
    std::map<MemberId, Peer> next;
    for (const MemberId& id : others) {
        const auto known = peers_.find(id);
        Peer fresh;
        fresh.last_heard = now;
        next.emplace(id, known == peers_.end() ? fresh : known->second);
    }
    peers_ = std::move(next);
}

Duration PeerWatch::patience(const Peer& peer, Instant now) const {
    if (!peer.ever_up) return std::max(suspect_after_, limits::kFirstContact);
    const Duration unusual = (peer.usual_silence - limits::kHeartbeatInterval) * 4;
    const bool loses = peer.lost_at && now - *peer.lost_at < limits::kLossRemembered;
    const Duration repair = loses ? repair_time(peer.rtt) : Duration{};
    return suspect_after_ + std::clamp(std::max(unusual, repair), Duration{}, suspect_after_ * 3);
}

SuspectReport PeerWatch::report(const MemberId& id, const Peer& peer, Instant now) const {
    const SuspectKind kind = peer.suspected.value_or(SuspectKind::cleared);
    const auto silent_ms =
        static_cast<uint32_t>(std::clamp<int64_t>((now - peer.last_heard).ms(), 0, UINT32_MAX));
    return {id, static_cast<uint8_t>(kind), silent_ms, peer.detail};
}

std::optional<SuspectReport> PeerWatch::clear(const MemberId& id, Peer& peer, Instant now) {
    if (!peer.suspected) return std::nullopt;
    peer.suspected.reset();
    peer.detail.clear();
    return report(id, peer, now);
}

void PeerWatch::heard(const MemberId& member, Instant last_heard) {
    const auto it = peers_.find(member);
    if (it != peers_.end()) it->second.last_heard = std::max(it->second.last_heard, last_heard);
}

void PeerWatch::measured(const MemberId& member, Duration rtt, uint64_t bytes_sent_again, Instant now) {
    const auto it = peers_.find(member);
    if (it == peers_.end()) return;
    Peer& peer = it->second;
    peer.rtt = rtt;
    if (std::exchange(peer.bytes_sent_again, bytes_sent_again) < bytes_sent_again) peer.sent_again_at = now;
}

std::optional<SuspectReport> PeerWatch::link_up(const MemberId& member, Instant now) {
    const auto it = peers_.find(member);
    if (it == peers_.end()) return std::nullopt;
    Peer& peer = it->second;
    peer.up = peer.ever_up = true;
    peer.last_heard = std::max(peer.last_heard, now);
    return clear(member, peer, now);
}

std::optional<SuspectReport> PeerWatch::link_down(const MemberId& member, SuspectKind kind,
                                                  const std::string& detail, Instant now) {
    const auto it = peers_.find(member);
    if (it == peers_.end()) return std::nullopt;
    Peer& peer = it->second;
    peer.up = false;
    // "Refused" says that the process is gone; what is said about the link later adds nothing to it.
    if (peer.suspected == kind || peer.suspected == SuspectKind::refused) return std::nullopt;
    peer.suspected = kind;
    peer.detail = detail;
    return report(member, peer, now);
}

std::vector<SuspectReport> PeerWatch::check(Instant now) {
    std::vector<SuspectReport> changes;
    for (auto& [id, peer] : peers_) {
        const Duration age = now - peer.last_heard;
        // What is sent again to a dead peer is no loss of the path: only when it is heard again.
        if (peer.sent_again_at && peer.last_heard > *peer.sent_again_at)
            peer.lost_at = std::exchange(peer.sent_again_at, std::nullopt);
        if (!peer.suspected && age >= patience(peer, now)) {
            peer.suspected = SuspectKind::silent;
            peer.detail =
                fmt::format("silent for {} ms, at most {} ms is usual", age.ms(), patience(peer, now).ms());
            changes.push_back(report(id, peer, now));
        } else if (peer.suspected == SuspectKind::silent && (peer.up || !peer.ever_up) &&
                   age < suspect_after_ / 2) {
            changes.push_back(*clear(id, peer, now));
        }
        // A silence counts once it is over, or a dead peer would teach us patience.
        const bool heard_again = age < peer.age_seen || age < limits::kWatchInterval;
        if (peer.up && heard_again)
            peer.usual_silence =
                peer.usual_silence + (std::max(age, peer.age_seen) - peer.usual_silence) / 16;
        peer.age_seen = age;
    }
    return changes;
}

void PeerWatch::forgive(Instant now) {
    for (auto& [id, peer] : peers_) {
        peer.last_heard = std::max(peer.last_heard, now);
        peer.age_seen = {};
    }
}

std::vector<SuspectReport> PeerWatch::standing(Instant now) const {
    std::vector<SuspectReport> all;
    for (const auto& [id, peer] : peers_) {
        if (peer.suspected) all.push_back(report(id, peer, now));
    }
    return all;
}

wire::ProbeReply PeerWatch::answer(const wire::ProbeRequest& request, Instant now) const {
    wire::ProbeReply reply{request.nonce, request.target, false, 0};
    const auto it = peers_.find(request.target);
    if (it == peers_.end()) return reply;
    const Duration age = now - it->second.last_heard;
    reply.reachable = it->second.up && age < patience(it->second, now) * 3 / 4;
    reply.silent_ms = static_cast<uint32_t>(std::clamp<int64_t>(age.ms(), 0, UINT32_MAX));
    return reply;
}

}  // namespace whim::group
