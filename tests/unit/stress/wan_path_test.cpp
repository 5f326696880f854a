// What a path allows, against figures worked out by hand.
#include "stress/peers/wan_path.h"

#include <gtest/gtest.h>

namespace stress {
namespace {

WanPath gigabit() {
    WanPath path;
    path.rate_mbit = 1000;
    path.rtt_ms = 80;
    path.queue_ms = 50;
    return path;
}

TEST(WanPath, TheIdealIsTheLineThenARoundTrip) {
    EXPECT_NEAR(ideal_ms(gigabit(), 4, 1 << 20), 93, 0.5);
    EXPECT_NEAR(ideal_ms(gigabit(), 4, 64 << 20), 915, 0.5);
    EXPECT_NEAR(ideal_ms(gigabit(), 4, 256 << 20), 3418, 0.5);
    EXPECT_NEAR(ideal_ms(gigabit(), 2, 64 << 20), 80 + 556, 0.5) << "of two peers each sends the bytes once";
}

TEST(WanPath, IperfsRateCountsOnlyWhereItIsKnown) {
    WanPath path = gigabit();
    EXPECT_EQ(iperf_ms(path, 4, 64 << 20), 0);
    path.iperf_mbit = 0.965 * 1000;
    EXPECT_DOUBLE_EQ(iperf_ms(path, 4, 64 << 20), ideal_ms(path, 4, 64 << 20));
}

TEST(WanPath, HeadroomEndsWithTheRoutersCoreOrAPing) {
    EXPECT_TRUE(has_headroom(gigabit(), 0.79, 280));
    EXPECT_FALSE(has_headroom(gigabit(), 0.8, 100));
    EXPECT_FALSE(has_headroom(gigabit(), 0.1, 300));
}

}  // namespace
}  // namespace stress
