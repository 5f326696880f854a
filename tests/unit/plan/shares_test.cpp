// Goal: shares of the direct plan, and of a broadcast, cover the buffer, give slow lines less to root, and no
// other shares would end the op much sooner. Method: random lines; the slowest member's time against many
// random shares, and against what contributions alone take.
#include "collectives/plan/shares.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/prng.h"

namespace whim {
namespace {

double slowest(const std::vector<uint64_t>& rates, const std::vector<double>& shares) {
    double time = 0;
    for (size_t i = 0; i < rates.size(); ++i) {
        const double bytes = 1 + (static_cast<double>(rates.size()) - 2) * shares[i];
        time = std::max(time, bytes / static_cast<double>(rates[i]));
    }
    return time;
}

std::vector<double> shares_of(const std::vector<uint64_t>& parts, size_t members) {
    if (parts.empty()) return std::vector<double>(members, 1.0 / static_cast<double>(members));
    const auto all = static_cast<double>(std::accumulate(parts.begin(), parts.end(), uint64_t{0}));
    std::vector<double> shares;
    for (const uint64_t part : parts) shares.push_back(static_cast<double>(part) / all);
    return shares;
}

// Some of them zero, the others likelier to be large where lines are fast. Empty: all came to zero.
std::vector<double> random_shares(Prng& prng, const std::vector<uint64_t>& rates) {
    std::vector<double> shares;
    double sum = 0;
    for (const uint64_t rate : rates) {
        shares.push_back(prng.chance(1, 3) ? 0.0 : static_cast<double>(prng.below(1000) * rate));
        sum += shares.back();
    }
    if (sum == 0) return {};
    for (double& share : shares) share /= sum;
    return shares;
}

TEST(Shares, EqualLinesHaveEqualShares) {
    const std::vector<uint64_t> rates(7, 125'000'000);
    EXPECT_TRUE(direct_parts(rates, 1'000'000).empty());
    EXPECT_TRUE(direct_parts(std::vector<uint64_t>(5, 0), 1'000'000).empty());
    EXPECT_TRUE(direct_parts(std::vector<uint64_t>{}, 100).empty());
}

TEST(Shares, TwoMembersGainNothing) {
    const std::vector<uint64_t> rates = {1000, 10};
    EXPECT_TRUE(direct_parts(rates, 1'000'000).empty());
}

TEST(Shares, AMuchSlowerLineRootsNothing) {
    const std::vector<uint64_t> rates = {1000, 100, 1000, 0};  // the last is not known
    const std::vector<uint64_t> parts = direct_parts(rates, 1'000'003);
    ASSERT_EQ(parts.size(), 4u);
    EXPECT_EQ(parts[1], 0u);
    EXPECT_NEAR(static_cast<double>(parts[0]), 333'334, 40);
    EXPECT_NEAR(static_cast<double>(parts[3]), 333'334, 40);
}

TEST(Shares, OfAnySizeHoldEachElementOnce) {
    Prng prng(8);
    uint32_t weighted = 0;
    for (uint32_t members = 2; members <= 17; ++members) {
        for (const uint64_t elements :
             {uint64_t{0}, uint64_t{1}, uint64_t{members} - 1, uint64_t{members}, uint64_t{members} + 1,
              uint64_t{16} * members - 1, uint64_t{16} * members, uint64_t{16} * members + 1, uint64_t{7919},
              uint64_t{1'000'003}, (uint64_t{1} << 50) + 1}) {
            for (int trial = 0; trial < 50; ++trial) {
                std::vector<uint64_t> rates;
                for (uint32_t r = 0; r < members; ++r)
                    rates.push_back(prng.chance(1, 8) ? 0 : prng.next() >> prng.below(60));
                const std::vector<uint64_t> parts = direct_parts(rates, elements);
                if (parts.empty()) continue;
                ++weighted;
                ASSERT_EQ(parts.size(), members);
                uint64_t sum = 0;
                for (uint32_t r = 0; r < members; ++r) {
                    ASSERT_TRUE(r + 1 == members || parts[r] % 16 == 0 || sum + parts[r] == elements)
                        << parts[r];
                    ASSERT_LE(parts[r], elements - sum);
                    sum += parts[r];
                }
                ASSERT_EQ(sum, elements) << members << " members";
            }
        }
    }
    EXPECT_GT(weighted, 1000u);
}

TEST(Shares, NoOtherSharesAreMuchBetter) {
    Prng prng(7);
    uint32_t weighted = 0;
    for (int round = 0; round < 3000; ++round) {
        std::vector<uint64_t> rates;
        const size_t members = 3 + prng.below(12);
        for (size_t i = 0; i < members; ++i) rates.push_back(1'000'000 << prng.below(6));
        const uint64_t elements = prng.chance(1, 10) ? prng.below(500) : 100'000 + prng.below(1'000'000);
        const std::vector<uint64_t> parts = direct_parts(rates, elements);
        if (!parts.empty()) {
            ASSERT_EQ(parts.size(), members);
            ASSERT_EQ(std::accumulate(parts.begin(), parts.end(), uint64_t{0}), elements);
        }
        if (elements < 100'000) continue;
        weighted += !parts.empty();
        const double ours = slowest(rates, shares_of(parts, members));
        const double equal = slowest(rates, shares_of({}, members));
        ASSERT_LE(ours, equal * 1.001) << round;
        for (int other = 0; other < 30; ++other) {
            const std::vector<double> shares = random_shares(prng, rates);
            if (shares.empty()) continue;
            ASSERT_LE(ours, slowest(rates, shares) * 1.12) << round;  // a tenth is not worth other shares
        }
        const uint64_t least = *std::min_element(rates.begin(), rates.end());
        ASSERT_GE(ours, 0.999 / static_cast<double>(least));
    }
    EXPECT_GT(weighted, 1000u);
}

double slowest_of_broadcast(const std::vector<uint64_t>& rates, size_t source,
                            const std::vector<double>& shares) {
    const double others = static_cast<double>(rates.size()) - 1;
    double time = 0;
    for (size_t i = 0; i < rates.size(); ++i) {
        const double bytes = others * shares[i] + (i == source ? 1 - shares[i] : 0);
        time = std::max(time, bytes / static_cast<double>(rates[i]));
    }
    return time;
}

TEST(BroadcastShares, TheSourceOfEqualLinesSendsEachByteOnce) {
    for (const uint64_t rate : {0, 125'000'000}) {
        const std::vector<uint64_t> parts = broadcast_parts(std::vector<uint64_t>(4, rate), 2, 960'000);
        EXPECT_EQ(parts, (std::vector<uint64_t>{320'000, 320'000, 0, 320'000}));
    }
    EXPECT_TRUE(broadcast_parts(std::vector<uint64_t>{5, 5}, 0, 960'000).empty()) << "two gain nothing";
    EXPECT_TRUE(broadcast_parts(std::vector<uint64_t>(4, 0), 3, 50).empty()) << "too small to cut";
}

TEST(BroadcastShares, AFastSourceServesSlowOthersItself) {
    const std::vector<uint64_t> parts =
        broadcast_parts(std::vector<uint64_t>{1'000'000, 1'000, 1'000, 1'000}, 0, 960'000);
    ASSERT_EQ(parts.size(), 4u);
    EXPECT_GT(parts[0], 950'000u);
}

TEST(BroadcastShares, NoOtherSharesAreMuchBetter) {
    Prng prng(9);
    uint32_t weighted = 0;
    for (int round = 0; round < 3000; ++round) {
        std::vector<uint64_t> rates;
        const size_t members = 3 + prng.below(12), source = prng.below(members);
        for (size_t i = 0; i < members; ++i) rates.push_back(1'000'000 << prng.below(6));
        const uint64_t elements = 100'000 + prng.below(1'000'000);
        const std::vector<uint64_t> parts = broadcast_parts(rates, source, elements);
        weighted += !parts.empty();
        if (!parts.empty()) {
            ASSERT_EQ(parts.size(), members);
            ASSERT_EQ(std::accumulate(parts.begin(), parts.end(), uint64_t{0}), elements);
        }
        const double ours = slowest_of_broadcast(rates, source, shares_of(parts, members));
        ASSERT_LE(ours, slowest_of_broadcast(rates, source, shares_of({}, members)) * 1.001) << round;
        for (int other = 0; other < 30; ++other) {
            const std::vector<double> shares = random_shares(prng, rates);
            if (shares.empty()) continue;
            ASSERT_LE(ours, slowest_of_broadcast(rates, source, shares) * 1.12) << round;
        }
    }
    EXPECT_GT(weighted, 1000u);
}

}  // namespace
}  // namespace whim
