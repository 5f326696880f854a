// What was sent on a strand and is not known to have arrived, so that it can be sent again. Frames are
// counted per strand index over a whole link session; a reconnection rewinds the count to what the other
// side received whole.
#pragma once

#include <deque>
#include <optional>

#include "base/bytes.h"
#include "transport/session/bulk_queue.h"
#include "transport/session/endpoint.h"

namespace whim {

// Messages of the control strand, from send_message to acknowledgement.
class MessageWindow {
public:
    void push(Bytes message) {
        bytes_ += message.size();
        messages_.push_back(std::move(message));
    }
    bool has_unsent() const { return taken_ < messages_.size(); }
    const Bytes& take() { return messages_[taken_++]; }
    size_t bytes() const { return bytes_; }
    uint64_t acknowledged() const { return acknowledged_; }

    // Whether the other side can have received that many.
    bool possible(uint64_t count) const { return count >= acknowledged_ && count <= acknowledged_ + taken_; }

    bool acknowledge(uint64_t count) {
        if (!possible(count)) return false;
        for (; acknowledged_ < count; ++acknowledged_, --taken_) {
            bytes_ -= messages_.front().size();
            messages_.pop_front();
        }
        return true;
    }
    // The strand is lost and the other side holds `received`: the rest is unsent again.
    bool rewind(uint64_t received) {
        if (!acknowledge(received)) return false;
        taken_ = 0;
        return true;
    }
    void clear() { *this = MessageWindow(); }

private:
    std::deque<Bytes> messages_;
    size_t taken_ = 0;           // of messages_, written or about to be
    uint64_t acknowledged_ = 0;  // dropped from the front, in this session
    size_t bytes_ = 0;
};

// Bulk frames of one bulk strand, from being taken off the link's queue to acknowledgement.
class BulkWindow {
public:
    // The reference is good until acknowledged or rewound. Its number is the count including it.
    const BulkFrame& push(BulkFrame frame) { return frames_.emplace_back(std::move(frame)); }
    uint64_t taken() const { return acknowledged_ + frames_.size(); }
    uint64_t acknowledged() const { return acknowledged_; }

    bool possible(uint64_t count) const { return count >= acknowledged_ && count <= taken(); }

    bool acknowledge(uint64_t count) {
        if (!possible(count)) return false;
        for (; acknowledged_ < count; ++acknowledged_) frames_.pop_front();
        return true;
    }
    // Puts what was not received before the queue; nullopt when `received` is impossible. How many otherwise.
    std::optional<size_t> rewind(uint64_t received, BulkQueue& queue) {
        if (!acknowledge(received)) return std::nullopt;
        const size_t count = frames_.size();
        for (; !frames_.empty(); frames_.pop_back()) queue.push_front(std::move(frames_.back()));
        return count;
    }
    void clear() { *this = BulkWindow(); }

private:
    std::deque<BulkFrame> frames_;
    uint64_t acknowledged_ = 0;
};

}  // namespace whim
