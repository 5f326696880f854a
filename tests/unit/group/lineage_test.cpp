// Goal: what a member hears about a round nobody remembers.
// Method: a World whose rounds are committed by hand.
#include <gtest/gtest.h>

#include "group_world.h"

namespace whim::group {
namespace {

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
