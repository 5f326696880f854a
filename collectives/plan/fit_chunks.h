// Keeping the number of an op's chunks within limits::kChunksPerOpMax. Pure, part of the protocol.
#pragma once

#include <cstdint>

namespace whim {

// How many chunks a buffer has at most whose `parts` begin chunks of their own; 0: it is one piece.
uint64_t chunks_at_most(uint64_t elements, uint32_t chunk_elements, uint64_t parts);

// chunk_elements, or as many as make chunks few enough; UINT32_MAX where none do. parts: below the limit.
uint32_t fit_chunk_elements(uint64_t elements, uint32_t chunk_elements, uint64_t parts);

}  // namespace whim
