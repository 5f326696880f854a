// Whose data a gossip op mixed at which step, of which chunks: what its info says, and what a reference run
// needs to come to the same values.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace whim::op {

// In step `step` (from 0) the chunks first .. first + count - 1 were mixed with the neighbours of sets[set].
struct MixRun {
    uint32_t step = 0;
    uint32_t first = 0, count = 0;  // chunks
    uint32_t set = 0;
};

class MixRecord {
public:
    MixRecord(uint32_t steps, uint32_t chunks) : steps_(steps, std::vector<uint32_t>(chunks, kNone)) {}

    // ranks: ascending, without this peer's own. Each step of a chunk is noted once.
    void note(uint32_t step, uint32_t chunk, const std::vector<uint32_t>& ranks);

    const std::vector<std::vector<uint32_t>>& sets() const { return sets_; }
    std::vector<MixRun> runs() const;  // by step, then chunk; what was not done is in none

private:
    static constexpr uint32_t kNone = UINT32_MAX;
    std::vector<std::vector<uint32_t>> steps_;  // the number of a set, by step and chunk
    std::vector<std::vector<uint32_t>> sets_;
    std::map<std::vector<uint32_t>, uint32_t> number_;
};

}  // namespace whim::op
