// Bulk frames out and in. Out: each strand sends the frame that it has in hand, part by part; one that has
// nothing to begin helps with what another has in hand, so that the slowest strand does not decide when an op
// ends. In: parts are put together in the owner's memory, whatever strands they came over.
#include <algorithm>

#include "base/assert.h"
#include "base/limits.h"
#include "transport/session/endpoint_impl.h"

namespace whim {
namespace {

bool may_begin(const Link& link) {
    return link.unsettled.empty() ||
           link.frames_begun - link.unsettled.front()->number < limits::kFramesAheadMax;
}

// What was begun may always go on: others may wait for it.
bool may_take(const Link& link) { return !link.bulk.empty() && (link.bulk.has_begun() || may_begin(link)); }

// On a short path a frame is one part: there is nothing to gain, and each part costs.
uint32_t part_bytes(const Link& link, uint32_t configured) {
    return link.far ? configured : limits::kBulkPayloadBytesMax;
}

}  // namespace

bool Endpoint::Impl::spread(Link& link, OutFrame& frame) {
    if (frame.spread) return true;
    if (link.frames_spread >= limits::kFramesSpreadMax) return false;
    ++link.frames_spread;
    return frame.spread = true;
}

bool Endpoint::Impl::pin(const Link& link, OutFrame& frame) {
    if (frame.pins == 0) {
        const std::optional<ByteSpan> payload = owner_.bulk_pin(link.key, frame.frame);
        if (!payload) return false;
        WHIM_ASSERT(payload->size() == frame.frame.payload_bytes);
        frame.payload = *payload;
    }
    ++frame.pins;
    return true;
}

void Endpoint::Impl::unpin(const Link& link, OutFrame& frame) {
    WHIM_ASSERT(frame.pins > 0);
    if (--frame.pins > 0) return;
    frame.payload = {};
    owner_.bulk_unpin(link.key, frame.frame);
}

// What is left of it waits for another strand.
void Endpoint::Impl::lay_down(Link& link, Strand& strand) {
    if (!strand.in_hand) return;
    OutPart rest = *std::exchange(strand.in_hand, std::nullopt);
    const auto frame = rest.of;
    link.bulk.push_front(std::move(rest));
    unpin(link, *frame);
}

// The next part of what the strand has in hand. Its pin goes with the part, or stays for the rest.
OutPart Endpoint::Impl::take_in_hand(const Link& link, Strand& of, bool from_behind) {
    OutPart& rest = *of.in_hand;
    const uint32_t most = part_bytes(link, config_.part_bytes);
    OutPart part = from_behind ? rest.take_back(most) : rest.take_front(most);
    if (rest.bytes == 0) of.in_hand.reset();
    else ++part.of->pins;
    return part;
}

// A part of what the strand that has most in hand would send last.
std::optional<OutPart> Endpoint::Impl::take_from_other(Link& link) {
    Strand* slowest = nullptr;
    for (const Slot& slot : link.slots) {
        Strand* const other = slot.strand.get();
        if (!other || !other->in_hand || other->in_hand->bytes == 0) continue;
        if (!slowest || other->in_hand->bytes > slowest->in_hand->bytes) slowest = other;
    }
    if (!slowest || !spread(link, *slowest->in_hand->of)) return std::nullopt;
    return take_in_hand(link, *slowest, true);
}

// Pinned, if it has bytes. Null: nothing of the kind, or the strand is gone.
SentPartPtr Endpoint::Impl::next_part(const StrandPtr& strand) {
    const LinkPtr link = strand->link;
    const auto fresh = [&](OutPart part) {
        return std::make_shared<SentPart>(SentPart{std::move(part), 0, false, false, now_});
    };
    while (!strand->in_hand && may_take(*link)) {
        OutPart part = may_begin(*link) ? link->bulk.pop() : link->bulk.pop_begun();
        const auto frame = part.of;
        if (part.gives_up()) return fresh(std::move(part));
        if (frame->given_up) continue;
        const bool wanted = pin(*link, *frame);
        if (strand->state != StrandState::attached) {
            if (wanted) unpin(*link, *frame);
            return nullptr;
        }
        if (!wanted) {
            if (frame->number == 0) continue;  // no longer needed: it never was on a strand
            frame->given_up = true;
            return fresh(OutPart::giving_up(frame));
        }
        if (frame->number == 0) {
            frame->number = ++link->frames_begun;
            frame->frame.begun = true;
            link->unsettled.push_back(frame);
            ++link->stats.bulk_frames_sent;
        }
        strand->in_hand = std::move(part);
    }
    if (strand->in_hand) return fresh(take_in_hand(*link, *strand, false));
    if (auto part = take_from_other(*link)) return fresh(std::move(*part));
    return nullptr;
}

size_t Endpoint::Impl::backlog_of(const Link& link) const {
    return link.far ? 2 * size_t{config_.part_bytes} : limits::kBulkBacklogBytes;
}

void Endpoint::Impl::put_on(const StrandPtr& strand, const SentPartPtr& sent) {
    const LinkPtr link = strand->link;
    const OutPart& part = sent->part;
    OutFrame& frame = *part.of;
    Bytes& head = strand->out.tail();
    put_part(head, {frame.number, frame.frame.payload_bytes, part.offset}, frame.frame.header, part.bytes);
    BulkWindow& window = link->slots[strand->index].sent;
    window.push(sent);
    if (part.gives_up()) return;
    const ByteSpan payload = frame.payload.subspan(part.offset, part.bytes);
    if (payload.size() > limits::kInlinePayloadBytesMax)
        return strand->out.push_payload(payload, part.of, window.taken());
    head.insert(head.end(), payload.begin(), payload.end());
    const auto kept = part.of;
    unpin(*link, *kept);
}

void Endpoint::Impl::pull_bulk(const StrandPtr& strand) {
    const LinkPtr link = strand->link;
    if (!link->among_first(strand->index, strands_for(*link))) {
        lay_down(*link, *strand);
        if (link->open && !link->bulk.empty()) wake_bulk(*link);
        return;
    }
    bool took = false;
    while (strand->out.unwritten() < backlog_of(*link)) {
        SentPartPtr part = next_part(strand);
        if (part) took = true, link->burst.sent(part->part.bytes, trip_of(*link), now_);
        if (!part && strand->state == StrandState::attached) part = take_copy(strand);
        if (part) put_on(strand, part);
        if (strand->state != StrandState::attached) return;
        if (!part) break;
    }
    const bool waiting = link->has_waiting();
    if (took && (waiting || copies_over(*link))) wake_bulk(*link);  // another one may help
    if (!waiting && strand->out.unwritten() == 0) link->ran_dry = true;
}

void Endpoint::Impl::part_arrived(Link& link, const OutPart& part) {
    OutFrame& frame = *part.of;
    frame.arrived += part.bytes;
    frame.settled = frame.settled || part.gives_up() || frame.arrived == frame.frame.payload_bytes;
    if (frame.settled && std::exchange(frame.spread, false)) --link.frames_spread;
    const bool held_up = !may_begin(link);
    while (!link.unsettled.empty() && link.unsettled.front()->settled) link.unsettled.pop_front();
    if (held_up && may_begin(link)) wake_bulk(link);
}

void Endpoint::Impl::forget_bulk(Link& link) {
    link.bulk.clear();
    link.frames_begun = 0;
    link.unsettled.clear();
    link.frames_spread = 0;
    for (const auto& [number, frame] : link.arriving.take_all())
        owner_.bulk_end(link.key, frame.sink.token, false, now_);
}

// Where a part that begins to arrive goes: empty when it is of no use. nullopt: the strand is gone.
std::optional<MutableByteSpan> Endpoint::Impl::part_begins(const StrandPtr& strand, ByteSpan header,
                                                           uint32_t bytes) {
    const auto wrong = [&](const char* why) {
        violated(strand, why);
        return std::nullopt;
    };
    const LinkPtr link = strand->link;
    const auto part = decode_part_header(header, bytes);
    if (!part || !link->arriving.possible(part->number)) return wrong("an impossible part of a bulk frame");
    InFrames& frames = link->arriving;
    if (frames.over(part->number)) return MutableByteSpan();
    InFrames::Frame* frame = frames.find(part->number);
    if (frame && frame->bytes != part->frame_bytes) return wrong("parts of a bulk frame that do not fit");
    if (part->given_up()) {
        end_arriving(link, part->number, false);
        return alive(*strand) ? std::optional(MutableByteSpan()) : std::nullopt;
    }
    if (!frame) {
        if (frames.full()) return wrong("too many bulk frames begun");
        const BulkSink sink =
            owner_.bulk_begin(link->key, header.subspan(kPartHeaderBytes), part->frame_bytes);
        const bool wanted = !sink.into.empty() || part->frame_bytes == 0;
        WHIM_ASSERT(!wanted || sink.into.size() == part->frame_bytes);
        if (!alive(*strand)) {
            if (wanted) owner_.bulk_end(link->key, sink.token, false, now_);
            return std::nullopt;
        }
        if (!wanted) {
            frames.end(part->number);
            return MutableByteSpan();
        }
        frame = &frames.begin(part->number, sink, part->frame_bytes);
    }
    if (bytes > 0 && InFrames::has(*frame, part->offset, bytes)) return MutableByteSpan();
    if (InFrames::scattered(*frame)) return wrong("too many parts of a bulk frame");
    strand->arriving = {part->number, part->offset, bytes};
    return bytes == 0 ? MutableByteSpan() : frame->sink.into.subspan(part->offset, bytes);
}

void Endpoint::Impl::part_whole(const StrandPtr& strand, uint32_t bytes) {
    const LinkPtr link = strand->link;
    count_received(*link, strand->index, bytes);
    const auto part = std::exchange(strand->arriving, std::nullopt);
    InFrames::Frame* const frame = part ? link->arriving.find(part->number) : nullptr;
    if (frame && InFrames::add(*frame, part->offset, part->bytes)) end_arriving(link, part->number, true);
}

// What still comes of it on other strands has no place to go.
void Endpoint::Impl::end_arriving(const LinkPtr& link, uint64_t number, bool whole) {
    const InFrames::Frame* const frame = link->arriving.find(number);
    const auto token = frame ? std::optional(frame->sink.token) : std::nullopt;
    link->arriving.end(number);
    for (const Slot& slot : link->slots) {
        const StrandPtr& strand = slot.strand;
        if (!strand || !strand->arriving || strand->arriving->number != number) continue;
        strand->arriving.reset();
        strand->reader.discard();
    }
    link->stats.bulk_frames_received += whole;
    if (token) owner_.bulk_end(link->key, *token, whole, now_);
}

}  // namespace whim
