// Paces bulk strands. About twice a round trip while bulk is written, all links that send are looked at: the
// queue that all of them see is taken for that of this host's access line, whose rate they share in equal
// parts; what one of them sees beyond is its own path's, which bounds that link alone. See rate_finder.h for
// why. Windows that hold less than a strand's part of that are opened (guide_by_pace).
#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "transport/session/endpoint_impl.h"

namespace whim {
namespace {

constexpr double kReached = 0.85;  // of the pace: the strands do what they are let
constexpr double kBehind = 0.7;    // of what the links bring in the mean
constexpr Duration kCalm = milliseconds(5);
constexpr uint64_t kDroppedPart = 50;      // one in so many bytes
constexpr uint64_t kLostByChance = 4'500;  // three segments tell nothing
constexpr Duration kRests = seconds(4);    // without a write, a link is not looked at

}  // namespace

// What one link did since the last look.
struct Endpoint::Impl::PaceLook {
    Link* link = nullptr;
    RateReading reading;
    uint64_t bytes_retransmitted = 0;
};

void Endpoint::Impl::look_at_pace() {
    const Duration elapsed = now_ - std::exchange(pace_looked_at_, now_);
    std::vector<PaceLook> looks;
    bool ended = false, goes_on = false;  // a pause
    for (const auto& [key, link] : links_) {
        if (auto look = look_at_pace_of(*link, elapsed)) looks.push_back(*look);
        else ended |= link->pace.finder.pass(now_);
        goes_on |= link->pace.finder.pauses();
    }
    if (looks.size() < 2) ended |= line_.pass(now_);
    pace_interval_ = limits::kPaceLookMin;
    pace_due_ = !looks.empty() || goes_on || line_.pauses();
    if (looks.empty() && ended) share_pace();  // or what is sent next would begin as slowly
    if (looks.empty()) return;
    // Where nothing is known of the way there, all that is waited may be waited there.
    for (PaceLook& look : looks)
        look.reading.there = std::min(look.reading.queue, look.reading.there.value_or(look.reading.queue));
    RateReading all = looks.front().reading;
    for (size_t i = 1; i < looks.size(); ++i) {
        const RateReading& reading = looks[i].reading;
        all.bytes_acked += reading.bytes_acked;
        all.rtt_min = std::max(all.rtt_min, reading.rtt_min);
        all.queue = std::min(all.queue, reading.queue);
        all.there = std::min(*all.there, *reading.there);
    }
    if (looks.size() > 1) {  // a single link cannot tell whose queue it sees
        all.allowed = allowed_to(looks);
        line_.look(all, now_);
        for (PaceLook& look : looks) {
            look.reading.there = *look.reading.there - *all.there;
            look.reading.queue = std::max(look.reading.queue - all.queue, *look.reading.there);
            look.reading.beside_others = true;
        }
    } else {
        RateReading& only = looks.front().reading;
        only.queue = std::max(Duration{}, only.queue - line_.floor());
    }
    for (PaceLook& look : looks) look.link->pace.finder.look(look.reading, now_);
    pace_interval_ = std::max(limits::kPaceLookMin, all.rtt_min / 2);
    share_pace();
    for (const PaceLook& look : looks) {
        guide_by_pace(look, all.bytes_acked / looks.size());
        look.link->heartbeat.ping_due = true;  // how long the way there takes
        wake_control(*look.link);
    }
}

// With a pace that is known, windows need not be found as well. Those that are too small for it, because a
// strand was lost whose part the others take over, a slow start ended early or a segment was lost at random,
// grow by loss only slowly, and by rate as fast as new ones. So they do where a queue stands that full
// windows below the pace cannot have made. While no pace is known, a loss without a queue shows such a
// window, and how much less it brings than the other links'. What is sent again tells of paths that drop
// instead of queueing.
void Endpoint::Impl::guide_by_pace(const PaceLook& look, uint64_t mean) {
    Link& link = *look.link;
    if (link.losses.lossy()) return;  // by rate, all
    const bool drops = look.bytes_retransmitted > kLostByChance &&
                       look.bytes_retransmitted * kDroppedPart > look.reading.bytes_acked;
    const bool competes = line_.lifted(now_) || link.pace.finder.lifted(now_);  // with others, as TCP does
    const bool behind =
        !competes && static_cast<double>(look.reading.bytes_acked) < kBehind * static_cast<double>(mean);
    for (const Slot& slot : link.slots) {
        const StrandPtr& strand = slot.strand;
        if (!strand || strand->index == 0 || strand->acked_since == 0) continue;  // one that rests
        const double part = static_cast<double>(strand->pace) * look.reading.elapsed.seconds();
        const bool below = static_cast<double>(strand->acked_since) < kReached * part;
        const bool full = strand->window_full, calm = link.pace.calm;
        const bool small = link.pace.rate > 0 ? !link.pace.reached && below && (calm || full)
                                              : full && (behind || (calm && (strand->lost || strand->opens)));
        strand->opens = small && !drops && link.has_waiting();
        guide(*strand, strand->opens ? Congestion::by_rate : Congestion::by_loss);
    }
}

// What the links may send together while some have less than their paths would take: those that their paths
// hold back leave a part of the line's bound over. 0: all do as their paths let them, and the line's bound
// holds nobody back.
uint64_t Endpoint::Impl::allowed_to(const std::vector<PaceLook>& looks) const {
    uint64_t allowed = 0;
    bool held_back = false;
    for (const PaceLook& look : looks) {
        const auto& pace = look.link->pace;
        allowed += pace.rate;
        held_back = held_back || pace.finder.rate() == 0 || pace.finder.rate() > pace.rate;
    }
    return held_back ? allowed : 0;
}

// Nothing when nothing came through, or over a path too short to be paced.
std::optional<Endpoint::Impl::PaceLook> Endpoint::Impl::look_at_pace_of(Link& link, Duration elapsed) {
    for (const Slot& slot : link.slots)
        if (slot.strand) slot.strand->acked_since = 0;
    if (now_ - link.pace.written_at > kRests) return std::nullopt;
    PaceLook look{&link, {}, 0};
    RateReading& reading = look.reading;
    reading.elapsed = elapsed;
    Duration queues{};
    uint32_t seen = 0;
    for (size_t index = 1; index < link.slots.size() && link.among_first(index, link.strands_used());
         ++index) {
        const StrandPtr& strand = link.slots[index].strand;
        const std::optional<PathSample> sample = strand ? driver_.sample(strand->handle) : std::nullopt;
        if (!sample) continue;
        const auto before = std::exchange(strand->acked_at_pace_look, sample->bytes_acked);
        strand->window_full = sample->window_full;
        strand->acked_since = before ? sample->acked_since(*before) : 0;
        const uint64_t again = std::exchange(strand->retransmitted_at_pace_look, sample->bytes_retransmitted);
        look.bytes_retransmitted += sample->bytes_retransmitted - again;
        strand->lost = sample->bytes_retransmitted > again;
        if (strand->acked_since == 0) continue;  // its round-trip time is old
        reading.bytes_acked += strand->acked_since;
        reading.rtt_min = seen == 0 ? sample->rtt_min : std::min(reading.rtt_min, sample->rtt_min);
        queues = queues + (sample->rtt_smoothed - sample->rtt_min);
        ++seen;
    }
    if (seen > 0) reading.queue = queues / seen;
    reading.there = link.forward.queue(now_, std::max(reading.rtt_min, limits::kHeartbeatInterval) * 2);
    if (seen > 0) link.far = reading.rtt_min >= limits::kShortPathRtt;
    if (link.far && (seen > 0 || link.has_waiting())) link.pace.active_until = now_ + reading.rtt_min;
    const double allowed = static_cast<double>(link.pace.rate) * elapsed.seconds();
    const bool measures = line_.measures(now_) || link.pace.finder.measures(now_);
    const Duration queue = reading.queue - jitter_of(link);
    link.pace.calm = seen > 0 && !measures && queue <= std::max(kCalm, reading.rtt_min / 8);
    link.pace.reached = link.pace.rate > 0 && static_cast<double>(reading.bytes_acked) >= kReached * allowed;
    return seen > 0 && link.far ? std::optional(look) : std::nullopt;
}

// What delay over the least there was is no queue, as far as is known.
Duration Endpoint::Impl::jitter_of(const Link& link) const {
    return link.far ? line_.floor() + link.pace.finder.floor() : Duration{};
}

// Equal parts, although those that their paths hold back leave something over: what an op sends over each of
// its links is about the same, and to send some of it earlier only fills queues elsewhere. Whoever has no
// more to send counts no more.
void Endpoint::Impl::share_pace() {
    uint64_t active = 0;
    for (const auto& [key, link] : links_) active += link->pace.active_until >= now_;
    const bool rest = active == 0;  // all: then those have parts that did not for long
    const auto takes_part = [&](const Link& link) {
        return rest ? link.far && now_ - link.pace.written_at <= kRests : link.pace.active_until >= now_;
    };
    for (const auto& [key, link] : links_) active += rest && takes_part(*link);
    for (const auto& [key, link] : links_) {
        if (!takes_part(*link)) continue;
        const uint64_t own = link->pace.finder.rate(), share = line_.rate() / active;
        set_pace(*link, own == 0 ? share : share == 0 ? own : std::min(own, share));
    }
}

// Equal parts among the strands that deliver; one that is new does not use its part yet.
void Endpoint::Impl::set_pace(Link& link, uint64_t rate) {
    if (std::exchange(link.pace.rate, rate) == 0 && rate > 0) link.pace.is_new = true;
    std::vector<Strand*> used;
    for (size_t index = 1; index < link.slots.size() && link.among_first(index, link.strands_used());
         ++index) {
        if (link.slots[index].strand) used.push_back(link.slots[index].strand.get());
    }
    uint64_t most = 0, delivering = 0;
    for (const Strand* strand : used) most = std::max(most, strand->acked_since);
    for (const Strand* strand : used) delivering += strand->acked_since * 4 >= std::max<uint64_t>(most, 1);
    if (most == 0) delivering = link.strands_used();
    const uint64_t each = rate == 0 ? 0 : std::max<uint64_t>(rate / std::max<uint64_t>(delivering, 1), 1);
    for (Strand* strand : used) {
        if (std::exchange(strand->pace, each) != each) driver_.pace(strand->handle, each);
    }
}

uint64_t Endpoint::Impl::rate_of(const Link& link) const {
    uint64_t rate = link.pace.rate > 0 ? link.pace.rate : link.far ? link.stats.rate_sent : 0;
    for (const uint64_t bound : {limiter_.rate(), link.limiter.rate()}) {
        if (bound > 0) rate = rate > 0 ? std::min(rate, bound) : bound;
    }
    return rate;
}

std::string Endpoint::Impl::pace_reason(const Link& link) const {
    const bool by_path = link.pace.finder.rate() > 0 && link.pace.rate == link.pace.finder.rate();
    if (by_path || line_.rate() == 0) return "this path: " + link.pace.finder.reason();
    return "a share of this host's line: " + line_.reason();
}

}  // namespace whim
