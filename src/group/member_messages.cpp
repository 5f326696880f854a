// Member: what the coordinator says.
#include <algorithm>

#include <fmt/format.h>

#include "group/member.h"

namespace whim::group {
namespace {

constexpr size_t kOutcomesKept = limits::kRoundRecordsKept;

bool lists(const std::vector<MemberId>& ids, const MemberId& id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

bool Member::obeys(uint32_t coordinator, FencingToken fencing) {
    if (fencing < fencing_ && config_.plant != Plant::two_leaders) return false;
    fencing_ = std::max(fencing_, fencing);
    obeyed_ = fencing;
    leader_ = coordinator;
    return true;
}

void Member::on_message(uint32_t coordinator, const wire::Message& message, Instant now, MemberOutbox& out) {
    arrive(now);
    if (coordinator >= links_.size()) return;
    if (const auto* m = std::get_if<wire::JoinReply>(&message)) {
        if (obeys(coordinator, m->fencing)) return on(*m, coordinator, now, out);
        say_waiting(fmt::format("coordinator {} leads with fencing token {}, older than {}: it is not obeyed",
                                coordinator, m->fencing.value, fencing_.value),
                    out);
        return;
    }
    if (const auto* m = std::get_if<wire::RecordReply>(&message)) {
        if (queries_.erase(m->nonce) == 0) return;
        out.push_back(RecordFound{m->nonce, m->found ? std::optional(m->record) : std::nullopt});
        return;
    }
    // What follows is for one incarnation; between incarnations there is nobody it could concern.
    if (phase_ == Phase::idle || phase_ == Phase::joining || phase_ == Phase::over) return;
    if (const auto* m = std::get_if<wire::ViewUpdate>(&message)) {
        if (obeys(coordinator, m->fencing)) on(*m, now, out);
    } else if (const auto* m = std::get_if<wire::RoundStart>(&message)) {
        if (obeys(coordinator, m->fencing)) on(*m, now, out);
    } else if (const auto* m = std::get_if<wire::RoundOutcome>(&message)) {
        if (obeys(coordinator, m->fencing)) on(*m, out);
    } else if (const auto* m = std::get_if<wire::ProbeRequest>(&message)) {
        if (obeys(coordinator, m->fencing)) on(*m, now, out);
    } else if (const auto* m = std::get_if<wire::WaitNotice>(&message)) {
        if (obeys(coordinator, m->fencing) && (ready_ || vote_)) say_waiting(m->text, out);
    }
}

void Member::on(const wire::JoinReply& m, uint32_t coordinator, Instant now, MemberOutbox& out) {
    const Code code = code_from_int(m.code).value_or(Code::E_PROTOCOL);
    if (code != Code::OK) {
        const bool about_us = m.incarnation == incarnation_ && phase_ != Phase::idle && phase_ != Phase::over;
        if (about_us) end_incarnation(fail(code, m.detail), out);
        return;
    }
    if (m.incarnation <= past_incarnation_) return;  // an answer to the one we were before
    const bool joining = phase_ == Phase::joining;
    if (!joining && m.incarnation != incarnation_) return;
    if (phase_ == Phase::idle || phase_ == Phase::over) return;
    options_ = m.options;
    committed_ = std::max(committed_, m.committed);
    watch_.configure(milliseconds(options_.suspect_after_ms));
    if (joining) {
        incarnation_ = m.incarnation;
        phase_ = Phase::waiting;
    }
    if (!connected_ || joining) {
        connected_ = true;
        out.push_back(
            CoordinatorChanged{true, fencing_, fmt::format("coordinator {} answered", coordinator)});
    }
    // In this order: the event already waits when the application learns that it joined.
    if (joining && !m.detail.empty()) out.push_back(NotReached{m.detail});
    if (joining) out.push_back(JoinEnded{});
    install(m.view, now, out);
    if (phase_ != Phase::over) repeat_requests(now, out);
}

void Member::install(const wire::View& view, Instant now, MemberOutbox& out) {
    const bool listed = in(view);
    if (phase_ == Phase::waiting && !listed) return;
    if (phase_ == Phase::waiting) phase_ = Phase::member;
    if (view.epoch <= view_.epoch) return;
    if (!listed) {
        const auto removal = std::find_if(view.removed.begin(), view.removed.end(),
                                          [&](const wire::Removal& r) { return r.member == self(); });
        if (removal == view.removed.end())
            return end_incarnation(fail(Code::E_EVICTED, "no longer in the view"), out);
        return end_incarnation(fail(removal->left ? Code::E_LEFT : Code::E_EVICTED, removal->reason), out);
    }
    view_ = view;
    std::vector<MemberId> others;
    for (const wire::MemberInfo& member : view.members) {
        if (member.id != self()) others.push_back(member.id);
    }
    watch_.set_members(others, now);
    if (others.empty()) next_look_.reset();
    else if (!next_look_) next_look_ = now + limits::kWatchInterval;
    drop_settled_exclusions();
    out.push_back(InstallView{view_});
}

// A request is settled when the view names everybody it asked for, or its op is too old to be open.
void Member::drop_settled_exclusions() {
    const auto settled = [&](const wire::OpExcludeRequest& r) {
        if (r.op.round.value + 2 < committed_.value) return true;
        return std::all_of(r.members.begin(), r.members.end(), [&](const MemberId& id) {
            const bool living = std::any_of(view_.members.begin(), view_.members.end(),
                                            [&](const auto& m) { return m.id == id; });
            return !living ||
                   std::any_of(view_.exclusions.begin(), view_.exclusions.end(),
                               [&](const wire::OpExclusion& x) { return x.op == r.op && x.member == id; });
        });
    };
    std::erase_if(excludes_, settled);
}

void Member::on(const wire::ViewUpdate& m, Instant now, MemberOutbox& out) { install(m.view, now, out); }

void Member::on(const wire::RoundStart& m, Instant now, MemberOutbox& out) {
    committed_ = std::max(committed_, m.committed);
    install(m.view, now, out);
    if (phase_ != Phase::member) return;
    if (!lists(m.participants, self())) {
        if (ready_)
            say_waiting(
                fmt::format("round {} began without this peer; it takes part in the next", m.round.value),
                out);
        return;
    }
    if (m.round <= begun_) return;  // said before
    if (!ready_) {
        // A repeated RoundReady was taken for a new one. Others count on us: begin when the application asks.
        early_start_ = m;
        return;
    }
    begun_ = m.round;
    ready_.reset();
    waiting_.clear();
    out.push_back(RoundBegan{m});
}

Status Member::mine_in(const wire::RoundOutcome& outcome) const {
    const std::string round = fmt::format("round {}", outcome.round.value);
    if (outcome.unknown) return fail(Code::E_STALE_ROUND, outcome.reason);
    if (!outcome.committed) return fail(Code::E_ROUND_ABORTED, round + " was aborted: " + outcome.reason);
    if (lists(outcome.contributors, self())) return {};
    for (const wire::MemberReason& d : outcome.diverged) {
        if (d.member == self())
            return fail(Code::E_DIVERGED, round + " was committed with another state: " + d.reason);
    }
    return fail(Code::E_EXCLUDED, round + " was committed before this peer's vote came");
}

void Member::on(const wire::RoundOutcome& m, MemberOutbox& out) {
    if (m.committed) committed_ = std::max(committed_, m.round);
    if (early_start_ && early_start_->round <= m.round) early_start_.reset();
    outcomes_.insert_or_assign(m.round, m);
    if (outcomes_.size() > kOutcomesKept) outcomes_.erase(outcomes_.begin());
    drop_settled_exclusions();
    if (!vote_ || vote_->round != m.round) return;
    vote_.reset();
    waiting_.clear();
    out.push_back(RoundEnded{m, mine_in(m)});
}

// The engine says what it has heard right before a look, so an answer given then is no older than the links.
void Member::on(const wire::ProbeRequest& m, Instant now, MemberOutbox& out) {
    std::erase_if(probes_, [&](const wire::ProbeRequest& p) { return p.target == m.target; });
    if (!next_look_ || probes_.size() >= limits::kMembersMax) return send(watch_.answer(m, now), out);
    probes_.push_back(m);
    next_look_ = now;
}

void Member::say_waiting(const std::string& text, MemberOutbox& out) {
    if (text == waiting_) return;
    waiting_ = text;
    out.push_back(Waiting{text});
}

}  // namespace whim::group
