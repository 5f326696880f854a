// Which op is which: how far its paths are, whether it is the one that may send more ahead, and what its
// bytes cost.
#include "engine/under_way.h"

#include <algorithm>

#include "engine/impl.h"

namespace whim {

uint64_t window_bytes(const EngineConfig& config, size_t members, bool far) {
    if (config.window_bytes > 0) return config.window_bytes;
    if (!far) return limits::kWindowBytesNear;
    const uint64_t others = std::max<size_t>(members, 2) - 1;
    const uint64_t share = std::min(limits::kWindowBytesFarTotal / others, limits::kWindowBytesFar);
    return std::max<uint64_t>(share, config.chunk_bytes);
}

uint64_t eager_large_bytes(const EngineConfig& config, size_t members) {
    const uint64_t others = std::max<size_t>(members, 2) - 1;
    const uint64_t share = std::min(limits::kEagerBytesLargeTotal / others, config.eager_large_bytes);
    return std::max(share, config.eager_bytes);
}

uint64_t Engine::Impl::window_for(const OpRecord& record) const {
    const bool far = std::any_of(record.birth.begin(), record.birth.end(), [&](const MemberId& member) {
        const std::optional<LinkStats> stats = endpoint_.stats(member);
        return stats && stats->rtt_min >= limits::kShortPathRtt;
    });
    return window_bytes(config_, record.birth.size(), far);
}

// Of one op at a time, so that nobody has to hold more of what it has not asked for.
uint64_t Engine::Impl::eager_for(const OpRecord& record) {
    // Whoever has not called the op takes no larger frame (links.cpp), and would not be sent it again.
    const wire::OpDescriptor& d = record.descriptor;
    const uint64_t elements = std::min<uint64_t>(d.elements, d.chunk_elements);
    const uint64_t payload =
        record.coding ? record.coding->contribution_bytes_max(elements) : elements * dtype_bytes(d.dtype);
    if (payload > config_.eager_bytes + config_.chunk_bytes) return 0;
    if (eager_holder_ && !eager_holder_free()) return config_.eager_bytes;
    eager_holder_ = EagerHolder{record.number, record.id.round};
    return eager_large_bytes(config_, record.birth.size());
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

uint64_t Engine::Impl::rate_to(const MemberId& member) const {
    return config_.pace_claimed > 0 ? config_.pace_claimed : endpoint_.rate(member);
}

// All that this peer sends goes over one line, which carries what its links do together. What goes over a
// link of which nothing is known, or over a short one, costs nothing.
double Engine::Impl::op_byte_ns(const OpRecord& record, const std::vector<Rank>& to) {
    uint64_t line = 0;
    for (const MemberId& member : record.birth) line += member == self() ? 0 : rate_to(member);
    if (all_links_rate_ > 0) line = std::min(line, all_links_rate_);
    const auto copies =
        std::count_if(to.begin(), to.end(), [&](Rank rank) { return rate_to(record.birth[rank.value]) > 0; });
    return line == 0 ? 0 : static_cast<double>(copies) * 1e9 / static_cast<double>(line);
}

}  // namespace whim
