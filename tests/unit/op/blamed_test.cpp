// Goal: whom a member wants left out of an op with a grace, and until when: nobody for silence that is over,
// for waiting for another one, or for only receiving. Method: a few ops whose frames and clock a test moves
// by hand (few_ops.h).
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/op/few_ops.h"

namespace whim::op {
namespace {

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
    const uint32_t root = root_of_one_chunk(setup), only_receives = (root + 1) % 3, other = (root + 2) % 3;
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
    FewOps ops(setup);
    const uint32_t root = root_of_one_chunk(setup), other = (root + 1) % 4;
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
    FewOps ops(setup);
    const uint32_t root = root_of_one_chunk(setup);  // the only one
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
