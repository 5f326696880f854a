// One member's opinion about its links to the others: who is silent for longer than usual, whose connection
// is gone.
//
// The detector adapts: on a path whose silences are usually long, or that has lost segments of the control
// strand in the last minute, more silence is needed to suspect. An opinion is reported once, when it changes;
// all standing ones are repeated to a coordinator that has just come back. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/limits.h"
#include "base/time.h"
#include "wire/messages.h"

namespace whim::group {

class PeerWatch {
public:
    void configure(Duration suspect_after) { suspect_after_ = suspect_after; }
    void set_members(const std::vector<MemberId>& others, Instant now);  // forgets the rest

    void heard(const MemberId& member, Instant last_heard);
    // The control strand's round trip, smoothed, and the bytes that the system has sent again on it, in all.
    void measured(const MemberId& member, Duration rtt, uint64_t bytes_sent_again, Instant now);
    std::optional<wire::SuspectReport> link_up(const MemberId& member, Instant now);
    std::optional<wire::SuspectReport> link_down(const MemberId& member, wire::SuspectKind kind,
                                                 const std::string& detail, Instant now);
    std::vector<wire::SuspectReport> check(Instant now);  // what changed by time alone
    void forgive(Instant now);                            // we were frozen: their silence was ours

    std::vector<wire::SuspectReport> standing(Instant now) const;
    wire::ProbeReply answer(const wire::ProbeRequest& request, Instant now) const;
    bool empty() const { return peers_.empty(); }

private:
    struct Peer {
        Instant last_heard;
        bool up = false;
        bool ever_up = false;
        Duration age_seen;  // at the last look
        Duration usual_silence =
            limits::kHeartbeatInterval;  // mean of the longest ages between two signs of life
        Duration rtt;
        uint64_t bytes_sent_again = 0;
        std::optional<Instant> sent_again_at;  // and nothing heard since
        std::optional<Instant> lost_at;        // the last that was followed by a sign of life
        std::optional<wire::SuspectKind> suspected;
        std::string detail;
    };
    Duration patience(const Peer& peer, Instant now) const;
    wire::SuspectReport report(const MemberId& id, const Peer& peer, Instant now) const;
    std::optional<wire::SuspectReport> clear(const MemberId& id, Peer& peer, Instant now);

    std::map<MemberId, Peer> peers_;
    Duration suspect_after_ = limits::kSuspectAfterDefault;
};

}  // namespace whim::group
