// Sending contributions: in turn to every root, no further than its window, orphaned chunks after the report.
#include <algorithm>

#include "collectives/op/op.h"

namespace whim::op {

void Op::pump(Instant) {
    if (routed()) return pump_routed();
    if (frozen_ || ended_ || ending_ || mode_ != Mode::member || abstains_[self()]) return;
    if (gathers() || (copies() && config_.descriptor.source != self())) return;
    for (bool progress = true; progress;) {
        progress = false;
        for (uint32_t k = 1; k < birth_count_; ++k) {
            const uint32_t root = (self() + k) % birth_count_;
            if (alive(root) && contribute_next(root)) progress = true;
        }
    }
    for (uint32_t root = 0; root < birth_count_; ++root) {
        if (root != self() && alive(root) && posted_[root]) contribute_orphans(root);
    }
}

// One chunk of the root's own, if its window allows. Chunks are offered in ascending order by everyone, so
// the lowest one that is still incomplete at the root is inside every sender's window: the window cannot
// deadlock.
bool Op::contribute_next(uint32_t root) {
    const std::vector<uint32_t>& list = base_list_[root];
    uint32_t& next = next_[root];
    while (next < list.size()) {
        const bool needed =
            chunks_[list[next]].state == ChunkState::open && chunks_[list[next]].contributed_to != root;
        if (needed) break;
        ++next;
        ++sent_count_[root];
    }
    if (next >= list.size()) return false;
    const uint64_t early = uint64_t{sent_early_[root]} + sent_count_[root] + 1;
    const bool allowed = posted_[root] ? sent_count_[root] < uint64_t{closed_by_[root]} + window_of_[root]
                                       : early * contribution_bytes_max() <= config_.eager_bytes;
    if (!allowed && config_.plant != Plant::ignore_grants) return false;
    contribute(list[next], root);
    ++next;
    ++sent_count_[root];
    return true;
}

uint32_t Op::window_chunks() const {
    return static_cast<uint32_t>(
        std::clamp<uint64_t>(config_.window_bytes / contribution_bytes_max(), 1, UINT32_MAX));
}

// Chunks that moved to this root when theirs went. Not under the window: they are a dead peer's share, once.
void Op::contribute_orphans(uint32_t root) {
    if (version_ == 0) return;
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        const Chunk& chunk = chunks_[c];
        if (chunk.root != root || chunk.base_root == root || chunk.state != ChunkState::open) continue;
        if (chunk.spared && config_.plant == Plant::spared_for_good) continue;
        if (chunk.contributed_to != root) contribute(c, root);
    }
}

void Op::contribute(uint32_t c, uint32_t root) {
    chunks_[c].contributed_to = root;
    chunks_[c].spared = false;
    if (coded() && !encoded_.contains(c)) return encode(c);
    send_contribution(c, root);
}

void Op::send_contribution(uint32_t c, uint32_t root) {
    const uint64_t bytes = coded() ? encoded_.at(c)->bytes().size() : chunk_bytes(c);
    wire::BulkHeader header;
    header.kind = static_cast<uint8_t>(wire::BulkKind::contribution);
    header.op = config_.id;
    header.attempt = attempt_;
    header.version = version_;
    header.chunk = c;
    header.weight = config_.weight;
    card_.bytes_sent += bytes;
    host_.send_chunk({root}, header, static_cast<uint32_t>(bytes));
}

}  // namespace whim::op
