// Goal: what was learnt belongs to a tag, its members and its size, and is bounded.
// Method: ops whose second and third arrival differ by a fixed time.
#include "engine/learnt_graces.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace whim {
namespace {

std::vector<MemberId> members(uint8_t first) {
    std::vector<MemberId> ids(3);
    for (uint8_t i = 0; i < 3; ++i) ids[i].peer.bytes[0] = static_cast<uint8_t>(first + i);
    return ids;
}

void learn(op::ArrivalHistory& history, int64_t late_ms) {
    for (uint32_t i = 0; i < op::kOpsToLearn; ++i) {
        const Instant start{seconds(i + 1).ns};
        history.learn({start, start + milliseconds(1), start + milliseconds(late_ms)}, {true, true, true},
                      start + milliseconds(late_ms));
    }
}

TEST(LearntGraces, AreOfOneTagItsMembersAndItsSize) {
    LearntGraces graces;
    EXPECT_EQ(graces.of(7, members(1), 100).grace(2), limits::kGraceUnlearnt);
    learn(graces.of(7, members(1), 100), 20);
    const Duration learnt = graces.of(7, members(1), 100).grace(2);
    EXPECT_LT(learnt, limits::kGraceUnlearnt);
    EXPECT_EQ(graces.of(8, members(1), 100).grace(2), limits::kGraceUnlearnt) << "another tag";
    EXPECT_EQ(graces.of(7, members(1), 100).grace(2), learnt);
    EXPECT_EQ(graces.of(7, members(1), 200).grace(2), limits::kGraceUnlearnt) << "another size";
    learn(graces.of(7, members(1), 200), 20);
    EXPECT_EQ(graces.of(7, members(2), 200).grace(2), limits::kGraceUnlearnt) << "other members";
}

TEST(LearntGraces, TheTagsUsedLastAreKept) {
    LearntGraces graces;
    learn(graces.of(1, members(1), 100), 20);
    learn(graces.of(2, members(1), 100), 20);
    for (uint64_t tag = 3; tag < 3 + limits::kLearntGracesMax - 2; ++tag) graces.of(tag, members(1), 100);
    EXPECT_LT(graces.of(1, members(1), 100).grace(2), limits::kGraceUnlearnt);
    graces.of(1000, members(1), 100);
    EXPECT_LT(graces.of(1, members(1), 100).grace(2), limits::kGraceUnlearnt);
    EXPECT_EQ(graces.of(2, members(1), 100).grace(2), limits::kGraceUnlearnt) << "used longest ago";
}

}  // namespace
}  // namespace whim
