// The statistics that benchmarks report, against lists whose answers are known.
#include "stress/statistics.h"

#include <gtest/gtest.h>

namespace stress {
namespace {

TEST(Statistics, MedianOfOddAndEvenLists) {
    EXPECT_EQ(median({3, 1, 2}), 2);
    EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
    EXPECT_EQ(median({7}), 7);
}

TEST(Statistics, QuantilesLieBetweenNeighbours) {
    const std::vector<double> tens{50, 10, 30, 20, 40};
    EXPECT_EQ(quantile(tens, 0), 10);
    EXPECT_EQ(quantile(tens, 1), 50);
    EXPECT_EQ(quantile(tens, 0.25), 20);
    EXPECT_DOUBLE_EQ(quantile(tens, 0.1), 14);
    EXPECT_EQ(quantile({7}, 0.9), 7);
}

}  // namespace
}  // namespace stress
