// Goal: what no correct member sends changes no memory that is not the op's, is not passed on and ends no
// process. Method: one op beside members who say that they have called it too, and then send what they like.
#include <gtest/gtest.h>

#include <limits>

#include "collectives/codec/parse.h"
#include "collectives/op/bitmap.h"
#include "tests/unit/op/few_ops.h"

namespace whim::op {
namespace {

// Rank 1 of three, whose parts are two elements each, in chunks of one.
class Hostile : public testing::Test {
protected:
    void post(Collective collective) {
        OpConfig config;
        config.id = {.round = {1}, .tag = 7};
        config.descriptor.dtype = Dtype::f32;
        config.descriptor.collective = collective;
        config.descriptor.reduce = collective == Collective::all_gather ? Reduce::copy : Reduce::avg;
        config.descriptor.parts = {2, 2, 2};
        config.descriptor.elements = 6;
        config.descriptor.chunk_elements = 1;
        config.self = {1};
        config.alive.assign(3, true);
        const std::span<float> mine = std::span(memory_).subspan(2, 2);
        const bool gathers = collective == Collective::all_gather;
        config.in = std::as_bytes(gathers ? std::span<float>(input_).first(2) : std::span<float>(input_));
        config.out = std::as_writable_bytes(gathers ? std::span<float>(memory_) : mine);
        config.window_bytes = config.eager_bytes = 1u << 20;
        start(std::move(config));
        for (const uint32_t rank : {0u, 2u}) announce(rank);
    }

    // An all-reduce of the same buffer.
    OpConfig whole() {
        OpConfig config;
        config.id = {.round = {1}, .tag = 7};
        config.descriptor.dtype = Dtype::f32;
        config.descriptor.elements = 6;
        config.descriptor.chunk_elements = 1;
        config.self = {1};
        config.alive.assign(3, true);
        config.in = std::as_bytes(std::span(input_));
        config.out = std::as_writable_bytes(std::span(memory_));
        config.window_bytes = config.eager_bytes = 1u << 20;
        return config;
    }

    void start(OpConfig config) {
        announcement_ = {config.id, config.descriptor, false, 8};
        ops_[1].op = std::make_unique<Op>(std::move(config), ops_[1], ops_.pool);
        ops_[1].op->start({});
    }
    void announce(uint32_t rank) { ops_[1].op->on_message({rank}, announcement_, {}); }
    void run_jobs() {
        for (Job& job : std::exchange(ops_[1].jobs, {})) {
            run_job(job);
            ops_[1].op->job_done(job.id, {});
        }
    }

    void send_result(uint32_t from, uint32_t chunk, size_t bytes, const std::vector<bool>& contributors) {
        wire::BulkHeader header;
        header.kind = static_cast<uint8_t>(wire::BulkKind::result);
        header.op = {.round = {1}, .tag = 7};
        header.chunk = chunk;
        header.contributors = to_bitmap(contributors);
        Arrival arrival{header, ops_.pool.take(bytes)};
        for (std::byte& b : arrival.buffer->bytes()) b = std::byte{0x40};
        EXPECT_EQ(ops_[1].op->takes(header, bytes), taken_);
        ops_[1].op->on_chunk({from}, std::move(arrival), {});
    }

    // Of the chunks that it roots.
    void send_result_of_all_from(uint32_t rank) {
        for (uint32_t chunk = 0; chunk < 6; ++chunk) {
            wire::BulkHeader header;
            header.kind = static_cast<uint8_t>(wire::BulkKind::result);
            header.op = {.round = {1}, .tag = 7};
            header.chunk = chunk;
            header.contributors = to_bitmap({true, true, true});
            ops_[1].op->on_chunk({rank}, {header, ops_.pool.take(sizeof(float))}, {});
        }
    }

    FewOps ops_{{}};
    wire::OpPost announcement_;
    std::vector<float> memory_ = std::vector<float>(6, -1.0f), input_ = std::vector<float>(6, 1.0f);
    bool taken_ = false;
};

// Rank 0 passes to 1, and 1 to 2, the root.
TEST_F(Hostile, PartialSumsHoldWhatComesByTheirSender) {
    plan::Plan chain{
        .kind = plan::Kind::forest, .members = 3, .parts = {}, .tables = {{1, 2, 2}}, .relays = {}};
    chain.parts = {{plan::kShares, 2, plan::Shape::trees, 0, 0}};
    OpConfig config = whole();
    config.descriptor.reduce = Reduce::avg;
    config.plan = std::make_shared<plan::Plan>(chain);
    start(std::move(config));
    for (const uint32_t rank : {0u, 2u}) announce(rank);
    const auto send = [&](uint32_t from, size_t bytes, const std::vector<bool>& set, float weight) {
        wire::BulkHeader header;
        header.kind = static_cast<uint8_t>(wire::BulkKind::partial);
        header.op = {.round = {1}, .tag = 7};
        header.weight = weight;
        header.contributors = to_bitmap(set);
        if (!ops_[1].op->takes(header, bytes)) return;
        ops_[1].op->on_chunk({from}, {header, ops_.pool.take(bytes)}, {});
    };
    send(0, 8, {true, false, false}, 1);  // as long as two elements
    send(2, 4, {false, false, true}, 1);  // from the member it goes to
    EXPECT_TRUE(ops_.violators.empty());
    send(0, 4, {true, false, true}, 1);    // with what does not come this way
    send(0, 0, {true, false, false}, 1);   // of somebody, and nothing
    send(0, 4, {false, false, false}, 1);  // of nobody, and something
    send(0, 4, {true, false, false}, -1);
    send(0, 4, {true, false, false}, std::numeric_limits<float>::quiet_NaN());
    EXPECT_EQ(ops_.violators, std::vector<uint32_t>(5, 0));
    EXPECT_TRUE(ops_[1].jobs.empty());
    send(0, 4, {true, false, false}, 1);
    send(0, 4, {true, false, false}, 1);  // twice
    ASSERT_EQ(ops_[1].jobs.size(), 1u);
    EXPECT_EQ(ops_[1].jobs[0].inputs.size(), 2u);
}

TEST_F(Hostile, ResultsOfOthersPartsHaveNoPlaceInReduceScatter) {
    post(Collective::reduce_scatter);
    for (uint32_t chunk = 0; chunk < 6; ++chunk)
        send_result(chunk / 2, chunk, sizeof(float), {true, true, true});
    EXPECT_EQ(memory_, std::vector<float>(6, -1.0f));
    EXPECT_FALSE(ops_[1].ended_with);
}

TEST_F(Hostile, APartThatSomebodyGaveIsNotEmpty) {
    post(Collective::all_gather);
    send_result(0, 0, 0, {true, false, false});
    taken_ = true;
    send_result(0, 0, sizeof(float), {true, false, false});  // so the first was none
    send_result(2, 4, 0, {false, false, false});             // lost
    EXPECT_EQ(memory_[0], std::bit_cast<float>(0x40404040u));
    EXPECT_EQ(memory_[4], 0.0f);
    EXPECT_EQ(memory_[5], -1.0f);
}

TEST_F(Hostile, OnlyTheLeaderDecidesAndNotOnNobody) {
    OpConfig config = whole();
    config.descriptor.reduce = Reduce::sum;
    config.descriptor.uniform = true;
    start(std::move(config));
    announce(0), announce(2);
    ops_[1].op->install({true, true, false}, {false, false, true}, {});  // rank 0 leads
    const OpId id{.round = {1}, .tag = 7};
    ops_[1].op->on_message({0}, wire::OpDecide{id, 1, 1, false, {}}, {});
    ops_[1].op->on_message({0}, wire::OpDecide{id, 1, 1, false, {0xf8}}, {});  // nobody who is there
    ops_[1].op->on_message({0}, wire::OpDecide{id, 3, 1, false, {3}}, {});     // of a version to come
    EXPECT_EQ(ops_.violators, (std::vector<uint32_t>{0, 0, 0}));
    EXPECT_EQ(ops_[1].op->attempt(), 0u);
    ops_[1].op->on_message({0}, wire::OpDecide{id, 1, 1, false, {3}}, {});
    EXPECT_EQ(ops_[1].op->attempt(), 1u);
    ops_[1].op->install({false, true, false}, {true, false, true}, {});  // now this one does
    EXPECT_EQ(ops_.violators.size(), 3u);
}

TEST_F(Hostile, ReportsOfNoAttemptAreNotDecidedOn) {
    OpConfig config = whole();
    config.descriptor.reduce = Reduce::sum;
    config.descriptor.uniform = true;
    start(std::move(config));
    announce(0), announce(2);
    ops_[1].op->install({false, true, true}, {true, false, false}, {});  // this one leads
    const OpId id{.round = {1}, .tag = 7};
    ops_[1].op->on_message({2}, wire::OpReport{id, 2, 1, true, {7}, {}}, {});
    ops_[1].op->on_message({2}, wire::OpReport{id, 0, 1, true, {}, {}}, {});
    EXPECT_EQ(ops_.violators, (std::vector<uint32_t>{2, 2}));
    ops_[1].op->on_message({2}, wire::OpReport{id, 0, 1, false, {7}, {}}, {});
    EXPECT_EQ(ops_.violators.size(), 2u);
    EXPECT_EQ(ops_[1].op->attempt(), 1u);  // nobody has what rank 0 was to give
}

// One message names each chunk as often as it holds ranges.
TEST_F(Hostile, WhatIsAskedAgainAndAgainIsSentOnce) {
    OpConfig config = whole();
    config.descriptor.reduce = Reduce::avg;
    start(std::move(config));
    announce(0), announce(2);
    send_result_of_all_from(0);
    ops_[1].op->install({false, true, true}, {true, false, false}, {});  // rank 2 has its chunks now
    ops_.frames.clear();
    const std::vector<wire::ChunkRange> often(1000, {0, UINT32_MAX});
    const OpId id{.round = {1}, .tag = 7};
    for (int i = 0; i < 3; ++i) {
        for (const uint32_t version : {1u, 0u})
            ops_[1].op->on_message({2}, wire::OpFetch{id, 0, version, often}, {});
        ops_[1].op->on_message({2}, wire::OpAck{id, 0, often}, {});
        ops_[1].op->on_message({2}, wire::OpStatus{id, 0, 1, {{{0, UINT32_MAX}, 0}, {{0, UINT32_MAX}, 0}}},
                               {});
    }
    EXPECT_GT(ops_.frames.size(), 0u);
    EXPECT_LE(ops_.frames.size(), 2u) << "of two orphans";
}

TEST_F(Hostile, BytesThatWereLetGoAreNotSent) {
    OpConfig config = whole();
    config.descriptor.reduce = Reduce::copy;
    config.descriptor.source = 1;
    config.descriptor.elements = 48;
    config.descriptor.chunk_elements = 16;
    config.descriptor.codec = "bf16";
    std::vector<float> in(48, 1.0f), out(48);
    config.in = std::as_bytes(std::span(in));
    config.out = std::as_writable_bytes(std::span(out));
    config.coding = std::make_shared<Coding>(*parse_codec("bf16"), Reduce::copy, false, config.id, 3);
    start(std::move(config));
    announce(0);
    run_jobs();
    ops_[1].op->on_message({0}, wire::OpStable{{.round = {1}, .tag = 7}, 0, 0, {{0, 3}}}, {});  // it is not
    ops_.frames.clear();
    announce(2);  // who has nothing yet
    for (const FewOps::Frame& f : ops_.frames) EXPECT_NE(f.kind(), wire::BulkKind::result);
}

}  // namespace
}  // namespace whim::op
