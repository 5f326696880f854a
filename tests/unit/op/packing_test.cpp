// Goal: a codec that packs does so for whom it gains time, and nothing but bytes on the wire depends on that.
// Method: few ops (few_ops.h) whose hosts say what a byte less is worth; payloads are looked at as they
// leave.
#include <gtest/gtest.h>

#include <map>

#include "collectives/codec/parse.h"
#include "tests/unit/op/few_ops.h"

namespace whim::op {
namespace {

constexpr uint64_t kElements = 6000;
constexpr double kSlow = 1e3, kFast = 0.1;  // lines of 1 MB/s and 10 GB/s

struct Seen {
    std::map<std::pair<wire::BulkKind, uint32_t>, std::set<bool>> packed;  // by kind and sender
    std::vector<float> result;
    std::vector<std::vector<size_t>> copies;  // by rank
};

Seen run(const char* codec, Reduce reduce, std::vector<double> byte_ns) {
    const CodecPtr one = *parse_codec(codec);
    FewOps ops({.elements = kElements,
                .chunk_elements = 1024,
                .reduce = reduce,
                .codecs = {one, one, one},
                .byte_ns = std::move(byte_ns)});
    for (uint32_t r = 0; r < 3; ++r) {  // compresses well
        for (uint64_t i = 0; i < kElements; ++i) ops[r].in[i] = static_cast<float>(i % 4 + r);
    }
    Seen seen;
    for (uint32_t r = 0; r < 3; ++r) ops.post(r);
    ops.settle([&](const FewOps::Frame& f) {
        const auto bytes = ops.pin(f);
        if (bytes) seen.packed[{f.kind(), f.from}].insert((*bytes)[0] != std::byte{0}), ops.unpin(f);
        return false;
    });
    for (uint32_t r = 0; r < 3; ++r) {
        EXPECT_EQ(ops[r].ended_with, Code::OK) << r;
        EXPECT_EQ(ops[r].out, ops[0].out) << "one root's bytes, whatever they are";
        seen.copies.push_back(ops[r].copies);
    }
    seen.result = ops[0].out;
    return seen;
}

TEST(Packing, EachSenderForItsOwnLine) {
    for (const char* codec : {"int8+zstd", "bf16+zstd", "none+zstd"}) {
        for (const Reduce reduce : {Reduce::avg, Reduce::sum}) {
            const Seen mixed = run(codec, reduce, {kSlow, kFast, 0});
            for (const auto& [who, packed] : mixed.packed) {
                EXPECT_EQ(packed, std::set<bool>{who.second == 0})
                    << codec << " kind " << static_cast<int>(who.first) << " of " << who.second;
            }
            EXPECT_EQ(mixed.packed.size(), 6u) << "contributions and results of all three";
            EXPECT_EQ(mixed.result, run(codec, reduce, {0, 0, 0}).result) << codec;
            EXPECT_EQ(mixed.result, run(codec, reduce, {kSlow, kSlow, kSlow}).result) << codec;
        }
    }
}

TEST(Packing, AResultCountsOnceForEachReceiver) {
    const Seen seen = run("int8+zstd", Reduce::avg, {0, 0, 0});
    for (const auto& copies : seen.copies) {
        EXPECT_EQ(std::count(copies.begin(), copies.end(), 1u), 4)
            << "contributions to two chunks of each other";
        EXPECT_EQ(std::count(copies.begin(), copies.end(), 2u), 2) << "results of two own chunks";
    }
    EXPECT_TRUE(run("int8", Reduce::avg, {kSlow, kSlow, kSlow}).copies[0].empty()) << "it does not pack";
}

// Of what a root contributes itself only the elements are needed, unless it passes the bytes on.
TEST(Packing, ARootsOwnContribution) {
    const std::vector<float> values(1024, 127.0f);  // exact with a scale of 1
    const auto own_is_packed = [&](const char* codec, Reduce reduce) {
        const auto coding = std::make_shared<Coding>(*parse_codec(codec), reduce, false, OpId{}, 2);
        Bytes encoded(coding->result_bytes_max(values.size()));
        std::vector<float> out(values.size());
        Job job{.id = 1, .kind = JobKind::fold_coded};
        job.inputs = {{std::as_bytes(std::span(values)), 1.0f}};
        job.ranks = {0};
        job.out = std::as_writable_bytes(std::span(out));
        job.outcome = std::make_shared<JobOutcome>();
        job.coding = coding;
        job.encoded = encoded;
        job.byte_ns = kSlow;
        Scratch scratch;
        run_job(job, scratch);
        EXPECT_FALSE(job.outcome->refusal);
        EXPECT_EQ(out, values);
        EXPECT_LT(job.outcome->bytes, 300u) << "what leaves is packed";
        const Bytes& own = scratch.sums;  // behind the sums
        return own[values.size() * sizeof(float)] != std::byte{0};
    };
    EXPECT_FALSE(own_is_packed("int8+zstd", Reduce::avg));
    EXPECT_TRUE(own_is_packed("int8+zstd", Reduce::copy));
}

}  // namespace
}  // namespace whim::op
