// Goal: who counts as a holder of the run's state, and what a member hears about a round nobody remembers.
// Method: a World whose rounds are committed and aborted by hand.
#include <gtest/gtest.h>

#include "group_world.h"

namespace whim::group {
namespace {

void next_round(World& w, uint64_t committed) {
    for (auto& [n, peer] : w.peers) WHIM_ASSERT(w.begin(n, committed).ok());
}

TEST(Lineage, AStateThatTheRunDidNotTakeIsNotLent) {
    World w;
    w.found(3);
    ASSERT_TRUE(w.commit(1, 1, 9).ok());
    ASSERT_TRUE(w.commit(2, 1, 7).ok());
    ASSERT_TRUE(w.commit(3, 1, 7).ok());
    ASSERT_EQ(w.last<RoundEnded>(1)->mine.error().code, Code::E_DIVERGED);
    next_round(w, 1);  // the first claims a state it was told it has not
    ASSERT_TRUE(w.last<RoundBegan>(1));
    EXPECT_EQ(w.last<RoundBegan>(1)->start.healing, std::vector{w.id(1)});
    EXPECT_EQ(w.last<RoundBegan>(1)->start.donor, w.id(2));
}

TEST(Lineage, WhoWasHealedInARoundThatWasAbortedHoldsTheState) {
    World w;
    w.found(3);
    ASSERT_TRUE(w.commit(1, 1, 9).ok());
    ASSERT_TRUE(w.commit(2, 1, 7).ok());
    ASSERT_TRUE(w.commit(3, 1, 7).ok());
    ASSERT_TRUE(w.begin(1, 0).ok() && w.begin(2, 1).ok() && w.begin(3, 1).ok());
    ASSERT_EQ(w.last<RoundBegan>(1)->start.healing, std::vector{w.id(1)});
    CoordinatorOutbox out;
    w.coordinator->abort_round("maintenance", w.now, out);
    w.perform(out);
    w.kill(2);
    w.kill(3);
    ASSERT_TRUE(w.begin(1, 1).ok());
    ASSERT_EQ(w.last<RoundBegan>(1)->start.round, Round{3})
        << "the lineage lives on in the one that was healed";
    EXPECT_TRUE(w.last<RoundBegan>(1)->start.healing.empty());
}

TEST(Lineage, AnOutcomeThatIsTooLongAgoIsNoAbort) {
    World w;
    w.found(3);
    w.disconnect(3, "network down");
    ASSERT_TRUE(w.commit(3, 1, 7).ok());  // said to nobody, kept
    const uint64_t last = limits::kRoundRecordsKept + 1;
    for (uint64_t round = 1; round <= last; ++round) {
        ASSERT_TRUE(w.commit(1, round, 7).ok() && w.commit(2, round, 7).ok());
        ASSERT_TRUE(w.begin(1, round).ok() && w.begin(2, round).ok());
        // It is heard by the others, so it stays; rounds close without it.
        for (int i = 0; i < 500 && w.coordinator->open_round() != Round{round + 1}; ++i)
            w.run(milliseconds(10));
        ASSERT_EQ(w.coordinator->open_round(), Round{round + 1});
    }
    ASSERT_EQ(w.coordinator->committed(), Round{last});
    w.connect(3);
    ASSERT_TRUE(w.last<RoundEnded>(3));
    ASSERT_FALSE(w.last<RoundEnded>(3)->mine.ok());
    EXPECT_EQ(w.last<RoundEnded>(3)->mine.error().code, Code::E_STALE_ROUND);
    EXPECT_NE(w.last<RoundEnded>(3)->mine.error().detail.find("no longer knows"), std::string::npos);
}

}  // namespace
}  // namespace whim::group
