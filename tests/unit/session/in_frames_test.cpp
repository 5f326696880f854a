// Bulk frames on their way in: parts in any order, some twice, make a frame whole once, and what is over is
// known as over.
#include "transport/session/in_frames.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace whim {
namespace {

using Ranges = std::vector<std::pair<uint32_t, uint32_t>>;

class InFramesTest : public ::testing::Test {
protected:
    // A frame of 100 bytes.
    InFrames::Frame& hundred() { return frames.begin(1, {{}, 7}, 100); }
    InFrames frames;
};

TEST_F(InFramesTest, PartsMergeInAnyOrder) {
    InFrames::Frame& frame = hundred();
    EXPECT_FALSE(InFrames::add(frame, 40, 10));
    EXPECT_FALSE(InFrames::add(frame, 0, 10));
    EXPECT_FALSE(InFrames::add(frame, 80, 20));
    EXPECT_EQ(frame.have, (Ranges{{0, 10}, {40, 50}, {80, 100}}));
    EXPECT_FALSE(InFrames::add(frame, 50, 30)) << "closes a gap";
    EXPECT_EQ(frame.have, (Ranges{{0, 10}, {40, 100}}));
    EXPECT_TRUE(InFrames::add(frame, 10, 30));
    EXPECT_EQ(frame.have, (Ranges{{0, 100}}));
}

TEST_F(InFramesTest, PartsMayOverlap) {
    InFrames::Frame& frame = hundred();
    EXPECT_FALSE(InFrames::add(frame, 20, 20));
    EXPECT_FALSE(InFrames::add(frame, 20, 20)) << "the same once more";
    EXPECT_FALSE(InFrames::add(frame, 25, 5)) << "inside";
    EXPECT_EQ(frame.have, (Ranges{{20, 40}}));
    EXPECT_FALSE(InFrames::add(frame, 30, 20));
    EXPECT_FALSE(InFrames::add(frame, 10, 11));
    EXPECT_EQ(frame.have, (Ranges{{10, 50}}));
    EXPECT_FALSE(InFrames::add(frame, 60, 5));
    EXPECT_FALSE(InFrames::add(frame, 70, 5));
    EXPECT_FALSE(InFrames::add(frame, 5, 90)) << "swallows all";
    EXPECT_EQ(frame.have, (Ranges{{5, 95}}));
    EXPECT_TRUE(InFrames::add(frame, 0, 100));
}

TEST_F(InFramesTest, KnowsWhatItHas) {
    InFrames::Frame& frame = hundred();
    InFrames::add(frame, 10, 10);
    InFrames::add(frame, 30, 10);
    EXPECT_TRUE(InFrames::has(frame, 10, 10));
    EXPECT_TRUE(InFrames::has(frame, 35, 5));
    EXPECT_FALSE(InFrames::has(frame, 9, 2));
    EXPECT_FALSE(InFrames::has(frame, 15, 20));
    EXPECT_FALSE(InFrames::has(frame, 39, 2));
}

TEST_F(InFramesTest, AFrameWithoutPayloadIsWholeAtOnce) {
    EXPECT_TRUE(InFrames::add(frames.begin(1, {{}, 1}, 0), 0, 0));
}

TEST_F(InFramesTest, RemembersWhatIsOver) {
    frames.end(3);
    EXPECT_FALSE(frames.over(1));
    EXPECT_FALSE(frames.over(2));
    EXPECT_TRUE(frames.over(3)) << "above the floor, which is 0";
    EXPECT_FALSE(frames.over(4));
    frames.end(1);
    EXPECT_TRUE(frames.over(1));
    EXPECT_FALSE(frames.over(2));
    frames.end(2);
    frames.end(2);  // again changes nothing
    frames.end(1);
    for (uint64_t number = 1; number <= 3; ++number) EXPECT_TRUE(frames.over(number)) << number;
    EXPECT_FALSE(frames.over(4));
}

TEST_F(InFramesTest, AFrameIsFoundUntilItEnds) {
    EXPECT_EQ(frames.find(1), nullptr);
    hundred();
    ASSERT_NE(frames.find(1), nullptr);
    EXPECT_EQ(frames.find(1)->sink.token, 7u);
    EXPECT_FALSE(frames.over(1));
    frames.end(1);
    EXPECT_EQ(frames.find(1), nullptr);
    EXPECT_TRUE(frames.over(1));
}

TEST_F(InFramesTest, NumbersLieCloseTogether) {
    constexpr uint64_t kAhead = 2 * limits::kFramesAheadMax;
    EXPECT_FALSE(frames.possible(0));
    EXPECT_TRUE(frames.possible(1));
    EXPECT_TRUE(frames.possible(kAhead));
    EXPECT_FALSE(frames.possible(kAhead + 1));
    EXPECT_FALSE(frames.possible(UINT64_MAX));
    for (uint64_t number = 1; number <= 10; ++number) frames.end(number);
    EXPECT_FALSE(frames.possible(0));
    EXPECT_TRUE(frames.possible(1)) << "a part that was sent once more";
    EXPECT_TRUE(frames.possible(kAhead + 10));
    EXPECT_FALSE(frames.possible(kAhead + 11));
}

TEST_F(InFramesTest, FewAreIncompleteAtOnce) {
    for (uint64_t number = 1; number <= limits::kFramesIncompleteMax; ++number) {
        EXPECT_FALSE(frames.full());
        frames.begin(number, {}, 1);
    }
    EXPECT_TRUE(frames.full());
    frames.end(limits::kFramesIncompleteMax);
    EXPECT_FALSE(frames.full());
}

TEST_F(InFramesTest, TakingAllBeginsAnew) {
    frames.end(1);
    frames.end(3);
    frames.begin(2, {{}, 22}, 10);
    frames.begin(5, {{}, 55}, 10);
    const auto all = frames.take_all();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all.at(2).sink.token, 22u);
    EXPECT_EQ(all.at(5).sink.token, 55u);
    EXPECT_EQ(frames.find(2), nullptr);
    for (uint64_t number = 1; number <= 5; ++number) EXPECT_FALSE(frames.over(number)) << number;
    EXPECT_TRUE(frames.take_all().empty());
}

// However frames are cut, whatever comes twice and in whatever order: each is whole exactly once, and never
// before all its bytes have come.
TEST_F(InFramesTest, RandomCutsEndExactlyOnce) {
    struct Part {
        uint64_t number = 0;
        uint32_t offset = 0, bytes = 0;
    };
    for (uint64_t seed = 1; seed <= 300; ++seed) {
        Prng prng(seed);
        InFrames arriving;
        std::vector<Part> parts;
        std::map<uint64_t, std::vector<bool>> missing;
        const uint64_t count = 1 + prng.below(12);
        for (uint64_t number = 1; number <= count; ++number) {
            const auto bytes = 1 + static_cast<uint32_t>(prng.below(300));
            missing[number].assign(bytes, true);
            for (uint32_t at = 0; at < bytes;) {
                const auto cut = 1 + static_cast<uint32_t>(prng.below(std::min(bytes - at, 60u)));
                parts.push_back({number, at, cut});
                at += cut;
            }
            for (uint64_t again = prng.below(6); again > 0; --again) {  // cut anew
                const auto at = static_cast<uint32_t>(prng.below(bytes));
                parts.push_back({number, at, 1 + static_cast<uint32_t>(prng.below(bytes - at))});
            }
        }
        for (size_t i = parts.size(); i > 1; --i) std::swap(parts[i - 1], parts[prng.below(i)]);
        std::map<uint64_t, int> ended;
        for (const auto& [number, offset, bytes] : parts) {
            ASSERT_TRUE(arriving.possible(number));
            if (arriving.over(number)) continue;
            auto& lacks = missing[number];
            InFrames::Frame* frame = arriving.find(number);
            if (!frame) frame = &arriving.begin(number, {}, static_cast<uint32_t>(lacks.size()));
            std::fill_n(lacks.begin() + offset, bytes, false);
            const bool whole = InFrames::add(*frame, offset, bytes);
            ASSERT_TRUE(InFrames::has(*frame, offset, bytes));
            ASSERT_EQ(whole, std::count(lacks.begin(), lacks.end(), true) == 0) << "seed " << seed;
            if (!whole) continue;
            arriving.end(number);
            ++ended[number];
        }
        ASSERT_EQ(ended.size(), count) << "seed " << seed;
        for (const auto& [number, times] : ended) ASSERT_EQ(times, 1) << "seed " << seed;
        ASSERT_TRUE(arriving.take_all().empty());
    }
}

}  // namespace
}  // namespace whim
