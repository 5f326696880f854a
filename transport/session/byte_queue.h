// Bytes appended at the back and dropped from the front, always in one piece.
#pragma once

#include "base/assert.h"
#include "base/bytes.h"

namespace whim {

class ByteQueue {
public:
    void append(ByteSpan bytes) {
        // What was dropped is reclaimed when it is the larger part, so that each byte is moved at most once.
        if (dropped_ > bytes_.size() / 2) {
            bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(dropped_));
            dropped_ = 0;
        }
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
    ByteSpan front() const { return ByteSpan(bytes_).subspan(dropped_); }
    void drop(size_t count) {
        WHIM_ASSERT(count <= bytes_.size() - dropped_);
        dropped_ += count;
        if (dropped_ < bytes_.size()) return;
        bytes_.clear();
        dropped_ = 0;
    }

private:
    Bytes bytes_;
    size_t dropped_ = 0;
};

}  // namespace whim
