// Flows that share a link: in bytes, by weight and priority, each in its own order.
#include "transport/session/bulk_queue.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace whim {
namespace {

BulkFrame frame(uint64_t flow, uint32_t bytes, uint32_t share = 1, uint32_t priority = 0,
                uint64_t cookie = 0) {
    return {{}, bytes, cookie, flow, share, priority};
}

TEST(BulkQueue, OneFlowKeepsItsOrder) {
    BulkQueue queue;
    for (uint64_t i = 1; i <= 5; ++i) queue.push(frame(7, 100, 1, 0, i));
    queue.push_front(OutPart::whole(std::make_shared<OutFrame>(frame(7, 100, 1, 0, 0))));
    EXPECT_EQ(queue.size(), 6u);
    EXPECT_EQ(queue.bytes(), 600u);
    for (uint64_t i = 0; i <= 5; ++i) EXPECT_EQ(queue.pop().of->frame.cookie, i);
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.bytes(), 0u);
}

// What one lost strand had under way of a frame goes back as one: not a part of it to each of the others.
TEST(BulkQueue, PartsThatLieTogetherAreOneAgain) {
    BulkQueue queue;
    queue.push(frame(7, 50, 1, 0, 9));
    OutPart rest = OutPart::whole(std::make_shared<OutFrame>(frame(7, 1'000)));
    const auto of = rest.of;
    const OutPart first = rest.take_front(200), second = rest.take_front(200), third = rest.take_front(200);
    queue.push_front(rest);   // 600 to 1000
    queue.push_front(third);  // from 400
    queue.push_front(first);  // to 200: there is a hole
    queue.push_front(OutPart::giving_up(of));
    EXPECT_EQ(queue.size(), 4u);
    EXPECT_EQ(queue.bytes(), 850u);
    EXPECT_TRUE(queue.pop().gives_up());
    EXPECT_EQ(queue.pop().bytes, 200u);
    const OutPart joined = queue.pop();
    EXPECT_EQ(joined.of, of);
    EXPECT_EQ(joined.offset, second.offset + second.bytes);
    EXPECT_EQ(joined.bytes, 600u);
    EXPECT_EQ(queue.pop().of->frame.cookie, 9u);
    EXPECT_EQ(queue.bytes(), 0u);
    EXPECT_TRUE(queue.empty());
}

// Bytes that each flow got of the first `total`, with all flows always having something queued.
std::map<uint64_t, double> share_out(std::vector<BulkFrame> flows, uint64_t total) {
    BulkQueue queue;
    for (const BulkFrame& f : flows) queue.push(f), queue.push(f);
    std::map<uint64_t, double> got;
    for (uint64_t bytes = 0; bytes < total;) {
        const BulkFrame next = queue.pop().of->frame;
        queue.push(next);
        bytes += next.payload_bytes;
        got[next.flow] += static_cast<double>(next.payload_bytes) / static_cast<double>(total);
    }
    return got;
}

TEST(BulkQueue, FlowsShareInBytesWhateverTheirFramesSize) {
    auto got = share_out({frame(1, 1'000), frame(2, 100'000)}, 50'000'000);
    EXPECT_NEAR(got[1], 0.5, 0.05);
    EXPECT_NEAR(got[2], 0.5, 0.05);
}

TEST(BulkQueue, SharesGoByWeight) {
    auto got = share_out({frame(1, 10'000, 3), frame(2, 10'000, 1)}, 10'000'000);
    EXPECT_NEAR(got[1], 0.75, 0.02);
}

TEST(BulkQueue, AFlowWithOneFrameAtATimeGetsNoMoreThanItsShare) {
    BulkQueue queue;
    for (int i = 0; i < 1000; ++i) queue.push(frame(1, 10'000, 9));
    queue.push(frame(2, 10'000, 1));
    int of_two = 0;
    for (int i = 0; i < 500; ++i) {
        if (queue.pop().of->frame.flow != 2) continue;
        ++of_two;
        queue.push(frame(2, 10'000, 1));
    }
    EXPECT_NEAR(of_two, 50, 3);
}

TEST(BulkQueue, WhatAFlowDidNotUseIsNotMadeUpFor) {
    BulkQueue queue;
    for (int i = 0; i < 200; ++i) queue.push(frame(1, 10'000));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.pop().of->frame.flow, 1u);
    for (int i = 0; i < 100; ++i) queue.push(frame(2, 10'000));
    int of_two = 0;
    for (int i = 0; i < 50; ++i) of_two += queue.pop().of->frame.flow == 2;
    EXPECT_NEAR(of_two, 25, 2);
}

TEST(BulkQueue, AHigherPriorityGoesFirst) {
    BulkQueue queue;
    for (int i = 0; i < 3; ++i) queue.push(frame(1, 10));
    for (int i = 0; i < 3; ++i) queue.push(frame(2, 10, 1, 5));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(queue.pop().of->frame.flow, 2u);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(queue.pop().of->frame.flow, 1u);
}

TEST(BulkQueue, EmptyFramesAndHugeSharesTakeTurns) {
    BulkQueue queue;
    for (int i = 0; i < 100; ++i) queue.push(frame(1, 0, UINT32_MAX)), queue.push(frame(2, 0, 0));
    int of_two = 0;
    for (int i = 0; i < 200; ++i) of_two += queue.pop().of->frame.flow == 2;
    EXPECT_EQ(of_two, 100);
    EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace whim
