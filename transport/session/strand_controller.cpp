// The rules, in the order in which they are asked. The thresholds are from measurements on emulated paths;
// tests/unit/session/strand_controller_test.cpp shows what they lead to over rate, RTT and loss.
#include "transport/session/strand_controller.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"

namespace whim {
namespace {

constexpr Duration kFar = milliseconds(5);  // round trips from here on make windows matter
constexpr int64_t kSettleRtts = 6;          // a new strand's window needs some to open
constexpr int64_t kWindowRtts = 4;
constexpr Duration kWindowMin = milliseconds(400);
constexpr Duration kPauseMin = seconds(4);
constexpr uint64_t kWindowOfOne = 3u << 19;  // half of what one strand has under way with Linux's buffers
constexpr uint64_t kThinStrand = 1'000'000;  // bytes per second
constexpr Duration kPauseMax = seconds(120);
constexpr uint32_t kBreaks = 2;  // from here on it is no accident
constexpr Duration kBreaksForgotten = seconds(30);

uint64_t percent(uint64_t of, uint64_t share) { return of / 100 * share; }

uint64_t per_second(uint64_t bytes, Duration time) {
    return static_cast<uint64_t>(static_cast<double>(bytes) / time.seconds());
}

}  // namespace

StrandController::StrandController(uint32_t most, uint32_t remembered)
    : most_(most), more_pause_(kPauseMin), fewer_pause_(kPauseMin) {
    WHIM_ASSERT(most >= 1);
    if (remembered == 0) return;
    wanted_ = std::min(remembered, most);
    chosen_ = true;
    reason_ = "as many as this path took before";
}

void StrandController::learn_path(Duration rtt, Instant now) {
    more_from_ = fewer_from_ = now;
    if (std::exchange(chosen_, true)) return;
    const bool far = rtt >= kFar;
    wanted_ = far ? std::min(limits::kStrandsFar, most_) : 1;
    reason_ = far ? "a long path: several windows fill it sooner" : "a short path: one window fills it";
    settle(now, rtt);
}

void StrandController::settle(Instant now, Duration rtt) {
    settled_at_ = now + std::max(rtt * kSettleRtts, limits::kHeartbeatInterval);
    window_ = {};
}

void StrandController::begin(Trial trial, uint32_t count, std::string why) {
    trial_ = trial;
    before_ = std::exchange(wanted_, count);
    rate_before_ = rate_;
    reason_ = std::move(why);
}

// True: it asks for more strands.
bool StrandController::note_broken(const StrandReading& reading, Instant now) {
    if (now >= broken_until_) broken_ = 0;
    if (reading.broken == 0) return false;
    broken_ = std::min(broken_ + 1, kBreaks);
    broken_until_ = now + kBreaksForgotten;
    const uint32_t wanted = std::min(least(reading.rtt_min), most_);
    if (!breaking(now) || wanted <= wanted_) return false;
    trial_ = Trial::none;
    wanted_ = wanted;
    reason_ = "connections break here: another one takes over at once";
    return true;
}

bool StrandController::breaking(Instant now) const { return broken_ >= kBreaks && now < broken_until_; }

// When one is lost, others whose windows are open take its part over at once. A thin path has room for few.
uint32_t StrandController::least(Duration rtt_min) const {
    if (rtt_min < kFar) return 1;
    return rate_ >= 2 * kThinStrand ? limits::kStrandsFar : 1;
}

// The number from before the trial, and what it brought.
void StrandController::take_back(Duration rtt_min, Instant now) {
    wanted_ = breaking(now) ? std::max(before_, std::min(least(rtt_min), most_)) : before_;
    rate_ = rate_before_;
}

// A trial is of one pace, too. True: the number is what it was before one.
bool StrandController::begin_anew(const StrandReading& reading, Instant now) {
    settle(now, reading.rtt_smoothed);
    if (std::exchange(trial_, Trial::none) == Trial::none) return false;
    take_back(reading.rtt_min, now);
    reason_ = "a pace was found while another number was tried";
    return true;
}

bool StrandController::look(const StrandReading& reading, Instant now) {
    if (note_broken(reading, now)) {
        settle(now, reading.rtt_smoothed);
        return true;
    }
    if (reading.pace_is_new && begin_anew(reading, now)) return true;
    // A window is of one number of strands, all of them there and busy.
    if (reading.strands < wanted_ || !reading.backlogged || now < settled_at_) return false;
    window_.time = window_.time + reading.elapsed;
    window_.buffer_limited = window_.buffer_limited + reading.buffer_limited;
    window_.bytes += reading.bytes_acked;
    window_.retransmitted += reading.bytes_retransmitted;
    window_.paced = window_.paced && reading.paced;
    window_.below_pace = window_.below_pace && reading.below_pace;
    if (window_.time < std::max(reading.rtt_smoothed * kWindowRtts, kWindowMin)) return false;
    const uint64_t before = std::exchange(rate_, per_second(window_.bytes, window_.time));
    opening_ = before == 0 || rate_ > percent(before, 125);
    const bool changed = trial_ == Trial::none ? judge(reading, now) : judge_trial(reading.rtt_min, now);
    if (changed) settle(now, reading.rtt_smoothed);
    window_ = {};
    return changed;
}

// What a trial has to deliver, of what was delivered before. Under random loss the windows that slow start
// opened shrink for tens of seconds whatever is done, so that where more are known to help, no less is
// enough.
uint64_t StrandController::rate_needed(Trial trial) const {
    switch (trial) {
        case Trial::more_held_back: return rate_before_;
        case Trial::more_blind: return percent(rate_before_, 110);
        case Trial::fewer: return percent(rate_before_, 95);
        case Trial::none: break;
    }
    return 0;
}

bool StrandController::judge_trial(Duration rtt_min, Instant now) {
    const Trial trial = std::exchange(trial_, Trial::none);
    Duration& pause = trial == Trial::fewer ? fewer_pause_ : more_pause_;
    Instant& from = trial == Trial::fewer ? fewer_from_ : more_from_;
    if (rate_ >= rate_needed(trial)) {
        pause = kPauseMin;
        from = now;
        return false;
    }
    from = now + pause;
    pause = std::min(pause * 2, kPauseMax);
    reason_ = std::to_string(wanted_) +
              (trial == Trial::fewer ? " brought less than " : " brought no more than ") +
              std::to_string(before_);
    take_back(rtt_min, now);
    return true;
}

// The strands carry all that they are let: as many do as it takes windows to hold it.
bool StrandController::judge_paced(const StrandReading& last, Instant now) {
    const double in_flight = static_cast<double>(rate_) * last.rtt_smoothed.seconds();
    const auto windows = 1 + static_cast<uint32_t>(in_flight / static_cast<double>(kWindowOfOne));
    const uint32_t enough = std::max(windows, least(last.rtt_min));
    if (last.loss_limited || enough >= wanted_ || now < fewer_from_) return false;
    begin(Trial::fewer, enough, "the pace of the path needs no more");
    return true;
}

bool StrandController::judge(const StrandReading& last, Instant now) {
    if (window_.paced) return judge_paced(last, now);
    const Duration queueing = last.rtt_smoothed - last.rtt_min - last.jitter;
    const bool queue_full = queueing > std::max(last.rtt_min / 4, kFar);
    const double sent_again = static_cast<double>(window_.retransmitted) /
                              static_cast<double>(std::max<uint64_t>(window_.bytes, 1));
    const uint32_t more = std::min(wanted_ * 2, most_);

    // Even the smallest windows of many strands fill a thin line's queue, and heartbeats wait in it. A
    // congestion control that does not heed losses makes them itself when there are too many of it.
    const bool thin = rate_ / wanted_ < kThinStrand;
    const bool crowded = !last.loss_limited && sent_again > 0.05;
    const uint32_t fewer = std::max(wanted_ / 2, breaking(now) ? least(last.rtt_min) : 1);
    if (((queue_full && (sent_again > 0.02 || thin)) || crowded) && fewer < wanted_ && now >= fewer_from_) {
        begin(Trial::fewer, fewer,
              thin ? "a thin path with a full queue: fewer may do"
                   : "the path's queue overflows: fewer may do");
        return true;
    }
    // What is delivered while connections break says nothing of how many would do.
    if (breaking(now)) return false;
    if (!last.loss_limited && sent_again > 0.02) return false;
    if (more == wanted_ || queue_full || opening_) return false;
    if (window_.buffer_limited * 4 >= window_.time && now >= more_from_) {
        begin(Trial::more_held_back, more, "buffers of the system hold the strands back");
        return true;
    }
    if (window_.below_pace && now >= more_from_) {
        begin(Trial::more_held_back, more, "the strands' windows hold less than the path takes");
        return true;
    }
    if (last.loss_limited && window_.retransmitted > 0 && now >= more_from_) {
        begin(Trial::more_held_back, more, "losses without a queue hold the strands back");
        return true;
    }
    // Without a sign, rarely: a limit of each connection somewhere on the way shows nowhere else.
    if (last.rtt_min >= kFar && now >= more_from_ + kPauseMax / 4) {
        begin(Trial::more_blind, more, "to see whether more bring more");
        return true;
    }
    return false;
}

}  // namespace whim
