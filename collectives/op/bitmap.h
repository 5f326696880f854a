// Contributor sets as they travel (bit i of byte i/8: birth rank i) and descriptors in words.
#pragma once

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

}  // namespace whim::op
