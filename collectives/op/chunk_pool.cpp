// A shelf of idle buffers, searched from the most recently used.
#include "collectives/op/chunk_pool.h"

namespace whim::op {

ChunkPool::ChunkPool(size_t idle_bytes_max) : shelf_(std::make_shared<Shelf>()) {
    shelf_->idle_bytes_max = idle_bytes_max;
}

BufferRef ChunkPool::take(size_t bytes) {
    std::unique_ptr<ChunkBuffer> found;
    std::vector<std::unique_ptr<ChunkBuffer>>& idle = shelf_->idle;
    for (size_t i = idle.size(); i-- > 0;) {
        const size_t capacity = idle[i]->capacity_;
        if (capacity < bytes || capacity / 2 > bytes + 4096) continue;  // too small, or a waste
        found = std::move(idle[i]);
        idle.erase(idle.begin() + static_cast<std::ptrdiff_t>(i));
        shelf_->idle_bytes -= capacity;
        break;
    }
    if (!found) found = std::make_unique<ChunkBuffer>(bytes);
    found->size_ = bytes;
    std::weak_ptr<Shelf> shelf = shelf_;
    return BufferRef(found.release(), [shelf](ChunkBuffer* buffer) {
        std::unique_ptr<ChunkBuffer> owned(buffer);
        const std::shared_ptr<Shelf> home = shelf.lock();
        if (!home || home->idle_bytes + owned->capacity_ > home->idle_bytes_max) return;
        home->idle_bytes += owned->capacity_;
        home->idle.push_back(std::move(owned));
    });
}

}  // namespace whim::op
