// Goal: the bytes of a plan stay what they are. Method: one plan of all shapes against plan.txt, which was
// written by hand from the format in collectives/plan/plan_code.cpp.
#include <gtest/gtest.h>

#include "collectives/plan/plan_code.h"
#include "tests/unit/plan/flocks.h"
#include "vector_file.h"

namespace whim::plan {
namespace {

TEST(GoldenPlan, OfAllShapes) {
    Bytes golden;
    for (const auto& line : test::read_vectors("plan.txt"))
        for (const std::string& word : line) {
            const Bytes part = test::from_hex(word);
            golden.insert(golden.end(), part.begin(), part.end());
        }
    EXPECT_EQ(encode(plan_of_all_shapes()), golden);
    const Result<Plan> plan = decode(golden);
    ASSERT_TRUE(plan.ok()) << plan.error().detail;
    EXPECT_EQ(*plan, plan_of_all_shapes());
}

}  // namespace
}  // namespace whim::plan
