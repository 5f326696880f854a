// How many bulk strands a link has, and what is learnt from them: readings for the controller, figures for
// LinkStats. Looked at with each heartbeat.
#include <algorithm>

#include "base/limits.h"
#include "transport/session/endpoint_impl.h"

namespace whim {
namespace {

// A span says what the path can do when it carried enough to tell.
constexpr uint64_t kTellingBytes = 64u << 10;

uint64_t smoothed(uint64_t before, uint64_t bytes, Duration elapsed) {
    const auto rate = static_cast<uint64_t>(static_cast<double>(bytes) / elapsed.seconds());
    return before == 0 ? rate : before + rate / 8 - before / 8;
}

}  // namespace

bool Link::has_waiting() const {
    return !bulk.empty() || std::any_of(slots.begin(), slots.end(),
                                        [](const Slot& slot) { return slot.strand && slot.strand->in_hand; });
}

// The number changed at one end, or what belongs to it: makes the slots, dials what lacks, lets go of
// nothing.
void Endpoint::Impl::fit_strands(Link& link) {
    const size_t open = link.strands_open();
    if (link.slots.size() < 1 + open) link.slots.resize(1 + open);
    if (!link.options.dial || !link.control_up()) return;
    for (size_t index = 1; index <= open; ++index) {
        Slot& slot = link.slots[index];
        if (!slot.strand && !slot.dialing && !slot.next_dial) slot.next_dial = now_;
    }
}

void Endpoint::Impl::wanted_changed(Link& link) {
    fit_strands(link);
    link.wanted_due = true;
    wake_control(link);
    if (!link.has_waiting()) return;
    for (size_t index = 1; index < link.slots.size(); ++index) {
        if (link.slots[index].strand && link.among_first(index, link.strands_used()))
            wake(*link.slots[index].strand);
    }
}

void Endpoint::Impl::learn_path(Link& link) {
    if (!link.tuner) return;
    const std::optional<PathSample> path = driver_.sample(link.control().strand->handle);
    if (path) link.tuner->learn_path(path->rtt_smoothed, now_);
    link.far = link.far || (path && path->rtt_min >= limits::kShortPathRtt);
    wanted_changed(link);
}

void Endpoint::Impl::look_at_strands(Link& link) {
    StrandReading reading;
    reading.elapsed = now_ - std::exchange(link.looked_at, now_);
    const bool bounded = limiter_.limited() || link.limiter.limited();  // by the user, not by the path
    reading.backlogged = !std::exchange(link.ran_dry, !link.has_waiting()) && !bounded;
    reading.paced = link.pace.reached;
    reading.pace_is_new = std::exchange(link.pace.is_new, false);
    reading.below_pace = link.pace.rate > 0 && !link.pace.reached && link.pace.calm;
    if (reading.elapsed.ns <= 0) return;
    LinkStats& stats = link.stats;
    const uint64_t received =
        stats.bytes_received - std::exchange(link.received_before, stats.bytes_received);
    if (received >= kTellingBytes)
        stats.rate_received = smoothed(stats.rate_received, received, reading.elapsed);

    Duration rtt_sum{};
    bool by_loss = false;
    uint64_t lost = 0;  // on all of them; the controller hears of those in use
    for (size_t index = 0; index < link.slots.size(); ++index) {
        const StrandPtr& strand = link.slots[index].strand;
        const std::optional<PathSample> now = strand ? driver_.sample(strand->handle) : std::nullopt;
        if (!now) continue;
        const std::optional<PathSample> before = std::exchange(strand->sampled, now);
        const PathSample since = before.value_or(PathSample{});
        const uint64_t again = now->bytes_retransmitted - since.bytes_retransmitted;
        stats.bytes_retransmitted += again;
        if (index == 0) {
            stats.path_rtt = now->rtt_smoothed;
            stats.control_bytes_retransmitted += again;
            if (now->acked_since(since.bytes_acked) > 0) link.carried = now_;
        }
        if (index == 0 || !before) continue;  // a new one has not been there all the time
        lost += again;
        if (!link.among_first(index, link.strands_used())) continue;
        ++reading.strands;
        reading.bytes_acked += now->acked_since(since.bytes_acked);
        reading.bytes_retransmitted += again;
        reading.buffer_limited = reading.buffer_limited + (now->buffer_limited - since.buffer_limited);
        by_loss = now->loss_limited;
        rtt_sum = rtt_sum + now->rtt_smoothed;
        const bool first = reading.rtt_min.ns == 0;
        reading.rtt_min = first ? now->rtt_min : std::min(reading.rtt_min, now->rtt_min);
    }
    if (reading.strands == 0) return;
    reading.rtt_smoothed = rtt_sum / reading.strands;
    reading.buffer_limited = reading.buffer_limited / reading.strands;
    reading.jitter = jitter_of(link);
    link.losses.look(lost, reading.rtt_min, reading.rtt_smoothed - reading.rtt_min - reading.jitter, now_);
    guide_strands(link, reading);
    reading.loss_limited = by_loss && link.losses.lossy();
    stats.path_rtt = reading.rtt_smoothed;
    if (reading.backlogged && reading.bytes_acked >= kTellingBytes)
        stats.rate_sent = smoothed(stats.rate_sent, reading.bytes_acked, reading.elapsed);
    reading.broken = std::exchange(link.broken, 0);
    if (link.tuner && link.tuner->look(reading, now_)) wanted_changed(link);
}

// By rate where segments are lost at random; and while a strand of a long path rests: then its window stays
// as it is, which otherwise shrinks to that of a new connection (RFC 2861). Those that send again are judged
// by what they bring (guide_by_pace), the others are guided by loss.
void Endpoint::Impl::guide_strands(Link& link, const StrandReading& reading) {
    const bool rests = reading.bytes_acked == 0 && !link.has_waiting();
    const bool by_rate = reading.rtt_min >= limits::kShortPathRtt && (rests || link.losses.lossy());
    for (size_t index = 1; index < link.slots.size(); ++index) {
        const StrandPtr& strand = link.slots[index].strand;
        if (!strand || !link.among_first(index, link.strands_spread())) continue;
        const bool judged = link.far && link.among_first(index, link.strands_used());
        if (by_rate || !judged) guide(*strand, by_rate ? Congestion::by_rate : Congestion::by_loss);
    }
}

void Endpoint::Impl::guide(Strand& strand, Congestion by) {
    if (std::exchange(strand.guide, by) != by) driver_.guide(strand.handle, by);
}

// What the host's line carries is not forgotten with a link (path_pace.cpp).
void Endpoint::Impl::recall_path(Link& link) {
    const KnownPath known = paths_.recall(link.key.peer, now_).value_or(KnownPath{});
    link.tuner.emplace(link.bulk_strands, known.strands);
    link.pace.finder.remember(known.pace);
    link.losses = known.losses;
}

void Endpoint::Impl::remember_path(const Link& link) {
    if (!link.tuner || !link.tuner->knows_path()) return;  // it never came up: what was known stays
    paths_.note(link.key.peer, {link.tuner->wanted(), link.pace.finder.found(), link.losses}, now_);
}

}  // namespace whim
