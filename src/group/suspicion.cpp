// The rules of eviction, strongest evidence first.
#include "group/suspicion.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/limits.h"

namespace whim::group {
namespace {

using wire::SuspectKind;

std::string names(const std::vector<MemberId>& ids) {
    std::string text;
    for (const MemberId& id : ids) text += (text.empty() ? "" : ", ") + short_name(id);
    return text;
}

std::string names(const std::vector<Opinion>& opinions) {
    std::vector<MemberId> ids;
    for (const Opinion& o : opinions) ids.push_back(o.by);
    if (ids.size() > 3) ids.resize(3);
    return names(ids) + (opinions.size() > 3 ? fmt::format(" and {} more", opinions.size() - 3) : "");
}

Verdict evict(std::string reason) { return {Verdict::Kind::evict, std::move(reason), std::nullopt}; }
Verdict keep(std::optional<Duration> recheck_in = std::nullopt) {
    return {Verdict::Kind::keep, {}, recheck_in};
}

// Nobody else is in the run to ask: only time and a working network of our own can tell.
Verdict decide_alone(const SuspectCase& c) {
    const Duration patience = c.suspect_after + limits::kFreezeGap;
    const Duration gone = std::max(c.link_down_for.value_or(Duration{}), c.link_silent_for);
    if (!c.witness) return keep();
    if (gone < patience) return keep(patience - gone);
    return evict(fmt::format("no contact for {} ms, and no other member to ask", gone.ms()));
}

}  // namespace

Verdict decide_suspicion(const SuspectCase& c) {
    const bool down = c.link_down_for.has_value();
    const bool silent = c.link_silent_for >= c.suspect_after;
    const auto refused = std::find_if(c.opinions.begin(), c.opinions.end(),
                                      [](const Opinion& o) { return o.kind == SuspectKind::refused; });
    if (down && refused != c.opinions.end()) {
        return evict("its process is gone: its port refuses " + short_name(refused->by));
    }
    if (!down && !silent) return keep(c.suspect_after - c.link_silent_for);
    if (c.others == 0) return decide_alone(c);

    std::optional<Duration> recheck;
    if (down && c.opinions.size() >= std::min<size_t>(c.others, 2)) {
        if (*c.link_down_for >= limits::kSuspectConfirm) {
            return evict("its links to the coordinator and to " + names(c.opinions) + " are down");
        }
        recheck = limits::kSuspectConfirm - *c.link_down_for;
    }
    if (!silent) {
        const Duration until_silent = c.suspect_after - c.link_silent_for;
        return keep(recheck ? std::min(*recheck, until_silent) : until_silent);
    }
    // Whatever was reported before, those who are heard are asked now, and all of them before anybody goes.
    if (!c.probing_for) return {Verdict::Kind::probe, {}, limits::kProbeWait};
    if (!c.probes_reachable.empty()) return keep(limits::kProbeWait);  // only our own path to it is broken
    const bool all_answered = c.probes_asked > 0 && c.probes_unreachable.size() >= c.probes_asked;
    if (!all_answered && *c.probing_for < limits::kProbeWait)
        return keep(limits::kProbeWait - *c.probing_for);
    if (!c.probes_unreachable.empty()) {
        return evict(fmt::format("silent for {} ms here, and {} asked about it cannot reach it",
                                 c.link_silent_for.ms(), names(c.probes_unreachable)));
    }
    if (!c.witness)
        return keep();  // nobody is heard: our own network failed, or all died; wait for a witness
    const Duration patience = c.suspect_after * 2;
    if (c.link_silent_for < patience) return keep(patience - c.link_silent_for);
    return evict(fmt::format("silent for {} ms, and none of {} members asked about it answered",
                             c.link_silent_for.ms(), c.probes_asked));
}

PairVerdict decide_pair(const PairCase& c) {
    if (c.broken_for < limits::kPairBrokenAfter)
        return {std::nullopt, {}, limits::kPairBrokenAfter - c.broken_for};
    const bool a_goes =
        c.cannot_reach_a != c.cannot_reach_b ? c.cannot_reach_a > c.cannot_reach_b : c.a > c.b;
    const MemberId& loser = a_goes ? c.a : c.b;
    const MemberId& other = a_goes ? c.b : c.a;
    const uint32_t against = a_goes ? c.cannot_reach_a : c.cannot_reach_b;
    const uint32_t against_other = a_goes ? c.cannot_reach_b : c.cannot_reach_a;
    return {loser,
            fmt::format("it and {} have not reached each other for {} ms; {} members cannot reach it, {} "
                        "cannot reach the "
                        "other{}",
                        short_name(other), c.broken_for.ms(), against, against_other,
                        against == against_other ? " (a tie: the higher id goes)" : ""),
            std::nullopt};
}

}  // namespace whim::group
