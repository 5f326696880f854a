// Buffers for chunks in flight: taken, filled, handed on by reference, and reused when the last user lets go,
// so that memory is touched for the first time only once. Single-threaded; buffers may outlive the pool.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace whim::op {

class ChunkBuffer {
public:
    explicit ChunkBuffer(size_t capacity) : memory_(new std::byte[capacity]), capacity_(capacity) {}
    MutableByteSpan bytes() { return {memory_.get(), size_}; }
    ByteSpan bytes() const { return {memory_.get(), size_}; }
    void shrink(size_t bytes) {
        size_ = std::min(size_, bytes);
    }  // what was made is shorter than it might be

private:
    friend class ChunkPool;
    std::unique_ptr<std::byte[]> memory_;
    size_t capacity_;
    size_t size_ = 0;
};

using BufferRef = std::shared_ptr<ChunkBuffer>;

class ChunkPool {
public:
    // idle_bytes_max: how much unused memory it keeps for reuse.
    explicit ChunkPool(size_t idle_bytes_max);
    BufferRef take(size_t bytes);
    size_t idle_bytes() const { return shelf_->idle_bytes; }

private:
    struct Shelf {
        std::vector<std::unique_ptr<ChunkBuffer>> idle;
        size_t idle_bytes = 0;
        size_t idle_bytes_max = 0;
    };
    std::shared_ptr<Shelf> shelf_;
};

}  // namespace whim::op
