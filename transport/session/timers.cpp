// What time brings: dials and their pauses, probing dials, heartbeats, handshakes that take too long.
#include <algorithm>

#include "base/limits.h"
#include "transport/session/endpoint_impl.h"

namespace whim {

// Doubling pauses with jitter; the first attempt after a success has none.
Duration Endpoint::Impl::backoff(uint32_t attempts) {
    if (attempts == 0) return Duration{};
    constexpr uint32_t kDoublingsMax = 16;
    const int64_t longest = limits::kRedialBackoffMin.ns << std::min(attempts - 1, kDoublingsMax);
    const int64_t bounded = std::min(longest, limits::kRedialBackoffMax.ns);
    return Duration{prng_.between(bounded / 2, bounded)};
}

// What a reset, a partition or a frozen peer swallowed is never answered, and only a new dial finds out that
// the path works again: the first is given up long before limits::kPairBrokenAfter. Doubling lets a path on
// which a handshake does take long be used all the same.
Duration Endpoint::Impl::dial_patience(const Slot& slot) {
    Duration patience = limits::kDialPatienceMin;
    for (uint32_t i = 0; i < slot.unanswered && patience < limits::kHandshakeTimeout; ++i)
        patience = patience * 2;
    return std::min(patience, limits::kHandshakeTimeout);
}

std::string Endpoint::Impl::silence_of(const Strand& strand) const {
    const int64_t tenths = ((now_ - strand.begun).ms() + 50) / 100;
    const std::string fraction = tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10);
    return "no answer in " + std::to_string(tenths / 10) + fraction + " s (a firewall?)";
}

// A dial and its handshakes take three round trips.
Instant Endpoint::Impl::control_missed_at(const Link& link) {
    return *link.control_lost_at + limits::kControlRedialGrace + link.stats.rtt_smoothed * 4;
}

std::optional<Instant> Endpoint::Impl::link_deadline(const Link& link) const {
    if (link.stuck || link.unpark_due) return now_;
    std::optional<Instant> at = link.heartbeat.next;
    if (link.control_lost_at) at = earlier(at, control_missed_at(link));
    if (!link.probe) at = earlier(at, link.next_probe);
    at = earlier(at, link.next_racer);
    at = earlier(at, detour_at(link));
    at = earlier(at, link.slots[0].next_dial);
    const size_t open = link.control_up() ? link.strands_open() : 0;
    for (size_t index = 1; index < link.slots.size() && index <= open; ++index)
        at = earlier(at, link.slots[index].next_dial);
    return at;
}

std::optional<Instant> Endpoint::Impl::deadline() {
    std::optional<Instant> at;
    for (const auto& [handle, strand] : strands_) {
        if (strand->state != StrandState::attached) at = earlier(at, strand->deadline);
    }
    for (const auto& [key, link] : links_) at = earlier(at, link_deadline(*link));
    if (pace_due_) at = earlier(at, pace_looked_at_ + pace_interval_);
    return earlier(at, next_paced());
}

void Endpoint::Impl::on_deadline(Instant now) {
    now_ = now;
    std::vector<StrandPtr> late;
    for (const auto& [handle, strand] : strands_) {
        if (strand->state != StrandState::attached && strand->deadline <= now) late.push_back(strand);
    }
    for (const StrandPtr& strand : late) run_strand_deadline(strand);

    run_paced();
    if (pace_due_ && now - pace_looked_at_ >= pace_interval_) look_at_pace();
    std::vector<LinkPtr> due;
    for (const auto& [key, link] : links_) {
        const auto at = link_deadline(*link);
        if (at && *at <= now) due.push_back(link);
    }
    for (const LinkPtr& link : due) run_link(link);
}

void Endpoint::Impl::run_strand_deadline(const StrandPtr& strand) {
    if (strand->dialer && strand->link && !strand->via && strand->state != StrandState::probing) {
        if (strand->index > 0) ++strand->link->slots[strand->index].unanswered;
        else strand->link->silence = true;  // counted once for all addresses, when the race is lost
    }
    switch (strand->state) {
        case StrandState::parked:
            return refuse(strand, HelloStatus::rejected,
                          "peer " + short_name(strand->hello->from) + " is not known here");
        case StrandState::dialing:
        case StrandState::probing: return lose(strand, LinkDownKind::unreachable, silence_of(*strand));
        case StrandState::securing:
        case StrandState::greeting:
            return lose(strand, LinkDownKind::unreachable, "the handshake took too long");
        case StrandState::draining: return drop(strand, Driver::tell);
        case StrandState::attached:
        case StrandState::closed: return;
    }
}

void Endpoint::Impl::run_link(const LinkPtr& link) {
    if (!link->open) return;
    if (link->stuck) {
        return break_link(link, LinkDownKind::closed,
                          "control messages unacknowledged beyond " +
                              std::to_string(limits::kControlUnackedBytesMax) + " bytes");
    }
    if (link->unpark_due) {
        unpark(link);
        if (!link->open) return;
    }
    if (link->control_lost_at && control_missed_at(*link) <= now_) {
        link->control_lost_at.reset();
        for (size_t index = 1; index < link->slots.size(); ++index) {
            const StrandPtr strand = link->slots[index].strand;
            if (strand)
                lose(strand, LinkDownKind::closed, "the control strand could not be restored in time");
            if (!link->open) return;
        }
        if (link->up && !link->any_up())
            tell_down(link, LinkDownKind::closed, "the control strand could not be restored in time");
        if (!link->open) return;
    }
    if (link->heartbeat.next && *link->heartbeat.next <= now_) beat(*link);
    if (!link->probe && link->next_probe && *link->next_probe <= now_) probe(link);
    if (link->next_racer && *link->next_racer <= now_) send_racer(link);
    run_dials(link);
    run_detour(link);
}

void Endpoint::Impl::beat(Link& link) {
    // Where this process stood still, nobody's answers are late.
    if (now_ - *link.heartbeat.next >= limits::kFreezeGap) link.answered = now_;
    link.heartbeat.next = now_ + limits::kHeartbeatInterval;
    link.heartbeat.ping_due = true;
    for (Slot& slot : link.slots) slot.ack_due = slot.received != slot.received_acked;
    look_at_strands(link);
    look_at_losses(link);
    wake_control(link);
    if (!path_in_doubt(link) || racing(link) || link.control().next_dial) return;
    const bool again = may_detour(link) && now_ - link.direct_since < limits::kDirectRetryMax;
    if (!again) link.direct_tries = 0;
    link.control().next_dial = again ? now_ + direct_pause(link) : now_;
}

// Nobody answers, and nobody says that the connection is lost. A NAT or a firewall may have forgotten it, or
// an address changed: then a new one works, and TCP would not find out for a quarter of an hour. Another is
// dialled beside it, and first asked who is there: a peer that is frozen, or cut off, does not answer there
// either.
bool Endpoint::Impl::path_in_doubt(const Link& link) const {
    return link.dials_directly() && link.control_up() && !via_of(link) && silent(link);
}

void Endpoint::Impl::run_dials(const LinkPtr& link) {
    for (size_t index = 0; index < link->slots.size() && index <= link->strands_open(); ++index) {
        if (index > 0 && !link->control_up()) return;
        Slot& slot = link->slots[index];
        if (!slot.next_dial || *slot.next_dial > now_) continue;
        slot.next_dial.reset();
        const bool returns = slot.strand && slot.strand->via && config_.plant != Plant::never_direct_again;
        const bool wanted = !slot.strand || returns || (index == 0 && path_in_doubt(*link));
        const bool under_way = index == 0 ? racing(*link) : slot.dialing != nullptr;
        if (wanted && !under_way) dial(link, static_cast<uint8_t>(index));
    }
}

StrandPtr Endpoint::Impl::make_dialer(const LinkPtr& link, uint8_t index) {
    const auto strand = std::make_shared<Strand>();
    strand->handle = {++strands_made_};
    strand->dialer = true;
    strand->begun = now_;
    strand->link = link;
    strand->index = index;
    strands_.emplace(strand->handle, strand);
    return strand;
}

// Bulk strands take the path of the control strand.
void Endpoint::Impl::dial(const LinkPtr& link, uint8_t index) {
    if (index == 0) return begin_race(link);
    Slot& slot = link->slots[index];
    slot.dialed_at = now_;
    if (const auto relay = via_of(*link)) {
        const StrandPtr strand = make_dialer(link, index);
        slot.dialing = strand;
        strand->deadline = now_ + answer_patience(*relay);
        return dial_through(strand, *relay);
    }
    slot.dialing = dial_address(link, index, link->good_address.value_or(0));
}

StrandPtr Endpoint::Impl::dial_address(const LinkPtr& link, uint8_t index, size_t address) {
    const StrandPtr strand = make_dialer(link, index);
    strand->address = address;
    strand->to = link->options.addresses[address];
    strand->where = "at " + to_string(strand->to);
    strand->deadline = now_ + dial_patience(link->slots[index]);
    driver_.dial(strand->handle, strand->to);
    return strand;
}

void Endpoint::Impl::probe(const LinkPtr& link) {
    link->next_probe.reset();
    const StrandPtr strand = make_dialer(link, 0);
    strand->state = StrandState::probing;
    strand->address = link->probes % link->options.addresses.size();
    strand->to = link->options.addresses[strand->address];
    strand->where = "at " + to_string(strand->to);
    strand->begun = now_;
    strand->deadline = now_ + limits::kDialPatienceMin;
    link->probe = strand;
    driver_.dial(strand->handle, strand->to);
}

}  // namespace whim
