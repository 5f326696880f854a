// Copies: where segments or strands are lost, a strand with nothing else to send sends once more what others
// have under way. One lost segment holds up all that follows on its strand for a round trip, and when nothing
// follows for two or more; a copy over another strand is there before.
#include <algorithm>

#include "base/limits.h"
#include "transport/session/endpoint_impl.h"

namespace whim {
namespace {

Duration trip_of(const Link& link) { return std::max(link.stats.path_rtt, link.stats.rtt_min); }

}  // namespace

// Nothing is copied over paths that keep what they are given.
bool Endpoint::Impl::copies_over(const Link& link) const {
    return link.far && (link.losses.suspected(now_) ||
                        (link.strand_lost_at && now_ - *link.strand_lost_at < limits::kCopiesAfterLoss));
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
    const Duration trip = trip_of(link);
    SentPartPtr last;
    for (size_t index = 1; index < link.slots.size(); ++index) {
        if (index == but.index) continue;
        const Slot& slot = link.slots[index];
        const auto& parts = slot.sent.under_way();
        for (auto at = parts.rbegin(); at != parts.rend(); ++at) {
            const SentPartPtr& part = *at;
            if (slot.strand && now_ - part->taken_at > trip) break;
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
    if (!copies_over(*link)) return nullptr;
    while (const SentPartPtr part = last_under_way(*link, *strand)) {
        OutFrame& frame = *part->part.of;
        const bool whole = part->part.bytes == frame.frame.payload_bytes;
        if ((!whole && !spread(*link, frame)) ||
            !link->copies.spend(part->part.bytes, link->pace.rate, trip_of(*link)))
            return nullptr;
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
