// The difference of two totals of which the later may be a little less: segments that were acknowledged out
// of order count whole, until the bytes that they had are known.
#include "transport/session/path_sample.h"

#include <gtest/gtest.h>

namespace whim {
namespace {

TEST(PathSample, ATotalThatWentBackBringsNothing) {
    PathSample sample;
    sample.bytes_acked = 1'000;
    EXPECT_EQ(sample.acked_since(400), 600u);
    EXPECT_EQ(sample.acked_since(1'000), 0u);
    EXPECT_EQ(sample.acked_since(1'300), 0u);
}

}  // namespace
}  // namespace whim
