// The finder on a modelled bottleneck: one queue that drains at a rate, and a sender that, unpaced, sends
// half as much again.
#include "transport/session/rate_finder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/prng.h"

namespace whim {
namespace {

struct Line {
    RateFinder finder;
    double capacity = 40e6;  // bytes per second
    Duration rtt = milliseconds(80);
    double queue_max_s = 0.05;
    double foreign = 0;   // bytes per second of somebody who does not yield
    double noise_s = 0;   // of each reading of the queue
    double jitter_s = 0;  // in all of them
    double wish = 1e12;   // what the sender has to send, bytes per second
    Duration look = milliseconds(40);
    double smoothed = 1;  // what a reading counts in the delay that is seen

    Duration floor_most;  // of all looks
    double seen_s = 0;
    double queue = 0;  // bytes
    Instant now{1};
    Prng prng{1};
    std::vector<double> sent{60e6};  // by look; readings are of what was sent a round trip before

    double delivered = 0;  // bytes, in all
    std::vector<double> queues_s;

    void run(Duration time) {
        for (const Instant until = now + time; now < until; step()) {}
    }
    void step() {
        const double pace = finder.rate() == 0 ? capacity * 1.5 : static_cast<double>(finder.rate());
        sent.push_back(std::min(pace, wish));
        const auto lag = static_cast<size_t>(rtt.ns / look.ns);
        const double own = sent[sent.size() > lag ? sent.size() - 1 - lag : 0];
        const double come = (own + foreign) * look.seconds();
        const double out = std::min(queue + come, capacity * look.seconds());
        queue = std::min(queue + come - out, queue_max_s * capacity);
        const double share = own / std::max(own + foreign, 1.0);
        delivered += out * share;
        now = now + look;
        RateReading reading;
        reading.elapsed = look;
        reading.bytes_acked = static_cast<uint64_t>(out * share);
        reading.rtt_min = rtt;
        const double noise = noise_s * static_cast<double>(prng.below(1000)) / 1000;
        seen_s += (queue / capacity + noise + jitter_s - seen_s) * smoothed;
        reading.queue = Duration{static_cast<int64_t>(1e9 * seen_s)};
        queues_s.push_back(queue / capacity);
        finder.look(reading, now);
        floor_most = std::max(floor_most, finder.floor());
    }
    // Of what the line could have delivered, and the queue in which 99 of 100 looks find less, in seconds.
    std::pair<double, double> measure(Duration time) {
        delivered = 0;
        queues_s.clear();
        run(time);
        std::sort(queues_s.begin(), queues_s.end());
        return {delivered / (capacity * time.seconds()), queues_s[queues_s.size() * 99 / 100]};
    }
};

TEST(RateFinder, FillsThePathAndKeepsItsQueueShort) {
    for (const int rtt : {10, 40, 80, 300})
        for (const double capacity : {6e5, 4e6, 4e7, 4e8}) {
            Line line;
            line.rtt = milliseconds(rtt);
            line.look = std::max(milliseconds(10), line.rtt / 2);
            line.capacity = capacity;
            line.run(seconds(5 + rtt / 20));
            const auto [share, queue] = line.measure(seconds(60));
            const std::string path = std::to_string(rtt) + " ms, " + std::to_string(capacity);
            EXPECT_GE(share, 0.92) << path;
            const double bursts_s = 48e3 / capacity;  // are a queue themselves on a thin path
            EXPECT_LE(queue, std::max({0.02, 0.3 * line.rtt.seconds(), bursts_s})) << path;
            EXPECT_EQ(line.floor_most.ns, 0) << path;
        }
}

// Of a line that does not jitter: whatever is left off is a queue that stands for good.
TEST(RateFinder, TakesNoQueueOfItsOwnForJitter) {
    for (const int rtt : {10, 40, 80, 200})
        for (const double capacity : {6e5, 4e6, 4e7})
            for (const double smoothed : {1.0, 0.2}) {
                Line line;
                line.smoothed = smoothed;
                line.rtt = milliseconds(rtt);
                line.look = std::max(milliseconds(10), line.rtt / 2);
                line.capacity = capacity;
                line.noise_s = 0.0005;
                line.run(seconds(60));
                EXPECT_LE(line.floor_most, std::max(milliseconds(2), line.rtt / 20))
                    << fmt::format("{} ms, {} bytes per second, smoothed {}", rtt, capacity, smoothed);
            }
}

// A short buffer that stays full while more is sent than the line carries: the delay does not change there.
TEST(RateFinder, GivesWayWhereABufferIsShort) {
    for (const int rtt : {80, 200})
        for (const double buffer : {0.16, 0.22})
            for (const double slower : {1.15, 1.3, 2.0}) {
                Line line;
                line.rtt = milliseconds(rtt);
                line.look = line.rtt / 2;
                line.queue_max_s = buffer * line.rtt.seconds();
                line.noise_s = 0.0005;
                line.run(seconds(10));
                line.capacity /= slower;
                line.run(seconds(15));
                const std::string path =
                    fmt::format("{} ms, a buffer of {} of that, {} times slower", rtt, buffer, slower);
                EXPECT_LE(static_cast<double>(line.finder.found()), 1.1 * line.capacity) << path;
                EXPECT_LE(line.floor_most, line.rtt / 20) << path;
            }
}

TEST(RateFinder, TakesWhatBecomesFree) {
    Line line;
    line.run(seconds(5));
    line.capacity *= 3;
    line.run(seconds(4));
    EXPECT_GE(line.measure(seconds(20)).first, 0.9);
}

TEST(RateFinder, GivesWayWhenThePathGetsSlower) {
    Line line;
    line.run(seconds(5));
    line.capacity /= 3;
    line.run(seconds(6));
    const auto [share, queue] = line.measure(seconds(20));
    EXPECT_GE(share, 0.9);
    EXPECT_LE(queue, 0.03);
}

TEST(RateFinder, FindsThePathAlsoWhenTheFirstQueueWasNotOfIt) {
    Line line;
    line.capacity = 4e6;  // a machine that stood still, say
    line.run(seconds(2));
    line.capacity = 4e7;
    line.run(seconds(3));
    EXPECT_GE(line.measure(seconds(20)).first, 0.9);
}

TEST(RateFinder, LeavesAQueueOfOthersToTcp) {
    Line line;
    line.foreign = 1e8;
    line.run(seconds(60));
    EXPECT_EQ(line.finder.rate(), 0u);
    EXPECT_EQ(line.finder.reason(), "the queue is not this link's: others fill it");
    line.foreign = 0;
    line.run(seconds(200));  // the pause, however often it was doubled
    EXPECT_GT(line.finder.rate(), 0u);
    EXPECT_LE(line.measure(seconds(20)).second, 0.02);
}

TEST(RateFinder, BearsWithJitter) {
    Line line;
    line.noise_s = 0.004;
    line.run(seconds(5));
    EXPECT_GE(line.measure(seconds(60)).first, 0.85);
}

// As over radio: the delay is never the least one, whatever is sent.
TEST(RateFinder, TellsDelayThatVariesByItselfFromAQueue) {
    for (const int rtt : {30, 95, 200})
        for (const double capacity : {3e6, 4e7})
            for (const uint64_t seed : {1, 2, 3, 4, 5, 6, 7, 8}) {
                Line line;
                line.prng = Prng(seed);
                line.rtt = milliseconds(rtt);
                line.look = line.rtt / 2;
                line.capacity = capacity;
                line.queue_max_s = 0.4;
                line.jitter_s = line.noise_s = line.rtt.seconds() / 7;
                line.run(seconds(15));
                const auto [share, queue] = line.measure(seconds(60));
                const std::string path =
                    fmt::format("{} ms, {} bytes per second, seed {}", rtt, capacity, seed);
                EXPECT_GE(share, 0.85) << path;
                EXPECT_LE(queue, std::max(0.03, 0.5 * line.rtt.seconds())) << path;
            }
}

// Between what is a queue and what is none, nothing would ever change.
TEST(RateFinder, FindsRoomBehindDelayThatVariesALittle) {
    Line line;
    line.capacity = 4e6;
    line.run(seconds(5));
    line.jitter_s = line.noise_s = 0.006;
    line.capacity *= 4;
    line.run(seconds(12));
    EXPECT_GE(line.measure(seconds(20)).first, 0.85);
}

TEST(RateFinder, ForgetsJitterThatIsGone) {
    Line line;
    line.jitter_s = line.noise_s = 0.012;
    line.run(seconds(15));
    EXPECT_GT(line.finder.floor(), milliseconds(5));
    line.jitter_s = line.noise_s = 0;
    Line slower = line, less = line;
    line.run(seconds(20));
    EXPECT_EQ(line.finder.floor().ns, 0);
    EXPECT_LE(line.measure(seconds(20)).second, 0.02);
    slower.capacity /= 1.15;  // and what is not seen of a full buffer would never be
    slower.queue_max_s = 0.025;
    slower.run(seconds(25));
    EXPECT_EQ(slower.finder.floor().ns, 0);
    EXPECT_LE(static_cast<double>(slower.finder.found()), 1.05 * slower.capacity);
    less.wish = 0.8 * static_cast<double>(less.finder.found());
    less.run(seconds(35));
    EXPECT_EQ(less.finder.floor().ns, 0);
}

// While all find their rates, some delay is nobody's jitter, and half the rate for a moment costs much.
TEST(RateFinder, DoubtsNoDelayAtFirstUnlessItCostsMuch) {
    for (const bool much : {false, true}) {
        Line line;
        line.run(seconds(2));
        line.jitter_s = much ? 0.02 : 0.007;
        std::optional<Instant> first;
        for (const Instant until = line.now + seconds(20); line.now < until && !first; line.step())
            if (line.finder.measures(line.now)) first = line.now;
        ASSERT_TRUE(first);
        EXPECT_EQ(*first < Instant{} + seconds(14), much) << first->ns;
    }
}

TEST(QueueFloor, IsMeasuredHalfAsOftenEachTimeThatNothingIsLeft) {
    const Duration rtt = milliseconds(80), borne = milliseconds(10);
    QueueFloor floor;
    Instant now{1};
    const auto measure = [&](Duration left) {
        EXPECT_TRUE(floor.due(now));
        const Duration pause = floor.begin(milliseconds(20), rtt, now);
        for (int i = 0; i < 3; ++i) floor.look(left, now + pause);
        floor.end(borne, rtt);
        Duration rest{};
        while (!floor.due(now + rest)) rest = rest + milliseconds(100);
        now = now + rest;
        return rest;
    };
    for (const int64_t rest : {30, 60, 120, 120}) EXPECT_EQ(measure({}), seconds(rest));
    EXPECT_EQ(measure(milliseconds(15)), seconds(15)) << "what there is is measured as often as before";
    EXPECT_GT(floor.floor(), milliseconds(10));
    EXPECT_EQ(measure(milliseconds(15)), seconds(15));
    EXPECT_EQ(measure({}), seconds(30));
    floor.forget();
    EXPECT_TRUE(floor.due(now)) << "of a path that has got others on it nothing is known";
}

TEST(RateFinder, AQueueThatDrainsIsNoJitter) {
    for (const double seconds_of_queue : {0.01, 0.02, 0.1, 0.4, 1.0}) {
        Line line;
        line.capacity = 1.25e6;
        line.queue_max_s = seconds_of_queue;
        line.run(seconds(20));
        EXPECT_EQ(line.floor_most.ns, 0) << seconds_of_queue;
    }
}

TEST(RateFinder, KeepsItsRateWhileLittleIsSent) {
    Line line;
    line.run(seconds(10));
    line.wish = 1e5;
    line.run(seconds(1));
    const uint64_t found = line.finder.found();
    line.run(seconds(30));
    EXPECT_EQ(line.finder.found(), found);
    line.wish = 1e7;  // and whoever sends a quarter is not the one to yield to others
    line.foreign = 4e7;
    line.run(milliseconds(1200));
    EXPECT_GT(line.queue, 0);
    EXPECT_EQ(line.finder.found(), found);
}

TEST(RateFinder, APauseEndsAlsoWithoutLooks) {
    Line line;
    line.run(seconds(5));
    while (line.finder.rate() == line.finder.found()) line.step();
    line.finder.pass(line.now + seconds(2));
    EXPECT_EQ(line.finder.rate(), line.finder.found());
}

TEST(RateFinder, BoundsNoShortPath) {
    Line line;
    line.rtt = microseconds(300);
    line.look = milliseconds(10);
    line.run(seconds(10));
    EXPECT_EQ(line.finder.rate(), 0u);
}

// Readings as given, instead of a line.
struct Readings {
    RateFinder finder;
    Instant now{1};
    uint64_t allowed = 0;
    std::optional<Duration> there;

    void look(int count, double rate, Duration queue) {
        for (int i = 0; i < count; ++i) {
            RateReading reading;
            reading.elapsed = milliseconds(40);
            reading.bytes_acked = static_cast<uint64_t>(rate * reading.elapsed.seconds());
            reading.allowed = allowed;
            reading.there = there;
            reading.rtt_min = milliseconds(80);
            reading.queue = queue;
            now = now + reading.elapsed;
            finder.look(reading, now);
        }
    }
};

TEST(RateFinder, TakesTheBurstsOfASlowStartForNoBound) {
    Readings line;
    for (double rate = 2e6; rate < 40e6; rate *= 2) {
        line.look(2, rate, milliseconds(15));
        EXPECT_EQ(line.finder.rate(), 0u) << rate;
    }
    line.look(4, 40e6, milliseconds(40));
    EXPECT_GE(line.finder.found(), 36'000'000u);
    EXPECT_LE(line.finder.found(), 40'000'000u);
}

// Others begin as well: their queue stands, and little comes through.
TEST(RateFinder, AFirstBoundIsTheMostThatEverCame) {
    Readings line;
    for (double rate = 4e6; rate <= 32e6; rate *= 2) line.look(2, rate, Duration{});
    line.look(5, 12e6, milliseconds(20));
    EXPECT_GE(line.finder.found(), 30'000'000u);
    EXPECT_LE(line.finder.found(), 32'000'000u);
    line.look(62, 12e6, milliseconds(30));  // that is all there is now, after all
    EXPECT_GT(line.finder.found(), 0u);
    EXPECT_LT(line.finder.found(), 20'000'000u);
}

TEST(RateFinder, CorrectsAFirstBoundByWhatCameWhileTheQueueDrained) {
    Readings line;
    line.look(5, 8e6, milliseconds(20));  // a burst was lost
    ASSERT_LT(line.finder.found(), 8'000'000u);
    ASSERT_GT(line.finder.found(), 0u);
    line.look(8, 32e6, milliseconds(50));
    EXPECT_GE(line.finder.found(), 16'000'000u);
    EXPECT_EQ(line.finder.reason().rfind("the first queue drained at", 0), 0u) << line.finder.reason();
}

TEST(RateFinder, CorrectsItAlsoBeforeThatQueueIsGone) {
    Readings line;
    line.look(5, 8e6, milliseconds(20));
    const uint64_t bound = line.finder.found();
    ASSERT_GT(bound, 0u);
    line.look(2, 32e6, milliseconds(50));
    EXPECT_GT(line.finder.found(), bound);
    EXPECT_LT(line.finder.rate(), line.finder.found()) << "it still drains";
}

TEST(RateFinder, RisesFromABoundThatWasCorrectedInSmallerSteps) {
    for (const bool corrected : {false, true}) {
        Readings line;
        line.look(5, 8e6, milliseconds(20));
        if (corrected) line.look(2, 32e6, milliseconds(50));
        const uint64_t bound = line.finder.found();
        ASSERT_GT(bound, 0u);
        for (int i = 0; i < 30 && line.finder.found() == bound; ++i)
            line.look(1, static_cast<double>(bound), Duration{});
        const double step = static_cast<double>(line.finder.found()) / static_cast<double>(bound);
        EXPECT_GT(step, corrected ? 1.05 : 1.3);
        EXPECT_LT(step, corrected ? 1.15 : 1.5);
    }
}

TEST(RateFinder, IsUsedUpWhenAllThatOtherBoundsLeaveOfItIsUsed) {
    Readings line;
    line.look(6, 40e6, milliseconds(40));
    const uint64_t found = line.finder.found();
    ASSERT_GT(found, 0u);
    line.look(50, 28e6, milliseconds(0));
    EXPECT_EQ(line.finder.found(), found);
    line.allowed = 29'000'000;
    line.look(50, 28e6, milliseconds(0));
    EXPECT_GT(line.finder.found(), found);
}

// A queue of others on the way back: for a while it changes nothing, and what room there is is found.
TEST(RateFinder, AQueueOnTheWayBackIsOthers) {
    for (const bool known : {false, true}) {
        Readings line;
        line.look(6, 40e6, milliseconds(40));
        line.look(10, 39e6, milliseconds(0));
        const uint64_t found = line.finder.found();
        if (known) line.there = milliseconds(2);
        for (int i = 0; i < 45; ++i) line.look(1, static_cast<double>(line.finder.rate()), milliseconds(30));
        EXPECT_EQ(line.finder.found() > found, known);
        for (int i = 0; i < 20; ++i) line.look(1, static_cast<double>(line.finder.rate()), milliseconds(30));
        bool lowered = false;
        for (int i = 0; i < 20; ++i) {
            const uint64_t before = line.finder.found();
            line.look(1, static_cast<double>(line.finder.rate()), milliseconds(30));
            lowered = lowered || line.finder.found() < before;
        }
        EXPECT_TRUE(lowered) << "a queue that only bulk has";
    }
}

// Of a line whose thin links leave a third over.
TEST(RateFinder, CountsAsDeliveredWhatOtherBoundsLeaveOver) {
    Readings line;
    line.look(6, 40e6, milliseconds(40));
    line.look(10, 39e6, milliseconds(0));
    const uint64_t found = line.finder.found();
    ASSERT_GT(found, 39'000'000u);
    line.allowed = found - 13'000'000;
    const auto all = static_cast<double>(line.allowed);
    line.look(1, 0.98 * all, milliseconds(30));
    EXPECT_LT(line.finder.found(), found) << "all that may be sent is sent, so it is this sender's queue";
    EXPECT_GT(static_cast<double>(line.finder.found()), 0.9 * static_cast<double>(found));
    const uint64_t lowered = line.finder.found();
    line.allowed = lowered - 13'000'000;
    line.look(44, 0.75 * all, milliseconds(30));  // until no span is left in which more came
    EXPECT_LT(static_cast<double>(line.finder.found()), 0.85 * static_cast<double>(lowered));
    EXPECT_GT(line.finder.found(), 0u);
}

// Others' queue stands on the way back, and is gone for a moment now and then.
TEST(RateFinder, YieldsNoMoreOnceItSendsLittle) {
    Readings line;
    line.look(6, 40e6, milliseconds(40));
    const auto look = [&](int times, Duration queue) {
        for (int i = 0; i < times; ++i) line.look(1, 0.9 * static_cast<double>(line.finder.rate()), queue);
    };
    for (int i = 0; i < 20; ++i) look(9, milliseconds(30)), look(8, milliseconds(7));
    const auto kept = static_cast<double>(line.finder.found());
    EXPECT_GT(kept, 19e6);
    EXPECT_LT(kept, 28e6);
    look(55, milliseconds(30));
    EXPECT_LT(static_cast<double>(line.finder.found()), 0.95 * kept) << "the path has got slower after all";
}

TEST(RateFinder, APathsOwnQueueHasToStandLongerThanOthersBursts) {
    for (const bool beside_others : {false, true}) {
        RateFinder finder;
        Instant now{1};
        RateReading reading;
        reading.elapsed = milliseconds(40);
        reading.rtt_min = milliseconds(80);
        reading.queue = milliseconds(30);
        reading.beside_others = beside_others;
        const auto look = [&](int count) {
            for (int i = 0; i < count; ++i) {
                reading.bytes_acked = 400'000;
                now = now + reading.elapsed;
                finder.look(reading, now);
            }
        };
        look(6);
        EXPECT_EQ(finder.found() == 0, beside_others);
        look(10);
        EXPECT_GT(finder.found(), 0u);
    }
}

// Of four links three are thin: what may be sent here is a quarter of the bound.
TEST(RateFinder, GoesDownByThePartThatDidNotComeOfWhatOtherBoundsLeave) {
    Readings line;
    line.look(6, 40e6, milliseconds(40));
    line.look(10, 39e6, milliseconds(0));
    const auto found = static_cast<double>(line.finder.found());
    line.allowed = line.finder.found() / 4;
    line.look(50, 0.75 * found / 4, milliseconds(0));  // until no span is left in which more came
    ASSERT_EQ(static_cast<double>(line.finder.found()), found);
    line.look(1, 0.75 * found / 4, milliseconds(30));
    EXPECT_GT(static_cast<double>(line.finder.found()), 0.7 * found);
    EXPECT_LT(static_cast<double>(line.finder.found()), 0.75 * found);
}

}  // namespace
}  // namespace whim
