// What a bound lets through over time, at any rate and any pattern of looks.
#include "transport/session/rate_limiter.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace whim {
namespace {

TEST(RateLimiter, WithoutABoundEverythingMayLeave) {
    RateLimiter limiter;
    EXPECT_FALSE(limiter.limited());
    EXPECT_EQ(limiter.allowance({}, 1), RateLimiter::kUnlimited);
    limiter.spend(1'000'000);
    EXPECT_EQ(limiter.allowance({}, 1), RateLimiter::kUnlimited);
}

TEST(RateLimiter, LetsTheRateThroughAndNoMore) {
    Prng prng(3);
    for (const uint64_t rate : {1'000ull, 50'000ull, 10'000'000ull, 12'500'000'000ull}) {
        RateLimiter limiter;
        Instant now = Instant{1};
        limiter.set(rate, now);
        const Instant begin = now;
        uint64_t sent = 0;
        while (now - begin < seconds(60)) {
            const uint64_t may = std::min<uint64_t>(limiter.allowance(now, rate), rate);
            limiter.spend(may);
            sent += may;
            now = prng.chance(1, 2) ? std::max(now + microseconds(1), limiter.next())
                                    : now + microseconds(prng.between(1, 5'000));
        }
        const double wanted = static_cast<double>(rate) * (now - begin).seconds();
        EXPECT_LE(static_cast<double>(sent), wanted * 1.001 + 20'000) << rate;
        EXPECT_GE(static_cast<double>(sent), wanted * 0.97 - 20'000) << rate;
    }
}

TEST(RateLimiter, LetsPiecesThroughThatAreWorthAWrite) {
    RateLimiter limiter;
    Instant now = Instant{1};
    limiter.set(8'000'000, now);
    size_t writes = 0;
    for (const Instant begin = now; now - begin < seconds(1); now = now + microseconds(10)) {
        const uint64_t may = limiter.allowance(now, 1'000'000);
        limiter.spend(may);
        writes += may > 0;
    }
    EXPECT_NEAR(static_cast<double>(writes), 200, 5);  // of half of ten milliseconds' worth

    limiter.spend(limiter.allowance(now, 1));
    now = now + microseconds(20);
    EXPECT_EQ(limiter.allowance(now, 1'000), 0u);
    now = now + milliseconds(1);
    EXPECT_GE(limiter.allowance(now, 1'000), 1'000u) << "little waits for no more than itself";
}

TEST(RateLimiter, WhatCouldNotWaitIsPaidForAfterwards) {
    RateLimiter limiter;
    limiter.set(100'000, {});
    limiter.spend(1'000'000);
    EXPECT_EQ(limiter.allowance(Instant{} + seconds(9), 1), 0u);
    EXPECT_GT(limiter.allowance(Instant{} + seconds(11), 1), 0u);
}

TEST(RateLimiter, ANewBoundHoldsAtOnce) {
    RateLimiter limiter;
    limiter.set(1'000'000'000, {});
    EXPECT_GT(limiter.allowance(Instant{} + seconds(1), 1), 1'000'000u);
    limiter.set(10'000, Instant{} + seconds(1));
    EXPECT_LE(limiter.allowance(Instant{} + seconds(1), 1), 16u << 10);
    limiter.set(0, Instant{} + seconds(1));
    EXPECT_FALSE(limiter.limited());
}

}  // namespace
}  // namespace whim
