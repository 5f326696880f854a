// Each part wastes one chunk at most.
#include "collectives/plan/fit_chunks.h"

#include <algorithm>

#include "base/assert.h"
#include "base/limits.h"

namespace whim {

uint64_t chunks_at_most(uint64_t elements, uint32_t chunk_elements, uint64_t parts) {
    WHIM_ASSERT(chunk_elements > 0);
    const uint64_t whole = elements / chunk_elements;
    if (parts > 0) return whole + parts;
    return std::max<uint64_t>(1, whole + (elements % chunk_elements != 0));
}

uint32_t fit_chunk_elements(uint64_t elements, uint32_t chunk_elements, uint64_t parts) {
    WHIM_ASSERT(parts < limits::kChunksPerOpMax);
    if (chunks_at_most(elements, chunk_elements, parts) <= limits::kChunksPerOpMax) return chunk_elements;
    const uint64_t fits = elements / (limits::kChunksPerOpMax - parts) + 1;
    return static_cast<uint32_t>(std::min<uint64_t>(fits, UINT32_MAX));
}

}  // namespace whim
