// Goal: who calls an op with a grace late is left out when it holds the others up, not for being late.
// Method: a few ops whose frames and clock a test moves by hand (few_ops.h).
#include <gtest/gtest.h>

#include "tests/unit/op/few_ops.h"

namespace whim::op {
namespace {

using Blamed = std::vector<uint32_t>;

// Four members of which one may be left out: 2 crawls, 3 calls late.
struct LateCallers : testing::Test {
    FewOps ops{{.peers = 4, .elements = 64, .chunk_elements = 1, .min_contributors = 3, .grace = kGrace}};
    std::vector<bool> crawls = {false, false, true, false}, silent = {false, false, false, false};

    static constexpr Duration kGrace = milliseconds(10);
    static bool of_crawler(const FewOps::Frame& f) { return f.from == 2; }
    // Time passes, and some frames of those who crawl come through.
    void pass(Duration time, int frames) {
        ops.now = ops.now + time;
        std::vector<int> left(ops.peers.size(), frames);
        ops.settle([&](const FewOps::Frame& f) {
            return silent[f.from] || (crawls[f.from] && left[f.from]-- <= 0);
        });
        for (const auto& peer : ops.peers) {
            if (!peer->op) continue;
            for (auto due = peer->op->deadline(); due && *due <= ops.now; due = peer->op->deadline())
                peer->op->on_deadline(ops.now);
        }
    }
};

TEST_F(LateCallers, AreLeftOutOnceNothingMovesWithoutThem) {
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    for (int i = 0; i < 12; ++i) pass(milliseconds(4), 1000);
    for (uint32_t r = 0; r < 3; ++r) {
        ASSERT_FALSE(ops[r].blamed.empty());
        EXPECT_EQ(ops[r].blamed.front(), 3u);
    }
}

TEST_F(LateCallers, AreWaitedForWhileSomebodyCrawls) {
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    for (int i = 0; i < 6; ++i) pass(milliseconds(4), 2);
    EXPECT_EQ(ops[0].blamed, Blamed{});
    EXPECT_EQ(ops[1].blamed, Blamed{});
    ops.post(3);
    for (int i = 0; i < 10 && ops[0].blamed.empty(); ++i) pass(milliseconds(4), 2);
    EXPECT_EQ(ops[0].blamed, Blamed{2});
    EXPECT_EQ(ops[1].blamed, Blamed{2});
}

// The planted bug shows: whoever calls late is blamed though somebody crawls, and uses up the only place.
TEST_F(LateCallers, WouldBeLeftOutInItsPlace) {
    ops.setup.plant = Plant::leave_out_late_callers;
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    for (int i = 0; i < 6; ++i) pass(milliseconds(4), 2);
    EXPECT_EQ(ops[0].blamed, Blamed{3});
}

TEST_F(LateCallers, AreNotWaitedForMuchLonger) {
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    for (int i = 0; i < 20; ++i) pass(milliseconds(4), 1);
    ASSERT_FALSE(ops[0].blamed.empty());
    EXPECT_EQ(ops[0].blamed.front(), 3u);
}

TEST_F(LateCallers, WhoSaysAgainThatItHasCalledShieldsNobody) {
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    wire::OpPost again;
    for (int i = 0; i < 20; ++i) {
        for (const FewOps::Message& m : ops.messages) {
            if (const auto* post = std::get_if<wire::OpPost>(&m.what); post && m.from == 1) again = *post;
        }
        pass(milliseconds(4), 1000);
        if (ops[0].op && !ops[0].ended_with) ops[0].op->on_message({1}, again, ops.now);
    }
    ASSERT_FALSE(ops[0].blamed.empty());
    EXPECT_EQ(ops[0].blamed.front(), 3u);
}

TEST_F(LateCallers, AreNotBlamedAnyMoreOnceTheyHaveCalled) {
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    for (int i = 0; i < 12; ++i) pass(milliseconds(4), 1000);
    ASSERT_NE(ops[0].blamed, Blamed{});
    ops.post(3);
    ops.settle();
    EXPECT_EQ(ops[0].blamed, Blamed{});
}

TEST_F(LateCallers, NobodyWhoHasCalledIsBlamedInstead) {
    crawls = {false, true, false, false};
    silent = {false, false, true, false};
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    for (int i = 0; i < 12; ++i) pass(milliseconds(4), 1);
    EXPECT_EQ(ops[0].blamed, Blamed{});
    for (int i = 0; i < 10 && ops[0].blamed.empty(); ++i) pass(milliseconds(4), 1);
    ASSERT_FALSE(ops[0].blamed.empty());
    EXPECT_EQ(ops[0].blamed.front(), 3u);
}

TEST_F(LateCallers, WhoCallsClearsNobodyElse) {
    FewOps five{{.peers = 5, .elements = 40, .chunk_elements = 1, .min_contributors = 3, .grace = kGrace}};
    for (uint32_t r = 0; r < 3; ++r) five.post(r);
    five.settle();
    five.now = five.now + kGrace * 4;
    five[0].op->on_deadline(five.now);
    ASSERT_EQ(five[0].blamed, (Blamed{3, 4}));
    five.post(3);
    five.settle();
    EXPECT_EQ(five[0].blamed, Blamed{4});
}

TEST_F(LateCallers, WhoIsLeftOutSendsNoContributionsThatNobodyCounts) {
    for (uint32_t r = 0; r < 4; ++r) ops.post(r);
    ops.settle(of_crawler);
    ASSERT_FALSE(ops.frames.empty());
    const FewOps::Frame frame = ops.frames.front();
    ASSERT_EQ(frame.kind(), wire::BulkKind::contribution);
    ops.alive[2] = false;
    ops.install(2);
    EXPECT_FALSE(ops.pin(frame));
}

}  // namespace
}  // namespace whim::op
