// Cutting a buffer into chunks and giving each chunk a root.
#include "collectives/plan/direct.h"

#include <algorithm>

#include "base/assert.h"
#include "base/limits.h"
#include "base/prng.h"

namespace whim {
namespace {

uint64_t divide_up(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }

// Finds the rank of the highest random weight among those offered, which come in ascending order.
class Election {
public:
    Election(const OpId& op, ChunkIndex chunk)
        : key_(mix64(mix64(mix64(op.round.value) ^ op.tag) ^
                     (static_cast<uint64_t>(op.instance) << 32 | chunk.value))) {}

    void offer(Rank rank) {
        const uint64_t weight = mix64(key_ ^ mix64(rank.value));
        if (any_ && weight <= best_) return;  // ties stay with the lower rank
        any_ = true;
        winner_ = rank;
        best_ = weight;
    }

    Rank winner() const {
        WHIM_ASSERT(any_);
        return winner_;
    }

private:
    uint64_t key_;
    uint64_t best_ = 0;
    Rank winner_;
    bool any_ = false;
};

}  // namespace

constexpr uint64_t kPiecesOfSmallOps = 4;

uint32_t choose_chunk_elements(uint64_t elements, uint32_t element_bytes, uint32_t members,
                               uint64_t chunk_bytes_max) {
    WHIM_ASSERT(element_bytes > 0 && members > 0);
    const uint64_t elements_max = std::clamp<uint64_t>(chunk_bytes_max / element_bytes, 1, UINT32_MAX);
    const uint64_t elements_min =
        std::clamp<uint64_t>(limits::kChunkBytesMin / element_bytes, 1, elements_max);
    const uint64_t per_member = std::max<uint64_t>(divide_up(elements, members), 1);
    // A few of each member, so that the first results leave while the last contributions arrive.
    const uint64_t pieces =
        std::min(kPiecesOfSmallOps, per_member * element_bytes / limits::kChunkBytesPipelined);
    const uint64_t chunks_per_member = std::max(divide_up(per_member, elements_max), pieces);
    const uint64_t even = std::max(divide_up(per_member, chunks_per_member), elements_min);
    const uint64_t fits_limit = divide_up(elements, limits::kChunksPerOpMax);
    return static_cast<uint32_t>(std::min<uint64_t>(std::max(even, fits_limit), UINT32_MAX));
}

ChunkRange shard_of(Rank rank, uint32_t chunk_count, uint32_t member_count) {
    WHIM_ASSERT(rank.value < member_count);
    const uint64_t chunks = chunk_count;
    return {static_cast<uint32_t>(chunks * rank.value / member_count),
            static_cast<uint32_t>(chunks * (rank.value + 1ull) / member_count)};
}

Rank direct_root(ChunkIndex chunk, uint32_t chunk_count, uint32_t member_count) {
    WHIM_ASSERT(chunk.value < chunk_count && member_count > 0);
    // The smallest r with chunk < floor(C*(r+1)/n), that is (chunk+1)*n <= C*(r+1).
    const uint64_t rank = ((chunk.value + 1ull) * member_count - 1) / chunk_count;
    return {static_cast<uint32_t>(rank)};
}

Rank orphan_root(const OpId& op, ChunkIndex chunk, std::span<const Rank> living) {
    Election election(op, chunk);
    for (const Rank rank : living) election.offer(rank);
    return election.winner();
}

namespace {

Rank unless_gone(Rank root, const OpId& op, ChunkIndex chunk, const std::vector<bool>& alive) {
    if (alive[root.value]) return root;
    Election election(op, chunk);
    for (uint32_t rank = 0; rank < alive.size(); ++rank) {
        if (alive[rank]) election.offer({rank});
    }
    return election.winner();
}

}  // namespace

Rank chunk_root(const OpId& op, ChunkIndex chunk, uint32_t chunk_count, const std::vector<bool>& alive) {
    return unless_gone(direct_root(chunk, chunk_count, static_cast<uint32_t>(alive.size())), op, chunk,
                       alive);
}

Rank chunk_root(const OpId& op, ChunkIndex chunk, const ChunkLayout& layout, const std::vector<bool>& alive) {
    if (layout.parts.empty()) return chunk_root(op, chunk, layout.chunks(), alive);
    return unless_gone(layout.owner(chunk), op, chunk, alive);
}

}  // namespace whim
