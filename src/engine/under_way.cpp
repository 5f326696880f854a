// How much of an op may be under way: what each contributor may be ahead of this peer's grants, and what may
// leave before the others are known to have called the op.
#include <algorithm>

#include "engine/impl.h"

namespace whim {

// A long path has to hold more to be full; what all senders together fill is this peer's line.
uint64_t Engine::Impl::window_for(const OpRecord& record) const {
    if (config_.window_bytes > 0) return config_.window_bytes;
    const bool far = std::any_of(record.birth.begin(), record.birth.end(), [&](const MemberId& member) {
        const std::optional<LinkStats> stats = endpoint_.stats(member);
        return stats && stats->rtt_min >= limits::kShortPathRtt;
    });
    const uint64_t others = std::max<size_t>(record.birth.size(), 2) - 1;
    const uint64_t share = std::min(limits::kWindowBytesFarTotal / others, limits::kWindowBytesFar);
    return far ? std::max<uint64_t>(share, config_.chunk_bytes) : limits::kWindowBytesNear;
}

// What may leave before the others are known to have called the op: enough to fill the half round trip until
// they are, but of one op at a time, so that nobody has to hold more of what it has not asked for.
uint64_t Engine::Impl::eager_for(const OpRecord& record) {
    if (eager_holder_ && !eager_holder_free()) return config_.eager_bytes;
    eager_holder_ = EagerHolder{record.number, record.id.round};
    const uint64_t others = std::max<size_t>(record.birth.size(), 2) - 1;
    const uint64_t share = std::min(limits::kEagerBytesLargeTotal / others, config_.eager_large_bytes);
    return std::max(share, config_.eager_bytes);
}

// An op that ended before all had called it leaves what was sent to the others, who may call it yet: until it
// is of a forgotten round.
bool Engine::Impl::eager_holder_free() const {
    constexpr uint64_t kRoundsRemembered = 8;
    const auto holder = records_.find(eager_holder_->record);
    if (holder != records_.end() && holder->second->op && holder->second->op->all_posted()) return true;
    if (holder == records_.end() && eager_holder_->all_posted) return true;
    return round_.value > eager_holder_->round.value + kRoundsRemembered;
}

}  // namespace whim
