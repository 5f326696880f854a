// Goal: how an op ends when a receiver is slow, when somebody was left out, and when it fails.
// Method: a few ops whose frames a test holds back by hand (few_ops.h).
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "collectives/codec/parse.h"
#include "tests/unit/op/few_ops.h"

namespace whim::op {
namespace {

bool result_to(const FewOps::Frame& f, uint32_t rank) {
    return f.kind() == wire::BulkKind::result && f.to == rank;
}

bool crawls(const FewOps::Frame& f) { return f.from == 2 || f.to == 2; }

// Peer 2 is left out where it is known so far, at the others, and these end.
void end_without_peer_2(FewOps& ops) {
    ops.alive[2] = false;
    ops.install(0);
    ops.install(1);
    ops.settle(crawls);
    ASSERT_EQ(ops[0].ended_with, Code::OK);
    ASSERT_EQ(ops[1].ended_with, Code::OK);
    EXPECT_FALSE(ops[0].op->closed()) << "peer 2 will ask";
}

TEST(OpEnd, ASlowReceiverKeepsNobodyFromCompleting) {
    FewOps ops({});
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    std::vector<FewOps::Frame> writing;  // what strands to peer 2 have begun to write, one frame each
    ops.settle([&](const FewOps::Frame& f) { return result_to(f, 2); });
    ASSERT_FALSE(ops.frames.empty());
    for (const FewOps::Frame& f : ops.frames) {
        EXPECT_TRUE(ops.pin(f)) << "the next frame is pinned before the one before it is through";
        writing.push_back(f);
    }
    EXPECT_EQ(ops[0].ended_with, Code::OK);
    EXPECT_EQ(ops[1].ended_with, Code::OK);
    EXPECT_FALSE(ops[2].ended_with);
    const std::vector<float> result = ops[0].out;
    std::fill(ops[0].out.begin(), ops[0].out.end(), 99.0f);  // the application uses its buffers again
    std::fill(ops[1].out.begin(), ops[1].out.end(), 99.0f);
    for (const FewOps::Frame& f : writing) ops.unpin(f);
    ops.settle();
    EXPECT_EQ(ops[2].ended_with, Code::OK);
    EXPECT_EQ(ops[2].out, result);
}

TEST(OpEnd, ARetainedResultStaysWhileItIsBeingWritten) {
    FewOps ops({});
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    ops.settle([&](const FewOps::Frame& f) { return result_to(f, 2); });
    ASSERT_EQ(ops[0].ended_with, Code::OK);
    const auto of_0 = std::find_if(ops.frames.begin(), ops.frames.end(),
                                   [](const FewOps::Frame& f) { return f.from == 0; });
    ASSERT_NE(of_0, ops.frames.end());
    const FewOps::Frame frame = *of_0;
    const ByteSpan bytes = *ops.pin(frame);
    const Bytes before(bytes.begin(), bytes.end());
    ops[2].op->abandon(Code::E_CANCELLED, "cancelled", {});
    ops.alive[2] = false;
    ops.install(0);
    ops.install(1);
    ops.settle([](const FewOps::Frame&) { return true; });
    EXPECT_GT(ops[0].retained, 0u) << "peer 2 may yet ask";
    ops.install(2);
    ops.settle([](const FewOps::Frame&) { return true; });
    EXPECT_EQ(ops[0].retained, 0u) << "nobody needs what is kept";
    std::vector<BufferRef> others;  // the pool hands out what it has
    for (int i = 0; i < 64; ++i) {
        others.push_back(ops.pool.take(bytes.size()));
        std::fill(others.back()->bytes().begin(), others.back()->bytes().end(), std::byte{0xee});
    }
    EXPECT_TRUE(std::equal(before.begin(), before.end(), bytes.begin()));
    EXPECT_FALSE(ops[0].op->closed());
    ops.unpin(frame);
    EXPECT_TRUE(ops[0].op->closed());
}

// A root dies when peer 0 alone has its results: what peer 0 kept as it came serves the others.
TEST(OpEnd, AResultIsKeptAsItCame) {
    FewOps ops({});
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    const auto only_root_1 = [](const FewOps::Frame& f) {
        return f.kind() == wire::BulkKind::result && (f.from == 2 || f.to == 2);
    };
    ops.settle(only_root_1);
    EXPECT_FALSE(ops[0].ended_with);
    EXPECT_EQ(ops[0].retained, 2 * sizeof(float)) << "two chunks of root 1, which peer 2 has not";
    ops.settle([](const FewOps::Frame& f) { return result_to(f, 2); });
    ASSERT_EQ(ops[0].ended_with, Code::OK);
    const std::vector<float> result = ops[0].out;
    std::fill(ops[0].out.begin(), ops[0].out.end(), 99.0f);  // the application uses its buffer again
    ops.alive[1] = false;
    ops.evicted[1] = true;
    std::erase_if(ops.frames, [](const FewOps::Frame& f) { return f.from == 1 || f.to == 1; });
    for (const uint32_t r : {0u, 2u}) ops.install(r);
    ops.settle();
    EXPECT_EQ(ops[2].ended_with, Code::OK);
    EXPECT_EQ(ops[2].out, result);
    EXPECT_EQ(ops[0].retained, 0u);
    EXPECT_TRUE(ops[0].op->closed());
}

TEST(OpEnd, WithoutRoomNothingIsKept) {
    FewOps ops({.retain_bytes_max = 0});
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    ops.settle([](const FewOps::Frame& f) { return result_to(f, 2); });
    EXPECT_EQ(ops[0].retained, 0u);
    EXPECT_FALSE(ops[0].ended_with) << "waits until nobody needs its buffer";
    ops.settle();
    for (uint32_t r = 0; r < 3; ++r) EXPECT_EQ(ops[r].ended_with, Code::OK);
}

TEST(OpEnd, WithoutRoomASlowReceiverIsLeftOutWhereThereIsAGrace) {
    FewOps ops({.retain_bytes_max = 0, .grace = milliseconds(10)});
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    ops.settle([](const FewOps::Frame& f) { return result_to(f, 2); });
    for (const int64_t ms : {10, 20}) {
        for (const uint32_t r : {0u, 1u}) ops[r].op->on_deadline(Instant{milliseconds(ms).ns});
    }
    for (const uint32_t r : {0u, 1u}) {
        EXPECT_FALSE(ops[r].ended_with);
        EXPECT_EQ(ops[r].blamed.front(), 2u);
    }
    ops.alive[2] = false;
    ops.install(0);
    ops.install(1);
    ops.settle([](const FewOps::Frame& f) { return result_to(f, 2); });
    EXPECT_EQ(ops[0].ended_with, Code::OK);
    EXPECT_EQ(ops[1].ended_with, Code::OK);
    ops.install(2);
    ops.settle();
    EXPECT_EQ(ops[2].ended_with, Code::E_EXCLUDED) << "there was no room";
}

// Its chunks are made by the others, and what it asks for late is still there.
TEST(OpEnd, WhoeverIsLeftOutStillGetsTheResultLater) {
    FewOps ops({.min_contributors = 2, .grace = milliseconds(10)});
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    ops.settle(crawls);
    for (const uint32_t r : {0u, 1u}) ops[r].op->on_deadline(Instant{milliseconds(10).ns});
    ops.settle(crawls);
    ASSERT_NO_FATAL_FAILURE(end_without_peer_2(ops));
    const std::vector<float> result = ops[0].out;
    std::fill(ops[0].out.begin(), ops[0].out.end(), 99.0f);  // the application uses its buffers again
    std::fill(ops[1].out.begin(), ops[1].out.end(), 99.0f);
    ops.install(2);
    ops.settle();
    EXPECT_EQ(ops[2].ended_with, Code::OK);
    EXPECT_EQ(ops[2].out, result);
    EXPECT_EQ(result[0], 5.0f) << "the mean of two";
    EXPECT_TRUE(ops[0].op->closed());
    EXPECT_TRUE(ops[1].op->closed());
}

// Of a part that its owner does not give there are no bytes to keep; that there are none it hears late too.
TEST(OpEnd, WhoeverIsLeftOutHearsLaterWhichPartsAreLost) {
    const CodecPtr codec = *parse_codec("int8:block=64");
    FewOps ops({.elements = 192,
                .chunk_elements = 64,
                .reduce = Reduce::copy,
                .gathers = true,
                .abstains = {true, false, false},
                .codecs = {codec, codec, codec}});
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    ops.settle(crawls);
    ASSERT_NO_FATAL_FAILURE(end_without_peer_2(ops));
    ops.install(2);
    ops.settle();
    EXPECT_EQ(ops[2].ended_with, Code::OK) << ops[2].detail;
    EXPECT_EQ(ops[2].out, ops[0].out);
    EXPECT_EQ(ops[2].out[0], 0.0f) << "the part of peer 0";
    EXPECT_TRUE(ops[0].op->closed());
    EXPECT_TRUE(ops[1].op->closed());
}

TEST(OpEnd, WhoeverWasLeftOutEndsItForNobody) {
    FewOps ops({});
    ops.post(0);
    ops.post(1);
    ops.alive[2] = false;
    ops.install(0);
    ops.install(1);
    const std::string why = "element 0 of the input of peer 2 is not finite";
    ops[0].op->on_message({2}, wire::OpFail{ops[0].op->id(), static_cast<int32_t>(Code::E_NON_FINITE), why},
                          {});
    ops[1].op->on_message({2}, wire::OpFail{ops[1].op->id(), static_cast<int32_t>(Code::E_NON_FINITE), why},
                          {});
    ops.settle();
    EXPECT_EQ(ops[0].ended_with, Code::OK);
    EXPECT_EQ(ops[1].ended_with, Code::OK);
    EXPECT_EQ(ops[0].out, ops[1].out);
}

TEST(OpEnd, AListenerHearsThatTheOpFailed) {
    FewOps ops({.min_contributors = 2, .abstains = {false, true, false}});
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    ops.alive[2] = false;
    for (uint32_t r = 0; r < 3; ++r) ops.install(r);
    ops.settle([](const FewOps::Frame& f) { return f.from == 2; });
    EXPECT_EQ(ops[0].ended_with, Code::E_TOO_FEW);
    EXPECT_EQ(ops[1].ended_with, Code::E_TOO_FEW);
    EXPECT_EQ(ops[2].ended_with, Code::E_TOO_FEW) << "it would wait for ever";
}

// Who is left out may still be taking a result when the others fold anew: it is of the attempt it says.
TEST(OpEnd, AnotherAttemptDoesNotWriteOverWhatIsOnItsWay) {
    for (const auto& [in_place, grace] : {std::pair(false, 0), {true, 0}, {false, 10}, {true, 10}}) {
        FewOps ops({.reduce = Reduce::sum, .in_place = in_place, .grace = milliseconds(grace)});
        const auto to_2 = [](const FewOps::Frame& f) {
            return f.to == 2 && f.kind() == wire::BulkKind::result;
        };
        for (uint32_t r = 0; r < 3; ++r) ops.post(r);
        ops.settle([&](const FewOps::Frame& f) { return f.kind() == wire::BulkKind::result; });
        const auto found = std::find_if(ops.frames.begin(), ops.frames.end(), to_2);
        ASSERT_NE(found, ops.frames.end());
        const FewOps::Frame frame = *found;
        const auto bytes = ops.pin(frame);
        ASSERT_TRUE(bytes);
        const Bytes before(bytes->begin(), bytes->end());
        ops.alive[2] = false, ops.evicted[2] = true;
        for (const uint32_t r : {0u, 1u}) ops.install(r);
        ops.settle(to_2);
        EXPECT_EQ(Bytes(bytes->begin(), bytes->end()), before);
        EXPECT_EQ(ops[frame.from].ended_with.has_value(), grace > 0) << "with a grace nobody waits for it";
        ops.unpin(frame);
        ops.settle(to_2);
        for (const uint32_t r : {0u, 1u}) EXPECT_EQ(ops[r].ended_with, Code::OK) << r;
    }
}

// Who turns out to be slow keeps nobody's memory, where nobody is waited for.
TEST(OpEnd, NothingIsLentWithAGrace) {
    for (const bool grace : {false, true}) {
        FewOps ops({.grace = milliseconds(grace ? 10 : 0)});
        for (uint32_t r = 0; r < 3; ++r) ops.post(r);
        ops.settle([](const FewOps::Frame&) { return true; });
        const FewOps::Frame frame = ops.frames.at(0);
        ASSERT_EQ(frame.kind(), wire::BulkKind::contribution);
        const auto bytes = ops.pin(frame);
        ASSERT_TRUE(bytes);
        const ByteSpan own = std::as_bytes(std::span(ops[frame.from].in));
        const bool lent = bytes->data() >= own.data() && bytes->data() < own.data() + own.size();
        EXPECT_EQ(lent, !grace);
        ops.unpin(frame);
    }
}

// It says again what it lacks: what is no longer among it is kept for nobody.
TEST(OpEnd, ResultsAreKeptForAListenerUntilItHasThem) {
    FewOps ops({.peers = 3, .in_place = true});
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    ops.settle([](const FewOps::Frame& f) { return f.to == 2 && f.kind() == wire::BulkKind::result; });
    ops.alive[2] = false;
    for (uint32_t r = 0; r < 3; ++r) ops.install(r);
    ops.settle([](const FewOps::Frame& f) { return f.to == 2 && f.kind() == wire::BulkKind::result; });
    for (const uint32_t r : {0u, 1u}) ASSERT_EQ(ops[r].ended_with, Code::OK) << r;
    ASSERT_GT(ops[0].retained + ops[1].retained, 0u);
    for (const uint32_t r : {0u, 1u})
        ops[r].op->on_message({2}, wire::OpListen{.op = {.round = {1}, .tag = 7}, .version = 1, .chunks = {}},
                              ops.now);
    EXPECT_EQ(ops[0].retained + ops[1].retained, 0u);
}

TEST(OpEnd, WeightsThatAddUpToInfinityAreRefused) {
    const float huge = std::numeric_limits<float>::max();
    FewOps ops({.peers = 2, .weights = {huge, huge}});
    ops.post(0);
    ops.post(1);
    ops.settle();
    for (uint32_t r = 0; r < 2; ++r) {
        EXPECT_EQ(ops[r].ended_with, Code::E_WEIGHTS);
        EXPECT_NE(ops[r].detail.find("add up to more"), std::string::npos) << ops[r].detail;
        EXPECT_EQ(ops[r].out, std::vector<float>(6, -1.0f));
    }
}

// Also where nobody but an inner member of a tree adds them up; a sum has none.
TEST(OpEnd, WeightsThatAddUpToInfinityInATree) {
    auto chain = std::make_shared<plan::Plan>(plan::Plan{
        .kind = plan::Kind::forest, .members = 3, .parts = {}, .tables = {{1, 2, 2}}, .relays = {}});
    chain->parts = {{plan::kShares, 2, plan::Shape::trees, 0, 0}};
    const float huge = std::numeric_limits<float>::max();
    for (const Reduce reduce : {Reduce::avg, Reduce::sum}) {
        FewOps ops({.reduce = reduce, .weights = {huge, huge, 0}, .plan = chain});
        for (uint32_t r = 0; r < 3; ++r) ops.post(r);
        ops.settle([&](const FewOps::Frame& f) {
            EXPECT_TRUE(std::isfinite(f.header.weight));
            return false;
        });
        for (uint32_t r = 0; r < 3; ++r)
            EXPECT_EQ(ops[r].ended_with, reduce == Reduce::avg ? Code::E_WEIGHTS : Code::OK) << ops[r].detail;
    }
}

// Contributions hold what the codec does, their sum does not.
TEST(OpEnd, AResultThatIsTooLargeForItsCodec) {
    for (const char* text : {"int8", "topk:1/1"}) {
        const CodecPtr codec = *parse_codec(text);
        FewOps ops({.peers = 2,
                    .elements = 32,
                    .chunk_elements = 32,
                    .reduce = Reduce::sum,
                    .codecs = {codec, codec}});
        for (uint32_t r = 0; r < 2; ++r) {
            ops[r].in[5] = 3e38f;
            ops.post(r);
        }
        ops.settle();
        for (uint32_t r = 0; r < 2; ++r) {
            EXPECT_EQ(ops[r].ended_with, Code::E_UNSUPPORTED) << text;
            EXPECT_NE(ops[r].detail.find("element 5"), std::string::npos) << ops[r].detail;
            EXPECT_EQ(ops[r].out, std::vector<float>(32, -1.0f));
        }
    }
}

// The late one may have what the average needs.
TEST(OpEnd, WeightsThatAreZeroWaitForTheSlow) {
    FewOps ops({.weights = {0.0f, 0.0f, 2.0f}, .grace = milliseconds(10)});
    ops.post(0);
    ops.post(1);
    ops.settle();
    for (const int64_t ms : {10, 20, 30}) {
        for (const uint32_t r : {0u, 1u}) ops[r].op->on_deadline(Instant{milliseconds(ms).ns});
        ops.settle();
    }
    EXPECT_FALSE(ops[0].ended_with || ops[1].ended_with);
    ops.post(2);
    ops.settle();
    for (uint32_t r = 0; r < 3; ++r) {
        EXPECT_EQ(ops[r].ended_with, Code::OK) << ops[r].detail;
        EXPECT_EQ(ops[r].out, ops[2].in);
    }
}

TEST(OpEnd, FramesOfAViewThereCannotBeAreAViolation) {
    FewOps ops({});
    ops.post(0);
    ops[0].op->on_message({1}, wire::OpStatus{ops[0].op->id(), 0, UINT32_MAX, {}}, {});
    EXPECT_EQ(ops.violators, std::vector<uint32_t>{1});
    for (int i = 0; i < 1000; ++i) ops[0].op->on_message({2}, wire::OpStatus{ops[0].op->id(), 0, 1, {}}, {});
    EXPECT_EQ(ops.violators.back(), 2u) << "one sender makes this peer keep any number of messages";
}

TEST(OpEnd, AnInPlaceSumIsWrittenByAWorkerAndCannotBeCancelledHalfWay) {
    FewOps ops({.peers = 1, .reduce = Reduce::sum, .in_place = true});
    ops.post(0);
    while (!ops[0].jobs.empty() && ops[0].jobs[0].kind != JobKind::spread) {
        const Job job = ops[0].jobs[0];
        ops[0].jobs.erase(ops[0].jobs.begin());
        run_job(job);
        ops[0].op->job_done(job.id, {});
    }
    ASSERT_EQ(ops[0].jobs.size(), 1u) << "the copy of the staged result";
    ops[0].op->abandon(Code::E_CANCELLED, "cancelled", {});
    EXPECT_FALSE(ops[0].ended_with);
    ops.settle();
    EXPECT_EQ(ops[0].ended_with, Code::OK);
    EXPECT_EQ(ops[0].in, (std::vector<float>{0, 1, 2, 3, 4, 5}));
}

// Found by a seed: it waited for ever for chunks to become stable, which nobody would tell it any more.
TEST(OpEnd, WhoeverIsLeftOutWhileItsSumIsWrittenEndsWell) {
    FewOps ops({.peers = 2, .reduce = Reduce::sum, .in_place = true});
    ops.post(0);
    ops.post(1);
    for (int i = 0; i < 10; ++i) {  // all but acknowledgements and copies
        for (const auto& p : ops.peers) {
            for (Job& job : std::exchange(p->jobs, {})) {
                if (job.kind == JobKind::spread) {
                    p->jobs.push_back(std::move(job));
                    continue;
                }
                run_job(job);
                p->op->job_done(job.id, {});
            }
        }
        for (const FewOps::Frame& frame : std::exchange(ops.frames, {})) ops.deliver(frame);
        for (FewOps::Message& m : std::exchange(ops.messages, {})) {
            if (std::holds_alternative<wire::OpAck>(m.what)) ops.messages.push_back(std::move(m));
            else ops[m.to].op->on_message({m.from}, m.what, {});
        }
    }
    ASSERT_EQ(ops[0].jobs.size(), 1u) << "the copy of the staged result";
    ASSERT_FALSE(ops[0].ended_with) << "its result still has to be copied";
    ops.messages.clear();  // the other has gone on without it and tells it nothing more
    ops.alive[0] = false;
    ops.install(0);
    ops.settle();
    EXPECT_EQ(ops[0].ended_with, Code::OK);
    EXPECT_TRUE(ops[0].op->closed());
}

}  // namespace
}  // namespace whim::op
