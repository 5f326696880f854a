// Lines in virtual time: rates, queues, losses, jitter, and the runs in which a super-packet goes on.
#include "stress/wan/shaper.h"

#include <gtest/gtest.h>

#include "packets.h"

namespace stress::wan {
namespace {

using whim::Instant, whim::Duration, whim::milliseconds, whim::microseconds, whim::nanoseconds;

constexpr uint32_t kWireBytes = 1500;

Line line(double bits_per_s, Duration queue) { return {bits_per_s, queue, 0}; }

TEST(Shaper, SerialisesAtTheRate) {
    Shaper shaper;
    const Line gigabit = line(1e9, milliseconds(50));
    EXPECT_EQ(shaper.admit(gigabit, {0}, kWireBytes), Instant{12'000});
    EXPECT_EQ(shaper.admit(gigabit, {0}, kWireBytes), Instant{24'000});
    EXPECT_EQ(shaper.admit(gigabit, {1'000'000}, kWireBytes), Instant{1'012'000}) << "it was idle before";
    EXPECT_EQ(shaper.admit(line(0, {}), {5}, kWireBytes), Instant{5}) << "unlimited";
}

TEST(Shaper, LosesNoFractionOfANanosecond) {
    Shaper shaper;
    const Line odd = line(7e9, milliseconds(50));
    Instant last{};
    for (int i = 0; i < 7000; ++i) last = *shaper.admit(odd, {0}, 100);
    EXPECT_NEAR(static_cast<double>(last.ns), 800'000, 2);
}

TEST(Shaper, DropsWhatTheQueueHasNoRoomFor) {
    Shaper shaper;
    const Line ten = line(1e7, milliseconds(12));  // room for ten packets of 1500 bytes
    int admitted = 0;
    while (shaper.admit(ten, {0}, kWireBytes)) ++admitted;
    EXPECT_EQ(admitted, 10);
    EXPECT_FALSE(shaper.admit(ten, {0}, kWireBytes));
    EXPECT_TRUE(shaper.admit(ten, Instant{0} + microseconds(1200), kWireBytes)) << "one has left";
    EXPECT_FALSE(shaper.admit(ten, Instant{0} + microseconds(1200), kWireBytes));
}

TEST(Shaper, AnIdleLineTakesWhateverComes) {
    Shaper shaper;
    EXPECT_TRUE(shaper.admit({1e6, {}, 100}, {0}, kWireBytes));
    EXPECT_FALSE(shaper.admit({1e6, {}, 100}, {0}, kWireBytes));
}

TEST(Loss, HitsItsShare) {
    whim::Prng chance(1);
    int lost = 0;
    for (int i = 0; i < 100'000; ++i) lost += is_lost(0.02, chance);
    EXPECT_NEAR(lost, 2000, 200);
    EXPECT_FALSE(is_lost(0, chance));
    EXPECT_TRUE(is_lost(1, chance));
}

TEST(Jitter, WandersWithinItsBounds) {
    Duration least = milliseconds(10), most{}, before = jitter_at(milliseconds(10), 1, {0});
    for (Instant at{0}; at < Instant{} + milliseconds(10'000); at = at + milliseconds(1)) {
        const Duration now = jitter_at(milliseconds(10), 1, at);
        EXPECT_LE(std::abs((now - before).ns), microseconds(500).ns + 1)
            << "a twentieth at most in a millisecond";
        before = now;
        least = std::min(least, now);
        most = std::max(most, now);
    }
    EXPECT_GE(least, Duration{});
    EXPECT_LT(least, milliseconds(1));
    EXPECT_LE(most, milliseconds(10));
    EXPECT_GT(most, milliseconds(9));
    EXPECT_EQ(jitter_at({}, 1, {123}), Duration{});
}

std::vector<Run> runs_of(const Packet& packet, const std::vector<std::optional<Instant>>& through) {
    std::vector<Run> runs;
    size_t next = 0;
    split_into_runs(
        packet, [&](uint32_t) { return through.at(next++); }, runs);
    return runs;
}

TEST(Runs, NeighboursGoOnTogether) {
    const Packet packet = packet_of({.payload_bytes = 4000, .segment_bytes = 1000});
    const auto runs = runs_of(packet, {Instant{1}, Instant{2}, Instant{3}, Instant{4}});
    ASSERT_EQ(runs.size(), 1u);
    EXPECT_EQ(runs[0].first, 0u);
    EXPECT_EQ(runs[0].end, 4u);
    EXPECT_EQ(runs[0].through, Instant{4});
}

TEST(Runs, ALostSegmentPartsThem) {
    const Packet packet = packet_of({.payload_bytes = 4000, .segment_bytes = 1000});
    const auto runs = runs_of(packet, {Instant{1}, std::nullopt, Instant{3}, Instant{4}});
    ASSERT_EQ(runs.size(), 2u);
    EXPECT_EQ(runs[0].end, 1u);
    EXPECT_EQ(runs[1].first, 2u);
    EXPECT_EQ(runs[1].end, 4u);
    EXPECT_TRUE(runs_of(packet, {{}, {}, {}, {}}).empty());
}

TEST(Runs, NoneTakesLongerThanAMillisecond) {
    const Packet packet = packet_of({.payload_bytes = 3000, .segment_bytes = 1000});
    const auto at = [](int64_t us) { return Instant{} + microseconds(us); };
    const auto runs = runs_of(packet, {at(600), at(1200), at(1800)});
    ASSERT_EQ(runs.size(), 2u);
    EXPECT_EQ(runs[0].end, 2u);
    EXPECT_EQ(runs[0].through, at(1200));
    EXPECT_EQ(runs[1].through, at(1800));
}

}  // namespace
}  // namespace stress::wan
