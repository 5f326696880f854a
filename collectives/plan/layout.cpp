// Cutting a buffer, or each of its parts, into chunks.
#include "collectives/plan/layout.h"

#include <algorithm>

#include "base/assert.h"
#include "base/prng.h"

namespace whim {
namespace {

uint64_t divide_up(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }

}  // namespace

ChunkLayout ChunkLayout::of_parts(std::span<const uint64_t> counts, uint32_t element_bytes,
                                  uint32_t chunk_elements) {
    WHIM_ASSERT(!counts.empty() && chunk_elements > 0);
    ChunkLayout layout{.elements = 0, .element_bytes = element_bytes, .chunk_elements = chunk_elements};
    uint64_t chunks = 0;
    for (const uint64_t count : counts) {
        layout.parts.push_back({layout.elements, static_cast<uint32_t>(chunks)});
        layout.elements += count;
        chunks += divide_up(count, chunk_elements);
        WHIM_ASSERT(chunks <= UINT32_MAX);
    }
    layout.parts.push_back({layout.elements, static_cast<uint32_t>(chunks)});
    return layout;
}

uint32_t ChunkLayout::chunks() const {
    WHIM_ASSERT(chunk_elements > 0);
    if (elements == 0) return 1;
    if (!parts.empty()) return parts.back().chunk;
    const uint64_t count = divide_up(elements, chunk_elements);
    WHIM_ASSERT(count <= UINT32_MAX);
    return static_cast<uint32_t>(count);
}

ElementRange ChunkLayout::range(ChunkIndex chunk) const {
    WHIM_ASSERT(chunk.value < chunks());
    const PartStart start = parts.empty() ? PartStart{} : parts[owner(chunk).value];
    const uint64_t end = parts.empty() ? elements : part(owner(chunk)).end;
    const uint64_t begin = start.element + uint64_t{chunk.value - start.chunk} * chunk_elements;
    return {begin, begin + std::min<uint64_t>(end - begin, chunk_elements)};
}

// Empty parts have no chunks: the last of those that begin at or before it is not one of them.
Rank ChunkLayout::owner(ChunkIndex chunk) const {
    WHIM_ASSERT(!parts.empty() && chunk.value < chunks());
    if (elements == 0) return {0};
    const auto after = std::upper_bound(parts.begin(), parts.end(), chunk.value,
                                        [](uint32_t c, const PartStart& start) { return c < start.chunk; });
    return {static_cast<uint32_t>(after - parts.begin() - 1)};
}

ElementRange ChunkLayout::part(Rank rank) const {
    WHIM_ASSERT(rank.value + 1 < parts.size());
    return {parts[rank.value].element, parts[rank.value + 1].element};
}

uint64_t digest_of_lengths(std::span<const uint64_t> counts) {
    uint64_t digest = mix64(counts.size());
    for (const uint64_t count : counts) digest = mix64(digest ^ mix64(count));
    return digest;
}

}  // namespace whim
