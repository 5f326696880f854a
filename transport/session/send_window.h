// What was sent on a strand and is not known to have arrived, so that it can be sent again. Frames are
// counted per strand index over a whole link session; a reconnection rewinds the count to what the other
// side received whole.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "transport/session/bulk_queue.h"
#include "transport/session/out_frame.h"

namespace whim {

// Messages of the control strand, from send_message to acknowledgement.
class MessageWindow {
public:
    void push(Bytes message) {
        bytes_ += message.size();
        messages_.push_back(std::move(message));
    }
    bool has_unsent() const { return taken_ < messages_.size(); }
    uint64_t next() const { return acknowledged_ + taken_ + 1; }  // the number of what take() gives
    const Bytes& take() {
        most_taken_ = std::max(most_taken_, next());
        return messages_[taken_++];
    }
    size_t bytes() const { return bytes_; }

    // Whether the other side can have received that many. It may say less than it did before: words that went
    // different ways overtake each other.
    bool possible(uint64_t count) const { return count <= most_taken_; }

    bool acknowledge(uint64_t count) {
        if (!possible(count)) return false;
        for (; acknowledged_ < count; ++acknowledged_) {
            if (taken_ > 0) --taken_;
            bytes_ -= messages_.front().size();
            messages_.pop_front();
        }
        return true;
    }
    // What carried them is lost and the other side holds `received`, or more: the rest is unsent again.
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
    uint64_t most_taken_ = 0;    // the highest number that was ever taken
    size_t bytes_ = 0;
};

// Parts of bulk frames on one bulk strand, from being taken to acknowledgement.
class BulkWindow {
public:
    // Its number is the count including it.
    void push(SentPartPtr part) {
        ++part->strands;
        parts_.push_back(std::move(part));
    }
    uint64_t taken() const { return acknowledged_ + parts_.size(); }
    uint64_t acknowledged() const { return acknowledged_; }
    const std::deque<SentPartPtr>& under_way() const { return parts_; }

    bool possible(uint64_t count) const { return count >= acknowledged_ && count <= taken(); }

    // arrived(part) for each that was not known to have.
    template <class Arrived> bool acknowledge(uint64_t count, Arrived arrived) {
        if (!possible(count)) return false;
        for (; acknowledged_ < count; ++acknowledged_, parts_.pop_front()) {
            SentPart& part = *parts_.front();
            --part.strands;
            if (!std::exchange(part.arrived, true)) arrived(part.part);
        }
        return true;
    }
    // Puts what was not received, and is not under way elsewhere, before the queue; nullopt when `received`
    // is impossible. How many otherwise.
    template <class Arrived>
    std::optional<size_t> rewind(uint64_t received, BulkQueue& queue, Arrived arrived) {
        if (!acknowledge(received, arrived)) return std::nullopt;
        size_t count = 0;
        for (; !parts_.empty(); parts_.pop_back()) {
            SentPart& part = *parts_.back();
            if (--part.strands > 0 || part.arrived) continue;
            queue.push_front(part.part);
            ++count;
        }
        return count;
    }
    void clear() { *this = BulkWindow(); }

private:
    std::deque<SentPartPtr> parts_;
    uint64_t acknowledged_ = 0;
};

}  // namespace whim
