// Thresholds are of the path's round trip; tests/unit/session/rate_finder_test.cpp shows what they lead to.
#include "transport/session/rate_finder.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace whim {
namespace {

constexpr Duration kQueueMin = milliseconds(5);  // below it, delay says little
constexpr int64_t kQueuePart = 8;                // of a round trip: the queue that is borne
constexpr uint64_t kBurstBytes = 24u << 10;
constexpr int64_t kDrainRtts = 2;
constexpr int64_t kSpanRtts = 1;
constexpr double kCutMax = 0.3;         // while a queue drains
constexpr double kBelow = 0.97;         // of what was delivered while a queue stood
constexpr double kStep = 0.025;         // a raise
constexpr double kStepFirst = 0.4;      // until a queue stood again: the first may have been of a slow start
constexpr double kStepCorrected = 0.1;  // the same once all that the queue let through has been counted
constexpr uint32_t kFasterEvery = 2;    // raises in a row double the step
constexpr uint32_t kDoublingsMax = 3;
constexpr double kReached = 0.92;
constexpr int64_t kOwnRtts = 5;  // so long one path's own queue stands: others' bursts come and go
constexpr int64_t kBusyRtts = 2;
constexpr int64_t kDoubtRtts = 4;    // so long neither a queue nor none: a pause shows which
constexpr uint32_t kUnanswered = 2;  // times lowered, and nothing that let it be raised again: the same
constexpr double kMuch = 0.89;       // of what it was before it was lowered, to no effect
constexpr double kStarting = 1.3;    // times what the round trip before brought: a slow start, that goes on
// Of the rate, or of what the path carried of late: whoever sends less did not make the queue, which may be
// on the way back. All who see it would lower by the same part, and whoever sends little would for long.
constexpr double kMine = 0.7;
constexpr int64_t kBorneRtts = 25;               // unless it stands for so long: the path got slower
constexpr double kForgotten = 0.02;              // of what it carried, in a second
constexpr uint32_t kForeignAfter = 8;            // pauses in a row that did not empty the queue,
constexpr uint32_t kForeignMin = 4;              // or so many when less is left
constexpr double kForeignBelow = 0.5;            // than that of what there was before
constexpr uint64_t kTellingBytes = 64u << 10;    // less says nothing about the path,
constexpr uint64_t kTellingBytesMin = 8u << 10;  // or little after some round trips
constexpr int64_t kFewRttsMax = 4;
constexpr uint64_t kRateMin = 32u << 10;
constexpr uint64_t kMostTimes =
    3;  // what comes while the first queue stands: so much was no more than a burst
constexpr Duration kFreeMin = seconds(10);
constexpr Duration kFreeMax = seconds(160);

uint64_t part(uint64_t of, double share) { return static_cast<uint64_t>(static_cast<double>(of) * share); }

std::string mbit(uint64_t bytes_per_second) { return std::to_string(bytes_per_second / 125'000) + " Mbit/s"; }

}  // namespace

// On a thin path, what several connections send at once is itself some milliseconds long.
Duration RateFinder::bearable(Duration rtt_min) const {
    const double bursts = rate_ == 0 ? 0 : static_cast<double>(kBurstBytes) / static_cast<double>(rate_);
    const Duration thin = std::min(Duration{static_cast<int64_t>(1e9 * bursts)}, rtt_min / 2);
    return std::max({kQueueMin, rtt_min / kQueuePart, thin});
}

// What other bounds leave over of this one counts neither as unused nor as undelivered: the bound goes down
// by the part of what may be sent that did not come. To what came, it would take from those that it alone
// holds back what the others do not use.
uint64_t RateFinder::unused(const RateReading& reading) const {
    return reading.allowed == 0 || reading.allowed > rate_ ? 0 : rate_ - reading.allowed;
}

uint64_t RateFinder::Span::rate() const {
    return time.ns <= 0 ? 0 : static_cast<uint64_t>(static_cast<double>(bytes) / time.seconds());
}

void RateFinder::measure(const RateReading& reading) {
    span_.time = span_.time + reading.elapsed;
    span_.bytes += reading.bytes_acked;
    if (span_.time < reading.rtt_min * kSpanRtts) return;
    spans_[spans_seen_++ % spans_.size()] = span_.rate();
    if (rate_ == 0) most_ = std::max(most_, span_.rate());
    span_ = {};
}

uint64_t RateFinder::best() const { return *std::max_element(spans_.begin(), spans_.end()); }

void RateFinder::remember(uint64_t rate) {
    if (rate == 0) return;
    rate_ = std::max(rate, kRateMin);
    reason_ = "as much as this path carried before, " + mbit(rate);
}

bool RateFinder::look(RateReading reading, Instant now) {
    if (reading.rtt_min < limits::kShortPathRtt || reading.elapsed.ns <= 0) return false;
    floor_.expire(now);
    floor_.look(reading.queue, now);
    if (draining_ && now >= not_before_) return end_pause(reading, now);
    return collect(reading) && judge(reading, now);
}

bool RateFinder::pass(Instant now) {
    floor_.expire(now);
    if (!draining_ || now < not_before_) return false;
    draining_ = false;
    floor_.give_up();
    return true;
}

bool RateFinder::end_pause(const RateReading& reading, Instant now) {
    const Duration borne = bearable(reading.rtt_min);
    if (floor_.measures()) {
        const Duration longer = floor_.longer(borne, reading.rtt_min, now);
        not_before_ = now + longer;
        if (longer.ns > 0) return false;
        if (floor_.end(borne, reading.rtt_min) && lowered_for_it_) undo();
        settled_ = now + reading.rtt_min * 5 / 4;
    }
    draining_ = false;
    not_before_ = now + reading.rtt_min * 5 / 4 + reading.queue;
    return true;
}

// Puts looks together until they say something. False: not yet, or there was a gap.
bool RateFinder::collect(RateReading& reading) {
    const bool gap = reading.elapsed > reading.rtt_min * 3 / 2 + kQueueMin * 4;
    if (gap) few_ = {};
    few_.time = few_.time + reading.elapsed;
    few_.bytes += reading.bytes_acked;
    const bool long_enough = few_.time >= reading.rtt_min * kFewRttsMax;
    if (!gap && few_.bytes < kTellingBytes && !long_enough) return false;
    reading.elapsed = few_.time;
    reading.bytes_acked = few_.bytes;
    few_ = {};
    if (!gap && reading.bytes_acked >= kTellingBytesMin) return true;
    standing_ = false;
    if (gap) borne_since_ = neither_since_ = round_since_ = {};
    span_ = {};
    return false;
}

bool RateFinder::judge(RateReading reading, Instant now) {
    const double could = static_cast<double>(rate_ - unused(reading)) * reading.elapsed.seconds();
    const double used = rate_ == 0 ? 0 : static_cast<double>(reading.bytes_acked) / could;
    measure(reading);
    const double kept = std::max(0.0, 1 - kForgotten * reading.elapsed.seconds());
    carried_ = std::max(rate_, part(carried_, kept));
    most_ = part(most_, kept);
    reading.queue = std::max(Duration{}, reading.queue - floor());
    reading.queue = own_queue(reading, now);
    const bool queued = reading.queue > bearable(reading.rtt_min);
    if (rate_ == 0 && !queued) {
        busy_ = {};
        standing_ = false;
    }
    if (queued && (rate_ == 0 || first_)) {
        busy_.time = busy_.time + reading.elapsed;
        busy_.bytes += reading.bytes_acked;
    }
    if (first_ && !floor_.measures() && correct(reading, now)) return true;
    if (now < not_before_) return false;
    if (rate_ == 0) return queued && now >= free_until_ && find(reading, now);
    if (queued) {
        if (borne_since_.ns == 0) borne_since_ = now;
        const bool others = used < kMine || rate_ < part(carried_, kMine);
        if (others && now - borne_since_ < reading.rtt_min * kBorneRtts) return false;
        const bool believable = reading.queue + floor() <= QueueFloor::believed(reading.rtt_min) * 2;
        if (unanswered_ >= kUnanswered && believable && may_measure(now))
            return measure_floor(reading, true, now);
        lower(reading, now);
        if (others) carried_ = rate_;  // the path got slower
        return true;
    }
    lowered_ = 0;
    borne_since_ = {};
    const bool reached = used >= kReached;
    const bool neither = reading.queue > bearable(reading.rtt_min) / 2;  // a queue nor none
    if (neither) raised_ = 0;
    if (!neither || !reached) neither_since_ = {};
    else if (neither_since_.ns == 0) neither_since_ = now;
    const bool doubtful = neither_since_.ns > 0 && now - neither_since_ > reading.rtt_min * kDoubtRtts;
    if ((doubtful || floor().ns > 0) && may_measure(now)) return measure_floor(reading, false, now);
    return reached && !neither && raise(reading, now);
}

// While all who began together find their rates, a queue is nobody's jitter, unless it costs one much.
bool RateFinder::may_measure(Instant now) const {
    return floor_.due(now) && (now >= settles_until_ || rate_ < part(kept_, kMuch));
}

// What is not waited on the way there is waited on the way back, where others send. But not for ever: what
// tells of the way there may have a queue of its own.
Duration RateFinder::own_queue(const RateReading& reading, Instant now) {
    if (reading.queue <= bearable(reading.rtt_min)) round_since_ = {};
    else if (round_since_.ns == 0) round_since_ = now;
    const bool long_ago = round_since_.ns > 0 && now - round_since_ > reading.rtt_min * kBorneRtts;
    return reading.there && !long_ago ? std::min(reading.queue, *reading.there) : reading.queue;
}

// Sends so little for a while that whatever delay is left is not of this sender.
bool RateFinder::measure_floor(const RateReading& reading, bool lowered_for_it, Instant now) {
    lowered_for_it_ = lowered_for_it;
    neither_since_ = {};
    const Duration pause = floor_.begin(reading.queue + floor(), reading.rtt_min, now);
    drain_rate_ = std::max(kRateMin, part(std::min(rate_, std::max(best(), kRateMin)), QueueFloor::kPause));
    draining_ = true;
    not_before_ = now + pause;
    return true;
}

// The bound was lowered for delay that was no queue.
void RateFinder::undo() {
    rate_ = std::max(rate_, kept_);
    lowered_ = unanswered_ = 0;
    kept_ = 0;
    borne_since_ = {};
    reason_ = "the delay varies by itself, by " + std::to_string(floor().ms()) + " ms and more";
}

// What was delivered until the queue was found is less than the path can; a whole span with the queue there
// is nearer to it. A slow start sends in bursts, which queue long before the path is full: as long as each
// span brings much more than the one before, that is all it is.
bool RateFinder::find(const RateReading& reading, Instant now) {
    if (!std::exchange(standing_, true)) {
        const uint64_t before = spans_seen_ == 0 ? 0 : spans_[(spans_seen_ - 1) % spans_.size()];
        forget();
        before_ = before;
        stands_since_ = now;
    }
    if (spans_seen_ == 0) return false;
    if (reading.beside_others && now - stands_since_ < reading.rtt_min * kOwnRtts) return false;
    if (const uint64_t now_is = best(); now_is > part(before_, kStarting)) {
        forget();
        before_ = now_is;
        return false;
    }
    standing_ = false;
    lowered_ = 0;
    settles_until_ = now + QueueFloor::again(reading.rtt_min);
    // A path carries what it once did. When others begin as well, less comes through while the queue stands.
    spans_[0] = most_ = std::max(std::min(most_, best() * kMostTimes), best());
    reason_ = "a queue stood at " + mbit(most_);
    lower(reading, now);
    forget();
    most_ = 0;
    return true;
}

// The first bound may be of a span in which a burst was lost and little came through. All of the time in
// which that queue stood says more, also while it still drains.
bool RateFinder::correct(const RateReading& reading, Instant now) {
    const bool enough = busy_.time >= reading.rtt_min * kBusyRtts;
    if (!enough && now < not_before_) return false;
    const Span busy = std::exchange(busy_, {});
    const uint64_t carried = part(busy.rate(), kBelow);
    if (!enough || carried <= rate_) return false;
    rate_ = carried;
    corrected_ = true;
    if (draining_) drain_rate_ = drain_of(reading, not_before_ - now);
    reason_ = "the first queue drained at " + mbit(busy.rate());
    return true;
}

// What to send for so long, that the queue is gone then.
uint64_t RateFinder::drain_of(const RateReading& reading, Duration pause) const {
    const Duration excess = reading.queue - bearable(reading.rtt_min) / 2;
    const double cut = excess.ns <= 0 ? 0 : std::min(kCutMax, excess.seconds() / pause.seconds());
    return std::max(kRateMin, part(rate_, 1 - cut));
}

void RateFinder::forget() {
    spans_.fill(0);
    spans_seen_ = 0;
    span_ = {};
}

bool RateFinder::lower(const RateReading& reading, Instant now) {
    raised_ = 0;
    borne_since_ = {};
    if (++lowered_ == 1) lowered_from_ = rate_;
    const bool starves = lowered_ > kForeignMin && rate_ < part(lowered_from_, kForeignBelow);
    if (starves || lowered_ > kForeignAfter) return lift(now);
    if (unanswered_++ == 0 || kept_ == 0) kept_ = rate_;
    const Duration pause = reading.rtt_min * kDrainRtts;
    first_ = rate_ == 0;
    corrected_ = false;
    const uint64_t could = std::max<uint64_t>(rate_ - unused(reading), 1);
    const double used = spans_seen_ == 0 ? 1.0 : static_cast<double>(best()) / static_cast<double>(could);
    const uint64_t carried = first_ ? best() : part(rate_, std::min(1.0, used));
    rate_ = std::max({kRateMin, part(carried, kBelow), rate_ / 2});
    drain_rate_ = drain_of(reading, pause);
    draining_ = true;
    not_before_ = now + pause;
    return true;
}

bool RateFinder::raise(const RateReading& reading, Instant now) {
    const uint32_t doublings = std::min(raised_++ / kFasterEvery, kDoublingsMax);
    const double first = corrected_ ? kStepCorrected : kStepFirst;
    unanswered_ = 0;
    kept_ = 0;
    rate_ += part(rate_, first_ ? first : kStep * (1u << doublings));
    not_before_ = now + reading.rtt_min + reading.queue;
    if (doublings > 0) reason_ = "no queue: there is room for more";
    return true;
}

bool RateFinder::lift(Instant now) {
    const bool anew = free_pause_.ns == 0 || now > free_until_ + kFreeMax;
    free_pause_ = anew ? kFreeMin : std::min(free_pause_ * 2, kFreeMax);
    free_until_ = now + free_pause_;
    rate_ = carried_ = kept_ = 0;
    lowered_ = unanswered_ = 0;
    round_since_ = {};
    floor_.forget();
    reason_ = "the queue is not this link's: others fill it";
    return true;
}

}  // namespace whim
