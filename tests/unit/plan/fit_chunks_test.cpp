// Goal: ops of any size have as many chunks as messages about them have room for, and no op that has them is
// taken for one that has more. Method: both sides of the limit, with parts and without, and absurd sizes.
#include "collectives/plan/fit_chunks.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/prng.h"
#include "collectives/plan/layout.h"

namespace whim {
namespace {

constexpr uint64_t kMost = limits::kChunksPerOpMax;

TEST(FitChunks, ExactlyAsManyAsThereMayBeFit) {
    EXPECT_EQ(chunks_at_most(kMost * 65536, 65536, 0), kMost);
    EXPECT_EQ(fit_chunk_elements(kMost * 65536, 65536, 0), 65536u);
    EXPECT_EQ(fit_chunk_elements(kMost * 65536 + 1, 65536, 0), 65537u);
    EXPECT_EQ(fit_chunk_elements((kMost - 4) * 65536, 65536, 4), 65536u);
    EXPECT_LE(fit_chunk_elements(kMost * 65536, 65536, 4), 65540u) << "a little larger, not twice as large";
    EXPECT_EQ(chunks_at_most(0, 7, 0), 1u);
}

TEST(FitChunks, WhatNoChunkFitsIsNoDivisionByZero) {
    for (const uint64_t elements : {1ull << 49, 1ull << 50, 1ull << 62, ~0ull >> 3}) {
        for (const uint64_t parts : {0u, 3u, 1024u})
            EXPECT_EQ(fit_chunk_elements(elements, 1u << 31, parts), UINT32_MAX) << elements;
    }
}

// Against the layout itself.
TEST(FitChunks, NoLayoutHasMoreChunksThanSaid) {
    Prng prng(3);
    for (int round = 0; round < 2000; ++round) {
        std::vector<uint64_t> counts(1 + prng.below(20));
        uint64_t elements = 0;
        for (uint64_t& count : counts) elements += count = prng.below(1u << prng.below(25));
        const auto chunk = static_cast<uint32_t>(1 + prng.below(300));
        const uint32_t fits = fit_chunk_elements(elements, chunk, counts.size());
        ASSERT_GE(fits, chunk);
        const uint32_t chunks = ChunkLayout::of_parts(counts, 4, fits).chunks();
        ASSERT_LE(chunks, chunks_at_most(elements, fits, counts.size()));
        ASSERT_LE(chunks_at_most(elements, fits, counts.size()), kMost);
    }
}

}  // namespace
}  // namespace whim
