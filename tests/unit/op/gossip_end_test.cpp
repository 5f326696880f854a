// Goal: what one gossip op does when neighbours are slow, call it otherwise, or send what no correct program
// sends; and that what it keeps for others is within the group's budget. Method: one op by hand, a host that
// writes down what it asks for.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "base/prng.h"
#include "collectives/codec/custom_codec.h"
#include "collectives/op/gossip_op.h"

namespace whim::op {
namespace {

struct Host final : OpHost {
    std::vector<std::pair<uint32_t, wire::Message>> messages;
    std::vector<std::pair<uint32_t, wire::BulkHeader>> frames;
    std::vector<Job> jobs;
    std::optional<Code> code;
    std::string detail;
    uint64_t next_job = 1, reserved = 0, reserve_max = 1u << 20;
    uint32_t violations = 0;

    void send(Rank to, wire::Message message) override { messages.push_back({to.value, std::move(message)}); }
    void send_chunk(Rank to, const wire::BulkHeader& header, uint32_t) override {
        frames.push_back({to.value, header});
    }
    void submit(Job job) override { jobs.push_back(std::move(job)); }
    uint64_t next_job_id() override { return next_job++; }
    bool reserve_retained(uint64_t bytes) override {
        if (reserved + bytes > reserve_max) return false;
        reserved += bytes;
        return true;
    }
    void release_retained(uint64_t bytes) override { reserved -= bytes; }
    void ended(Code c, const std::string& why) override { code = c, detail = why; }
    void request_exclusion(const std::vector<Rank>&, const std::string&, uint32_t) override { ADD_FAILURE(); }
    void diverged(const std::string&) override { ADD_FAILURE(); }
    std::string name(Rank r) override { return "peer " + std::to_string(r.value); }
    void violated(Rank, const std::string&) override { ++violations; }

    template <class Message> std::vector<std::pair<uint32_t, Message>> sent() const {
        std::vector<std::pair<uint32_t, Message>> found;
        for (const auto& [to, message] : messages) {
            if (const auto* m = std::get_if<Message>(&message)) found.push_back({to, *m});
        }
        return found;
    }
};

// Rank 0 of three on a ring, so that ranks 1 and 2 are its neighbours.
struct Bench {
    Host host;
    ChunkPool pool{1u << 20};
    std::vector<float> in, out{-1, -1, -1, -1};
    std::unique_ptr<GossipOp> op;
    wire::OpDescriptor descriptor;

    explicit Bench(uint32_t steps, Duration grace = {}, uint64_t eager_bytes = 1024,
                   std::optional<Instant> give_up = {}, CodecPtr codec = nullptr,
                   std::vector<float> input = {1, 2, 3, 4})
        : in(std::move(input)) {
        GossipConfig config;
        if (codec) config.coding = std::make_shared<const Coding>(codec, Reduce::avg, false, op_id(), 3);
        config.id = {.round = {1}, .tag = 4};
        descriptor.collective = Collective::neighbour_average;
        descriptor.elements = in.size();
        descriptor.chunk_elements = codec ? 16 : 2;
        descriptor.gossip.steps = steps;
        config.descriptor = descriptor;
        config.graph = {gossip::GraphKind::ring, 3, 0, {}};
        config.alive.assign(3, true);
        config.in = std::as_bytes(std::span(in));
        config.out = std::as_writable_bytes(std::span(out));
        config.grace = grace;
        config.give_up = give_up;
        config.eager_bytes = eager_bytes;
        op = std::make_unique<GossipOp>(std::move(config), host, pool);
        op->start({});
    }

    void post(uint32_t from, const wire::OpDescriptor& d, Instant now = {}) {
        op->on_message({from}, wire::OpPost{op_id(), d, false, 2}, now);
    }
    void frame(uint32_t from, uint32_t chunk, uint32_t step, float value, size_t bytes = 8,
               Instant now = {}) {
        Arrival arrival;
        arrival.header.op = op_id();
        arrival.header.chunk = chunk;
        arrival.header.attempt = step;
        arrival.buffer = pool.take(bytes);
        for (size_t i = 0; i + 4 <= bytes; i += 4) std::memcpy(arrival.buffer->bytes().data() + i, &value, 4);
        op->on_chunk({from}, std::move(arrival), now);
    }
    void work() {
        while (!host.jobs.empty()) {
            const Job job = host.jobs.front();
            host.jobs.erase(host.jobs.begin());
            run_job(job);
            op->job_done(job.id, {});
        }
    }
    static OpId op_id() { return {.round = {1}, .tag = 4}; }
};

// There is no room to keep its values for the others, and no time to wait until they have mixed them.
TEST(GossipEnd, WhoeverLeavesAfterItsLastStepSaysSo) {
    Bench b(1, {}, 1024, Instant{} + milliseconds(50));
    b.host.reserve_max = 0;
    for (const uint32_t from : {1u, 2u}) {
        b.post(from, b.descriptor);
        for (const uint32_t chunk : {0u, 1u}) b.frame(from, chunk, 0, 4);
    }
    b.work();
    ASSERT_FALSE(b.host.code);
    b.op->on_deadline(Instant{} + milliseconds(50));
    EXPECT_EQ(b.host.code, Code::OK);
    const auto told = b.host.sent<wire::OpFail>();
    ASSERT_EQ(told.size(), 2u);
    EXPECT_EQ(told[0].second.code, static_cast<int32_t>(Code::OK));
    EXPECT_FLOAT_EQ(b.out[0], 3);  // 1 + 2 (4 - 1)/3
}

TEST(GossipEnd, WhatALeaverGaveCountsIfItTookTheStepItself) {
    for (const Code said : {Code::OK, Code::E_EXCLUDED}) {
        Bench b(1);
        for (const uint32_t from : {1u, 2u}) b.post(from, b.descriptor);
        for (const uint32_t chunk : {0u, 1u}) b.frame(1, chunk, 0, 4);
        b.op->on_message({1}, wire::OpFail{Bench::op_id(), static_cast<int32_t>(said), "peer 1 leaves"}, {});
        for (const uint32_t chunk : {0u, 1u}) b.frame(2, chunk, 0, 4);
        b.work();
        EXPECT_EQ(b.host.code, Code::OK);
        EXPECT_FLOAT_EQ(b.out[0], said == Code::OK ? 3 : 2);
    }
}

// Rank 2 does not come; rank 1, which has gone on, hears that somebody else is waited for. Before it has gone
// on it hears nothing.
TEST(GossipEnd, WhoeverWaitsSaysSoToThoseThatHaveAllItGave) {
    Bench b(2, milliseconds(100));
    b.post(1, b.descriptor);
    for (const uint32_t chunk : {0u, 1u}) b.frame(1, chunk, 0, 4);
    const size_t before = b.host.sent<wire::OpGrant>().size();
    Bench not_yet(2, milliseconds(100));
    not_yet.post(1, not_yet.descriptor);
    for (const uint32_t chunk : {0u, 1u}) not_yet.frame(1, chunk, 0, 4);
    not_yet.op->on_deadline(Instant{} + milliseconds(50));
    EXPECT_EQ(not_yet.host.sent<wire::OpGrant>().size(), before);
    for (const uint32_t chunk : {0u, 1u}) b.frame(1, chunk, 1, 4);
    const size_t grants = b.host.sent<wire::OpGrant>().size();
    ASSERT_EQ(b.op->deadline(), Instant{} + milliseconds(50));
    b.op->on_deadline(Instant{} + milliseconds(50));
    const auto said = b.host.sent<wire::OpGrant>();
    ASSERT_EQ(said.size(), grants + 1);
    EXPECT_EQ(said.back().first, 1u);
    EXPECT_TRUE(b.host.sent<wire::OpFail>().empty());
    b.op->on_deadline(Instant{} + milliseconds(100));
    ASSERT_EQ(b.host.sent<wire::OpFail>().size(), 1u) << "rank 2 is left out as ever";
    EXPECT_EQ(b.host.sent<wire::OpFail>()[0].first, 2u);
}

// And whoever hears it waits on: for as long as it is said, and a grace.
TEST(GossipEnd, WhoeverSaysThatItWaitsIsWaitedFor) {
    Bench b(1, milliseconds(100));
    for (const uint32_t from : {1u, 2u}) b.post(from, b.descriptor);
    for (const uint32_t chunk : {0u, 1u}) b.frame(1, chunk, 0, 4);
    const wire::OpGrant waits{Bench::op_id(), 0, 0, 0, {}};
    for (const int ms : {50, 100, 150}) b.op->on_message({2}, waits, Instant{} + milliseconds(ms));
    b.op->on_deadline(Instant{} + milliseconds(200));
    EXPECT_TRUE(b.host.sent<wire::OpFail>().empty());
    b.op->on_deadline(Instant{} + milliseconds(250));
    EXPECT_EQ(b.host.sent<wire::OpFail>().size(), 1u);
}

TEST(GossipEnd, ASlowNeighbourIsLeftOutAndTold) {
    Bench b(1, milliseconds(100));
    b.post(1, b.descriptor);
    b.frame(1, 0, 0, 4);
    b.frame(1, 1, 0, 4);
    b.op->on_deadline(Instant{} + milliseconds(50));
    ASSERT_EQ(b.op->deadline(), Instant{} + milliseconds(100));
    EXPECT_NE(b.op->waiting_for().find("for peer 2 to call it"), std::string::npos);
    b.op->on_deadline(Instant{} + milliseconds(99));
    EXPECT_FALSE(b.host.code);
    b.op->on_deadline(Instant{} + milliseconds(100));
    b.work();
    const auto told = b.host.sent<wire::OpFail>();
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].first, 2u);
    EXPECT_EQ(b.host.code, Code::OK);
    EXPECT_EQ(b.host.detail, "1 of 2 neighbours were gone before the end: peer 2");
    EXPECT_EQ(b.op->gossip()->lost, std::vector<Rank>{{2}});
    EXPECT_FLOAT_EQ(b.out[0], 2);  // 1 + (4 - 1)/3
    EXPECT_FLOAT_EQ(b.out[3], 4);
}

TEST(GossipEnd, GraceRunsFromWhatANeighbourWaitsFor) {
    Bench b(2, milliseconds(100));
    b.post(1, b.descriptor);
    b.post(2, b.descriptor);
    const Instant later = Instant{} + milliseconds(90);
    for (const uint32_t r : {1u, 2u}) b.frame(r, 0, 0, 4, 8, later);
    for (Job& job : std::exchange(b.host.jobs, {})) {
        run_job(job);
        b.op->job_done(job.id, later);
    }
    b.op->on_deadline(later);  // what it may have to say is said
    b.op->on_deadline(later + milliseconds(60));
    EXPECT_EQ(b.op->deadline(), later + milliseconds(100));
}

TEST(GossipEnd, WhoLeavesTakesItsLastValuesAlong) {
    Bench b(2);
    for (const uint32_t r : {1u, 2u}) b.post(r, b.descriptor);
    b.frame(1, 0, 0, 4);
    b.frame(1, 1, 0, 4);
    b.frame(1, 1, 1, 7);  // so that it has taken step 0 of this chunk
    b.op->on_message({1}, wire::OpFail{Bench::op_id(), static_cast<int32_t>(Code::E_CANCELLED), "x"}, {});
    for (const uint32_t c : {0u, 1u}) b.frame(2, c, 0, 1);
    b.work();
    EXPECT_FLOAT_EQ(b.out[0], -1);  // not yet: step 1 waits for rank 2
    for (const uint32_t c : {0u, 1u}) b.frame(2, c, 1, 1);
    b.work();
    ASSERT_EQ(b.host.code, Code::OK);
    EXPECT_FLOAT_EQ(b.out[0], 1);
    EXPECT_NEAR(b.out[2], 19.0 / 9, 1e-6);        // 3 + (4 - 3)/3 + (1 - 3)/3 = 8/3, then 8/3 + (1 - 8/3)/3
    EXPECT_EQ(b.op->gossip()->mixes.size(), 3u);  // step 0 by chunk, step 1 of both
}

TEST(GossipEnd, BothOfAMismatchAreNamedAndNeighboursHear) {
    Bench b(2);
    wire::OpDescriptor other = b.descriptor;
    other.gossip.steps = 3;
    b.post(1, other);
    EXPECT_EQ(b.host.code, Code::E_MISMATCH);
    for (const std::string words : {"peer 0", "peer 1", "2 steps", "3 steps"})
        EXPECT_NE(b.host.detail.find(words), std::string::npos) << b.host.detail;
    std::vector<uint32_t> told;
    for (const auto& [to, said] : b.host.sent<wire::OpFail>()) told.push_back(to);
    EXPECT_NE(std::find(told.begin(), told.end(), 1u), told.end());
    EXPECT_NE(std::find(told.begin(), told.end(), 2u), told.end());
    EXPECT_TRUE(b.op->closed());
}

TEST(GossipEnd, WhatIsKeptForOthersWaitsForRoom) {
    Bench b(1);
    b.host.reserve_max = 8;
    for (const uint32_t r : {1u, 2u}) {
        b.post(r, b.descriptor);
        for (const uint32_t c : {0u, 1u}) b.frame(r, c, 0, 4);
    }
    b.work();
    EXPECT_FALSE(b.host.code);  // two chunks of 8 bytes
    for (const uint32_t r : {1u, 2u}) b.op->on_message({r}, wire::OpGrant{Bench::op_id(), 0, 1, 0, {}}, {});
    EXPECT_EQ(b.host.code, Code::OK);
    EXPECT_EQ(b.host.reserved, 8u);
    EXPECT_FALSE(b.op->closed());
    for (const uint32_t r : {1u, 2u}) b.op->on_message({r}, wire::OpGrant{Bench::op_id(), 0, 2, 0, {}}, {});
    EXPECT_EQ(b.host.reserved, 0u);
    EXPECT_TRUE(b.op->closed());
}

// Neighbours for whom the op failed need nothing of what a member that has its result keeps for them.
TEST(GossipEnd, WhatIsKeptForANeighbourGoesWhenTheOpFailsThere) {
    for (const Code why : {Code::E_MISMATCH, Code::E_NON_FINITE, Code::E_CANCELLED}) {
        Bench b(1);
        for (const uint32_t r : {1u, 2u}) {
            b.post(r, b.descriptor);
            for (const uint32_t c : {0u, 1u}) b.frame(r, c, 0, 4);
        }
        b.work();
        ASSERT_EQ(b.host.code, Code::OK);
        ASSERT_GT(b.host.reserved, 0u);
        for (const uint32_t r : {1u, 2u})
            b.op->on_message({r}, wire::OpFail{Bench::op_id(), static_cast<int32_t>(why), "of a third"}, {});
        EXPECT_EQ(b.host.reserved, 0u);
        EXPECT_TRUE(b.op->closed());
        EXPECT_EQ(b.host.code, Code::OK);
    }
}

// Rank 1 is done with chunk 0 when its budget ends, while this peer still waits for rank 2.
TEST(GossipEnd, WhatALeaverGaveOfAChunkItIsDoneWithCounts) {
    Bench b(1);
    for (const uint32_t from : {1u, 2u}) b.post(from, b.descriptor);
    for (const uint32_t chunk : {0u, 1u}) b.frame(1, chunk, 0, 4);
    b.op->on_message({1}, wire::OpGrant{Bench::op_id(), 0, 1, 0, {}}, {});
    b.op->on_message({1}, wire::OpFail{Bench::op_id(), static_cast<int32_t>(Code::E_EXCLUDED), "late"}, {});
    for (const uint32_t chunk : {0u, 1u}) b.frame(2, chunk, 0, 4);
    b.work();
    EXPECT_EQ(b.host.code, Code::OK);
    EXPECT_FLOAT_EQ(b.out[0], 3);             // 1 + 2 (4 - 1)/3
    EXPECT_FLOAT_EQ(b.out[2], 3 + 1.0f / 3);  // 3 + (4 - 3)/3
}

TEST(GossipEnd, WhoLeavesSaysWhichChunksItIsDoneWith) {
    Bench b(1, {}, 1024, Instant{} + milliseconds(50));
    for (const uint32_t from : {1u, 2u}) {
        b.post(from, b.descriptor);
        b.frame(from, 0, 0, 4);
    }
    b.work();
    ASSERT_FALSE(b.host.code) << "chunk 1 is still to come";
    b.host.messages.clear();
    b.op->on_deadline(Instant{} + milliseconds(50));
    b.work();
    ASSERT_EQ(b.host.messages.size(), 4u);
    for (const size_t i : {0u, 2u}) {
        EXPECT_EQ(std::get<wire::OpGrant>(b.host.messages[i].second).chunks_closed, 1u);
        EXPECT_EQ(std::get<wire::OpFail>(b.host.messages[i + 1].second).code,
                  static_cast<int32_t>(Code::E_EXCLUDED));
    }
}

TEST(GossipEnd, NobodyIsSentMoreThanItTakes) {
    Bench b(1, {}, 8);
    EXPECT_EQ(b.host.frames.size(), 2u);  // one chunk each, eagerly
    b.post(1, b.descriptor);
    EXPECT_EQ(b.host.frames.size(), 3u);
}

// Anything from anybody: no assertion fails, memory stays bounded.
TEST(GossipEnd, SurvivesWhatNoCorrectProgramSends) {
    uint32_t violations = 0, ended = 0;
    for (uint64_t seed = 1; seed <= 2000; ++seed) {
        Prng prng(seed);
        Bench b(static_cast<uint32_t>(prng.between(1, 3)), milliseconds(50));
        Instant now{};
        for (int i = 0; i < 200; ++i) {
            const auto from = static_cast<uint32_t>(prng.below(3));
            const auto small = [&] {
                return static_cast<uint32_t>(prng.chance(1, 20) ? prng.next() : prng.below(4));
            };
            switch (prng.below(8)) {
                case 0: b.post(from, b.descriptor, now); break;
                case 1:
                    b.op->on_message({from}, wire::OpGrant{Bench::op_id(), small(), small(), 0, {}}, now);
                    break;
                case 2:
                    b.op->on_message({from}, wire::OpStable{Bench::op_id(), small(), small(), {}}, now);
                    break;
                case 3:
                    if (prng.chance(1, 20))
                        b.op->on_message(
                            {from}, wire::OpFail{Bench::op_id(), -static_cast<int32_t>(small()), "x"}, now);
                    break;
                case 4:
                    if (prng.chance(1, 4)) b.work();
                    break;
                case 5: now = now + milliseconds(1), b.op->on_deadline(now); break;
                default: {
                    const size_t bytes = prng.chance(1, 20) ? prng.below(40) : 8;
                    if (!b.op->ended()) b.frame(from, small(), small(), 1.0f, bytes, now);
                }
            }
            ASSERT_LE(b.op->held_bytes(), 2u * 4 * 8) << seed;
        }
        b.work();
        violations += b.host.violations;
        ended += b.host.code.has_value();
    }
    EXPECT_GT(violations, 100u);
    EXPECT_GT(ended, 100u);
}

// As an application would make one: a float as it is, and 2 and 1e30 not at all.
CodecPtr picky_codec() {
    CodecParts parts;
    parts.name = "picky-floats";
    parts.magnitude_max = std::numeric_limits<float>::max();
    parts.bytes_max = [](size_t count) { return count * 4; };
    parts.encode = [](const Values& in, MutableByteSpan out) -> std::optional<size_t> {
        for (const float x : in.values)
            if (x == 2.0f) return std::nullopt;
        std::memcpy(out.data(), in.values.data(), in.values.size_bytes());
        return in.values.size_bytes();
    };
    parts.decode = [](ByteSpan bytes, std::span<float> out) {
        if (bytes.size() != out.size_bytes()) return false;
        std::memcpy(out.data(), bytes.data(), bytes.size());
        return std::none_of(out.begin(), out.end(), [](float x) { return x == 1e30f; });
    };
    return std::make_shared<CustomCodec>(std::move(parts));
}

struct CodedBench : Bench {  // one chunk
    CodedBench(uint32_t steps, std::vector<float> input)
        : Bench(steps, {}, 1024, {}, picky_codec(), std::move(input)) {}
};

TEST(GossipEnd, WhatNoCodecMakesIsNotMixed) {
    CodedBench b(1, {1, 5, 3, 4});
    for (const uint32_t from : {1u, 2u}) b.post(from, b.descriptor);
    b.work();  // encodes
    b.frame(1, 0, 0, 7, 16);
    b.frame(2, 0, 0, 1e30f, 16);
    b.work();
    EXPECT_EQ(b.host.violations, 1u);
    EXPECT_EQ(b.host.code, Code::OK);
    EXPECT_FLOAT_EQ(b.out[0], 3);  // 1 + (7 - 1)/3
    EXPECT_FLOAT_EQ(b.out[3], 5);
    ASSERT_EQ(b.op->gossip()->lost.size(), 1u);
    EXPECT_EQ(b.op->gossip()->lost[0], Rank{2});
}

TEST(GossipEnd, AnApplicationsCodecThatFailsEndsItForThisPeerAlone) {
    CodedBench b(1, {1, 2, 3, 4});
    for (const uint32_t from : {1u, 2u}) b.post(from, b.descriptor);
    b.work();
    EXPECT_EQ(b.host.code, Code::E_BROKEN_CONTRACT);
    EXPECT_NE(b.host.detail.find("picky-floats"), std::string::npos) << b.host.detail;
    const auto told = b.host.sent<wire::OpFail>();
    ASSERT_EQ(told.size(), 2u);
    EXPECT_EQ(told[0].second.code, static_cast<int32_t>(Code::E_BROKEN_CONTRACT));
}

TEST(GossipEnd, ANeighbourWhoseCodecFailsIsGoneWithout) {
    Bench b(1);
    b.post(2, b.descriptor);
    for (const uint32_t chunk : {0u, 1u}) b.frame(2, chunk, 0, 4);
    b.op->on_message({1}, wire::OpFail{Bench::op_id(), static_cast<int32_t>(Code::E_BROKEN_CONTRACT), "?"},
                     {});
    b.work();
    EXPECT_EQ(b.host.code, Code::OK);
    EXPECT_FLOAT_EQ(b.out[0], 2);  // 1 + (4 - 1)/3
}

TEST(GossipEnd, ValuesThatStepsMadeAndTheCodecCannotHoldEndItAsABudget) {
    CodedBench b(3, {-3e38f, 5, 3, 4});
    for (const uint32_t from : {1u, 2u}) b.post(from, b.descriptor);
    b.work();
    for (const uint32_t from : {1u, 2u}) b.frame(from, 0, 0, 3e38f, 16);
    b.work();
    EXPECT_EQ(b.host.code, Code::OK);
    EXPECT_NE(b.host.detail.find("after 1 steps"), std::string::npos) << b.host.detail;
    EXPECT_EQ(b.op->gossip()->steps_min, 1u);
    EXPECT_EQ(b.host.sent<wire::OpFail>().size(), 2u);
}

}  // namespace
}  // namespace whim::op
