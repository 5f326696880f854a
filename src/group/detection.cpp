// Who must go: gathers evidence about members, asks third parties, and carries out the verdicts of
// suspicion.h.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "group/coordinator_core.h"

namespace whim::group {

void CoordinatorCore::suspect(const Admission& from, const wire::SuspectReport& report, Instant now) {
    const Incarnation suspect = report.member.incarnation;
    if (ledger_.find(report.member) == nullptr || report.member == from.info.id) return;
    if (!ledger_.in_view(suspect) || !ledger_.in_view(from.info.id.incarnation)) return;
    const auto kind = static_cast<wire::SuspectKind>(report.kind);
    if (report.kind >= static_cast<uint8_t>(wire::SuspectKind::cleared)) {
        const auto by = reports_.find(suspect);
        if (by == reports_.end()) return;
        by->second.erase(from.info.id.incarnation);
        if (by->second.empty()) reports_.erase(by);
        return;
    }
    const auto [standing, fresh] =
        reports_[suspect].try_emplace(from.info.id.incarnation, Standing{now, kind});
    standing->second.kind = kind;
    wake_soon_ = true;  // our own evidence must be fresh before we judge
}

void CoordinatorCore::probe_reply(const Admission& from, const wire::ProbeReply& reply) {
    const auto it = probing_.find(reply.target.incarnation);
    if (it == probing_.end() || it->second.nonce != reply.nonce) return;
    Probing& p = it->second;
    const auto asked = std::find(p.asked.begin(), p.asked.end(), from.info.id);
    if (asked == p.asked.end()) return;
    p.asked.erase(asked);
    (reply.reachable ? p.reachable : p.unreachable).push_back(from.info.id);
}

bool CoordinatorCore::hears(const Process& process) const {
    return process.up && heard_at_ - process.last_heard < milliseconds(config_.options.suspect_after_ms);
}

// Who is not heard cannot take back what it said. When it is heard again, what it took back meanwhile is
// still on its way.
bool CoordinatorCore::counts(const Process& process, Instant now) const {
    return hears(process) && now - process.heard_since >= limits::kSuspectConfirm;
}

bool CoordinatorCore::hears_somebody_else(const Admission& than) const {
    return std::any_of(processes_.begin(), processes_.end(), [&](const auto& entry) {
        const Process& process = entry.second;
        const bool admitted = process.incarnation != Incarnation{};  // anybody may call, also from next door
        return admitted && process.incarnation != than.info.id.incarnation && hears(process);
    });
}

SuspectCase CoordinatorCore::case_of(const Admission& a, Instant now) const {
    SuspectCase c;
    c.member = a.info.id;
    c.suspect_after = milliseconds(config_.options.suspect_after_ms);
    c.others = static_cast<uint32_t>(ledger_.view.members.size() - 1);
    c.witness = hears_somebody_else(a);
    const Process* process = process_of(a);
    bool refused = false;
    if (const auto by = reports_.find(a.info.id.incarnation); by != reports_.end()) {
        for (const auto& [reporter, standing] : by->second) {
            const Admission& third = ledger_.living.at(reporter);
            const Process* its = process_of(third);
            const bool gone = standing.kind == wire::SuspectKind::refused;
            // That a process is gone is not taken back.
            if (gone || (its != nullptr && counts(*its, now)))
                c.opinions.push_back({third.info.id, standing.kind});
            refused |= gone;
        }
    }
    // After our own absence a link that is down says nothing yet, except about a process known to be gone.
    if (process != nullptr && !process->up && (refused || now >= judge_from_))
        c.link_down_for = now - process->down_since;
    if (process != nullptr && now >= judge_from_) {
        c.link_silent_for = std::max(Duration{}, heard_at_ - process->last_heard);
    }
    if (const auto p = probing_.find(a.info.id.incarnation); p != probing_.end()) {
        c.probing_for = now - p->second.since;
        c.probes_reachable = p->second.reachable;
        c.probes_unreachable = p->second.unreachable;
        c.probes_asked = static_cast<uint32_t>(p->second.asked.size() + p->second.reachable.size() +
                                               p->second.unreachable.size());
    }
    return c;
}

void CoordinatorCore::probe(const Admission& target, Instant now, CoordinatorOutbox& out) {
    Probing p{next_nonce_++, now, {}, {}, {}};
    for (const wire::MemberInfo& m : ledger_.view.members) {
        if (p.asked.size() == limits::kProbesMax) break;
        const Admission& third = ledger_.living.at(m.id.incarnation);
        const Process* process = process_of(third);
        if (m.id == target.info.id || process == nullptr || !hears(*process)) continue;
        p.asked.push_back(m.id);
        send(third, wire::ProbeRequest{fencing_, p.nonce, target.info.id}, out);
    }
    probing_[target.info.id.incarnation] = std::move(p);
}

void CoordinatorCore::judge_one(const Admission& a, Instant now, CoordinatorOutbox& out) {
    const SuspectCase c = case_of(a, now);
    const Verdict verdict = decide_suspicion(c);
    // Durations count from heard_at_ or from now; the earlier wakes us, and a wake-up too many is harmless.
    wake_at(std::min(now, heard_at_) + verdict.recheck_in.value_or(c.suspect_after));
    switch (verdict.kind) {
        case Verdict::Kind::keep: {
            const bool well = !c.link_down_for && c.link_silent_for < c.suspect_after;
            const bool over = c.probing_for && *c.probing_for >= limits::kProbeWait;
            if (well || over) probing_.erase(a.info.id.incarnation);  // while it stays silent, ask anew
            return;
        }
        case Verdict::Kind::probe: return probe(a, now, out);
        case Verdict::Kind::evict: return remove(a.info.id, false, verdict.reason, out);
    }
}

void CoordinatorCore::judge_pairs(Instant now, CoordinatorOutbox& out) {
    struct Broken {
        MemberId suspect, reporter;
        Instant since;
    };
    std::vector<Broken> pairs;
    for (const auto& [suspect, by] : reports_) {
        for (const auto& [reporter, standing] : by) {
            pairs.push_back(
                {ledger_.living.at(suspect).info.id, ledger_.living.at(reporter).info.id, standing.since});
        }
    }
    const auto against = [&](const MemberId& id) {
        const auto by = reports_.find(id.incarnation);
        return by == reports_.end() ? 0u : static_cast<uint32_t>(by->second.size());
    };
    for (const Broken& pair : pairs) {
        const Admission* a = ledger_.find(pair.suspect);
        const Admission* b = ledger_.find(pair.reporter);
        if (a == nullptr || b == nullptr) continue;  // one of them has gone meanwhile
        const Process* pa = process_of(*a);
        const Process* pb = process_of(*b);
        if (pa == nullptr || pb == nullptr || !counts(*pa, now) || !counts(*pb, now))
            continue;  // judged by our own evidence
        const PairVerdict verdict = decide_pair(
            {pair.suspect, pair.reporter, against(pair.suspect), against(pair.reporter), now - pair.since});
        if (verdict.recheck_in) wake_at(now + *verdict.recheck_in);
        if (verdict.evict) remove(*verdict.evict, false, verdict.reason, out);
    }
}

void CoordinatorCore::hold_judgement(Instant now) {
    const Duration grace = milliseconds(config_.options.suspect_after_ms) * 2;
    judge_from_ = std::max(judge_from_, now + std::max(grace, limits::kRestartGraceMin));
    probing_.clear();
    for (auto& [suspect, by] : reports_) {
        for (auto& [reporter, standing] : by) standing.since = now;
    }
}

// While nobody is heard nobody is judged; when somebody is heard again, the others get time to come back too.
void CoordinatorCore::notice_isolation(Instant now) {
    const bool heard = std::any_of(processes_.begin(), processes_.end(), [&](const auto& p) {
        return p.second.incarnation != Incarnation{} && hears(p.second);
    });
    if (!heard) isolated_ = !ledger_.view.members.empty();
    else if (std::exchange(isolated_, false)) hold_judgement(now);
}

void CoordinatorCore::notice_returns(Instant now) {
    for (auto& [key, process] : processes_) {
        const bool heard = hears(process);
        if (heard && !process.heard) process.heard_since = now;
        process.heard = heard;
        if (heard && !reports_.empty() && !counts(process, now))
            wake_at(process.heard_since + limits::kSuspectConfirm);
    }
}

// Processes that wait for a round are in nobody's way, so absence alone ends their wait.
void CoordinatorCore::forget_the_absent(Instant now, CoordinatorOutbox& out) {
    const Duration patience = milliseconds(config_.options.suspect_after_ms) + limits::kFreezeGap;
    std::vector<MemberId> absent;
    for (const auto& [incarnation, a] : ledger_.living) {
        const Process* process = process_of(a);
        if (ledger_.in_view(incarnation) || process == nullptr || process->up) continue;
        const Instant until = std::max(process->down_since + patience, judge_from_);
        if (now >= until) absent.push_back(a.info.id);
        else wake_at(until);
    }
    for (const MemberId& id : absent) remove(id, false, "went away while it waited to join", out);
}

void CoordinatorCore::judge(Instant now, CoordinatorOutbox& out) {
    if (wake_soon_ && heard_at_ < now) wake_at(now);
    wake_soon_ = false;
    notice_isolation(now);
    notice_returns(now);
    if (now < judge_from_) wake_at(judge_from_);
    const std::vector<wire::MemberInfo> members = ledger_.view.members;
    for (const wire::MemberInfo& m : members) {
        const Admission* a = ledger_.find(m.id);
        if (a != nullptr) judge_one(Admission(*a), now, out);
    }
    judge_pairs(now, out);
    forget_the_absent(now, out);
}

}  // namespace whim::group
