// What ends: strands, attempts to dial, sessions; what the owner is told of it, and what is tried next.
#include <algorithm>

#include "base/limits.h"
#include "transport/session/endpoint_impl.h"

namespace whim {

void Endpoint::Impl::drop(const StrandPtr& strand, Driver driver) {
    if (strand->state == StrandState::closed) return;
    const bool attached = strand->state == StrandState::attached;
    strand->state = StrandState::closed;
    strands_.erase(strand->handle);
    if (driver == Driver::tell) driver_.close(strand->handle);

    const LinkPtr link = std::exchange(strand->link, nullptr);
    if (!link) return;
    Slot& slot = link->slots[strand->index];
    if (slot.strand == strand) slot.strand = nullptr;
    if (slot.dialing == strand) slot.dialing = nullptr;
    if (link->probe == strand) link->probe = nullptr;
    std::erase(link->racers, strand);
    if (link->detour == strand) link->detour = nullptr;
    if (attached) ++link->stats.strands_lost, link->strand_lost_at = now_;
    strand->arriving.reset();
    lay_down(*link, *strand);
    strand->out.clear([&](OutFrame& frame) { unpin(*link, frame); });
    if (link->open && !link->bulk.empty()) wake_bulk(*link);
}

void Endpoint::Impl::lose(const StrandPtr& strand, LinkDownKind kind, const std::string& cause,
                          Driver driver) {
    if (strand->test) return test_over(strand, std::nullopt, cause, driver);
    const std::string detail = strand->where + ": " + cause;
    const StrandState was = strand->state;
    const LinkPtr link = strand->link;
    drop(strand, driver);
    if (!link || !link->open) return;
    if (was == StrandState::attached) return after_loss(link, *strand, kind, detail);
    if (strand->via && strand->index == 0) return detour_failed(link, *strand);
    if (was != StrandState::probing) attempt_failed(link, *strand, kind, detail);
    if (strand->via) bulk_detour_failed(link, *strand, detail);
    if (was != StrandState::probing) return;
    link->next_probe = now_ + backoff(++link->probes);
    if (kind != LinkDownKind::refused) return link->refusals.clear();
    const bool another = link->refusals.insert(strand->address).second;
    // One of several may never have been this peer's, seen from here.
    if (another && link->refusals.size() == link->options.addresses.size()) tell_down(link, kind, detail);
}

void Endpoint::Impl::violated(const StrandPtr& strand, const std::string& detail) {
    const LinkPtr link = strand->link;
    if (strand->state != StrandState::attached) return lose(strand, LinkDownKind::protocol, detail);
    drop(strand, Driver::tell);
    break_link(link, LinkDownKind::protocol, strand->where + ": " + detail);
}

void Endpoint::Impl::after_loss(const LinkPtr& link, const Strand& strand, LinkDownKind kind,
                                const std::string& detail) {
    Slot& slot = link->slots[strand.index];
    if (strand.index > 0 ? link->options.dial : link->dials_directly()) {
        if (now_ - strand.attached_at >= limits::kStrandSettledAfter) slot.attempts = 0;
        slot.next_dial = now_ + backoff(slot.attempts++);
    }
    if (strand.index == 0) {
        if (link->asks) end_race(*link);  // no strand is left to be careful of
        detour_after(*link, strand.via);
        if (strand.via && racing(*link)) stir_race(*link);
        if (link->any_up()) link->control_lost_at = now_;
    } else {
        set_pace(*link, link->pace.rate);  // the others take its part over
        link->losses_due.push_back(strand.index);
    }
    if (link->any_up()) {
        ++link->broken;
        return step_aside(*link);
    }
    link->heartbeat.stop();
    link->losses_due.clear();
    link->aside = 0;
    link->broken = 0;
    link->control_lost_at.reset();
    if (!link->options.dial && !link->options.addresses.empty()) {
        link->probes = 0;
        link->refusals.clear();
        link->next_probe = now_ + limits::kProbeDelay;
    }
    tell_down(link, kind, detail);
}

// The time a dial took counts as pause: after one that was given up in silence, the next follows at once.
Instant Endpoint::Impl::pause_from(Slot& slot) {
    return std::max(now_, slot.dialed_at + backoff(++slot.attempts));
}

// After the last address a pause, and the owner hears the verdict. What that very peer answered is one.
void Endpoint::Impl::attempt_failed(const LinkPtr& link, const Strand& strand, LinkDownKind kind,
                                    const std::string& detail) {
    Slot& slot = link->slots[strand.index];
    if (strand.index > 0) {
        slot.next_dial = pause_from(slot);
        return;
    }
    const bool answered = kind == LinkDownKind::rejected || kind == LinkDownKind::version;
    if (!race_lost(link, strand, kind, detail) && !answered) return;
    const LinkDownKind verdict = answered ? kind : race_verdict(*link);
    link->failure_detail = failures_of(*link).substr(0, limits::kReasonBytesMax);
    slot.unanswered += link->silence;
    end_race(*link);
    slot.next_dial = via_of(*link) ? now_ + direct_pause(*link) : pause_from(slot);
    if (link->told_via)  // which this race may have let go of: it comes back first, undisturbed by hellos
        slot.next_dial = std::max(*slot.next_dial, now_ + limits::kDetourDelay);
    if (link->next_detour && !link->control_up() && !answered)
        link->next_detour = std::min(*link->next_detour, now_);
    if (!link->any_up()) tell_down(link, verdict, std::string(link->failure_detail));
}

void Endpoint::Impl::end_session(const LinkPtr& link) {
    for (size_t index = link->slots.size(); index-- > 0;) {
        if (const StrandPtr strand = link->slots[index].strand) drop(strand, Driver::tell);
        if (const StrandPtr strand = link->slots[index].dialing) drop(strand, Driver::tell);
    }
    end_race(*link);
    for (Slot& slot : link->slots) slot.begin_session();
    if (const StrandPtr detour = link->detour) drop(detour, Driver::tell);
    detour_after(*link, std::nullopt);
    link->messages.clear();
    forget_bulk(*link);
    link->losses_due.clear();
    link->heartbeat = Heartbeat();
    link->control_lost_due = false;
    link->aside = 0;
    link->control_lost_at.reset();
    link->stuck = false;
    link->theirs = {};
    link->mine = link->options.dial ? new_nonce() : SessionNonce{};
}

void Endpoint::Impl::break_link(const LinkPtr& link, LinkDownKind kind, const std::string& detail) {
    end_session(link);
    if (!link->open) return;
    constexpr uint32_t kAttemptsAfterViolation = 4;  // starts the pauses well above the shortest
    Slot& control = link->control();
    if (kind == LinkDownKind::protocol)
        control.attempts = std::max(control.attempts, kAttemptsAfterViolation);
    if (link->dials_directly()) control.next_dial = now_ + backoff(control.attempts++);
    tell_down(link, kind, detail);
}

bool Endpoint::Impl::settle(Link& link, uint8_t index, uint64_t received) {
    if (index == 0) return link.messages.rewind(received);
    const std::optional<size_t> again = link.slots[index].sent.rewind(
        received, link.bulk, [&](const OutPart& part) { part_arrived(link, part); });
    if (!again) return false;
    link.stats.bulk_frames_resent += *again;
    if (*again > 0) wake_bulk(link);
    return true;
}

void Endpoint::Impl::tell_up(const LinkPtr& link, LinkSession session) {
    if (link->up) return;
    link->up = true;
    link->down_told.reset();
    owner_.link_up(link->key, session, now_);
}

void Endpoint::Impl::tell_down(const LinkPtr& link, LinkDownKind kind, const std::string& detail) {
    const bool again =
        !link->up && link->down_told && link->down_told->first == kind && link->down_told->second == detail;
    if (again) return;
    link->up = false;
    link->down_told = {kind, detail};
    owner_.link_down(link->key, kind, detail, now_);
}

}  // namespace whim
