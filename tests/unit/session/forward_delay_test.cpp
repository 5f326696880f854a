// Queues on the way there, told from those on the way back, by clocks that do not agree.
#include "transport/session/forward_delay.h"

#include <gtest/gtest.h>

namespace whim {
namespace {

constexpr Duration kFresh = milliseconds(400);

struct Way {
    ForwardDelay delay;
    Instant now{seconds(100).ns};
    uint64_t apart;    // of the clocks
    double drift = 0;  // of the other one, in a second
    Duration way = milliseconds(40);

    explicit Way(uint64_t clocks) : apart(clocks) {}
    std::optional<Duration> send(Duration there, Duration back) {
        const Instant sent = now;
        const double drifted = 1e9 * drift * now.ns / 1e9;
        const Instant came = sent + way + there;
        now = came + way + back;
        delay.add(sent, static_cast<uint64_t>(came.ns) + apart + static_cast<uint64_t>(drifted), now);
        return delay.queue(now, kFresh);
    }
};

TEST(ForwardDelay, IsOfTheWayThereAlone) {
    for (const uint64_t apart : {uint64_t{0}, uint64_t{1} << 63, ~uint64_t{0} - 100'000'000'000}) {
        Way way(apart);
        EXPECT_FALSE(way.delay.queue(way.now, kFresh));
        EXPECT_EQ(way.send({}, {}), Duration{});
        EXPECT_EQ(way.send({}, milliseconds(70)), Duration{});
        EXPECT_EQ(way.send(milliseconds(30), {}), milliseconds(30));
        EXPECT_EQ(way.send(milliseconds(30), milliseconds(50)), milliseconds(30));
        EXPECT_TRUE(way.delay.queue(way.now + kFresh, kFresh));
        way.delay.add(way.now, uint64_t{1} << 63, way.now), way.delay.add(way.now, 0, way.now);
        EXPECT_GE(way.delay.queue(way.now, kFresh), Duration{}) << "whatever a clock says";
        way.now = way.now + milliseconds(1);
        EXPECT_FALSE(way.delay.queue(way.now + kFresh, kFresh)) << "it is old";
    }
}

TEST(ForwardDelay, FollowsClocksThatDriftAndWaysThatGetLonger) {
    for (const double drift : {100e-6, -100e-6}) {
        Way way(12'345);
        way.drift = drift;
        way.send({}, {});
        Duration most{};
        for (int i = 0; i < 5'000; ++i) most = std::max(most, *way.send({}, milliseconds(i % 30)));
        EXPECT_LT(most, milliseconds(4)) << "an hour would make 360 ms";
    }
    Way way(12'345);
    way.send({}, {});
    way.way = milliseconds(90);
    EXPECT_EQ(way.send({}, {}), milliseconds(50));
    for (int i = 0; i < 300; ++i) way.send({}, {});
    EXPECT_EQ(way.send({}, {}), Duration{});
}

}  // namespace
}  // namespace whim
