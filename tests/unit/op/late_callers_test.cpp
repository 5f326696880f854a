// Goal: who calls an op with a grace late is left out when it holds the others up, not for being late.
// Method: a few ops whose frames and clock a test moves by hand (few_ops.h).
#include <gtest/gtest.h>

#include <algorithm>

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

// ---- who is blamed, and until when

using Few = FewOps::Setup;
constexpr Duration kGrace = milliseconds(10);

void deadlines(FewOps& ops) {
    for (const auto& peer : ops.peers) {
        for (auto due = peer->op ? peer->op->deadline() : std::nullopt; due && *due <= ops.now;
             due = peer->op->deadline())
            peer->op->on_deadline(ops.now);
    }
}

TEST(Blamed, NobodyWhereTooFewContributorsWouldStay) {
    Few setup{.peers = 4, .elements = 8, .min_contributors = 3, .grace = kGrace};
    setup.abstains = {true, false, false, false};
    FewOps ops(setup);
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    for (int i = 0; i < 20; ++i) {
        ops.now = ops.now + milliseconds(4);
        ops.settle();
        deadlines(ops);
    }
    for (uint32_t r = 0; r < 3; ++r) {
        EXPECT_TRUE(ops[r].blamed.empty()) << "without rank 3 two contribute, and three have to";
        EXPECT_FALSE(ops[r].ended_with);
    }
    ops.post(3);
    ops.settle();
    for (uint32_t r = 0; r < 4; ++r) EXPECT_EQ(ops[r].ended_with, Code::OK);
}

TEST(Blamed, ThoseWhoOnlyReceiveHaveToStayToo) {
    Few setup{.peers = 5, .elements = 10, .min_contributors = 3, .grace = kGrace};
    setup.abstains = {true, false, false, false, false};
    FewOps ops(setup);
    for (uint32_t r = 0; r < 4; ++r) ops.post(r);
    ops.settle();
    ops.now = ops.now + kGrace * 6;
    deadlines(ops);
    EXPECT_EQ(ops[1].blamed, std::vector<uint32_t>{4});
    EXPECT_EQ(ops[1].needed, 4u) << "three, and rank 0";
}

// Of a sum, in which all give and get; this one only gets, and as fast as all.
TEST(Blamed, NobodyForContributingNothing) {
    Few setup{.peers = 4, .elements = 128, .reduce = Reduce::sum, .min_contributors = 2, .grace = kGrace};
    setup.abstains = {false, false, true, false};
    FewOps ops(setup);
    for (uint32_t r = 0; r < 4; ++r) ops.post(r);
    for (int i = 0; i < 60; ++i) {
        std::vector<int> left(4, 4);  // frames that each sends in a while, results first
        ops.now = ops.now + milliseconds(2);
        const auto is_result = [](const FewOps::Frame& f) { return f.kind() == wire::BulkKind::result; };
        std::stable_partition(ops.frames.begin(), ops.frames.end(), is_result);
        ops.settle([&](const FewOps::Frame& f) { return left[f.from]-- <= 0; });
        deadlines(ops);
    }
    EXPECT_TRUE(ops.leavers.empty());
}

TEST(Blamed, NobodyByACallerWhoIsAlone) {
    FewOps ops({.peers = 4, .elements = 8, .grace = kGrace});
    ops.post(0);
    ops.now = ops.now + kGrace * 5;
    deadlines(ops);
    EXPECT_TRUE(ops[0].blamed.empty()) << "most have not called: it is the early one";
    ops.post(1), ops.post(2);
    ops.settle();
    ops.now = ops.now + kGrace * 6;
    deadlines(ops);
    EXPECT_EQ(ops[0].blamed, std::vector<uint32_t>{3});
}

TEST(Blamed, ThoseWhoDoNotCallInTheEnd) {
    FewOps ops({.peers = 4, .elements = 8, .grace = kGrace});
    ops.post(0), ops.post(1);
    ops.settle();
    for (int i = 0; i < 7; ++i) {
        ops.now = ops.now + kGrace;
        deadlines(ops);
    }
    ASSERT_GE(ops[0].blamed.size(), 2u) << "though most of four are three";
    EXPECT_EQ(ops[0].blamed[0], 2u);
    EXPECT_EQ(ops[0].blamed[1], 3u);
}

// One contributes nothing, so that two are all that a root can wait for; and the root is silent.
TEST(Blamed, ASilentRootWhoeverItMayWaitFor) {
    Few setup{.peers = 3, .elements = 1, .grace = kGrace};
    FewOps probe(setup);
    for (uint32_t r = 0; r < 3; ++r) probe.post(r);
    probe.settle([](const FewOps::Frame& f) { return f.kind() == wire::BulkKind::result; });
    const uint32_t root = probe.frames.at(0).from, only_receives = (root + 1) % 3, other = (root + 2) % 3;
    setup.abstains = {false, false, false};
    setup.abstains[only_receives] = true;
    FewOps ops(setup);
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    const auto stuck = [&](const FewOps::Frame& f) { return f.from == root; };
    ops.settle(stuck);
    for (int i = 0; i < 8 && ops[other].blamed.empty(); ++i) {
        ops.now = ops.now + kGrace;
        deadlines(ops);
    }
    ASSERT_FALSE(ops[other].blamed.empty());
    EXPECT_EQ(ops[other].blamed.front(), root);
}

// More than that it is silent: it does not come back by one frame.
TEST(Blamed, TheCrawlingAlsoAfterASign) {
    Few setup{.peers = 4, .elements = 64, .min_contributors = 3, .grace = kGrace};
    FewOps ops(setup);
    for (uint32_t r = 0; r < 4; ++r) ops.post(r);
    int frames = 1;
    const auto crawls = [&](const FewOps::Frame& f) {
        return (f.from == 2 || f.to == 2) && (f.from != 2 || f.to != 0 || frames-- <= 0);
    };
    for (int i = 0; i < 12; ++i) {
        frames = i == 11 ? 1 : 0;
        ops.settle(crawls);
        ops.now = ops.now + milliseconds(4);
        deadlines(ops);
    }
    EXPECT_FALSE(ops[0].blamed.empty());
    EXPECT_EQ(ops[0].blamed.front(), 2u);
}

TEST(Blamed, WhoHasNotCalledWhenMostOfThoseThatAreLeftHave) {
    FewOps ops({.peers = 5, .elements = 10, .grace = kGrace});
    ops.post(0), ops.post(1);
    ops.settle();
    ops.alive = {true, true, true, false, false};
    ops.evicted = {false, false, false, true, true};
    for (const uint32_t r : {0u, 1u}) ops.install(r);
    ops.settle();
    ops.now = ops.now + kGrace * 6;
    deadlines(ops);
    EXPECT_EQ(ops[0].blamed, std::vector<uint32_t>{2});
}

TEST(Blamed, NobodyWhoHasCaughtUp) {
    FewOps ops({.peers = 4, .elements = 64, .reduce = Reduce::sum, .min_contributors = 3, .grace = kGrace});
    for (uint32_t r = 0; r < 4; ++r) ops.post(r);
    ops.settle([](const FewOps::Frame& f) { return f.from == 2; });
    for (int i = 0; i < 10 && ops[0].blamed.empty(); ++i) {
        ops.now = ops.now + milliseconds(4);
        deadlines(ops);
    }
    ASSERT_FALSE(ops[0].blamed.empty());
    ASSERT_EQ(ops[0].blamed.front(), 2u);
    const auto some = [&](int frames) {
        ops.settle([&](const FewOps::Frame& f) { return f.from == 2 && (f.to != 0 || frames-- <= 0); });
    };
    some(4);
    EXPECT_FALSE(ops[0].blamed.empty()) << "a quarter of what the others have given";
    some(8);
    EXPECT_TRUE(ops[0].blamed.empty());
    EXPECT_FALSE(ops[0].ended_with);
}

// One member makes all of a small op, so that only its silence tells.
TEST(Blamed, NobodyForSilenceThatIsOver) {
    const Few setup{.peers = 4, .elements = 1, .min_contributors = 2, .grace = kGrace};
    FewOps probe(setup), ops(setup);
    for (uint32_t r = 0; r < 4; ++r) probe.post(r);
    probe.settle([](const FewOps::Frame& f) { return f.kind() == wire::BulkKind::result; });
    const uint32_t root = probe.frames.at(0).from, other = (root + 1) % 4;
    for (uint32_t r = 0; r < 4; ++r) ops.post(r);
    ops.settle([&](const FewOps::Frame& f) { return f.from == root; });
    for (int i = 0; i < 10 && ops[other].blamed.empty(); ++i) {
        ops.now = ops.now + milliseconds(4);
        deadlines(ops);
    }
    ASSERT_FALSE(ops[other].blamed.empty());
    ASSERT_EQ(ops[other].blamed.front(), root);
    ops[other].op->on_message({root}, wire::OpAck{ops[other].op->id(), 0, {}}, ops.now);
    EXPECT_TRUE(ops[other].blamed.empty());
    EXPECT_FALSE(ops[other].ended_with);
}

// What roots could not do while they waited for one who is out now.
TEST(Blamed, NobodyForWhatAnotherHeldUp) {
    FewOps ops({.peers = 4, .elements = 64, .reduce = Reduce::sum, .min_contributors = 2, .grace = kGrace});
    for (uint32_t r = 0; r < 4; ++r) ops.post(r);
    ops.settle([](const FewOps::Frame& f) { return f.from == 2; });
    for (int i = 0; i < 10 && ops[0].blamed.empty(); ++i) {
        ops.now = ops.now + milliseconds(4);
        deadlines(ops);
    }
    ASSERT_FALSE(ops[0].blamed.empty());
    ASSERT_EQ(ops[0].blamed.front(), 2u);
    ops.alive[2] = false;
    for (const uint32_t r : {0u, 1u, 3u}) ops.install(r);
    EXPECT_TRUE(ops[0].blamed.empty());
    ops.leavers.clear();
    ops.now = ops.now + kGrace / 2;
    deadlines(ops);
    EXPECT_TRUE(ops.leavers.empty());
    ops.settle();
    for (const uint32_t r : {0u, 1u, 3u}) EXPECT_EQ(ops[r].ended_with, Code::OK);
}

TEST(Blamed, NobodyOnceTheOpIsOver) {
    const Few setup{.peers = 5, .elements = 1, .min_contributors = 2, .grace = kGrace};
    FewOps probe(setup), ops(setup);
    for (uint32_t r = 0; r < 5; ++r) probe.post(r);
    probe.settle([](const FewOps::Frame& f) { return f.kind() == wire::BulkKind::result; });
    const uint32_t root = probe.frames.at(0).from;  // the only one
    for (uint32_t r = 0; r < 3; ++r) ops.post((root + r) % 5);
    for (int i = 0; i < 12 && !ops[root].ended_with; ++i) {
        ops.now = ops.now + milliseconds(4);
        ops.settle();
        deadlines(ops);
        ops.settle();
    }
    ASSERT_EQ(ops[root].ended_with, Code::OK);
    ops[root].blamed.clear();  // as the engine does
    ops.post((root + 3) % 5);
    ops.settle();
    EXPECT_TRUE(ops[root].blamed.empty());
}

}  // namespace
}  // namespace whim::op
