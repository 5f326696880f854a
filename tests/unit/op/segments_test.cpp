// Goal: memory in several places is seen as one run of bytes, each of which is in exactly one piece.
// Method: seeded cuts, with lengths around a chunk's, none and primes, compared with one flat buffer; jobs
// over pieces compared with the same jobs over whole buffers.
#include <gtest/gtest.h>

#include <numeric>

#include "collectives/op/job.h"
#include "tests/unit/op/apart.h"

namespace whim::op {
namespace {

std::vector<float> numbers(uint64_t count, float first = 0.0f) {
    std::vector<float> all(count);
    std::iota(all.begin(), all.end(), first);
    return all;
}

TEST(Segments, EveryByteOfEveryRangeIsInOnePiece) {
    for (uint64_t seed = 1; seed <= 3000; ++seed) {
        Prng prng(seed);
        const uint64_t chunk = static_cast<uint64_t>(prng.between(1, 20));
        const std::vector<float> flat = numbers(prng.below(120));
        const std::vector<uint64_t> counts = cut_apart(prng, flat.size(), chunk);
        const Apart tensors(flat, counts, false, prng);
        const InSegments in = tensors.in();
        const ByteSpan bytes = std::as_bytes(std::span(flat));
        ASSERT_EQ(in.size(), bytes.size());
        ASSERT_LE(in.places(), counts.size());
        for (int range = 0; range < 20; ++range) {
            const uint64_t first = prng.below(bytes.size() + 1);
            const uint64_t count = prng.below(bytes.size() - first + 1);
            Bytes seen;
            const std::vector<ByteSpan> pieces = in.pieces(first, count);
            for (const ByteSpan piece : pieces) {
                ASSERT_FALSE(piece.empty()) << "seed " << seed;
                seen.insert(seen.end(), piece.begin(), piece.end());
            }
            const ByteSpan expected = bytes.subspan(first, count);
            ASSERT_TRUE(std::equal(seen.begin(), seen.end(), expected.begin(), expected.end()))
                << "seed " << seed << " bytes " << first << "+" << count;
            const std::optional<ByteSpan> whole = in.whole(first, count);
            ASSERT_EQ(whole.has_value(), pieces.size() <= 1) << "seed " << seed;
            if (whole && count > 0) { ASSERT_EQ(whole->data(), pieces[0].data()); }
        }
    }
}

TEST(Segments, WhatIsScatteredIsGatheredAgain) {
    for (uint64_t seed = 1; seed <= 500; ++seed) {
        Prng prng(seed);
        const std::vector<float> flat = numbers(1 + prng.below(80));
        Apart tensors(flat, cut_apart(prng, flat.size(), 5), true, prng);
        tensors.fill(-1.0f);
        const OutSegments out = tensors.out();
        const ByteSpan bytes = std::as_bytes(std::span(flat));
        const uint64_t first = prng.below(bytes.size()), count = prng.below(bytes.size() - first + 1);
        scatter(bytes.subspan(first, count), out.pieces(first, count));
        for (size_t i = 0; i < flat.size(); ++i) {  // whole elements only are looked at
            const bool inside = 4 * i >= first && 4 * i + 4 <= first + count;
            const bool outside = 4 * i + 4 <= first || 4 * i >= first + count;
            const float expected = inside ? flat[i] : outside ? -1.0f : tensors.result()[i];
            ASSERT_EQ(tensors.result()[i], expected) << "seed " << seed;
        }
        scatter(bytes, out.pieces(0, out.size()));
        Bytes again(bytes.size());
        const auto pieces = out.pieces(0, out.size());
        gather(std::vector<ByteSpan>(pieces.begin(), pieces.end()), again);
        ASSERT_TRUE(std::equal(again.begin(), again.end(), bytes.begin())) << "seed " << seed;
    }
}

TEST(Segments, TensorsOfOneFlatBufferAreOnePlace) {
    std::vector<float> flat = numbers(30);
    OutSegments out;
    for (const auto& [first, count] : {std::pair(0, 7), {7, 0}, {7, 1}, {8, 22}})
        out.append(std::as_writable_bytes(
            std::span(flat).subspan(static_cast<size_t>(first), static_cast<size_t>(count))));
    EXPECT_EQ(out.places(), 1u);
    EXPECT_EQ(out.whole(0, 120)->data(), reinterpret_cast<std::byte*>(flat.data()));
    EXPECT_EQ(OutSegments().pieces(0, 0).size(), 0u);
    EXPECT_TRUE(OutSegments().whole(0, 0)->empty());
}

TEST(Segments, WalkPairsWhatBelongsTogether) {
    for (uint64_t seed = 1; seed <= 500; ++seed) {
        Prng prng(seed);
        const std::vector<float> flat = numbers(prng.below(60));
        const Apart one(flat, cut_apart(prng, flat.size(), 4), false, prng);
        const Apart other(flat, cut_apart(prng, flat.size(), 9), false, prng);
        const uint64_t skip = 4 * prng.below(flat.size() + 1);
        uint64_t seen = 0;
        walk(one.in(), skip, other.in(), skip, 4 * flat.size() - skip, [&](ByteSpan a, ByteSpan b) {
            ASSERT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << "seed " << seed;
            ASSERT_FALSE(a.empty());
            seen += a.size();
        });
        ASSERT_EQ(seen, 4 * flat.size() - skip) << "seed " << seed;
    }
}

TEST(SegmentJobs, FoldAsTheyWouldWholeBuffers) {
    for (uint64_t seed = 1; seed <= 500; ++seed) {
        Prng prng(seed);
        const std::vector<float> mine = numbers(1 + prng.below(50)), theirs = numbers(mine.size(), 100.0f);
        std::vector<float> expected(mine.size());
        const FoldInput inputs[] = {{std::as_bytes(std::span(theirs)), 2.0f},
                                    {std::as_bytes(std::span(mine)), 0.5f}};
        fold(Reduce::avg, Dtype::f32, inputs, std::as_writable_bytes(std::span(expected)));

        Apart tensors(mine, cut_apart(prng, mine.size(), 6), prng.chance(1, 2), prng);
        Job job{.reduce = Reduce::avg, .inputs = {inputs[0], {{}, 0.5f}}};
        job.own = 1;
        job.in_pieces = tensors.in().pieces(0, 4 * mine.size());
        job.out_pieces = tensors.out().pieces(0, 4 * mine.size());
        std::vector<float> packed(mine.size());
        job.out = std::as_writable_bytes(std::span(packed));
        EXPECT_EQ(job.work_bytes(), 8 * mine.size());
        run_job(job);
        ASSERT_EQ(tensors.result(), expected) << "seed " << seed;
    }
}

TEST(SegmentJobs, AScanCountsElementsOverAllItsInputs) {
    std::vector<float> first = numbers(5), second = numbers(7);
    Job job{.kind = JobKind::scan};
    job.inputs = {{std::as_bytes(std::span(first)), 1.0f}, {std::as_bytes(std::span(second)), 1.0f}};
    job.outcome = std::make_shared<JobOutcome>();
    run_job(job);
    EXPECT_FALSE(job.outcome->refused_element);
    second[3] = std::numeric_limits<float>::quiet_NaN();
    run_job(job);
    EXPECT_EQ(job.outcome->refused_element, 8u);
}

}  // namespace
}  // namespace whim::op
