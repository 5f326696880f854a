// Goal: every element of every op has exactly one root that all peers agree on, before and after deaths.
// Method: enumerate small layouts exhaustively and large ones at their edges, count each element and chunk;
// remove members in random orders and compare roots; pin a few roots as golden values, for they are protocol.
#include "collectives/plan/direct.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/limits.h"
#include "base/prng.h"

namespace whim {
namespace {

std::vector<uint32_t> member_counts() {
    std::vector<uint32_t> counts(17);
    std::iota(counts.begin(), counts.end(), 1);
    counts.push_back(1024);
    return counts;
}

TEST(ChunkLayout, EveryElementIsInExactlyOneChunk) {
    for (const uint32_t members : member_counts()) {
        for (const uint64_t elements : {uint64_t{0}, uint64_t{1}, uint64_t{members} - 1, uint64_t{members},
                                        uint64_t{members} + 1, uint64_t{7919}, uint64_t{1'000'003}}) {
            for (const uint32_t element_bytes : {1u, 2u, 4u, 8u}) {
                for (const uint64_t bytes_max : {uint64_t{16}, uint64_t{4096}, uint64_t{262144}}) {
                    const ChunkLayout layout{
                        elements, element_bytes,
                        choose_chunk_elements(elements, element_bytes, members, bytes_max)};
                    const uint64_t fewest = elements / limits::kChunksPerOpMax + 1;  // of many tiny ones
                    uint64_t next = 0;
                    for (uint32_t c = 0; c < layout.chunks(); ++c) {
                        const ElementRange range = layout.range({c});
                        ASSERT_EQ(range.begin, next);
                        ASSERT_TRUE(range.count() > 0 || elements == 0);
                        ASSERT_LE(layout.chunk_bytes({c}), std::max(bytes_max, fewest * element_bytes));
                        next = range.end;
                    }
                    ASSERT_EQ(next, elements);
                }
            }
        }
    }
}

TEST(ChunkLayout, ZeroElementsAreOneEmptyChunk) {
    const ChunkLayout layout{0, 4, 1024};
    EXPECT_EQ(layout.chunks(), 1u);
    EXPECT_EQ(layout.range({0}), (ElementRange{0, 0}));
    EXPECT_EQ(layout.chunk_bytes({0}), 0u);
}

TEST(ChunkLayout, ByteOffsetsCountElements) {
    const ChunkLayout layout{10, 8, 4};
    EXPECT_EQ(layout.chunks(), 3u);
    EXPECT_EQ(layout.byte_offset({2}), 64u);
    EXPECT_EQ(layout.chunk_bytes({2}), 16u);
}

// Parts of every kind: all empty but one, none, of one element, equal ones, primes, and any.
std::vector<std::vector<uint64_t>> parts_of(uint32_t members) {
    std::vector<std::vector<uint64_t>> all;
    for (const uint64_t elements : {uint64_t{0}, uint64_t{1}, uint64_t{members} - 1, uint64_t{members},
                                    uint64_t{members} + 1, uint64_t{7919}}) {
        std::vector<uint64_t> even, first(members, 0), last(members, 0);
        for (uint32_t r = 0; r < members; ++r) even.push_back(elements / members + (r < elements % members));
        first.front() = last.back() = elements;
        all.insert(all.end(), {even, first, last});
    }
    Prng random(members);
    for (int trial = 0; trial < 20; ++trial) {
        std::vector<uint64_t> parts;
        for (uint32_t r = 0; r < members; ++r) parts.push_back(random.chance(1, 3) ? 0 : random.below(200));
        all.push_back(parts);
    }
    return all;
}

TEST(ChunkLayout, EveryElementOfEveryPartIsInExactlyOneChunkOfItsOwner) {
    for (uint32_t members = 1; members <= 17; ++members) {
        for (const std::vector<uint64_t>& parts : parts_of(members)) {
            for (const uint32_t chunk_elements : {1u, 16u, 97u, 1u << 20}) {
                const ChunkLayout layout = ChunkLayout::of_parts(parts, 4, chunk_elements);
                const uint64_t elements = std::accumulate(parts.begin(), parts.end(), uint64_t{0});
                ASSERT_EQ(layout.elements, elements);
                std::vector<uint64_t> covered(members, 0);
                uint64_t next = 0;
                for (uint32_t c = 0; c < layout.chunks(); ++c) {
                    const ElementRange range = layout.range({c}), part = layout.part(layout.owner({c}));
                    ASSERT_EQ(range.begin, next);
                    ASSERT_TRUE(range.begin >= part.begin && range.end <= part.end) << "it reaches across";
                    ASSERT_TRUE(range.count() > 0 || elements == 0);
                    ASSERT_LE(range.count(), chunk_elements);
                    covered[layout.owner({c}).value] += range.count();
                    next = range.end;
                }
                ASSERT_EQ(next, elements);
                ASSERT_EQ(covered, parts);
                for (uint32_t r = 0; r < members; ++r) ASSERT_EQ(layout.part({r}).count(), parts[r]);
            }
        }
    }
}

TEST(ChooseChunkElements, LargeOpsGiveEveryMemberTheSameNumberOfChunks) {
    constexpr uint64_t kBytesMax = 256u << 10;
    for (const uint32_t members : {1u, 2u, 3u, 4u, 7u, 16u}) {
        for (const uint64_t elements : {uint64_t{1} << 18, uint64_t{1} << 20, uint64_t{10'000'019}}) {
            const ChunkLayout layout{elements, 4, choose_chunk_elements(elements, 4, members, kBytesMax)};
            uint64_t least = UINT64_MAX, most = 0;
            for (uint32_t r = 0; r < members; ++r) {
                uint64_t bytes = 0;
                const ChunkRange shard = shard_of({r}, layout.chunks(), members);
                for (uint32_t c = shard.begin; c < shard.end; ++c) bytes += layout.chunk_bytes({c});
                least = std::min(least, bytes);
                most = std::max(most, bytes);
            }
            EXPECT_LE(most - least, kBytesMax) << members << " members, " << elements << " elements";
            EXPECT_GT(least, 0u);
        }
    }
}

TEST(ChooseChunkElements, SmallOpsSpreadOverMembersButNotBelowTheMinimum) {
    EXPECT_EQ(choose_chunk_elements(0, 4, 8, 1 << 18), 1024u);
    EXPECT_EQ(choose_chunk_elements(100, 4, 8, 1 << 18), 1024u);       // one chunk of 4 KiB
    EXPECT_EQ(choose_chunk_elements(8 * 2048, 4, 8, 1 << 18), 2048u);  // one chunk per member
    EXPECT_EQ(choose_chunk_elements(1 << 20, 4, 4, 1 << 18), 1u << 16);
    EXPECT_EQ(choose_chunk_elements((1 << 20) + 4, 4, 4, 1 << 18),
              52429u);                                     // five equal ones, not four and a scrap
    EXPECT_EQ(choose_chunk_elements(100, 8, 2, 4), 1u);    // never below one element
    EXPECT_EQ(choose_chunk_elements(100, 4, 2, 64), 16u);  // a test's tiny chunks win over the minimum
}

TEST(ChooseChunkElements, HugeOpsStayWithinTheChunkLimit) {
    const uint64_t elements = 1ull << 40;
    const ChunkLayout layout{elements, 4, choose_chunk_elements(elements, 4, 3, 4096)};
    EXPECT_LE(layout.chunks(), limits::kChunksPerOpMax);
}

TEST(DirectRoot, ShardsPartitionTheChunksAndAgreeWithRoots) {
    for (const uint32_t members : member_counts()) {
        for (const uint32_t chunks : {1u, 2u, 3u, members, members + 1, 97u, 4096u}) {
            uint32_t next = 0;
            for (uint32_t r = 0; r < members; ++r) {
                const ChunkRange shard = shard_of({r}, chunks, members);
                ASSERT_EQ(shard.begin, next);
                ASSERT_GE(shard.count(), chunks / members);
                ASSERT_LE(shard.count(), chunks / members + 1);
                for (uint32_t c = shard.begin; c < shard.end; ++c) {
                    ASSERT_EQ(direct_root({c}, chunks, members), Rank{r});
                    ASSERT_TRUE(shard.contains({c}));
                }
                next = shard.end;
            }
            ASSERT_EQ(next, chunks);
        }
    }
}

TEST(DirectRoot, LargestCountsDoNotOverflow) {
    const uint32_t chunks = limits::kChunksPerOpMax, members = limits::kMembersMax;
    EXPECT_EQ(direct_root({chunks - 1}, chunks, members), Rank{members - 1});
    EXPECT_EQ(direct_root({0}, chunks, members), Rank{0});
    EXPECT_EQ(shard_of({members - 1}, chunks, members).end, chunks);
}

TEST(OrphanRoot, DependsOnTheLivingAloneWhateverTheOrderOfDeaths) {
    Prng random(7);
    for (int trial = 0; trial < 200; ++trial) {
        const uint32_t members = 2 + static_cast<uint32_t>(random.below(16));
        const OpId op{{random.next()}, random.next(), static_cast<uint32_t>(random.next())};
        std::vector<uint32_t> order(members);
        std::iota(order.begin(), order.end(), 0);
        for (uint32_t i = members - 1; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
        std::vector<bool> alive(members, true);
        std::vector<Rank> before(64);
        for (uint32_t c = 0; c < 64; ++c) before[c] = chunk_root(op, {c}, 64, alive);
        for (uint32_t death = 0; death + 1 < members; ++death) {
            alive[order[death]] = false;
            std::vector<Rank> living;
            for (uint32_t r = 0; r < members; ++r) {
                if (alive[r]) living.push_back({r});
            }
            for (uint32_t c = 0; c < 64; ++c) {
                const Rank root = chunk_root(op, {c}, 64, alive);
                ASSERT_TRUE(alive[root.value]);
                const Rank direct = direct_root({c}, 64, members);
                ASSERT_EQ(root, alive[direct.value] ? direct : orphan_root(op, {c}, living));
                if (alive[before[c].value]) {
                    ASSERT_EQ(root, before[c]) << "a chunk moved though its root lives";
                }
                before[c] = root;
            }
        }
    }
}

TEST(OrphanRoot, SpreadsTheShardOfTheDeadEvenly) {
    constexpr uint32_t kMembers = 8, kChunks = 8 * 4000;
    std::vector<bool> alive(kMembers, true);
    alive[3] = false;
    std::vector<uint32_t> inherited(kMembers, 0);
    const ChunkRange shard = shard_of({3}, kChunks, kMembers);
    for (uint32_t c = shard.begin; c < shard.end; ++c)
        ++inherited[chunk_root({{5}, 1, 0}, {c}, kChunks, alive).value];
    for (uint32_t r = 0; r < kMembers; ++r) {
        EXPECT_NEAR(inherited[r], r == 3 ? 0 : 4000.0 / 7, r == 3 ? 0 : 100) << "rank " << r;
    }
}

TEST(OrphanRoot, OpsAndInstancesSpreadDifferently) {
    const std::vector<Rank> living = {{0}, {2}, {3}, {5}};
    uint32_t same = 0;
    for (uint32_t c = 0; c < 1000; ++c) {
        same += orphan_root({{1}, 7, 0}, {c}, living) == orphan_root({{1}, 7, 1}, {c}, living);
    }
    EXPECT_NEAR(same, 250, 80);
}

// Computed independently (Python) from the definition in direct.cpp.
TEST(OrphanRoot, GoldenValues) {
    const std::vector<Rank> living = {{0}, {1}, {2}, {4}, {9}};
    std::vector<uint32_t> roots;
    for (uint32_t c = 0; c < 12; ++c) roots.push_back(orphan_root({{12}, 7, 2}, {c}, living).value);
    EXPECT_EQ(roots, (std::vector<uint32_t>{9, 9, 1, 9, 4, 1, 9, 1, 1, 1, 1, 4}));
}

TEST(OrphanRoot, TheLastOneAliveRootsEverything) {
    const std::vector<bool> alive = {false, false, true};
    for (uint32_t c = 0; c < 30; ++c) EXPECT_EQ(chunk_root({{1}, 1, 0}, {c}, 30, alive), Rank{2});
}

}  // namespace
}  // namespace whim
