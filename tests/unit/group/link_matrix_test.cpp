// Goal: what members say about their links is kept for members of the view only, within bounds, the slowest
// first to stay; it decides nothing and is gone with the member. Method: a LinkMatrix alone, and reports put
// through a member into a coordinator.
#include "group/link_matrix.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "group_world.h"

namespace whim::group {
namespace {

wire::LinkReading reading(uint64_t to, uint32_t rtt_us, bool up = true) {
    wire::LinkReading r;
    r.to = {to};
    r.up = up;
    r.rtt_smoothed_us = rtt_us;
    return r;
}

constexpr Instant kNow{1'000'000'000};

TEST(LinkMatrix, ALaterReadingReplacesAnEarlierOne) {
    LinkMatrix matrix;
    matrix.note({1}, reading(2, 10), kNow);
    matrix.note({1}, reading(2, 20), kNow + milliseconds(5));
    matrix.note({2}, reading(1, 30), kNow);
    ASSERT_NE(matrix.find({1}, {2}), nullptr);
    EXPECT_EQ(matrix.find({1}, {2})->reading.rtt_smoothed_us, 20u);
    EXPECT_EQ(matrix.find({1}, {2})->at, kNow + milliseconds(5));
    EXPECT_EQ(matrix.find({2}, {1})->reading.rtt_smoothed_us, 30u);
    EXPECT_EQ(matrix.find({1}, {3}), nullptr);
    EXPECT_EQ(matrix.find({3}, {1}), nullptr);
}

TEST(LinkMatrix, AFullRowKeepsTheSlowest) {
    LinkMatrix matrix;
    const uint32_t most = limits::kLinksKeptPerMember;
    for (uint32_t to = 1; to <= most; ++to) matrix.note({1000}, reading(to, 100 + to), kNow);
    matrix.note({1000}, reading(most + 1, 50), kNow);
    EXPECT_EQ(matrix.find({1000}, {most + 1}), nullptr) << "faster than all";
    matrix.note({1000}, reading(most + 2, 500), kNow);
    EXPECT_NE(matrix.find({1000}, {most + 2}), nullptr);
    EXPECT_EQ(matrix.find({1000}, {1}), nullptr) << "it was the fastest";
    matrix.note({1000}, reading(most + 3, 0, false), kNow);
    EXPECT_NE(matrix.find({1000}, {most + 3}), nullptr) << "down is slower than anything";
    EXPECT_EQ(matrix.find({1000}, {2}), nullptr);
    matrix.note({1000}, reading(3, 1), kNow);
    EXPECT_EQ(matrix.find({1000}, {3})->reading.rtt_smoothed_us, 1u) << "what is known is brought up to date";
    EXPECT_EQ(matrix.rows().at({1000}).size(), most);
}

TEST(LinkMatrix, WhoIsForgottenIsNeitherEnd) {
    LinkMatrix matrix;
    for (uint64_t from = 1; from <= 3; ++from) {
        for (uint64_t to = 1; to <= 3; ++to) {
            if (from != to) matrix.note({from}, reading(to, 1), kNow);
        }
    }
    matrix.forget({2});
    EXPECT_EQ(matrix.find({1}, {2}), nullptr);
    EXPECT_EQ(matrix.find({2}, {1}), nullptr);
    EXPECT_NE(matrix.find({1}, {3}), nullptr);
    EXPECT_NE(matrix.find({3}, {1}), nullptr);
}

class Reports : public ::testing::Test {
protected:
    Reports() { world.found(3); }
    uint64_t in(uint8_t n) const { return world.id(n).incarnation.value; }
    void report(uint8_t n, std::vector<wire::LinkReading> links) {
        world.with(n, [&](MemberOutbox& out) {
            world.peers[n].member->report_links(std::move(links), world.now, out);
        });
    }
    const LinkMatrix& links() const { return world.coordinator->links(); }
    World world;
};

TEST_F(Reports, ReachTheCoordinatorAndDecideNothing) {
    const size_t journal = world.journal.size();
    const auto deadline = world.coordinator->deadline();
    report(1, {reading(in(2), 10), reading(in(3), 20)});
    ASSERT_NE(links().find({in(1)}, {in(3)}), nullptr);
    EXPECT_EQ(links().find({in(1)}, {in(3)})->reading.rtt_smoothed_us, 20u);
    EXPECT_EQ(world.journal.size(), journal);
    EXPECT_EQ(world.coordinator->deadline(), deadline);
}

TEST_F(Reports, AboutStrangersAndOneselfAreIgnored) {
    report(1, {reading(in(1), 10), reading(77, 20), reading(0, 30)});
    EXPECT_TRUE(links().rows().empty());
}

TEST_F(Reports, OfSomebodyWhoIsNotInTheViewAreIgnored) {
    world.add(4), world.join(4);
    CoordinatorOutbox out;
    world.coordinator->on_message(peer_id(4), world.peers[4].boot, wire::LinkReport{{reading(in(1), 10)}},
                                  world.now, out);
    world.coordinator->on_message(peer_id(9), 9, wire::LinkReport{{reading(in(1), 10)}}, world.now, out);
    EXPECT_TRUE(out.empty());
    EXPECT_TRUE(links().rows().empty());
}

TEST_F(Reports, GoWithTheMember) {
    report(1, {reading(in(2), 10), reading(in(3), 20)});
    report(2, {reading(in(1), 10)});
    const uint64_t one = in(1), two = in(2), three = in(3);
    world.kill(2);
    world.run(milliseconds(4000));
    EXPECT_EQ(links().find({one}, {two}), nullptr);
    EXPECT_EQ(links().find({two}, {one}), nullptr);
    EXPECT_NE(links().find({one}, {three}), nullptr);
}

TEST_F(Reports, AreDueOnceInAWhileToAMemberWithACoordinator) {
    Member& member = *world.peers[1].member;
    EXPECT_TRUE(member.link_report_due(world.now));
    report(1, {reading(in(2), 10)});
    EXPECT_FALSE(member.link_report_due(world.now + limits::kLinkReportInterval - milliseconds(1)));
    EXPECT_TRUE(member.link_report_due(world.now + limits::kLinkReportInterval));
    world.kill_coordinator();
    EXPECT_FALSE(member.link_report_due(world.now + limits::kLinkReportInterval));
    Member outside(world.peers[1].config);
    EXPECT_FALSE(outside.link_report_due(world.now));
}

}  // namespace
}  // namespace whim::group
