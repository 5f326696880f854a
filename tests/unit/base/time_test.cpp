// Goal: instants and durations are exact integers, and "never" is later than any deadline.
// Method: arithmetic by hand.
#include "base/time.h"

#include <gtest/gtest.h>

namespace whim {
namespace {

TEST(Time, DurationsAreExactNanoseconds) {
    EXPECT_EQ(seconds(2), milliseconds(2000));
    EXPECT_EQ(milliseconds(3), microseconds(3000));
    EXPECT_EQ(microseconds(1).ns, 1000);
    EXPECT_EQ((milliseconds(5) - milliseconds(7)).ms(), -2);
    EXPECT_EQ((milliseconds(5) * 3 / 2).ns, 7'500'000);
    EXPECT_DOUBLE_EQ(milliseconds(1500).seconds(), 1.5);
}

TEST(Time, InstantsDifferByDurations) {
    const Instant start{1'000};
    EXPECT_EQ((start + seconds(1)) - start, seconds(1));
    EXPECT_EQ((start - nanoseconds(1'000)).ns, 0);
    EXPECT_LT(start, start + nanoseconds(1));
}

TEST(Time, EarlierOfTwoDeadlines) {
    const Instant a{1}, b{2};
    EXPECT_EQ(earlier(a, b), a);
    EXPECT_EQ(earlier(b, a), a);
    EXPECT_EQ(earlier(std::nullopt, b), b);
    EXPECT_EQ(earlier(a, std::nullopt), a);
    EXPECT_EQ(earlier(std::nullopt, std::nullopt), std::nullopt);
}

}  // namespace
}  // namespace whim
