// Copies of short bursts. Where segments or strands are lost, a strand with nothing else to send sends once
// more what others have under way: one lost segment holds up all that follows on its strand for a round trip,
// and when nothing follows for two or more; a copy over another strand is there before. Where it is segments,
// the burst goes over more strands, too. docs/decisions/0015 has the figures.
#include <algorithm>

#include "base/limits.h"
#include "transport/session/endpoint_impl.h"

namespace whim {

Duration Endpoint::Impl::trip_of(const Link& link) {
    return std::max(link.stats.path_rtt, link.stats.rtt_min);
}

// Looked at with each heartbeat. Where little gets through, more strands fill the queue.
void Endpoint::Impl::look_at_losses(Link& link) {
    const bool segments = link.losses.suspected(now_);
    const bool strand = link.strand_lost_at && now_ - *link.strand_lost_at < limits::kCopiesAfterLoss;
    const bool thin = link.stats.rate_sent > 0 && link.stats.rate_sent < limits::kSpreadRateMin;
    link.copies = link.far && !thin && (segments || strand);
    const bool spreads = link.copies && segments;
    if (std::exchange(link.spreads, spreads) != spreads && link.tuner) wanted_changed(link);
}

// A short burst leaves the path empty after it: it costs little to send it twice and over more strands, and a
// round trip is much beside it.
bool Endpoint::Impl::copies_over(const Link& link) {
    return link.copies && link.burst.bytes() + link.bulk.bytes() <= limits::kShortBurstBytes;
}

uint32_t Endpoint::Impl::strands_for(const Link& link) {
    return copies_over(link) ? link.strands_spread() : link.strands_used();
}

// One segment lost holds up less where all strands have the same under way.
size_t Endpoint::Impl::turn_bytes(StrandHandle handle) const {
    const StrandPtr strand = find_strand(handle);
    const bool spreads = strand && strand->index > 0 && strand->link && copies_over(*strand->link);
    return spreads ? config_.part_bytes : limits::kTurnBytesMax;
}

// The last that was taken, of all strands but one: it is held up longest. Nothing older than a round trip:
// TCP has found out by itself. What a lost strand had under way needs no such thought.
SentPartPtr Endpoint::Impl::last_under_way(const Link& link, const Strand& but) const {
    SentPartPtr last;
    for (size_t index = 1; index < link.slots.size(); ++index) {
        if (index == but.index) continue;
        const Slot& slot = link.slots[index];
        if (slot.strand && !copies_over(link)) continue;
        const auto& parts = slot.sent.under_way();
        for (auto at = parts.rbegin(); at != parts.rend(); ++at) {
            const SentPartPtr& part = *at;
            if (slot.strand && now_ - part->taken_at > trip_of(link)) break;
            if (part->repeated || part->arrived || part->part.gives_up()) continue;
            if (!last || part->taken_at > last->taken_at) last = part;
            break;
        }
    }
    return last;
}

// Pinned. Null: nothing worth it.
SentPartPtr Endpoint::Impl::take_copy(const StrandPtr& strand) {
    const LinkPtr link = strand->link;
    if (!link->copies) return nullptr;
    while (const SentPartPtr part = last_under_way(*link, *strand)) {
        OutFrame& frame = *part->part.of;
        const bool whole = part->part.bytes == frame.frame.payload_bytes;
        if (!whole && !spread(*link, frame)) return nullptr;
        part->repeated = true;
        const bool wanted = !frame.given_up && pin(*link, frame);
        if (strand->state != StrandState::attached) {
            if (wanted) unpin(*link, frame);
            return nullptr;
        }
        if (!wanted) continue;
        link->stats.bytes_copied += part->part.bytes;
        return part;
    }
    return nullptr;
}

}  // namespace whim
