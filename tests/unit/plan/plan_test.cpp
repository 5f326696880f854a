// Goal: a plan that passes check() is one that an executor can run, has one form as bytes, and everything
// else is refused. Method: break one rule at a time; encode, decode and cut bytes; count elements of parts.
#include "collectives/plan/plan.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/limits.h"
#include "collectives/plan/plan_code.h"
#include "tests/unit/plan/flocks.h"

namespace whim::plan {
namespace {

TEST(CheckPlan, TakesEveryShape) {
    const Status status = check(plan_of_all_shapes());
    EXPECT_TRUE(status.ok()) << status.error().detail;
}

TEST(CheckPlan, RefusesEachKindOfBrokenPlan) {
    struct Break {
        const char* word;  // of the refusal
        std::function<void(Plan&)> by;
    };
    const Break breaks[] = {
        {"of 0 members", [](Plan& p) { p.members = 0, p.tables.clear(); }},
        {"members", [](Plan& p) { p.members = limits::kMembersMax + 1; }},
        {"of an unknown kind", [](Plan& p) { p.kind = static_cast<Kind>(kKinds); }},
        {"of 0 parts", [](Plan& p) { p.parts.clear(); }},
        {"of 1025 parts", [](Plan& p) { p.parts.resize(limits::kPlanPartsMax + 1); }},
        {"tables are too many", [](Plan& p) { p.tables.resize(limits::kPlanTableEntriesMax, p.tables[0]); }},
        {"a table of 3 ranks", [](Plan& p) { p.tables[1].pop_back(); }},
        {"a table names rank 4", [](Plan& p) { p.tables[0][3] = 4; }},
        {"without a share", [](Plan& p) { p.parts[1].share = 0; }},
        {"shares add up", [](Plan& p) { p.parts[1].share -= 1; }},
        {"shares add up", [](Plan& p) { p.parts[1].share += 1; }},
        {"has root 4", [](Plan& p) { p.parts[1].root = 4; }},
        {"table out of order", [](Plan& p) { p.parts[0].reduce = 1, p.parts[0].broadcast = 0; }},
        {"table out of order", [](Plan& p) { p.parts[2].reduce = 7; }},
        {"table out of order", [](Plan& p) { p.parts[1].broadcast = 1; }},
        {"no part uses", [](Plan& p) { p.tables.push_back(p.tables[0]); }},
        {"its root has a parent", [](Plan& p) { p.tables[0][0] = 1; }},
        {"rank 3 is apart", [](Plan& p) { p.tables[0][3] = 3; }},
        {"cycle", [](Plan& p) { p.tables[0][2] = 3; }},
        {"cycle", [](Plan& p) { p.tables[1][1] = 2, p.tables[1][2] = 1; }},
        {"two orders", [](Plan& p) { p.parts[2].broadcast = 0; }},
        {"leaves out a member", [](Plan& p) { p.tables[2][0] = 0; }},
        {"unknown shape", [](Plan& p) { p.parts[2].shape = static_cast<Shape>(3); }},
        {"a relay of 3 and 1",
         [](Plan& p) {
             p.relays[0] = {3, 1, 0};
         }},
        {"a relay of 1 and 3", [](Plan& p) { p.relays[0].via = 3; }},
        {"a relay of 1 and 3", [](Plan& p) { p.relays[0].via = 4; }},
        {"relays out of order",
         [](Plan& p) {
             p.relays.push_back({0, 1, 2});
         }},
        {"relays out of order", [](Plan& p) { p.relays.push_back(p.relays[0]); }},
    };
    for (const Break& broken : breaks) {
        Plan plan = plan_of_all_shapes();
        broken.by(plan);
        const Status status = check(plan);
        ASSERT_FALSE(status.ok()) << broken.word;
        EXPECT_EQ(status.error().code, Code::E_PROTOCOL);
        EXPECT_NE(status.error().detail.find(broken.word), std::string::npos) << status.error().detail;
    }
}

TEST(CheckPlan, RefusesATreeThatIsTooDeep) {
    Plan plan;
    plan.members = limits::kPlanDepthMax + 1;
    plan.parts = {{kShares, 0, Shape::trees, 0, 0}};
    plan.tables.resize(1);
    for (uint32_t v = 0; v < plan.members; ++v)
        plan.tables[0].push_back(static_cast<Member>(v == 0 ? 0 : v - 1));
    EXPECT_TRUE(check(plan).ok());
    plan.tables[0].push_back(static_cast<Member>(plan.members++ - 1));
    EXPECT_FALSE(check(plan).ok());
}

TEST(CheckPlan, NamesPairsThatCannotTalk) {
    Plan plan = plan_of_all_shapes();
    Links links = even_flock(4, 1'000'000, 1000);
    links.pair(3, 1).cut = true;  // relayed through 0
    EXPECT_TRUE(check_reach(plan, links).ok());
    links.pair(0, 3).cut = true;  // a leg of the relay
    EXPECT_FALSE(check_reach(plan, links).ok());
    links.pair(0, 3).cut = false;
    plan.relays.clear();
    EXPECT_FALSE(check_reach(plan, links).ok());
    EXPECT_FALSE(check_reach(plan, even_flock(5, 1, 1)).ok());
}

TEST(PlanCode, EveryPlanHasOneForm) {
    const Plan plan = plan_of_all_shapes();
    const Bytes bytes = encode(plan);
    const Result<Plan> back = decode(bytes);
    ASSERT_TRUE(back.ok()) << back.error().detail;
    EXPECT_EQ(*back, plan);
    Bytes longer = bytes;
    longer.push_back({});
    EXPECT_FALSE(decode(longer).ok());
    for (size_t length = 0; length < bytes.size(); ++length)
        EXPECT_FALSE(decode(ByteSpan(bytes).first(length)).ok()) << length;
}

TEST(PlanCode, WhatIsAcceptedIsAPlanInItsOneForm) {
    const Bytes bytes = encode(plan_of_all_shapes());
    Prng prng(1);
    uint32_t accepted = 0;
    for (int i = 0; i < 20'000; ++i) {
        Bytes changed = bytes;
        for (uint64_t flips = 1 + prng.below(2); flips > 0; --flips)
            changed[prng.below(changed.size())] = static_cast<std::byte>(prng.below(6));
        const Result<Plan> plan = decode(changed);
        if (!plan.ok()) continue;
        ++accepted;
        ASSERT_TRUE(check(*plan).ok());
        ASSERT_EQ(encode(*plan), changed);
    }
    EXPECT_GT(accepted, 100u);
}

TEST(Plan, PartsHoldEachElementOnce) {
    const Plan plan = plan_of_all_shapes();
    for (const uint64_t elements : {uint64_t{0}, uint64_t{1}, uint64_t{3}, uint64_t{4}, uint64_t{1'000'003},
                                    uint64_t{kShares} + 1, uint64_t{1} << 40}) {
        uint64_t next = 0;
        for (const ElementRange& range : elements_of(plan, elements)) {
            ASSERT_EQ(range.begin, next);
            ASSERT_LE(range.begin, range.end);
            next = range.end;
        }
        ASSERT_EQ(next, elements);
    }
    EXPECT_EQ(elements_of(plan, 100)[1], (ElementRange{50, 75}));
}

TEST(Plan, ParentsOfEveryShape) {
    const Plan plan = plan_of_all_shapes();
    EXPECT_EQ(parents_of(plan, plan.parts[1], Phase::broadcast), (std::vector<Member>{2, 2, 2, 2}));
    EXPECT_EQ(parents_of(plan, plan.parts[0], Phase::reduce), plan.tables[0]);
    // Around 1 > 3 > 0 > 2: what ends at 3 began at 0, what begins there ends at 1.
    EXPECT_EQ(parents_of(plan, plan.parts[2], Phase::reduce), (std::vector<Member>{2, 3, 1, 3}));
    EXPECT_EQ(parents_of(plan, plan.parts[2], Phase::broadcast), (std::vector<Member>{3, 2, 0, 3}));
}

}  // namespace
}  // namespace whim::plan
