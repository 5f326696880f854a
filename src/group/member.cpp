// Member: what the application starts, links to coordinators and peers, and the end of an incarnation.
#include "group/member.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace whim::group {

Member::Member(MemberConfig config) : config_(std::move(config)), links_(config_.coordinators) {}

bool Member::in(const wire::View& view) const {
    return std::any_of(view.members.begin(), view.members.end(),
                       [&](const auto& m) { return m.id == self(); });
}

void Member::arrive(Instant now) {
    if (next_look_ && now > *next_look_ + limits::kFreezeGap) watch_.forgive(now);
}

void Member::send(wire::Message message, MemberOutbox& out) {
    if (leader_) out.push_back(SendToCoordinator{*leader_, std::move(message)});
}

void Member::introduce(uint32_t coordinator, MemberOutbox& out) {
    wire::JoinRequest request;
    request.incarnation = incarnation_;
    request.fencing_seen = fencing_;
    request.run = config_.run;
    request.token = config_.token;
    request.name = config_.name;
    request.region = config_.region;
    request.addresses = config_.addresses;
    request.outbound_only = config_.outbound_only;
    request.require_reachable = config_.require_reachable;
    request.fingerprint = config_.fingerprint;
    request.arithmetic_version = config_.arithmetic_version;
    out.push_back(SendToCoordinator{coordinator, std::move(request)});
}

void Member::join(Instant now, MemberOutbox& out) {
    arrive(now);
    if (phase_ != Phase::idle && phase_ != Phase::over) {
        out.push_back(JoinEnded{fail(Code::E_WRONG_STATE, "already joined, joining or leaving")});
        return;
    }
    phase_ = Phase::joining;
    incarnation_ = {};
    for (auto& link : links_) link.refuses = false;
    for (uint32_t c = 0; c < links_.size(); ++c) {
        if (links_[c].up) introduce(c, out);
    }
}

void Member::leave(const std::string& reason, Instant now, MemberOutbox& out) {
    arrive(now);
    if (!admitted()) return end_incarnation(fail(Code::E_LEFT, "left before it was admitted"), out);
    phase_ = Phase::leaving;
    leave_reason_ = reason;
    send(wire::LeaveRequest{reason}, out);
}

Status Member::round_begin(Round state_round, Instant now, MemberOutbox& out) {
    arrive(now);
    if (!admitted()) return fail(Code::E_WRONG_STATE, "round_begin needs an admitted member; join first");
    if (ready_) return fail(Code::E_WRONG_STATE, "a round_begin is already waiting");
    waiting_.clear();
    if (early_start_) {
        begun_ = early_start_->round;
        out.push_back(RoundBegan{*std::exchange(early_start_, std::nullopt)});
        return {};
    }
    ready_ = wire::RoundReady{begun_ == Round{} ? Round{} : begun_.next(), state_round};
    send(*ready_, out);
    return {};
}

Status Member::round_commit(Round round, wire::Vote vote, bool diverged, Instant now, MemberOutbox& out) {
    arrive(now);
    if (!admitted()) return fail(Code::E_WRONG_STATE, "round_commit needs an admitted member; join first");
    if (vote_)
        return fail(Code::E_WRONG_STATE,
                    fmt::format("the commit of round {} is still waiting", vote_->round.value));
    if (round == Round{} || round > begun_) {
        return fail(Code::E_WRONG_STATE, fmt::format("round {} has not begun here", round.value));
    }
    if (const auto known = outcomes_.find(round); known != outcomes_.end()) {
        out.push_back(RoundEnded{known->second, mine_in(known->second)});
        return {};
    }
    vote_ = wire::CommitVote{round, diverged, std::move(vote)};
    waiting_.clear();
    send(*vote_, out);
    return {};
}

void Member::exclude(wire::OpExcludeRequest request, Instant now, MemberOutbox& out) {
    arrive(now);
    if (phase_ != Phase::member) return;
    const auto asked = std::find_if(excludes_.begin(), excludes_.end(), [&](const wire::OpExcludeRequest& r) {
        return r.op == request.op && r.members == request.members;
    });
    if (asked != excludes_.end()) {
        if (asked->min_contributors == request.min_contributors) return;
        *asked = request;
        return send(std::move(request), out);
    }
    if (excludes_.size() >= limits::kOpExclusionsMax) return;
    excludes_.push_back(request);
    send(std::move(request), out);
}

void Member::withdraw(const OpId& op, Instant now, MemberOutbox& out) {
    arrive(now);
    const size_t withdrawn = std::erase_if(excludes_, [&](const wire::OpExcludeRequest& r) {
        return r.op == op && r.members != std::vector{self()};
    });
    if (withdrawn == 0 || phase_ != Phase::member) return;
    wire::OpExcludeRequest request;
    request.op = op;
    send(std::move(request), out);
}

void Member::record(uint64_t nonce, Round round, Instant now, MemberOutbox& out) {
    arrive(now);
    if (!admitted()) {
        out.push_back(RecordFound{nonce, std::nullopt});
        return;
    }
    queries_[nonce] = round;
    send(wire::RecordQuery{nonce, round}, out);
}

void Member::coordinator_up(uint32_t coordinator, bool fresh, Instant now, MemberOutbox& out) {
    arrive(now);
    if (coordinator >= links_.size()) return;
    links_[coordinator].up = true;
    if (fresh) {
        if (phase_ != Phase::idle && phase_ != Phase::over) introduce(coordinator, out);
        return;  // connected once it has answered
    }
    if (leader_ == coordinator && !connected_) {
        connected_ = true;
        out.push_back(CoordinatorChanged{true, fencing_, "connection restored"});
    }
}

void Member::coordinator_down(uint32_t coordinator, const std::string& detail, Instant now,
                              MemberOutbox& out) {
    arrive(now);
    if (coordinator >= links_.size()) return;
    links_[coordinator].up = false;
    link_detail_ = detail;
    if (leader_ != coordinator || !connected_) return;
    connected_ = false;
    out.push_back(CoordinatorChanged{false, fencing_, detail});
    // Another one may lead by now; it says so when asked, with a higher token.
    for (uint32_t c = 0; c < links_.size(); ++c) {
        if (c != coordinator && links_[c].up && admitted()) introduce(c, out);
    }
}

void Member::repeat_requests(Instant now, MemberOutbox& out) {
    if (phase_ == Phase::leaving) return send(wire::LeaveRequest{leave_reason_}, out);
    for (const wire::SuspectReport& r : watch_.standing(now)) send(r, out);
    for (const wire::OpExcludeRequest& r : excludes_) send(r, out);
    if (vote_) send(*vote_, out);
    if (ready_) send(*ready_, out);
    for (const auto& [nonce, round] : queries_) send(wire::RecordQuery{nonce, round}, out);
}

void Member::coordinator_refuses(uint32_t coordinator, const Error& why, Instant now, MemberOutbox& out) {
    arrive(now);
    if (coordinator >= links_.size() || phase_ != Phase::joining) return;
    links_[coordinator].refuses = true;
    const bool all = std::all_of(links_.begin(), links_.end(), [](const Link& l) { return l.refuses; });
    if (all) end_incarnation(why, out);
}

void Member::end_incarnation(const Error& why, MemberOutbox& out) {
    const bool was_joining = phase_ == Phase::joining;
    phase_ = Phase::over;
    past_incarnation_ = std::max(past_incarnation_, incarnation_);
    incarnation_ = {};
    if (was_joining) out.push_back(JoinEnded{why});
    if (ready_) out.push_back(RoundRefused{ready_->round, why});
    if (vote_) {
        wire::RoundOutcome unknown;
        unknown.round = vote_->round;
        out.push_back(RoundEnded{std::move(unknown), why, false});
    }
    for (const auto& [nonce, round] : queries_) out.push_back(RecordFound{nonce, std::nullopt});
    ready_.reset();
    early_start_.reset();
    vote_.reset();
    excludes_.clear();
    probes_.clear();
    queries_.clear();
    outcomes_.clear();
    waiting_.clear();
    view_ = {};
    begun_ = {};
    watch_.set_members({}, {});
    next_look_.reset();
    if (!was_joining) out.push_back(Evicted{why});
}

void Member::report(const std::optional<wire::SuspectReport>& report, MemberOutbox& out) {
    if (report && phase_ == Phase::member) send(*report, out);
}

void Member::peer_heard(const MemberId& member, Instant last_heard) { watch_.heard(member, last_heard); }

void Member::peer_measured(const MemberId& member, Duration rtt, uint64_t bytes_sent_again, Instant now) {
    watch_.measured(member, rtt, bytes_sent_again, now);
}

void Member::peer_link_up(const MemberId& member, Instant now, MemberOutbox& out) {
    arrive(now);
    report(watch_.link_up(member, now), out);
}

void Member::peer_link_down(const MemberId& member, wire::SuspectKind kind, const std::string& detail,
                            Instant now, MemberOutbox& out) {
    arrive(now);
    report(watch_.link_down(member, kind, detail, now), out);
}

bool Member::link_report_due(Instant now) const {
    return phase_ == Phase::member && connected_ && now >= next_link_report_;
}

void Member::report_links(std::vector<wire::LinkReading> links, Instant now, MemberOutbox& out) {
    next_link_report_ = now + limits::kLinkReportInterval;
    send(wire::LinkReport{std::move(links)}, out);
}

std::optional<Instant> Member::deadline() const { return next_look_; }

void Member::on_deadline(Instant now, MemberOutbox& out) {
    arrive(now);
    if (!next_look_ || now < *next_look_) return;
    next_look_ = now + limits::kWatchInterval;
    for (const wire::SuspectReport& change : watch_.check(now)) report(change, out);
    for (const wire::ProbeRequest& probe : std::exchange(probes_, {})) send(watch_.answer(probe, now), out);
}

std::string Member::waiting_for() const {
    const bool pending =
        phase_ == Phase::joining || phase_ == Phase::leaving || ready_ || vote_ || !queries_.empty();
    if (!pending) return {};
    const bool asked = phase_ == Phase::joining &&
                       std::any_of(links_.begin(), links_.end(), [](const Link& l) { return l.up; });
    if (asked) return "waits to be admitted: the coordinator dials this peer's addresses first";
    if (!connected_) {
        return link_detail_.empty() ? "waits for a coordinator" : "waits for a coordinator: " + link_detail_;
    }
    if (!waiting_.empty()) return waiting_;
    if (vote_) return fmt::format("waits for the outcome of round {}", vote_->round.value);
    if (ready_) return "waits for the next round";
    return "waits for the coordinator's answer";
}

}  // namespace whim::group
