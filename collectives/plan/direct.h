// The direct plan: which rank is the root of each chunk. Star trees only: every rank owns a shard, hears all
// contributions to it and sends the result to all.
//
// Pure functions of their arguments, part of the protocol: two peers that disagree about a root would wait
// for each other for ever, so any change here is a new protocol version.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "collectives/plan/layout.h"

namespace whim {

// Chunks [begin, end) of an op.
struct ChunkRange {
    uint32_t begin = 0;
    uint32_t end = 0;
    uint32_t count() const { return end - begin; }
    bool contains(ChunkIndex chunk) const { return chunk.value >= begin && chunk.value < end; }
    bool operator==(const ChunkRange&) const = default;
};

// Elements per chunk: every member gets an equal number of nearly equal chunks of at most chunk_bytes_max
// bytes; a small op is not cut below limits::kChunkBytesMin (nor below one element), so it may leave members
// without a chunk. A buffer that would need more than limits::kChunksPerOpMax chunks gets larger ones.
uint32_t choose_chunk_elements(uint64_t elements, uint32_t element_bytes, uint32_t members,
                               uint64_t chunk_bytes_max);

// Rank r of n roots the chunks [floor(C*r/n), floor(C*(r+1)/n)): contiguous, equal within one chunk.
ChunkRange shard_of(Rank rank, uint32_t chunk_count, uint32_t member_count);

// The rank whose shard holds the chunk. chunk < chunk_count.
Rank direct_root(ChunkIndex chunk, uint32_t chunk_count, uint32_t member_count);

// The new root of a chunk whose direct root is gone: the living birth rank of the highest random weight, a
// hash of (op, chunk, rank). It depends on the set of the living alone, never on the order in which others
// died; a further death moves only the chunks of the one that died. living: ascending, not empty.
Rank orphan_root(const OpId& op, ChunkIndex chunk, std::span<const Rank> living);

// direct_root while it lives, else orphan_root among the living. alive: one flag per birth rank, one at least
// set.
Rank chunk_root(const OpId& op, ChunkIndex chunk, uint32_t chunk_count, const std::vector<bool>& alive);

// The same, where the layout has parts with the owner of the chunk's part instead of direct_root.
Rank chunk_root(const OpId& op, ChunkIndex chunk, const ChunkLayout& layout, const std::vector<bool>& alive);

}  // namespace whim
