// Goal: tensors that may not be worked on at once are found, and named.
// Method: a few by hand; seeded ones compared with looking at every pair.
#include "engine/overlap.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace whim {
namespace {

TEST(Overlap, InPlaceIsFineAndSoAreInputsThatOverlap) {
    std::byte memory[64];
    const MutableByteSpan all(memory);
    EXPECT_TRUE(check_overlaps({}).ok());
    const PostTensor fine[] = {{all.first(8), all.first(8)},              // in place
                               {all.subspan(32, 8), all.subspan(8, 8)},   // out of place, next to it
                               {all.subspan(36, 8), all.subspan(16, 8)},  // an input that overlaps another
                               {all.subspan(16, 0), all.subspan(20, 0)}};
    EXPECT_TRUE(check_overlaps(fine).ok());
}

TEST(Overlap, NamesBoth) {
    std::byte memory[64];
    const MutableByteSpan all(memory);
    const PostTensor outs[] = {{all.first(8), all.first(8)}, {all.subspan(4, 8), all.subspan(4, 8)}};
    EXPECT_EQ(check_overlaps(outs).error().detail, "out of tensor 1 overlaps out of tensor 0");
    const PostTensor foreign[] = {{all.first(8), all.first(8)}, {all.first(8), all.subspan(32, 8)}};
    EXPECT_EQ(check_overlaps(foreign).error().detail, "in of tensor 1 overlaps out of tensor 0");
    const PostTensor shifted[] = {{all.first(8), all.subspan(4, 8)}};
    EXPECT_EQ(check_overlaps(shifted).error().code, Code::E_INVALID);
}

bool meet(ByteSpan a, ByteSpan b) {
    return !a.empty() && !b.empty() && a.data() < b.data() + b.size() && b.data() < a.data() + a.size();
}

TEST(Overlap, SeesWhatLookingAtEveryPairSees) {
    std::byte memory[80];
    int found = 0;
    for (uint64_t seed = 1; seed <= 20'000; ++seed) {
        Prng prng(seed);
        std::vector<PostTensor> tensors;
        for (uint64_t left = 1 + prng.below(5); left > 0; --left) {
            const uint64_t bytes = prng.below(8);
            const MutableByteSpan out = MutableByteSpan(memory).subspan(prng.below(72), bytes);
            tensors.push_back({MutableByteSpan(memory).subspan(prng.below(72), bytes), out});
            if (prng.chance(1, 2)) tensors.back().in = out;
        }
        bool expected = true;
        for (size_t i = 0; i < tensors.size(); ++i) {
            for (size_t j = 0; j < tensors.size(); ++j) {
                if (i != j && meet(tensors[i].out, tensors[j].out)) expected = false;
                const bool own = i == j && tensors[i].in.data() == tensors[j].out.data();
                if (!own && meet(tensors[i].in, tensors[j].out)) expected = false;
            }
        }
        found += !expected;
        ASSERT_EQ(check_overlaps(tensors).ok(), expected) << "seed " << seed;
    }
    EXPECT_GT(found, 2000);
    EXPECT_LT(found, 18'000);
}

}  // namespace
}  // namespace whim
