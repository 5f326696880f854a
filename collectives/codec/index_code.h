// Ascending indexes below a bound as bits, the first in the lowest bits of the first byte, padded with zeros
// to bytes.
//
//   packed   each index in as many bits as bound - 1 has; 12 for chunks of 4096.
//   rice     each gap to the index before, less one: gap >> r zeros, a one, then the r low bits of the gap.
//            r = max(0, round(log2(0.69 * bound / count))): within 2 % of what is possible for random
//            indexes.
//
// The number of indexes and the bound are known to both sides: 1 <= count <= bound <= limits::kTopKChunkMax.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"

namespace whim::codec {

enum class IndexCode : uint8_t { packed, rice };

int rice_parameter(size_t bound, size_t count);

// The largest number of bytes that count indexes below bound take; exact for packed.
size_t index_bytes_max(IndexCode code, size_t bound, size_t count);

// Returns the bytes written. indexes: ascending, below bound, at least one.
size_t write_indexes(IndexCode code, size_t bound, std::span<const uint32_t> indexes, std::byte* out);

// Fills indexes from the beginning of bytes and returns the bytes read; nullopt unless write_indexes makes
// them so.
std::optional<size_t> read_indexes(IndexCode code, size_t bound, ByteSpan bytes, std::span<uint32_t> indexes);

}  // namespace whim::codec
