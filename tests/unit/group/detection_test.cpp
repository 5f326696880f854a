// Goal: evidence becomes evictions as a run sees them: frozen, half-connected and isolated peers and
// coordinators. Method: a World with faults; also each planted bug of the control plane is seen to do its
// damage.
#include <gtest/gtest.h>

#include "group_world.h"

namespace whim::group {
namespace {

TEST(Detection, AFrozenCoordinatorBlamesNobody) {
    World w;
    w.found(3);
    w.coordinator_frozen = true;
    w.run(seconds(20));
    w.coordinator_frozen = false;
    w.run(seconds(10));
    EXPECT_EQ(w.coordinator->view().members.size(), 3u);
    w.commit_all(1);
    EXPECT_EQ(w.coordinator->committed(), Round{1});
}

TEST(Detection, ACoordinatorThatHearsNobodyEvictsNobody) {
    World w;
    w.found(3);
    for (const uint8_t n : {1, 2, 3}) w.cut.insert({0, n}), w.disconnect(n, "network down");
    w.run(seconds(60));
    EXPECT_EQ(w.coordinator->view().members.size(), 3u);
    w.cut.clear();
    for (const uint8_t n : {1, 2, 3}) w.connect(n);
    w.run(seconds(5));
    EXPECT_EQ(w.coordinator->view().members.size(), 3u);
}

TEST(Detection, TwoThatDieAtOnceAreBothOut) {
    World w;
    w.found(4);
    w.freeze(2);
    w.freeze(3);
    w.run(seconds(3));
    EXPECT_EQ(w.coordinator->view().members.size(), 2u);
}

TEST(Detection, APeerThatOnlyTheCoordinatorReachesMustGo) {
    World w;
    w.found(4);
    for (const uint8_t n : {1, 2, 4}) w.cut.insert({std::min<uint8_t>(n, 3), std::max<uint8_t>(n, 3)});
    w.run(seconds(12));
    ASSERT_EQ(w.coordinator->view().members.size(), 3u);
    ASSERT_TRUE(w.last<Evicted>(3));
    EXPECT_NE(w.last<Evicted>(3)->error.detail.find("3 members cannot reach it"), std::string::npos);
}

TEST(Detection, ThirdPartiesAreAskedBeforeASilentMemberGoes) {
    World w;
    w.found(3);
    w.cut.insert({0, 2});  // the coordinator does not hear it; its link stays up and others do hear it
    w.run(seconds(20));
    EXPECT_EQ(w.coordinator->view().members.size(), 3u);
    uint32_t asked = 0;
    for (const auto& [n, message] : w.sent) asked += std::holds_alternative<wire::ProbeReply>(message);
    EXPECT_GE(asked, 2u);
}

TEST(Detection, AMemberThatAnotherOneHearsStaysThoughAThirdDoesNot) {
    World w;
    w.found(3);
    w.cut.insert({0, 2});  // the coordinator and one member do not hear it, another one does
    w.cut.insert({1, 2});
    w.run(seconds(4));
    EXPECT_EQ(w.coordinator->view().members.size(), 3u);
}

TEST(Detection, WhatAnUnheardMemberSaidCountsForNothing) {
    World w;
    w.found(4);
    w.cut.insert({0, 3});
    w.with(3, [&](MemberOutbox& o) {
        w.peers[3].member->peer_link_down(w.id(2), wire::SuspectKind::closed, "reset", w.now, o);
    });
    w.with(4, [&](MemberOutbox& o) {
        w.peers[4].member->peer_link_down(w.id(2), wire::SuspectKind::closed, "reset", w.now, o);
    });
    w.run(milliseconds(2100));
    w.disconnect(2, "reset");
    w.run(milliseconds(1500));
    EXPECT_EQ(w.coordinator->view().members.size(), 4u) << "two opinions are needed, one is left";
}

TEST(Detection, AMemberThatReturnsHasTimeToTakeBackWhatItSaid) {
    for (const bool takes_back : {true, false}) {
        World w;
        w.found(2);
        w.with(1, [&](MemberOutbox& o) {
            w.peers[1].member->peer_link_down(w.id(2), wire::SuspectKind::closed, "reset", w.now, o);
        });
        w.cut.insert({0, 1});  // what it takes back meanwhile is on its way
        w.run(limits::kPairBrokenAfter * 2);
        w.cut.clear();
        w.run(limits::kSuspectConfirm - milliseconds(300));
        EXPECT_EQ(w.coordinator->view().members.size(), 2u) << "its word is old";
        if (takes_back) {
            w.with(1, [&](MemberOutbox& o) { w.peers[1].member->peer_link_up(w.id(2), w.now, o); });
        }
        w.run(seconds(1));
        EXPECT_EQ(w.coordinator->view().members.size(), takes_back ? 2u : 1u);
    }
}

// What it took back was on its way when its session ended. What stands it says again.
TEST(Detection, AMemberThatBeginsANewSessionSaysAnewWhatStands) {
    for (const bool stands : {false, true}) {
        World w;
        w.found(4);
        w.with(1, [&](MemberOutbox& o) {
            w.peers[1].member->peer_link_down(w.id(2), wire::SuspectKind::closed, "reset", w.now, o);
        });
        w.disconnect(1, "reset");
        if (!stands) {
            w.with(1, [&](MemberOutbox& o) { w.peers[1].member->peer_link_up(w.id(2), w.now, o); });
        }
        w.connect(1);
        w.run(seconds(10));
        EXPECT_EQ(w.coordinator->view().members.size(), stands ? 3u : 4u);
    }
}

// Nobody knows where it is: perhaps on the coordinator's own side of a cut.
TEST(Detection, WhoIsNoMemberIsNoWitness) {
    World w;
    w.found(3);
    w.add(9);
    for (const uint8_t n : {1, 2, 3}) w.cut.insert({0, n}), w.disconnect(n, "network down");
    w.run(seconds(60));
    EXPECT_EQ(w.coordinator->view().members.size(), 3u);
}

TEST(Detection, OfLinksThatAreDownAMemberThatReturnsIsNoWitnessYet) {
    World w;
    w.found(4);
    for (const uint8_t n : {3, 4}) {
        w.with(n, [&](MemberOutbox& o) {
            w.peers[n].member->peer_link_down(w.id(2), wire::SuspectKind::closed, "reset", w.now, o);
        });
    }
    w.cut.insert({0, 3});
    w.run(milliseconds(2100));
    w.disconnect(2, "reset");
    w.run(milliseconds(1200));
    w.cut.clear();
    w.run(milliseconds(600));
    EXPECT_EQ(w.coordinator->view().members.size(), 4u) << "two opinions are needed, one is old";
    w.with(3, [&](MemberOutbox& o) { w.peers[3].member->peer_link_up(w.id(2), w.now, o); });
    w.connect(2);
    w.run(milliseconds(500));
    EXPECT_EQ(w.coordinator->view().members.size(), 4u);
}

TEST(Detection, ALinkThatIsResetHasTimeToBeRedialled) {
    World w;
    w.found(4);
    for (const uint8_t n : {1, 3, 4}) {
        w.with(n, [&](MemberOutbox& o) {
            w.peers[n].member->peer_link_down(w.id(2), wire::SuspectKind::closed, "reset", w.now, o);
        });
    }
    w.disconnect(2, "reset");
    w.run(milliseconds(900));  // three round trips of a slow path
    w.connect(2);
    w.run(seconds(1));
    EXPECT_EQ(w.coordinator->view().members.size(), 4u);
}

TEST(Detection, AnAnswerAboutAnotherMemberIsFresh) {
    World w;
    w.found(3);
    w.freeze(2);
    w.run(milliseconds(1000));
    w.thaw(2);
    const Instant heard = w.now;
    MemberOutbox out;
    wire::ProbeRequest request;
    request.fencing = {1}, request.nonce = 5, request.target = w.id(2);
    Member& asked = *w.peers[1].member;
    asked.on_message(0, request, w.now, out);
    EXPECT_TRUE(out.empty()) << "first it hears what its links have heard";
    ASSERT_EQ(asked.deadline(), w.now);
    asked.peer_heard(w.id(2), heard);
    asked.on_deadline(w.now, out);
    ASSERT_FALSE(out.empty());
    const auto& reply = std::get<wire::ProbeReply>(std::get<SendToCoordinator>(out.back()).message);
    EXPECT_TRUE(reply.reachable);
    EXPECT_EQ(reply.silent_ms, 0u);
}

TEST(Detection, AWaitIsToldOnceASecondAtMost) {
    World w;
    w.found(3);
    w.commit_all(1);
    ASSERT_TRUE(w.begin(1, 1).ok());
    w.run(milliseconds(900));
    EXPECT_TRUE(w.all<Waiting>(1).empty()) << "short waits are nobody's business";
    w.run(milliseconds(300));
    ASSERT_EQ(w.all<Waiting>(1).size(), 1u);
    EXPECT_EQ(w.all<Waiting>(1)[0].text, "round 2 waits for r2 (02000000#2), r3 (03000000#3)");
    w.run(seconds(3));
    EXPECT_EQ(w.all<Waiting>(1).size(), 1u) << "said when it changes";
    EXPECT_EQ(w.peers[1].member->waiting_for(), w.all<Waiting>(1)[0].text);
}

TEST(Plants, CommitBeforeJournalPublishesFirst) {
    for (const bool planted : {false, true}) {
        World w;
        w.config.plant = planted ? Plant::commit_before_journal : Plant::none;
        w.found(1);
        CoordinatorOutbox out;
        wire::CommitVote vote;
        vote.round = {1};
        w.coordinator->on_message(peer_id(1), w.peers[1].boot, vote, w.now, out);
        const auto is_outcome = [](const CoordinatorEffect& e) {
            const auto* send = std::get_if<SendToPeer>(&e);
            return send != nullptr && std::holds_alternative<wire::RoundOutcome>(send->message);
        };
        const auto is_record = [](const CoordinatorEffect& e) { return std::holds_alternative<Journal>(e); };
        const auto record = std::find_if(out.begin(), out.end(), is_record);
        const auto outcome = std::find_if(out.begin(), out.end(), is_outcome);
        ASSERT_TRUE(record != out.end() && outcome != out.end());
        EXPECT_EQ(outcome < record, planted);
    }
}

TEST(Plants, CommitTwiceAnswersALateVoteWithAnotherOutcome) {
    for (const bool planted : {false, true}) {
        World w;
        w.config.plant = planted ? Plant::commit_twice : Plant::none;
        w.config.options.round_grace_ms = 300;
        w.found(3);
        ASSERT_TRUE(w.commit(1, 1, 7).ok());
        ASSERT_TRUE(w.commit(2, 1, 7).ok());
        w.run(seconds(1));
        ASSERT_EQ(w.coordinator->committed(), Round{1});
        wire::CommitVote late;
        late.round = {1};
        CoordinatorOutbox out;
        w.coordinator->on_message(peer_id(3), w.peers[3].boot, late, w.now, out);
        const auto& answer = std::get<wire::RoundOutcome>(std::get<SendToPeer>(out.at(0)).message);
        EXPECT_EQ(answer.contributors == std::vector{w.id(3)}, planted);
    }
}

TEST(Plants, StaleIncarnationTakesARemovedOneBack) {
    for (const bool planted : {false, true}) {
        World w;
        w.config.plant = planted ? Plant::stale_incarnation : Plant::none;
        w.found(3);
        const MemberId old = w.id(2);
        w.freeze(2);
        w.run(seconds(5));
        ASSERT_EQ(w.coordinator->view().members.size(), 2u);
        wire::JoinRequest request;
        request.run = "test";
        request.incarnation = old.incarnation;
        CoordinatorOutbox out;
        w.coordinator->on_message(peer_id(2), w.peers[2].boot, request, w.now, out);
        EXPECT_EQ(w.coordinator->view().members.size(), planted ? 3u : 2u);
    }
}

}  // namespace
}  // namespace whim::group
