// Contributor sets as they travel (bit i of byte i/8: birth rank i) and descriptors in words.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "wire/messages.h"

namespace whim::op {

std::vector<uint8_t> to_bitmap(const std::vector<bool>& set);
std::vector<bool> from_bitmap(const std::vector<uint8_t>& bitmap, uint32_t count);  // missing bits are clear
std::string describe(const wire::OpDescriptor& descriptor);                         // "avg of 1024 f32"

// Sorted, distinct chunk numbers as ranges. Of any chunks of an op they fit one message.
static_assert((limits::kChunksPerOpMax + 1) / 2 <= limits::kStatusRangesMax);
std::vector<wire::ChunkRange> to_ranges(const std::vector<uint32_t>& chunks);

// Calls visit(chunk) for what ranges hold below `chunks`. They ascend, as all that to_ranges makes do: what
// was passed is not visited again, so that no message costs more than a visit to each chunk.
template <class Visit>
void each_chunk(const std::vector<wire::ChunkRange>& ranges, size_t chunks, Visit&& visit) {
    uint64_t next = 0;
    for (const wire::ChunkRange& range : ranges) {
        const uint64_t end = std::min<uint64_t>(uint64_t{range.first} + range.count, chunks);
        for (next = std::max<uint64_t>(next, range.first); next < end; ++next)
            visit(static_cast<uint32_t>(next));
    }
}

}  // namespace whim::op
