// Goal: the tests that compare instruction sets really run each of them.
// Method: choose each Highway target in turn and ask the kernels for their name.
#include <gtest/gtest.h>

#include "collectives/kernels/instruction_set.h"
#include "tests/unit/kernels/only_target.h"

namespace whim {
namespace {

class EachTarget : public testing::TestWithParam<int64_t> {};

TEST_P(EachTarget, IsTheOneThatRuns) {
    const test::OnlyTarget only(GetParam());
    EXPECT_EQ(kernels::instruction_set(), hwy::TargetName(GetParam()));
}

WHIM_INSTANTIATE_FOR_TARGETS(EachTarget);

TEST(InstructionSet, IsTheBestOnceTheTestsAreDone) {
    { const test::OnlyTarget only(hwy::SupportedAndGeneratedTargets().back()); }
    EXPECT_EQ(kernels::instruction_set(), hwy::TargetName(hwy::SupportedAndGeneratedTargets().front()));
}

}  // namespace
}  // namespace whim
