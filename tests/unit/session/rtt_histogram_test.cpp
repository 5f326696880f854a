// Quantiles of round-trip times against the sorted times themselves.
#include "transport/session/rtt_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/prng.h"

namespace whim {
namespace {

TEST(RttHistogram, IsZeroUntilThereIsOne) { EXPECT_EQ(RttHistogram().quantile(0.99).ns, 0); }

TEST(RttHistogram, QuantilesAreNeverShortAndAtMostANinthLong) {
    Prng prng(1);
    RttHistogram histogram;
    std::vector<int64_t> all;
    for (int i = 0; i < 5000; ++i) {
        const int64_t us = prng.between(0, int64_t{1} << prng.below(26));
        all.push_back(us);
        histogram.add(microseconds(us));
    }
    std::sort(all.begin(), all.end());
    for (const double q : {0.0, 0.5, 0.9, 0.99, 1.0}) {
        const int64_t exact = all[static_cast<size_t>(q * static_cast<double>(all.size() - 1))];
        const int64_t told = histogram.quantile(q).ns / 1000;
        EXPECT_GE(told, exact) << q;
        EXPECT_LE(told, exact + exact / 8 + 2) << q;
    }
}

TEST(RttHistogram, TakesAnyDuration) {
    RttHistogram histogram;
    histogram.add(Duration{-5});
    histogram.add(seconds(100'000));
    EXPECT_GT(histogram.quantile(1).ns, seconds(500).ns);
}

}  // namespace
}  // namespace whim
