// An op as the planner sees it: how many bytes, and what its reducer and codec allow.
#pragma once

#include <cstdint>

namespace whim::plan {

struct Work {
    uint64_t bytes = 0;       // of the buffer
    uint64_t wire_bytes = 0;  // of the whole buffer once encoded; 0: as many as the buffer has
    uint32_t wire_bits = 32;  // of an element on the wire, most of them
    bool associative = true;  // partial results may be folded further
    bool needs_all = false;   // the reducer sees all contributions side by side
    uint32_t fold_ps = 100;   // CPU time for each byte of the buffer that is folded in, in 10^-12 s
    uint32_t encode_ps = 0;   // the same of encoding
    uint32_t decode_ps = 0;   // and of decoding, beyond folding

    uint64_t on_wire() const { return wire_bytes == 0 ? bytes : wire_bytes; }
};

inline constexpr uint32_t kWireBitsReencoded =
    5;  // fewer lose too much when a partial result is encoded again

// Whether a node between the root and a leaf may fold and pass on what it folded.
inline bool may_fold_between(const Work& work) {
    return work.associative && !work.needs_all && work.wire_bits >= kWireBitsReencoded;
}

}  // namespace whim::plan
