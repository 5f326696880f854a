// Numbering sets, joining chunks to runs.
#include "collectives/op/mix_record.h"

#include "base/assert.h"

namespace whim::op {

void MixRecord::note(uint32_t step, uint32_t chunk, const std::vector<uint32_t>& ranks) {
    const auto [known, fresh] = number_.try_emplace(ranks, static_cast<uint32_t>(sets_.size()));
    if (fresh) sets_.push_back(ranks);
    WHIM_ASSERT(steps_[step][chunk] == kNone);
    steps_[step][chunk] = known->second;
}

std::vector<MixRun> MixRecord::runs() const {
    std::vector<MixRun> all;
    for (uint32_t step = 0; step < steps_.size(); ++step) {
        const std::vector<uint32_t>& sets = steps_[step];
        for (uint32_t c = 0; c < sets.size(); ++c) {
            if (sets[c] == kNone) continue;
            const bool joins = !all.empty() && all.back().step == step && all.back().set == sets[c] &&
                               all.back().first + all.back().count == c;
            if (joins) ++all.back().count;
            else all.push_back({step, c, 1, sets[c]});
        }
    }
    return all;
}

}  // namespace whim::op
