// What is different where each member owns a part. all_gather: a part is its owner's input, and what is lost
// with an owner, because nobody has it, is zeros without contributors. reduce_scatter: a part is made by its
// owner for itself; that it is done is all the others hear, and what an owner that is gone would have made is
// made by nobody.
#include <algorithm>

#include "collectives/op/bitmap.h"
#include "collectives/op/op.h"

namespace whim::op {

// reduce_scatter: this chunk's owner has it, or is gone; no input is needed for it any more.
void Op::finish_elsewhere(uint32_t c) {
    Chunk& chunk = chunks_[c];
    if (chunk.state != ChunkState::open) return;
    chunk.state = ChunkState::released;
    encoded_.erase(c);
    --open_count_;
    --open_by_root_[chunk.root];
    --unreleased_count_;
    if (mode_ == Mode::member) note_progress({chunk.root}, true);
}

void Op::finish_elsewhere_all() {
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        if (chunks_[c].root != self()) finish_elsewhere(c);
    }
}

// reduce_scatter: one of this peer's own chunks is made.
void Op::finish_here(uint32_t c) {
    close_chunk(c);
    pending_stable_.push_back(c);
    release(c);
    flush_stable();
}

void Op::clear(uint32_t c) {
    if (config_.plant == Plant::lost_part_as_it_was) return;
    for (const MutableByteSpan out : target_.pieces(place_out(c), chunk_bytes(c)))
        std::fill(out.begin(), out.end(), std::byte{0});
}

// all_gather: the owner contributes nothing, or is gone and nobody has what it gave.
void Op::settle_lost(uint32_t c) {
    Rooted& root = rooted(c);
    clear(c);
    adopt(c, config_.self, to_bitmap(std::vector<bool>(birth_count_, false)), std::nullopt);
    root.acked[self()] = true;
    publish(c);
    close_chunk(c);
    check_stable(c);
}

bool Op::lost(uint32_t c) const {
    if (!gathers() || chunks_[c].set == UINT32_MAX) return false;
    const std::vector<bool>& set = sets_[chunks_[c].set];
    return std::find(set.begin(), set.end(), true) == set.end();
}

bool Op::is_lost(const wire::BulkHeader& result) const {
    const std::vector<uint8_t>& set = result.contributors;
    return gathers() && std::all_of(set.begin(), set.end(), [](uint8_t bits) { return bits == 0; });
}

}  // namespace whim::op
