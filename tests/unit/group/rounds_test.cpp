// Goal: a round begins and ends exactly when the rules say, with the right lists, or names what it waits for.
// Method: questions to the pure functions, built by hand; edges of every window on both sides.
#include "group/rounds.h"

#include <gtest/gtest.h>

namespace whim::group {
namespace {

MemberId member(uint8_t n) {
    MemberId id;
    id.peer.bytes[0] = n;
    id.incarnation = {n};
    return id;
}

constexpr Instant kNow{10'000'000'000};

RoundQuestion question(uint64_t committed) {
    RoundQuestion q;
    q.now = kNow;
    q.round = {committed + 1};
    q.committed = {committed};
    q.grace = milliseconds(500);
    q.not_before = Instant{};
    q.founders_until = Instant{};
    return q;
}

// ready_ago: milliseconds before now; negative: not ready.
void add(RoundQuestion& q, uint8_t n, bool in_view, int ready_ago, bool holds) {
    Candidate c{member(n), "r" + std::to_string(n), in_view, std::nullopt, holds};
    if (ready_ago >= 0) c.ready_since = q.now - milliseconds(ready_ago);
    q.candidates.push_back(c);
}

std::vector<MemberId> members(std::initializer_list<uint8_t> ns) {
    std::vector<MemberId> all;
    for (const uint8_t n : ns) all.push_back(member(n));
    return all;
}

TEST(DecideRound, StartsWhenAllMembersAreReady) {
    RoundQuestion q = question(4);
    add(q, 1, true, 300, true), add(q, 2, true, 0, true), add(q, 3, false, -1, false);
    const RoundAnswer a = decide_round(q);
    ASSERT_TRUE(a.start) << a.waiting_for;
    EXPECT_EQ(a.participants, members({1, 2}));
    EXPECT_TRUE(a.healing.empty() && a.excluded.empty() && a.joined.empty());
    EXPECT_EQ(a.donor, MemberId{}) << "nobody needs one";
}

TEST(DecideRound, ReadyJoinersComeInAndAreHealedByTheLowestHolder) {
    RoundQuestion q = question(4);
    add(q, 1, true, 10, false), add(q, 2, true, 10, true), add(q, 3, true, 10, true),
        add(q, 5, false, 99, false);
    const RoundAnswer a = decide_round(q);
    ASSERT_TRUE(a.start);
    EXPECT_EQ(a.joined, members({5}));
    EXPECT_EQ(a.healing, members({1, 5}));
    EXPECT_EQ(a.donor, member(2));
}

TEST(DecideRound, TheLateAreLeftOutAfterTheGraceSinceHalfWereReady) {
    RoundQuestion q = question(4);
    add(q, 1, true, 499, true), add(q, 2, true, 900, true), add(q, 3, true, -1, true),
        add(q, 4, true, -1, true);
    RoundAnswer a = decide_round(q);
    EXPECT_FALSE(a.start);
    EXPECT_EQ(a.recheck, kNow + milliseconds(1));
    EXPECT_EQ(a.waiting_for, "round 5 waits for r3, r4");
    q.candidates[0].ready_since = kNow - milliseconds(500);
    a = decide_round(q);
    ASSERT_TRUE(a.start);
    EXPECT_EQ(a.participants, members({1, 2}));
    ASSERT_EQ(a.excluded.size(), 2u);
    EXPECT_NE(a.excluded[0].reason.find("500 ms"), std::string::npos);
}

TEST(DecideRound, FewerThanHalfReadyWaitForEver) {
    RoundQuestion q = question(4);
    add(q, 1, true, 60'000, true), add(q, 2, true, -1, true), add(q, 3, true, -1, true);
    const RoundAnswer a = decide_round(q);
    EXPECT_FALSE(a.start);
    EXPECT_FALSE(a.recheck);
}

TEST(DecideRound, NobodyIsLeftOutWhileARestartedCoordinatorWaits) {
    RoundQuestion q = question(4);
    q.not_before = kNow + seconds(2);
    add(q, 1, true, 900, true), add(q, 2, true, -1, true);
    const RoundAnswer a = decide_round(q);
    EXPECT_FALSE(a.start);
    EXPECT_EQ(a.recheck, q.not_before);
}

TEST(DecideRound, OnlyAHolderOfLineageCanDonate) {
    RoundQuestion q = question(4);
    add(q, 7, false, 5000, false), add(q, 8, false, 5000, false);
    RoundAnswer a = decide_round(q);
    EXPECT_FALSE(a.start) << "fresh processes must not wipe a run";
    EXPECT_NE(a.waiting_for.find("holds the state of round 4"), std::string::npos) << a.waiting_for;
    add(q, 9, true, -1, true);
    a = decide_round(q);
    EXPECT_FALSE(a.start);
    EXPECT_NE(a.waiting_for.find("r9"), std::string::npos) << "names who could: " << a.waiting_for;
    q.candidates[2].ready_since = kNow;
    a = decide_round(q);
    ASSERT_TRUE(a.start);
    EXPECT_EQ(a.donor, member(9));
    EXPECT_EQ(a.healing, members({7, 8}));
}

TEST(DecideRound, FoundersWaitForEachOther) {
    RoundQuestion q = question(0);
    q.founders_until = kNow + milliseconds(1);
    add(q, 1, false, 900, true), add(q, 2, false, 100, true);
    EXPECT_FALSE(decide_round(q).start);
    q.founders_until = kNow;
    const RoundAnswer a = decide_round(q);
    ASSERT_TRUE(a.start);
    EXPECT_EQ(a.donor, member(1));
    EXPECT_EQ(a.healing, members({2})) << "before the first commit all take one peer's bits";
}

TEST(DecideRound, AFounderThatIsNotReadyIsWaitedForAndThenStaysOutside) {
    RoundQuestion q = question(0);
    add(q, 1, false, 499, true), add(q, 2, false, -1, true);
    EXPECT_FALSE(decide_round(q).start);
    q.candidates[0].ready_since = kNow - milliseconds(500);
    const RoundAnswer a = decide_round(q);
    ASSERT_TRUE(a.start);
    EXPECT_EQ(a.participants, members({1}));
    EXPECT_TRUE(a.excluded.empty()) << "it was no member, so it is not left out of anything";
}

TEST(DecideRound, PausesBelowReplicasMin) {
    RoundQuestion q = question(4);
    q.replicas_min = 3;
    add(q, 1, true, 9000, true), add(q, 2, true, 9000, true);
    const RoundAnswer a = decide_round(q);
    EXPECT_FALSE(a.start);
    EXPECT_EQ(a.waiting_for, "round 5 waits for 1 of at least 3 replicas");
}

CommitQuestion ballot_question() {
    CommitQuestion q;
    q.now = kNow;
    q.round = {3};
    q.grace = milliseconds(500);
    q.not_before = Instant{};
    return q;
}

void cast(CommitQuestion& q, uint8_t n, int digest, int ago = 100, bool living = true,
          bool diverged = false) {
    Ballot b{member(n), "r" + std::to_string(n), living, false, std::nullopt, diverged, {}, {}};
    if (digest >= 0) {
        b.voted_at = q.now - milliseconds(ago);
        b.digest.bytes[0] = static_cast<uint8_t>(digest);
    }
    q.ballots.push_back(b);
}

using Kind = CommitAnswer::Kind;

TEST(DecideCommit, WaitsForEveryLivingParticipant) {
    CommitQuestion q = ballot_question();
    cast(q, 1, 7), cast(q, 2, 7), cast(q, 3, -1);
    const CommitAnswer a = decide_commit(q);
    EXPECT_EQ(a.kind, Kind::wait);
    EXPECT_EQ(a.waiting_for, "commit of round 3 waits for r3");
    EXPECT_EQ(a.recheck, kNow + milliseconds(400));
    q.ballots[2].living = false;
    EXPECT_EQ(decide_commit(q).kind, Kind::commit);
    EXPECT_EQ(decide_commit(q).contributors, members({1, 2}));
}

TEST(DecideCommit, TheLateAreNoContributorsAfterTheGrace) {
    CommitQuestion q = ballot_question();
    cast(q, 1, 7, 500), cast(q, 2, 7, 900), cast(q, 3, -1), cast(q, 4, -1);
    const CommitAnswer a = decide_commit(q);
    EXPECT_EQ(a.kind, Kind::commit);
    EXPECT_EQ(a.contributors, members({1, 2}));
    q.not_before = kNow + milliseconds(1);
    EXPECT_EQ(decide_commit(q).kind, Kind::wait) << "a restarted coordinator waits for votes to be repeated";
}

TEST(DecideCommit, MostVotesWinAndTiesGoToTheLowestIncarnation) {
    CommitQuestion q = ballot_question();
    cast(q, 1, 9), cast(q, 2, 7), cast(q, 3, 7);
    CommitAnswer a = decide_commit(q);
    ASSERT_EQ(a.kind, Kind::commit);
    EXPECT_EQ(a.digest.bytes[0], 7);
    EXPECT_EQ(a.contributors, members({2, 3}));
    ASSERT_EQ(a.diverged.size(), 1u);
    EXPECT_EQ(a.diverged[0].member, member(1));
    cast(q, 4, 9);
    a = decide_commit(q);
    EXPECT_EQ(a.digest.bytes[0], 9) << "two against two: the lower incarnation's";
}

TEST(DecideCommit, AVoteThatSaysItDivergedDoesNotCount) {
    CommitQuestion q = ballot_question();
    cast(q, 1, 9, 100, true, true), cast(q, 2, 9, 100, true, true), cast(q, 3, 7);
    const CommitAnswer a = decide_commit(q);
    ASSERT_EQ(a.kind, Kind::commit);
    EXPECT_EQ(a.digest.bytes[0], 7);
    EXPECT_EQ(a.diverged.size(), 2u);
    q.ballots.pop_back();
    EXPECT_EQ(decide_commit(q).kind, Kind::abort);
}

TEST(DecideCommit, ADigestThatOnlyTheDeadHoldCannotWin) {
    CommitQuestion q = ballot_question();
    cast(q, 1, 9, 100, false), cast(q, 2, 9, 100, false), cast(q, 3, 7);
    const CommitAnswer a = decide_commit(q);
    ASSERT_EQ(a.kind, Kind::commit);
    EXPECT_EQ(a.digest.bytes[0], 7);
    cast(q, 4, 9);
    EXPECT_EQ(decide_commit(q).contributors, members({1, 2, 4})) << "the dead who agreed did contribute";
}

TEST(DecideCommit, AbortsWhenNobodyIsLeftOrEverybodyWentOn) {
    CommitQuestion q = ballot_question();
    cast(q, 1, 7, 100, false);
    EXPECT_EQ(decide_commit(q).kind, Kind::abort);
    CommitQuestion gone_on = ballot_question();
    cast(gone_on, 1, -1), cast(gone_on, 2, -1);
    gone_on.ballots[0].abstains = gone_on.ballots[1].abstains = true;
    EXPECT_EQ(decide_commit(gone_on).kind, Kind::abort);
    EXPECT_EQ(decide_commit(gone_on).reason, "no participant voted");
}

TEST(Spread, LearnsSlowlyAndIsNotBlownUpByOneSleeper) {
    Spread s;
    EXPECT_EQ(s.grace(0), limits::kRoundSpreadInitial * 4);
    EXPECT_EQ(s.grace(50), milliseconds(50)) << "a fixed grace is obeyed";
    for (int i = 0; i < 64; ++i) s.sample(milliseconds(1));
    EXPECT_EQ(s.grace(0), limits::kRoundGraceMin);
    s.sample(seconds(600));
    EXPECT_LT(s.grace(0).ms(), 1000);
    for (int i = 0; i < 64; ++i) s.sample(milliseconds(1000));
    EXPECT_NEAR(static_cast<double>(s.grace(0).ms()), 4000, 100);
}

}  // namespace
}  // namespace whim::group
