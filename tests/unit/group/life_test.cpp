// Goal: a run lives: founding, rounds, commits, deaths, freezes, joins, restarts, as members and coordinator
// see it. Method: both state machines in one World with virtual time; the assertions are what the application
// would see.
#include <gtest/gtest.h>

#include "group_world.h"

namespace whim::group {
namespace {

TEST(Life, FoundersThatStartTogetherAreTogether) {
    World w;
    w.found(3);
    for (uint8_t n = 1; n <= 3; ++n) {
        ASSERT_TRUE(w.all<JoinEnded>(n).size() == 1 && w.all<JoinEnded>(n)[0].status.ok());
        const auto begun = w.last<RoundBegan>(n);
        ASSERT_TRUE(begun);
        EXPECT_EQ(begun->start.round, Round{1});
        EXPECT_EQ(begun->start.participants.size(), 3u);
        EXPECT_EQ(begun->start.donor, w.id(1)) << "the lowest incarnation is the source of the first state";
        EXPECT_EQ(begun->start.healing, (std::vector{w.id(2), w.id(3)}));
    }
    w.commit_all(1);
    for (uint8_t n = 1; n <= 3; ++n) {
        ASSERT_TRUE(w.last<RoundEnded>(n));
        EXPECT_TRUE(w.last<RoundEnded>(n)->mine.ok());
        EXPECT_EQ(w.peers[n].member->committed(), Round{1});
    }
    ASSERT_TRUE(w.coordinator->record({1}));
    EXPECT_EQ(w.coordinator->record({1})->votes.size(), 3u);
}

TEST(Life, CommitAndBeginTravelTogether) {
    World w;
    w.found(2);
    for (uint8_t n = 1; n <= 2; ++n) {
        ASSERT_TRUE(w.commit(n, 1, 7).ok());
        ASSERT_TRUE(w.begin(n, 0).ok());  // the outcome of round 1 is not known yet
    }
    for (uint8_t n = 1; n <= 2; ++n) {
        EXPECT_EQ(w.last<RoundEnded>(n)->outcome.round, Round{1});
        EXPECT_EQ(w.last<RoundBegan>(n)->start.round, Round{2});
        EXPECT_TRUE(w.last<RoundBegan>(n)->start.healing.empty()) << "contributors of round 1 hold its state";
    }
}

TEST(Life, AKilledMemberIsEvictedAtOnceAndTheRoundGoesOn) {
    World w;
    w.found(3);
    w.kill(2);
    EXPECT_EQ(w.coordinator->view().members.size(), 2u);
    ASSERT_EQ(w.last<InstallView>(1)->view.removed.size(), 1u);
    EXPECT_NE(w.last<InstallView>(1)->view.removed[0].reason.find("refuses"), std::string::npos);
    w.commit_all(1);
    EXPECT_EQ(w.last<RoundEnded>(1)->outcome.contributors, (std::vector{w.id(1), w.id(3)}));
}

TEST(Life, AFrozenMemberIsEvictedWithinThreeSecondsAndToldWhy) {
    World w;
    w.found(3);
    w.freeze(2);
    const Instant frozen = w.now;
    while (w.coordinator->view().members.size() == 3 && w.now - frozen < seconds(10)) w.run(milliseconds(10));
    EXPECT_LT((w.now - frozen).ms(), 3000);
    w.run(seconds(7));
    w.thaw(2);
    w.run(milliseconds(500));
    ASSERT_TRUE(w.last<Evicted>(2));
    EXPECT_EQ(w.last<Evicted>(2)->error.code, Code::E_EVICTED);
    EXPECT_NE(w.last<Evicted>(2)->error.detail.find("silent"), std::string::npos);
    for (const auto& [n, message] : w.sent) {
        EXPECT_FALSE(n == 2 && std::holds_alternative<wire::SuspectReport>(message))
            << "the sleeper suspects nobody";
    }
    w.join(2);
    EXPECT_TRUE(w.last<JoinEnded>(2)->status.ok());
    EXPECT_EQ(w.peers[2].member->incarnation(), Incarnation{4}) << "a new incarnation, never one used before";
}

TEST(Life, AJoinerComesInAtARoundBoundaryAndIsHealed) {
    World w;
    w.found(2);
    w.add(3);
    w.join(3);
    ASSERT_TRUE(w.begin(3, 0).ok());
    w.run(seconds(2));
    EXPECT_FALSE(w.last<RoundBegan>(3));
    EXPECT_EQ(w.coordinator->view().members.size(), 2u);
    for (uint8_t n = 1; n <= 2; ++n) ASSERT_TRUE(w.commit(n, 1, 7).ok());
    for (uint8_t n = 1; n <= 2; ++n) ASSERT_TRUE(w.begin(n, 1).ok());
    const auto start = w.last<RoundBegan>(3);
    ASSERT_TRUE(start);
    EXPECT_EQ(start->start.round, Round{2});
    EXPECT_EQ(start->start.joined, std::vector{w.id(3)});
    EXPECT_EQ(start->start.healing, std::vector{w.id(3)});
    EXPECT_EQ(start->start.donor, w.id(1));
}

TEST(Life, ARestartedCoordinatorResumesWithAHigherTokenAndLosesNothing) {
    World w;
    w.found(3);
    ASSERT_TRUE(w.commit(1, 1, 7).ok());
    const wire::View before = w.coordinator->view();
    w.kill_coordinator();
    ASSERT_TRUE(w.commit(2, 1, 7).ok());  // said to nobody, kept
    w.run(seconds(5));
    EXPECT_NE(w.peers[2].member->waiting_for().find("waits for a coordinator"), std::string::npos);
    w.start_coordinator();
    EXPECT_EQ(w.coordinator->view(), before);
    EXPECT_EQ(w.coordinator->open_round(), Round{1});
    EXPECT_EQ(w.peers[1].member->fencing(), FencingToken{2});
    ASSERT_TRUE(w.commit(3, 1, 7).ok());
    for (uint8_t n = 1; n <= 3; ++n) EXPECT_TRUE(w.last<RoundEnded>(n)->mine.ok());
    EXPECT_EQ(w.coordinator->committed(), Round{1});
}

TEST(Life, AMemberKilledWhileTheCoordinatorIsAwayIsEvictedAfterTheRestart) {
    World w;
    w.found(3);
    w.kill_coordinator();
    w.kill(2);
    w.run(seconds(3));
    w.start_coordinator();
    w.run(seconds(6));
    EXPECT_EQ(w.coordinator->view().members.size(), 2u);
}

TEST(Life, AnOutcomeLostInACoordinatorCrashIsSaidAgain) {
    World w;
    w.found(2);
    ASSERT_TRUE(w.commit(1, 1, 7).ok());
    w.peers[1].connected = w.peers[2].connected = true;
    // The last vote decides; the answer reaches nobody, for the coordinator dies after its journal was
    // written.
    CoordinatorOutbox out;
    wire::CommitVote vote;
    vote.round = {1};
    vote.vote.digest = digest_of(7);
    w.coordinator->on_message(peer_id(2), w.peers[2].boot, vote, w.now, out);
    for (const auto& e : out)
        if (const auto* j = std::get_if<Journal>(&e)) w.journal.push_back(j->record);
    w.kill_coordinator();
    w.start_coordinator();
    EXPECT_EQ(w.coordinator->committed(), Round{1});
    ASSERT_TRUE(w.last<RoundEnded>(1));
    EXPECT_TRUE(w.last<RoundEnded>(1)->mine.ok());
    ASSERT_TRUE(w.commit(2, 1, 7).ok());
    EXPECT_TRUE(w.last<RoundEnded>(2)->mine.ok());
    EXPECT_EQ(w.all<RoundEnded>(1).size(), 1u);
}

}  // namespace
}  // namespace whim::group
