// Goal: whom the coordinator leaves out of an op, and whom it does not although it was asked to.
// Method: a World of members in one round; requests in an order that a broken path produces.
#include <gtest/gtest.h>

#include "group/ledger.h"
#include "group_world.h"

namespace whim::group {
namespace {

wire::OpExcludeRequest request(uint64_t tag, std::vector<MemberId> members) {
    wire::OpExcludeRequest r;
    r.op = {{1}, tag, 0};
    r.members = std::move(members);
    r.reason = "its deadline passed";
    return r;
}

void ask(World& w, uint8_t asker, wire::OpExcludeRequest r) {
    w.with(asker, [&](MemberOutbox& out) { w.peers[asker].member->exclude(std::move(r), w.now, out); });
}

std::vector<MemberId> left_out(const World& w, uint64_t tag) {
    std::vector<MemberId> ids;
    for (const wire::OpExclusion& x : w.coordinator->view().exclusions) {
        if (x.op.tag == tag) ids.push_back(x.member);
    }
    return ids;
}

TEST(Exclusion, WhoIsOutOfAnOpLeavesNobodyOutOfIt) {
    World w;
    w.found(4);
    ask(w, 1, request(7, {w.id(2)}));
    w.run(milliseconds(1));
    ask(w, 2, request(7, {w.id(1)}));  // both deadlines fire on one broken path
    EXPECT_TRUE(left_out(w, 7).empty()) << "one voice each";
    w.run(limits::kSecondVoiceWait);
    EXPECT_EQ(left_out(w, 7), std::vector{w.id(2)});
    ask(w, 2, request(8, {w.id(1)}));
    w.run(limits::kSecondVoiceWait);
    EXPECT_EQ(left_out(w, 8), std::vector{w.id(1)}) << "in another op it counts as ever";
}

TEST(Exclusion, TheSlowAccuseFirstAndAreLeftOut) {
    World w;
    w.found(4);
    ask(w, 4, request(7, {w.id(1)}));
    ask(w, 4, request(7, {w.id(2)}));
    w.run(milliseconds(300));
    ask(w, 1, request(7, {w.id(4)}));
    EXPECT_TRUE(left_out(w, 7).empty());
    ask(w, 2, request(7, {w.id(4)}));
    EXPECT_EQ(left_out(w, 7), std::vector{w.id(4)});
    w.run(limits::kSecondVoiceWait * 2);
    EXPECT_EQ(left_out(w, 7), std::vector{w.id(4)}) << "what it said counts no longer";
}

TEST(Exclusion, WhatIsTakenBackCountsNoLonger) {
    World w;
    w.found(4);
    ask(w, 1, request(7, {w.id(2)}));
    w.with(1, [&](MemberOutbox& out) { w.peers[1].member->withdraw({{1}, 7, 0}, w.now, out); });
    w.run(limits::kSecondVoiceWait * 2);
    EXPECT_TRUE(left_out(w, 7).empty());
}

TEST(Exclusion, OfTwoTheFirstIsBelieved) {
    World w;
    w.found(2);
    ask(w, 2, request(7, {w.id(1)}));
    EXPECT_EQ(left_out(w, 7), std::vector{w.id(1)});
}

TEST(Exclusion, AMemberMayGiveUpItsOwnPartWhenTooManyOthersAreOut) {
    World w;
    w.found(3);
    const auto ask_directly = [&](uint8_t n, const wire::OpExcludeRequest& r) {
        CoordinatorOutbox out;
        w.coordinator->on_message(peer_id(n), w.peers[n].boot, r, w.now, out);
    };
    for (uint64_t tag = 0; tag < limits::kOpExclusionsMax; ++tag) {
        ask_directly(1, request(tag, {w.id(2)}));
        ask_directly(3, request(tag, {w.id(2)}));
    }
    const size_t others = limits::kOpExclusionsMax - limits::kOpExclusionsOwn;
    EXPECT_EQ(w.coordinator->view().exclusions.size(), others);
    ask_directly(3, request(5000, {w.id(3)}));
    EXPECT_EQ(left_out(w, 5000), std::vector{w.id(3)});
    for (uint64_t tag = 6000; tag < 7000; ++tag) ask_directly(3, request(tag, {w.id(3)}));
    EXPECT_EQ(w.coordinator->view().exclusions.size(), limits::kOpExclusionsMax) << "what a view can list";
}

TEST(Exclusion, WhoIsNotLeftOutForWantOfRoomIsOnceThereIsSome) {
    World w;
    w.found(3);
    const auto accuse = [&](uint64_t round, uint64_t tag) {
        wire::OpExcludeRequest r = request(tag, {w.id(2)});
        r.op.round = {round};
        for (const uint8_t n : {1, 3}) {
            CoordinatorOutbox out;
            w.coordinator->on_message(peer_id(n), w.peers[n].boot, r, w.now, out);
            w.perform(out);
        }
    };
    for (uint64_t tag = 0; tag < limits::kOpExclusionsMax; ++tag) accuse(1, tag);
    uint64_t round = 1;
    const auto next_round = [&] {
        w.commit_all(round++);
        for (const uint8_t n : {1, 2, 3}) ASSERT_TRUE(w.begin(n, round - 1).ok());
        w.run(seconds(2));
    };
    next_round();
    accuse(round, 7777);
    const size_t said = w.log.size();
    w.run(seconds(3));
    EXPECT_TRUE(left_out(w, 7777).empty());
    EXPECT_LE(w.log.size(), said + 1) << "it says so once";
    for (int i = 0; i < 4 && left_out(w, 7777).empty(); ++i) next_round();
    EXPECT_EQ(left_out(w, 7777), std::vector{w.id(2)});
}

// Who takes something else back repeats this: it has stood all the time.
// Members forget ops of rounds long gone, committed or not; so do exclusions.
TEST(Exclusion, WithoutCommitsOldOnesGoToo) {
    Ledger ledger;
    for (uint64_t round = 1; round <= 20; ++round)
        ledger.view.exclusions.push_back({{{round}, 1, 0}, {}, {1}, ""});
    ledger.last_round = {20};
    const wire::View view = ledger.grown_view({});
    ASSERT_EQ(view.exclusions.size(), 5u);
    EXPECT_EQ(view.exclusions.front().op.round, Round{16});
}

TEST(Exclusion, WhatIsSaidAgainAtOnceHasStoodAllTheTime) {
    World w;
    w.found(4);
    const auto again = [&] {
        w.with(1, [&](MemberOutbox& out) { w.peers[1].member->withdraw({{1}, 7, 0}, w.now, out); });
        ask(w, 1, request(7, {w.id(2)}));
    };
    ask(w, 1, request(7, {w.id(2)}));
    for (int i = 0; i < 9; ++i) {
        w.run(milliseconds(100));
        again();
    }
    EXPECT_TRUE(left_out(w, 7).empty());
    w.run(milliseconds(200));
    EXPECT_EQ(left_out(w, 7), std::vector{w.id(2)});
}

TEST(Exclusion, ARefusalIsNoExclusion) {
    World w;
    w.found(4);
    wire::OpExcludeRequest refused = request(7, {w.id(2)});
    refused.min_contributors = 4;
    for (const uint8_t n : {1, 3}) ask(w, n, refused);
    EXPECT_TRUE(left_out(w, 7).empty());
    for (const uint8_t n : {1, 3}) ask(w, n, request(7, {w.id(4)}));
    EXPECT_EQ(left_out(w, 7), std::vector{w.id(4)}) << "at once";
}

TEST(Exclusion, WhatIsSaidJustAfterAnExclusionMayBeFromBefore) {
    World w;
    w.found(5);
    for (const uint8_t n : {1, 3}) ask(w, n, request(7, {w.id(2)}));
    ASSERT_EQ(left_out(w, 7), std::vector{w.id(2)});
    for (const uint8_t n : {1, 3}) ask(w, n, request(7, {w.id(4)}));
    EXPECT_EQ(left_out(w, 7), std::vector{w.id(2)});
    w.with(1, [&](MemberOutbox& out) { w.peers[1].member->withdraw({{1}, 7, 0}, w.now, out); });
    w.run(milliseconds(700));
    EXPECT_EQ(left_out(w, 7), std::vector{w.id(2)}) << "one took it back";
    for (const uint8_t n : {1, 3}) ask(w, n, request(8, {w.id(2), w.id(4)}));
    EXPECT_EQ(left_out(w, 8), (std::vector{w.id(2), w.id(4)})) << "both were named together";
}

TEST(Exclusion, WhatIsNeededIsWhatTheLastRequestSays) {
    World w;
    w.found(4);
    const auto ask_for = [&](uint8_t n, uint32_t needed) {
        wire::OpExcludeRequest r = request(7, {w.id(2)});
        r.min_contributors = needed;
        ask(w, n, r);
    };
    ask_for(1, 4);
    ask_for(1, 3);
    ask_for(3, 3);
    EXPECT_EQ(left_out(w, 7), std::vector{w.id(2)});
    ask(w, 1, [&] {
        wire::OpExcludeRequest r = request(8, {w.id(2)});
        r.min_contributors = 3;
        return r;
    }());
    wire::OpExcludeRequest knows_more = request(8, {w.id(2)});
    knows_more.min_contributors = 4;  // one of them contributes nothing
    ask(w, 3, knows_more);
    w.run(limits::kSecondVoiceWait * 2);
    EXPECT_TRUE(left_out(w, 8).empty());
}

}  // namespace
}  // namespace whim::group
