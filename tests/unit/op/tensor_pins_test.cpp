// Goal: a chunk that spans tensors is packed once for all who are sent it, and no longer than it is needed.
// Method: FewOps with two tensors in one chunk; frames are pinned by hand.
#include <gtest/gtest.h>

#include "tests/unit/op/few_ops.h"

namespace whim::op {
namespace {

bool is_result(const FewOps::Frame& frame) { return frame.kind() == wire::BulkKind::result; }

TEST(TensorPins, AResultIsPackedOnceForAllReceivers) {
    FewOps ops({.peers = 3, .chunk_elements = 6, .tensors = {2, 4}});
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    ops.settle(is_result);
    ASSERT_EQ(ops.frames.size(), 2u) << "its root has the result, and the others not yet";
    const auto first = ops.pin(ops.frames[0]);
    ASSERT_TRUE(first);
    const std::byte* const packed = first->data();
    ops.unpin(ops.frames[0]);
    const auto other = ops.pin(ops.frames[1]);
    ASSERT_TRUE(other);
    EXPECT_EQ(other->data(), packed) << "it was packed again for the second one";
    ops.unpin(ops.frames[1]);
    const size_t idle = ops.pool.idle_bytes();
    ops.settle();
    for (uint32_t r = 0; r < 3; ++r) {
        EXPECT_EQ(ops[r].ended_with, Code::OK);
        EXPECT_EQ(ops[r].apart->result(), (std::vector<float>{10, 11, 12, 13, 14, 15})) << "peer " << r;
        EXPECT_TRUE(ops[r].op->closed());
    }
    EXPECT_GT(ops.pool.idle_bytes(), idle) << "what was packed is kept after everybody has it";
}

TEST(TensorPins, AContributionThatIsPackedLeavesTheTensorsFree) {
    FewOps ops({.peers = 2, .chunk_elements = 6, .tensors = {1, 5}});
    ops.post(0);
    ops.post(1);
    ASSERT_EQ(ops.frames.size(), 1u);
    const FewOps::Frame frame = ops.frames[0];
    const auto bytes = ops.pin(frame);
    ASSERT_TRUE(bytes);
    const Bytes as_pinned(bytes->begin(), bytes->end());
    ops[frame.from].op->abandon(Code::E_CANCELLED, "enough", {});
    EXPECT_EQ(ops[frame.from].ended_with, Code::E_CANCELLED) << "it waits for a strand that needs it no more";
    ops[frame.from].apart->fill(99.0f);
    EXPECT_TRUE(std::equal(bytes->begin(), bytes->end(), as_pinned.begin()));
    ops.unpin(frame);
}

}  // namespace
}  // namespace whim::op
