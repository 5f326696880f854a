// Goal: DBW waits for fewer when stragglers cost more than their samples are worth, for all when noise
// dominates or nothing is gained, and settles. Method: a quadratic loss with known smoothness, gradient and
// noise, minimised by scripted workers; hand-computed values of the formulas.
#include "collectives/op/backup_workers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/prng.h"

namespace whim::op {
namespace {

// Loss L/2 |x|^2 + floor, of which each worker sees the gradient L x with noise of variance V.
class Training {
public:
    Training(std::vector<int64_t> times_ms, double noise) : times_ms_(std::move(times_ms)), noise_(noise) {}

    void step(BackupWorkers& policy) {
        const uint32_t k = policy.min_contributors();
        StepSeen seen;
        for (const int64_t ms : times_ms_)
            seen.arrivals.push_back(microseconds(ms * 1000 + ms * random_.between(-30, 30)));
        std::sort(seen.arrivals.begin(), seen.arrivals.end());
        seen.closed = seen.arrivals[k - 1];
        double sum = 0, norms2 = 0;
        for (uint32_t i = 0; i < k; ++i) {
            const double gradient = kSmoothness * x_ + (random_.unit_float() * 2 - 1) * noise_;
            sum += gradient / k;
            norms2 += gradient * gradient;
        }
        seen.contributors = k;
        seen.mean_norm2 = sum * sum;
        seen.variance = sample_variance(norms2, seen.mean_norm2, k);
        seen.loss = kSmoothness / 2 * x_ * x_;
        policy.observe(seen);
        x_ -= kEta * sum;
    }

    // What was chosen after each.
    std::vector<uint32_t> steps(BackupWorkers& policy, int count) {
        std::vector<uint32_t> chosen;
        for (int i = 0; i < count; ++i) {
            step(policy);
            chosen.push_back(policy.min_contributors());
        }
        return chosen;
    }

    double x_ = 1000;
    static constexpr double kSmoothness = 0.02, kEta = 0.5;

private:
    std::vector<int64_t> times_ms_;
    double noise_;
    Prng random_{3};
};

uint32_t changes(const std::vector<uint32_t>& chosen) {
    uint32_t count = 0;
    for (size_t i = 1; i < chosen.size(); ++i) count += chosen[i] != chosen[i - 1];
    return count;
}

TEST(BackupWorkers, LeavesOutAStragglerWhenTheGradientIsClear) {
    BackupWorkers policy(8, 1, Training::kEta);
    EXPECT_EQ(policy.min_contributors(), 8u);
    Training training({100, 100, 101, 101, 102, 102, 103, 1000}, 2);
    training.steps(policy, 10);
    const std::vector<uint32_t> chosen = training.steps(policy, 100);
    EXPECT_LT(*std::max_element(chosen.begin(), chosen.end()), 8u);
    EXPECT_LE(changes(chosen), 2u);
}

TEST(BackupWorkers, FindsTheSmoothnessOfAQuadratic) {
    BackupWorkers policy(4, 1, Training::kEta);
    Training training({100, 101, 102, 103}, 0);
    training.steps(policy, 30);
    EXPECT_NEAR(policy.smoothness(), Training::kSmoothness, 1e-6);
}

TEST(BackupWorkers, WaitsForAllWhenTheNoiseIsAllThereIs) {
    BackupWorkers policy(8, 1, Training::kEta);
    Training training({100, 101, 102, 103, 104, 105, 106, 107}, 50);
    training.x_ = 0;
    uint64_t sum = 0;
    for (const uint32_t k : training.steps(policy, 200)) sum += k;
    EXPECT_GE(sum, 200u * 6);
}

TEST(BackupWorkers, NeverBelowTheLeast) {
    BackupWorkers policy(8, 6, Training::kEta);
    Training training({10, 100, 200, 300, 400, 500, 600, 700}, 0.1);
    training.steps(policy, 10);
    for (const uint32_t k : training.steps(policy, 50)) EXPECT_EQ(k, 6u);
}

TEST(BackupWorkers, ALossThatRosePutsOneBack) {
    BackupWorkers policy(4, 1, Training::kEta);
    Training training({10, 100, 200, 300}, 0.1);
    training.steps(policy, 20);
    ASSERT_EQ(policy.min_contributors(), 1u);
    StepSeen worse{{milliseconds(10)}, milliseconds(10), 1, 1, 0, 1e9};
    policy.observe(worse);
    EXPECT_GE(policy.min_contributors(), 2u);
}

TEST(BackupWorkers, FormulasByHand) {
    BackupWorkers policy(4, 1, 0.5);
    const auto seen = [](double loss) {
        return StepSeen{{milliseconds(10), milliseconds(20)}, milliseconds(25), 2, 12, 4, loss};
    };
    policy.observe(seen(10));
    EXPECT_EQ(policy.min_contributors(), 4u);
    EXPECT_EQ(policy.time(1), milliseconds(10));
    EXPECT_EQ(policy.time(2), milliseconds(20));
    EXPECT_EQ(policy.time(3), milliseconds(25));
    EXPECT_EQ(policy.time(4), milliseconds(25));
    policy.observe(seen(8));  // G2 = 12 - 4/2 = 10, L = 2 (8 - 10 + 5) / (0.25 * 12) = 2
    EXPECT_DOUBLE_EQ(policy.smoothness(), 2);
    for (uint32_t k = 1; k <= 4; ++k) EXPECT_DOUBLE_EQ(policy.gain(k), (0.5 - 0.25) * 10 - 0.25 * 4 / k);
    EXPECT_EQ(policy.min_contributors(), 1u);  // 1.5/10 against 2/20, 2.17/25, 2.25/25
}

TEST(BackupWorkers, TimesNeverFallInK) {
    Prng random(9);
    BackupWorkers policy(6, 1, 0.5);
    for (int i = 0; i < 300; ++i) {
        StepSeen seen{{}, {}, 1 + static_cast<uint32_t>(random.below(6)), 1, 1, 1};
        for (uint64_t k = random.below(7); k > 0; --k)
            seen.arrivals.push_back(milliseconds(random.between(1, 1000)));
        std::sort(seen.arrivals.begin(), seen.arrivals.end());
        seen.closed = milliseconds(random.between(1, 1000));
        policy.observe(seen);
        for (uint32_t k = 2; k <= 6; ++k) ASSERT_LE(policy.time(k - 1), policy.time(k));
    }
}

TEST(BackupWorkers, AWindowOfOneKnowsTheLastStepAlone) {
    BackupWorkers last(2, 1, 0.5, 1), usual(2, 1, 0.5);
    for (const int64_t ms : {10, 30, 50}) {
        const StepSeen seen{{milliseconds(ms)}, milliseconds(ms), 1, 1, 0, 1};
        last.observe(seen);
        usual.observe(seen);
    }
    EXPECT_EQ(last.time(1), milliseconds(50));
    EXPECT_EQ(usual.time(1), microseconds(21'200));  // 10, 14, 21.2
}

TEST(BackupWorkers, ResizesWithWhatItKnows) {
    BackupWorkers policy(4, 2, Training::kEta);
    Training training({10, 100, 200, 5000}, 0.1);
    training.steps(policy, 20);
    ASSERT_LT(policy.min_contributors(), 4u);
    const uint32_t chosen = policy.min_contributors();
    const double smoothness = policy.smoothness();
    policy.resize(6);
    EXPECT_EQ(policy.min_contributors(), chosen);
    EXPECT_EQ(policy.time(6), policy.time(4));
    EXPECT_EQ(policy.smoothness(), smoothness);
    policy.resize(1);
    EXPECT_EQ(policy.min_contributors(), 1u) << "fewer are there than the least";
    policy.observe({{milliseconds(1)}, milliseconds(1), 1, 1, 0, 1});
    EXPECT_EQ(policy.min_contributors(), 1u);
    BackupWorkers new_one(3, 1, 0.5);
    new_one.resize(5);
    EXPECT_EQ(new_one.min_contributors(), 5u) << "it waited for all";
}

// Of a loss that does not move while the gradient is next to nothing, rounding says anything.
TEST(BackupWorkers, SurvivesNumbersOfAnySize) {
    BackupWorkers policy(3, 1, 1e6);
    for (const double norm2 : {0.0, 1e150, 1e-150, 1e-300, 1.0, 1e150}) {
        for (const double loss : {-1e150, 1e150, 0.0}) {
            policy.observe({{milliseconds(1)}, milliseconds(2), 2, norm2, 1e150 - norm2, loss});
            EXPECT_GE(policy.min_contributors(), 1u);
            EXPECT_LE(policy.min_contributors(), 3u);
            EXPECT_TRUE(std::isfinite(policy.smoothness()));
        }
    }
}

std::vector<double> mean_of(const std::vector<MemberSaw>& all, uint32_t members) {
    std::vector<double> mean(agreed_len(members));
    for (const MemberSaw& saw : all) {
        const std::vector<double> list = to_agree(saw, members);
        for (size_t i = 0; i < mean.size(); ++i) mean[i] += list[i] / static_cast<double>(all.size());
    }
    return mean;
}

TEST(AgreedStep, IsWhatRootsAndContributorsSawOnAverage) {
    const std::vector<MemberSaw> all = {
        {.roots = true,
         .arrivals = {{}, milliseconds(10), milliseconds(50)},
         .closed = milliseconds(50),
         .contributed = true,
         .own_norm2 = 10,
         .contributors = 3,
         .mean_norm2 = 6,
         .loss = 1},
        {.roots = true,  // one did not come to it
         .arrivals = {{}, milliseconds(20)},
         .closed = milliseconds(30),
         .contributed = true,
         .own_norm2 = 8,
         .contributors = 3,
         .mean_norm2 = 6,
         .loss = 3},
        {.contributors = 3, .mean_norm2 = 6, .loss = 2},  // neither
    };
    const std::optional<StepSeen> seen = from_agreed(mean_of(all, 3), 3);
    ASSERT_TRUE(seen);
    ASSERT_EQ(seen->arrivals.size(), 3u) << "half of the roots saw the third";
    EXPECT_NEAR(seen->arrivals[1].seconds(), 0.015, 1e-8);
    EXPECT_NEAR(seen->arrivals[2].seconds(), 0.050, 1e-8);
    EXPECT_NEAR(seen->closed.seconds(), 0.040, 1e-8);
    EXPECT_EQ(seen->contributors, 3u);
    EXPECT_NEAR(seen->variance, 3.0 / 2 * (9 - 6), 1e-12);
    EXPECT_NEAR(seen->mean_norm2, 6, 1e-12);
    EXPECT_NEAR(seen->loss, 2, 1e-12);
    BackupWorkers policy(3, 1, 0.5);
    policy.observe(*seen);
}

TEST(AgreedStep, KnowsNoMoreThanHalfOfTheRootsSaw) {
    MemberSaw saw{.roots = true, .closed = milliseconds(5), .contributed = true, .contributors = 2};
    MemberSaw more = saw;
    saw.arrivals = {{}, milliseconds(5)};
    more.arrivals = {{}, milliseconds(4), milliseconds(5)};
    const std::optional<StepSeen> seen = from_agreed(mean_of({saw, saw, more}, 3), 3);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->arrivals.size(), 2u);
}

TEST(AgreedStep, RefusesWhatIsNoMeanOfLists) {
    const MemberSaw good{.roots = true, .contributed = true, .contributors = 2};
    EXPECT_TRUE(from_agreed(to_agree(good, 3), 3));
    EXPECT_FALSE(from_agreed(to_agree(good, 3), 4)) << "of another number of members";
    MemberSaw none = good, many = good, nobody = good;
    none.roots = false;
    many.contributors = 4;
    nobody.contributed = false;
    for (const MemberSaw& bad : {none, many, nobody, MemberSaw{}})
        EXPECT_FALSE(from_agreed(to_agree(bad, 3), 3));
    // As a faulty root might make the mean: next to nobody has contributed.
    MemberSaw loud = good;
    loud.own_norm2 = 1e150;
    std::vector<double> made_up = to_agree(loud, 3);
    ASSERT_TRUE(from_agreed(made_up, 3));
    const std::vector<double> quiet = to_agree(MemberSaw{.roots = true, .contributors = 2}, 3);
    for (size_t i = 0; i < made_up.size(); ++i)
        if (made_up[i] == 1 && quiet[i] == 0) made_up[i] = 1e-200;
    EXPECT_FALSE(from_agreed(made_up, 3));
    Prng random(4);
    for (int i = 0; i < 10'000; ++i) {  // whatever it takes can be observed
        std::vector<double> list(agreed_len(3));
        for (double& x : list) {
            const double sizes[] = {0, 1, -1, 1e-9, 1e150, -1e150, 2, std::nan(""), 1e-200};
            x = random.chance(1, 3) ? sizes[random.below(9)] : random.unit_float() * 3;
        }
        const std::optional<StepSeen> seen = from_agreed(list, 3);
        if (!seen) continue;
        BackupWorkers policy(3, 1, 0.5);
        policy.observe(*seen);
        policy.observe(*seen);
        EXPECT_LE(policy.min_contributors(), 3u);
    }
}

TEST(SampleVariance, OfKnownNumbers) {
    EXPECT_DOUBLE_EQ(sample_variance(1 + 9 + 25, 9, 3), 4);  // 1, 3, 5
    EXPECT_EQ(sample_variance(9, 9, 1), 0);
    EXPECT_EQ(sample_variance(26.999999, 9, 3), 0);  // rounding below zero
}

}  // namespace
}  // namespace whim::op
