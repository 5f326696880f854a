// How the buffer of an op is cut into chunks. Pure functions, part of the protocol.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"

namespace whim {

// Elements [begin, end) of a buffer.
struct ElementRange {
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t count() const { return end - begin; }
    bool operator==(const ElementRange&) const = default;
};

// Where a part begins: its first element, and its first chunk.
struct PartStart {
    uint64_t element = 0;
    uint32_t chunk = 0;
    bool operator==(const PartStart&) const = default;
};

// chunk_elements in every chunk but the last of the buffer, or of each part, which holds the rest.
struct ChunkLayout {
    uint64_t elements = 0;
    uint32_t element_bytes = 1;
    uint32_t chunk_elements = 1;  // at least 1
    // Of a buffer in which each birth rank owns a part, in rank order: no chunk reaches across. One more than
    // there are ranks, the last where the buffer ends. Empty: the buffer is one piece.
    std::vector<PartStart> parts = {};

    // Parts of these many elements. Asserted: at least one.
    static ChunkLayout of_parts(std::span<const uint64_t> counts, uint32_t element_bytes,
                                uint32_t chunk_elements);

    uint32_t chunks() const;                     // a buffer of 0 elements is one empty chunk
    ElementRange range(ChunkIndex chunk) const;  // chunk < chunks()
    uint64_t byte_offset(ChunkIndex chunk) const { return range(chunk).begin * element_bytes; }
    uint64_t chunk_bytes(ChunkIndex chunk) const { return range(chunk).count() * element_bytes; }
    bool operator==(const ChunkLayout&) const = default;

    // With parts only.
    Rank owner(ChunkIndex chunk) const;  // of the part that holds it; rank 0 has the chunk of an empty buffer
    ElementRange part(Rank rank) const;
};

// Of the lengths of tensors that lie behind each other in one buffer: equal for equal lists, part of the
// protocol.
uint64_t digest_of_lengths(std::span<const uint64_t> counts);

}  // namespace whim
