// Paths through third members: when one is sought, which member is asked, and how a link changes its path.
//
// Only the end that dials seeks one: when the control strand has been missing for limits::kDetourDelay, or
// when heartbeats go unanswered for limits::kDetourSilence, which shows a cut in either direction. Not while
// the system on the other side acknowledges the control strand's bytes: then heartbeats wait in a queue, and
// would wait behind the same messages on every other path.
//
// A detour is a control strand over a circuit, dialled beside the direct one. Whichever says hello last
// carries the link; bulk strands follow the control strand. While a link runs through a third member the
// direct path is dialled on, and taken when it answers; one that is soon left again, less and less often.
//
// A relay must have a path of its own to both ends: links that run through others carry nobody.
#include <algorithm>

#include "base/limits.h"
#include "transport/session/endpoint_impl.h"

namespace whim {
namespace {

// Unanswered for so long, a path is taken to be cut: beyond what its round trips take.
Duration silence_limit(const Link& link) { return limits::kDetourSilence + link.stats.rtt_smoothed * 4; }

// What a link is worth to a relayed one: the time it takes to answer and to carry a chunk. One whose rate is
// not known yet is judged by its answers.
Duration cost_of(const LinkStats& stats) {
    constexpr uint64_t kChunk = 1u << 20;
    const double carry =
        stats.rate_sent == 0 ? 0.0 : static_cast<double>(kChunk) / static_cast<double>(stats.rate_sent);
    return stats.rtt_smoothed + nanoseconds(static_cast<int64_t>(carry * 1e9));
}

}  // namespace

std::optional<LinkKey> Endpoint::Impl::via_of(const Link& link) {
    const StrandPtr& control = link.slots[0].strand;
    return control ? control->via : std::nullopt;
}

bool Endpoint::Impl::may_detour(const Link& link) const {
    return config_.circuits != nullptr && link.options.dial && link.options.detours &&
           config_.plant != Plant::no_detour;
}

// Acknowledgements may be those of a proxy on the way: they stand for an answer only while something is
// heard.
Instant Endpoint::Impl::silent_at(const Link& link) const {
    Instant carried = link.carried + silence_limit(link);
    if (config_.plant != Plant::acknowledged_is_heard)
        carried = std::min(carried, link.stats.last_heard + limits::kDetourUnheard);
    return std::max(link.answered + silence_limit(link), carried);
}

std::string Endpoint::Impl::why_no_relay(const LinkKey& key, Instant now) const {
    const LinkPtr link = find_link(key);
    const std::string name = short_name(key);
    if (!link || !link->options.detours) return "it has no link to " + name;
    if (!link->control_up()) return "its link to " + name + " is down";
    if (via_of(*link)) return "its own link to " + name + " runs through another member";
    const Duration age = now - link->answered;
    if (age < limits::kRelayFresh + link->stats.rtt_smoothed * 2) return {};
    return name + " has not answered it for " + std::to_string(age.ms()) + " ms";
}

std::optional<Instant> Endpoint::Impl::detour_at(const Link& link) const {
    if (!may_detour(link) || link.detour) return std::nullopt;
    if (!link.control_up()) return link.next_detour;
    return std::max(silent_at(link), link.next_detour.value_or(silent_at(link)));
}

// When to seek one after the control strand was lost: a lost relay is replaced at once, but not by itself.
void Endpoint::Impl::detour_after(Link& link, const std::optional<LinkKey>& lost_relay) {
    if (!may_detour(link)) return;
    if (lost_relay) link.relays_tried.push_back(*lost_relay);
    const bool at_once = lost_relay || !link.dials_directly();
    link.next_detour = at_once ? now_ : now_ + limits::kDetourDelay;
}

// The one with the best link of those that can be asked; nobody when all were.
std::optional<LinkKey> Endpoint::Impl::next_relay(const Link& link) const {
    const std::optional<LinkKey> present = via_of(link);
    LinkPtr best;
    for (const auto& [key, other] : links_) {
        const auto& tried = link.relays_tried;
        if (key == link.key || key == present || std::find(tried.begin(), tried.end(), key) != tried.end())
            continue;
        if (!why_no_relay(key, now_).empty()) continue;
        if (!best || cost_of(other->stats) < cost_of(best->stats)) best = other;
    }
    return best ? std::optional(best->key) : std::nullopt;
}

Duration Endpoint::Impl::answer_patience(const LinkKey& relay) const {
    const LinkPtr link = find_link(relay);
    return limits::kRelayAnswer + (link ? link->stats.rtt_smoothed * 4 : Duration{});
}

// The answer to the opening took one round trip over the whole way; the handshakes take some of them.
Duration Endpoint::Impl::handshake_patience(const Strand& strand) const {
    return limits::kRelayAnswer + (now_ - strand.begun) * 8;
}

void Endpoint::Impl::pause_detours(Link& link) {
    constexpr uint32_t kDoublingsMax = 8;
    const int64_t pause = limits::kDetourPauseMin.ns << std::min(link.detour_pauses++, kDoublingsMax);
    link.next_detour = now_ + Duration{std::min(pause, limits::kDetourPauseMax.ns)};
}

void Endpoint::Impl::run_detour(const LinkPtr& link) {
    const std::optional<Instant> at = detour_at(*link);
    if (!at || *at > now_) return;
    const std::optional<LinkKey> relay = next_relay(*link);
    if (!relay) {
        link->relays_tried.clear();
        return pause_detours(*link);
    }
    if (link->control_up())
        link->off_direct = "unanswered for " + std::to_string((now_ - link->answered).ms()) + " ms";
    else if (!link->dials_directly()) link->off_direct = "neither of the two takes connections";
    else if (!link->failures.empty()) link->off_direct = failures_of(*link);
    else if (!link->failure_detail.empty()) link->off_direct = link->failure_detail;
    else link->off_direct = "no answer yet from " + to_string(link->options.addresses.front());

    const StrandPtr strand = make_dialer(link, 0);
    strand->deadline = now_ + answer_patience(*relay);
    link->detour = strand;
    dial_through(strand, *relay);
}

void Endpoint::Impl::dial_through(const StrandPtr& strand, const LinkKey& relay) {
    strand->via = relay;
    strand->where = "through " + short_name(relay);
    config_.circuits->dial_through(strand->handle, relay, strand->link->key, strand->index > 0);
}

void Endpoint::Impl::detour_failed(const LinkPtr& link, const Strand& strand) {
    link->relays_tried.push_back(*strand.via);
    if (link->relays_tried.size() % limits::kDetoursInARow == 0) return pause_detours(*link);
    link->next_detour = now_;
}

// A relay that takes the control strand and no bulk strand is of no use.
void Endpoint::Impl::bulk_detour_failed(const LinkPtr& link, const Strand& strand,
                                        const std::string& detail) {
    constexpr uint32_t kFailuresMax = 3;
    const bool some = std::any_of(link->slots.begin() + 1, link->slots.end(),
                                  [](const Slot& slot) { return slot.strand != nullptr; });
    if (some || link->slots[strand.index].attempts < kFailuresMax || via_of(*link) != strand.via) return;
    const StrandPtr control = link->control().strand;
    lose(control, LinkDownKind::closed, "no bulk strand: " + detail);
}

// Between direct dials of a link that runs through a third member.
Duration Endpoint::Impl::direct_pause(Link& link) {
    constexpr uint32_t kDoublingsMax = 8;
    const int64_t longest = limits::kDirectRetryMin.ns << std::min(link.direct_tries++, kDoublingsMax);
    const int64_t bounded = std::min(longest, limits::kDirectRetryMax.ns);
    return Duration{prng_.between(bounded / 2, bounded)};
}

// Before a hello: it says what has arrived, so nothing may arrive on an older strand after it, and only the
// newest hello may be answered.
void Endpoint::Impl::let_go(const LinkPtr& link, const StrandPtr& of) {
    if (of->index > 0) return;  // a bulk strand is dialled when there is none
    Slot& slot = link->control();
    const auto greets = [&](const StrandPtr& other) {
        return other && other != of && other->state == StrandState::greeting && !other->asks;
    };
    if (const StrandPtr old = link->detour; greets(old)) drop(old, Driver::tell);
    const auto leader = std::find_if(link->racers.begin(), link->racers.end(), greets);
    if (leader != link->racers.end()) depose(link, StrandPtr(*leader));
    if (const StrandPtr old = slot.strand) {
        if (of->via && !old->via) end_race(*link);  // which was for what the old one lacks; then after pauses
        drop(old, Driver::tell);
        link->heartbeat.stop();
        link->control_lost_at = now_;
        link->next_detour.reset();
        // Nobody else sees that it is lost; and the detour may fail.
        const Instant soon = now_ + limits::kDirectRetryMin;
        const bool later = !slot.next_dial || (!old->via && *slot.next_dial > soon);
        if (of->via && link->dials_directly() && !racing(*link) && later) slot.next_dial = soon;
    }
    // One address after another that answers in vain does not put a detour off.
    if (link->failures.empty() || !link->next_detour) detour_after(*link, std::nullopt);
}

// Bulk strands follow the control strand: what they have not delivered goes over its path.
void Endpoint::Impl::leave_other_routes(const LinkPtr& link, const std::optional<LinkKey>& route) {
    for (size_t index = 1; index < link->slots.size() && link->open; ++index) {
        const StrandPtr strand = link->slots[index].strand;
        if (strand && strand->via != route) drop(strand, Driver::tell);
        const StrandPtr dialing = link->slots[index].dialing;
        if (dialing && dialing->via != route) drop(dialing, Driver::tell);
    }
}

// The control strand has its path. What was sought beside it is of no use, but for the direct one.
void Endpoint::Impl::settle_route(const LinkPtr& link, const std::optional<LinkKey>& route) {
    link->relays_tried.clear();
    link->next_detour.reset();
    link->detour_pauses = 0;
    if (route != link->told_via) {
        link->stats.rtt_min = link->stats.rtt_smoothed = Duration{};
        link->forward.forget();
    }
    if (const StrandPtr other = link->detour) drop(other, Driver::tell);
    if (!route) {
        link->direct_since = now_;
        return;
    }
    // A direct path that is soon left again is tried less and less often.
    const bool leaves_direct = !link->told_via;
    if (leaves_direct && now_ - link->direct_since >= limits::kDirectRetryMax) link->direct_tries = 0;
    calm_race(*link);
    // One detour after the other does not put it off.
    std::optional<Instant>& next_dial = link->control().next_dial;
    if (link->dials_directly() && !racing(*link) && (leaves_direct || !next_dial))
        next_dial = now_ + direct_pause(*link);
}

void Endpoint::Impl::tell_route(const LinkPtr& link) {
    const std::optional<LinkKey> via = via_of(*link);
    if (!link->open || !link->control_up() || via == link->told_via) return;
    link->told_via = via;
    const std::string why = !link->options.dial ? "the other end dials it so"
                            : via               ? link->off_direct
                                                : link->control().strand->where + " answered";
    owner_.link_routed(link->key, via, why, now_);
}

}  // namespace whim
