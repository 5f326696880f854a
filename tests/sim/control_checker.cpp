// Comparing what peers see with what was journalled.
#include "tests/sim/control_checker.h"

namespace whim::sim {

void ControlChecker::journalled(const Bytes& record) {
    Result<group::Entry> entry = group::decode_entry(record);
    if (!entry.ok()) return world_.violate("a journal record cannot be read: " + entry.error().detail);
    if (const auto* closed = std::get_if<group::entry::RoundClosed>(&*entry)) {
        const Round round = closed->outcome.round;
        if (closed_.contains(round))
            return world_.violate(fmt::format("round {} ended twice in the journal", round.value));
        closed_[round] = closed->outcome;
    } else if (const auto* begun = std::get_if<group::entry::RoundBegun>(&*entry)) {
        if (begun_.contains(begun->round)) {
            return world_.violate(fmt::format("round {} began twice in the journal", begun->round.value));
        }
        begun_[begun->round] = *begun;
    } else if (const auto* out = std::get_if<group::entry::Removed>(&*entry)) {
        removed_.insert(out->removal.member);
    } else if (const auto* admitted = std::get_if<group::entry::Admitted>(&*entry)) {
        const MemberId& id = admitted->admission.info.id;
        uint64_t& boot = boots_[id.peer];
        restarts_ += boot != 0 && boot != admitted->admission.boot;
        boot = admitted->admission.boot;
        if (newest_.contains(id.peer)) {
            if (newest_[id.peer] >= id.incarnation)
                world_.violate("an incarnation was given twice: " + short_name(id));
        }
        newest_[id.peer] = id.incarnation;
    } else if (const auto* ops = std::get_if<group::entry::OpsExcluded>(&*entry)) {
        for (const wire::OpExclusion& x : ops->exclusions) exclusions_.insert({x.op, x.member});
    }
    const Status status = ledger_.apply(*entry);
    if (!status.ok())
        return world_.violate("a journal record cannot follow the others: " + status.error().detail);
    const auto [known, fresh] = views_.try_emplace(ledger_.view.epoch, ledger_.view);
    if (!fresh && known->second != ledger_.view) {
        world_.violate(fmt::format("the journal holds two views for epoch {}", ledger_.view.epoch.value));
    }
}

void ControlChecker::restored(Round committed) {
    if (committed != ledger_.committed) {
        world_.violate(fmt::format("a restarted coordinator stands at round {}, the journal at {}",
                                   committed.value, ledger_.committed.value));
    }
    if (committed < told_) {
        world_.violate(
            fmt::format("a restarted coordinator stands at round {}, though peers know that round "
                        "{} was committed",
                        committed.value, told_.value));
    }
}

void ControlChecker::installed(const MemberId& self, const wire::View& view) {
    if (view.epoch == Epoch{}) return;
    const auto truth = views_.find(view.epoch);
    if (truth == views_.end()) {
        return world_.violate(fmt::format("{} installed epoch {}, which nobody journalled", short_name(self),
                                          view.epoch.value));
    }
    if (truth->second != view) {
        return world_.violate(fmt::format("{} holds another view for epoch {} than the journal",
                                          short_name(self), view.epoch.value));
    }
    Epoch& last = installed_[self];
    if (view.epoch < last) {
        return world_.violate(
            fmt::format("{} went back from epoch {} to {}", short_name(self), last.value, view.epoch.value));
    }
    last = view.epoch;
}

void ControlChecker::began(const MemberId& self, const RoundInfo& info) {
    const auto truth = begun_.find(info.round);
    if (truth == begun_.end()) {
        return world_.violate(
            fmt::format("{} began round {}, which nobody journalled", short_name(self), info.round.value));
    }
    told_ = std::max(told_, info.committed);
    std::vector<MemberId> participants;
    for (const wire::MemberInfo& m : info.participants) participants.push_back(m.id);
    if (participants != truth->second.participants || info.donor != truth->second.donor) {
        return world_.violate(fmt::format("{} began round {} otherwise than the journal says",
                                          short_name(self), info.round.value));
    }
    const bool in = info.rank < participants.size() && participants[info.rank] == self;
    if (!in)
        world_.violate(
            fmt::format("{} began round {} without taking part in it", short_name(self), info.round.value));
}

void ControlChecker::ended(const MemberId& self, Code code, const wire::RoundOutcome& outcome) {
    if (code == Code::E_EVICTED || code == Code::E_LEFT || code == Code::E_STALE_ROUND)
        return;  // not an outcome
    if (outcome.committed) told_ = std::max(told_, outcome.round);
    const auto truth = closed_.find(outcome.round);
    if (truth == closed_.end()) {
        return world_.violate(fmt::format("{} saw round {} end, which nobody journalled", short_name(self),
                                          outcome.round.value));
    }
    if (truth->second.committed != outcome.committed || truth->second.digest != outcome.digest ||
        truth->second.contributors != outcome.contributors) {
        return world_.violate(fmt::format("{} saw round {} end otherwise than the journal says",
                                          short_name(self), outcome.round.value));
    }
}

void ControlChecker::obeyed(const MemberId& self, uint64_t boot, FencingToken token) {
    FencingToken& highest = obeyed_[boot];
    if (token < highest) {
        return world_.violate(
            fmt::format("{} obeyed fencing token {} after {}", short_name(self), token.value, highest.value));
    }
    highest = token;
}

void ControlChecker::evicted(const MemberId& self, const std::string& reason) {
    if (reason.empty()) world_.violate(short_name(self) + " was evicted without being told why");
    if (!removed_.contains(self))
        world_.violate(short_name(self) + " was told that it is evicted, but nobody decided it");
}

bool ControlChecker::excluded(Round round, uint64_t tag, const MemberId& member) const {
    const auto it = exclusions_.lower_bound({OpId{round, tag, 0}, MemberId{}});
    for (auto x = it; x != exclusions_.end() && x->first.round == round && x->first.tag == tag; ++x) {
        if (x->second == member) return true;
    }
    return false;
}

}  // namespace whim::sim
