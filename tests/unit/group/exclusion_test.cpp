// Goal: whom the coordinator leaves out of an op, and whom it does not although it was asked to.
// Method: a World of members in one round; requests in an order that a broken path produces.
#include <gtest/gtest.h>

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
    ask(w, 2, request(7, {w.id(1)}));  // both deadlines fire on one broken path
    EXPECT_EQ(left_out(w, 7), std::vector{w.id(2)});
    ask(w, 2, request(8, {w.id(1)}));
    EXPECT_EQ(left_out(w, 8), std::vector{w.id(1)}) << "in another op it counts as ever";
}

}  // namespace
}  // namespace whim::group
