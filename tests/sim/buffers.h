// The application's buffers, with guard zones around them and eyes on them after their op has ended.
//
// An application reuses its buffer the moment its op completes: scrap() overwrites it with garbage, and
// intact() later says whether anybody else has written into it or its guard zones since.
#pragma once

#include <vector>

#include "base/bytes.h"

namespace whim::sim {

class GuardedBuffer {
public:
    explicit GuardedBuffer(ByteSpan content);
    MutableByteSpan bytes() { return MutableByteSpan(memory_).subspan(kGuardBytes, size_); }
    ByteSpan bytes() const { return ByteSpan(memory_).subspan(kGuardBytes, size_); }
    bool guards_intact() const;
    void scrap(uint64_t seed);
    bool intact() const;  // after scrap()

private:
    static constexpr size_t kGuardBytes = 48;
    size_t size_;
    uint64_t seed_ = 0;
    Bytes memory_;
};

// Tensors lie backwards in a buffer, the last one first, so that what follows in the op does not in memory.
// What an op sees as one run of bytes; and from there the run again. counts: elements of each, of so many
// bytes.
Bytes backwards(ByteSpan run, const std::vector<uint64_t>& counts, size_t width);
Bytes forwards(ByteSpan memory, const std::vector<uint64_t>& counts, size_t width);
// The tensors of that memory in the order of the op. No counts: none.
std::vector<MutableByteSpan> tensors_in(MutableByteSpan memory, const std::vector<uint64_t>& counts,
                                        size_t width);

}  // namespace whim::sim
