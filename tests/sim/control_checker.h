// Watches the control plane: the journal is the truth, and what peers see must follow it.
//
//   - one view per epoch: what a peer installs is, word for word, the view the journal made under that epoch;
//   - no going back: a member's epochs and fencing tokens rise;
//   - a round begins and ends as the journal says, everywhere, once; nothing is published before it is
//   durable;
//   - what a peer was told is committed is never lost;
//   - whoever is out is told so, with the reason.
#pragma once

#include <map>
#include <set>

#include "engine/engine.h"
#include "group/ledger.h"
#include "tests/sim/world.h"

namespace whim::sim {

class ControlChecker {
public:
    explicit ControlChecker(World& world) : world_(world) {}

    // The durable record. Called for each the moment it is appended.
    void journalled(const Bytes& record);
    void restored(Round committed);  // by a coordinator that starts

    // What a peer saw. boot: of the process.
    void installed(const MemberId& self, const wire::View& view);
    void began(const MemberId& self, const RoundInfo& info);
    void ended(const MemberId& self, Code code, const wire::RoundOutcome& outcome);
    void obeyed(const MemberId& self, uint64_t boot,
                FencingToken token);  // of the coordinator it listened to last
    void evicted(const MemberId& self, const std::string& reason);

    // The truth, for others.
    const group::Ledger& ledger() const { return ledger_; }
    bool in_view(const MemberId& member) const { return ledger_.in_view(member.incarnation); }
    bool excluded(Round round, uint64_t tag, const MemberId& member) const;
    // Processes that were not the first of their peer; one that left and came back is still the same.
    uint64_t restarts_with_new_incarnation() const { return restarts_; }

private:
    World& world_;
    group::Ledger ledger_;
    std::map<Epoch, wire::View> views_;
    std::map<Round, group::entry::RoundBegun> begun_;
    std::map<Round, wire::RoundOutcome> closed_;
    std::set<std::pair<OpId, MemberId>> exclusions_;
    std::set<MemberId> removed_;
    std::map<PeerId, Incarnation> newest_;
    std::map<PeerId, uint64_t> boots_;  // of the process last admitted
    std::map<MemberId, Epoch> installed_;
    std::map<uint64_t, FencingToken> obeyed_;  // by boot
    uint64_t restarts_ = 0;
    Round told_;  // highest that a peer was told is committed
};

}  // namespace whim::sim
