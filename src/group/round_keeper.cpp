// Rounds: who stands ready, when the next one begins, how the open one ends, and who is left out of an op.
#include <algorithm>

#include <fmt/format.h>

#include "group/coordinator_core.h"
#include "group/line_rates.h"
#include "group/link_figures.h"

namespace whim::group {

bool CoordinatorCore::holds_state(const MemberId& id) const {
    const auto& holders = ledger_.last_commit.outcome.contributors;
    return std::find(holders.begin(), holders.end(), id) != holders.end();
}

// Told that its state of the last commit is another, and in no round since that would have healed it.
bool CoordinatorCore::stands_diverged(const MemberId& id) const {
    const auto& diverged = ledger_.last_commit.outcome.diverged;
    if (std::none_of(diverged.begin(), diverged.end(), [&](const auto& d) { return d.member == id; }))
        return false;
    return std::none_of(ledger_.closed.begin(), ledger_.closed.end(), [&](const entry::RoundClosed& c) {
        const auto& took_part = c.record.participants;
        return c.outcome.round > ledger_.committed &&
               std::find(took_part.begin(), took_part.end(), id) != took_part.end();
    });
}

bool CoordinatorCore::participates(const MemberId& id) const {
    return ledger_.open && std::find(ledger_.open->participants.begin(), ledger_.open->participants.end(),
                                     id) != ledger_.open->participants.end();
}

wire::RoundStart CoordinatorCore::start_message() const {
    const entry::RoundBegun& r = *ledger_.open;
    return {fencing_,  r.round, ledger_.committed, ledger_.view, r.participants, r.joined,
            r.healing, r.donor, r.excluded,        r.line_rates, r.links};
}

// What an operator has given counts for all or, where somebody is not named in it, for nobody.
std::vector<wire::LinkFigure> CoordinatorCore::figures_of(const std::vector<MemberId>& participants) const {
    std::vector<std::string> names;
    for (const MemberId& id : participants) {
        const auto living = ledger_.living.find(id.incarnation);
        if (living != ledger_.living.end()) names.push_back(living->second.info.name);
    }
    const std::vector<wire::LinkFigure> given = link_figures(config_.given_links, names);
    return given.empty() || names.size() != participants.size() ? link_figures(links_, participants) : given;
}

void CoordinatorCore::ready(const Admission& from, const wire::RoundReady& message, Instant now,
                            CoordinatorOutbox& out) {
    if (participates(from.info.id) && message.round <= ledger_.open->round) {
        return send(from, start_message(), out);  // it missed the beginning
    }
    const Incarnation incarnation = from.info.id.incarnation;
    if (const auto late = late_since_.find(incarnation); late != late_since_.end()) {
        ready_spread_.sample(now - late->second);
        late_since_.erase(late);
    }
    ready_.try_emplace(incarnation, Ready{now, message}).first->second.message = message;
}

RoundQuestion CoordinatorCore::round_question(Instant now) const {
    RoundQuestion q;
    q.now = now;
    q.round = ledger_.last_round.next();
    q.committed = ledger_.committed;
    q.replicas_min = config_.options.replicas_min;
    q.founders_until = founders_until_;
    for (const auto& [key, arrival] : arrivals_)
        q.founders_until = std::max(q.founders_until, arrival.test.until());
    q.grace = ready_spread_.grace(config_.options.round_grace_ms);
    q.not_before = judge_from_;
    // A run without a commit has no lineage, unless its journal was lost and members remember more than we
    // do.
    Round newest = ledger_.committed;
    if (ledger_.committed == Round{}) {
        for (const auto& [incarnation, r] : ready_) newest = std::max(newest, r.message.state_round);
    }
    for (const auto& [incarnation, a] : ledger_.living) {
        Candidate c{a.info.id, label(a), ledger_.in_view(incarnation), std::nullopt, holds_state(a.info.id)};
        if (const auto it = ready_.find(incarnation); it != ready_.end()) {
            c.ready_since = it->second.since;
            c.holds_state |= it->second.message.state_round == newest && !stands_diverged(a.info.id);
        }
        q.candidates.push_back(std::move(c));
    }
    return q;
}

void CoordinatorCore::try_start(Instant now, CoordinatorOutbox& out) {
    if (ledger_.open || ready_.empty()) return;
    const RoundQuestion question = round_question(now);
    const RoundAnswer answer = decide_round(question);
    if (!answer.start) {
        waiting_ = answer.waiting_for;
        if (answer.recheck) wake_at(std::max(*answer.recheck, now));
        return;
    }
    Instant first = now, last = question.now;
    std::vector<Instant> arrivals;
    for (const Candidate& c : question.candidates) {
        if (c.in_view && c.ready_since) arrivals.push_back(*c.ready_since);
    }
    if (!arrivals.empty()) {
        first = *std::min_element(arrivals.begin(), arrivals.end());
        last = *std::max_element(arrivals.begin(), arrivals.end());
        if (arrivals.size() > 1) ready_spread_.sample(last - first);
    }
    late_since_.clear();
    for (const wire::MemberReason& e : answer.excluded) late_since_[e.member.incarnation] = first;

    decide(entry::RoundBegun{question.round, ledger_.grown_view(answer.joined).epoch, answer.participants,
                             answer.joined, answer.healing, answer.donor, answer.excluded,
                             line_rates(links_, answer.participants), figures_of(answer.participants)},
           out);
    votes_.clear();
    for (const MemberId& id : answer.participants) ready_.erase(id.incarnation);
    std::string text = fmt::format("round {} begins in epoch {}: {} take part, {} joined, {} to be healed",
                                   question.round.value, ledger_.view.epoch.value, answer.participants.size(),
                                   answer.joined.size(), answer.healing.size());
    for (const wire::MemberReason& e : answer.excluded)
        text += fmt::format("; without {}: {}", label(e.member), e.reason);
    out.push_back(LogLine{std::move(text)});
    send_to_members(start_message(), out);
}

void CoordinatorCore::vote(const Admission& from, const wire::CommitVote& message, Instant now,
                           CoordinatorOutbox& out) {
    if (!ledger_.open || ledger_.open->round != message.round) {
        if (message.round == ledger_.last_round && votes_.empty() == false &&
            !votes_.contains(from.info.id.incarnation)) {
            vote_spread_.sample(now - first_vote_);  // it came too late: wait longer next time
        }
        return answer_outcome(from, message, out);
    }
    if (!participates(from.info.id)) return;
    if (votes_.empty()) first_vote_ = now;
    votes_.try_emplace(from.info.id.incarnation, Cast{now, message});
}

void CoordinatorCore::answer_outcome(const Admission& to, const wire::CommitVote& vote,
                                     CoordinatorOutbox& out) {
    const entry::RoundClosed* closed = ledger_.outcome(vote.round);
    wire::RoundOutcome outcome;
    if (closed != nullptr) {
        outcome = closed->outcome;
    } else {
        outcome.round = vote.round;
        outcome.unknown = true;
        outcome.reason = fmt::format("this coordinator no longer knows how round {} ended", vote.round.value);
    }
    outcome.fencing = fencing_;
    if (config_.plant == Plant::commit_twice && outcome.committed) {
        outcome.digest = vote.vote.digest;
        outcome.contributors = {to.info.id};
        return send_to_members(outcome, out);
    }
    send(to, std::move(outcome), out);
}

CommitQuestion CoordinatorCore::commit_question(Instant now) {
    CommitQuestion q;
    q.now = now;
    q.round = ledger_.open->round;
    q.grace = vote_spread_.grace(config_.options.round_grace_ms);
    q.not_before = judge_from_;
    for (const MemberId& id : ledger_.open->participants) {
        Ballot b;
        b.id = id;
        b.living = ledger_.find(id) != nullptr;
        b.label = label(id);
        const auto cast = votes_.find(id.incarnation);
        if (cast != votes_.end()) {
            b.voted_at = cast->second.at;
            b.diverged = cast->second.vote.diverged;
            b.digest = cast->second.vote.vote.digest;
            b.ops = cast->second.vote.vote.ops;
        } else if (const auto next = ready_.find(id.incarnation); next != ready_.end()) {
            // It went on without a vote. A vote may still be on its way; after the usual grace none will
            // come.
            const Instant until = std::max(next->second.since + q.grace, judge_from_);
            b.abstains = now >= until;
            if (!b.abstains) wake_at(until);
        }
        q.ballots.push_back(std::move(b));
    }
    return q;
}

void CoordinatorCore::try_commit(Instant now, CoordinatorOutbox& out) {
    if (!ledger_.open) return;
    const CommitAnswer answer = decide_commit(commit_question(now));
    if (answer.kind != CommitAnswer::Kind::wait) return close_round(answer, out);
    if (!votes_.empty() || !ready_.empty()) waiting_ = answer.waiting_for;
    if (answer.recheck) wake_at(*answer.recheck);
}

void CoordinatorCore::close_round(const CommitAnswer& answer, CoordinatorOutbox& out) {
    entry::RoundClosed closed;
    closed.outcome.fencing = fencing_;
    closed.outcome.round = closed.record.round = ledger_.open->round;
    closed.outcome.committed = answer.kind == CommitAnswer::Kind::commit;
    closed.outcome.reason = answer.reason;
    closed.outcome.digest = closed.record.digest = answer.digest;
    closed.outcome.contributors = closed.record.contributors = answer.contributors;
    closed.outcome.diverged = answer.diverged;
    closed.record.epoch = ledger_.view.epoch;
    closed.record.participants = ledger_.open->participants;
    Instant last = first_vote_;
    for (const MemberId& id : answer.contributors) {
        const Cast& cast = votes_.at(id.incarnation);
        closed.record.votes.push_back(cast.vote.vote);
        last = std::max(last, cast.at);
    }
    if (answer.contributors.size() > 1) vote_spread_.sample(last - first_vote_);

    const wire::RoundOutcome outcome = closed.outcome;
    CoordinatorOutbox sends;
    send_to_members(outcome, sends);
    if (config_.plant == Plant::commit_before_journal)
        out.insert(out.end(), sends.begin(), sends.end()), sends.clear();
    decide(std::move(closed), out);
    out.push_back(LogLine{outcome.committed
                              ? fmt::format("round {} committed: digest {}, {} contributors, {} diverged",
                                            outcome.round.value, to_hex(outcome.digest),
                                            outcome.contributors.size(), outcome.diverged.size())
                              : fmt::format("round {} aborted: {}", outcome.round.value, outcome.reason)});
    out.insert(out.end(), sends.begin(), sends.end());
}

const std::vector<MemberId>* CoordinatorCore::born_in(Round round) const {
    if (!ledger_.ops_may_be_open(round)) return nullptr;
    if (ledger_.open && ledger_.open->round == round) return &ledger_.open->participants;
    const entry::RoundClosed* closed = ledger_.outcome(round);
    return closed == nullptr ? nullptr : &closed->record.participants;
}

}  // namespace whim::group
