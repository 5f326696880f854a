// Bulk frames of one link on their way in. Their parts come over any strand in any order, some twice; a frame
// is begun once and ends once. Which are over is remembered as far back as any part can still be on its way.
// Bounded: the numbers of what is under way lie close together, and few are incomplete at once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "transport/session/endpoint.h"

namespace whim {

class InFrames {
public:
    struct Frame {
        BulkSink sink;
        uint32_t bytes = 0;
        std::vector<std::pair<uint32_t, uint32_t>> have;  // from, to; sorted, apart
    };

    // Whether a correct sender can name that one now.
    bool possible(uint64_t number) const {
        return number > 0 && (number <= floor_ || number - floor_ <= 2 * limits::kFramesAheadMax);
    }
    bool full() const { return frames_.size() >= limits::kFramesIncompleteMax; }
    bool over(uint64_t number) const {
        return number <= floor_ || (number - floor_ <= over_.size() && over_[number - floor_ - 1]);
    }
    Frame* find(uint64_t number) {
        const auto found = frames_.find(number);
        return found == frames_.end() ? nullptr : &found->second;
    }
    Frame& begin(uint64_t number, const BulkSink& sink, uint32_t bytes) {
        return frames_[number] = {sink, bytes, {}};
    }
    static bool has(const Frame& frame, uint32_t offset, uint32_t bytes) {
        for (const auto& [from, to] : frame.have) {
            if (from <= offset && offset + bytes <= to) return true;
        }
        return false;
    }
    // A correct sender cuts a frame into few parts.
    static bool scattered(const Frame& frame) { return frame.have.size() >= limits::kPartsApartMax; }
    // True: now it has all.
    static bool add(Frame& frame, uint32_t offset, uint32_t bytes) {
        std::pair<uint32_t, uint32_t> range{offset, offset + bytes};
        auto& have = frame.have;
        const auto first = std::find_if(have.begin(), have.end(),
                                        [&](const auto& other) { return other.second >= range.first; });
        auto last = first;
        for (; last != have.end() && last->first <= range.second; ++last) {
            range.first = std::min(range.first, last->first);
            range.second = std::max(range.second, last->second);
        }
        have.insert(have.erase(first, last), range);
        return have.front() == std::pair<uint32_t, uint32_t>{0, frame.bytes};
    }
    // Whole, given up or never wanted.
    void end(uint64_t number) {
        frames_.erase(number);
        if (number <= floor_) return;
        if (over_.size() < number - floor_) over_.resize(number - floor_);
        over_[number - floor_ - 1] = true;
        for (; !over_.empty() && over_.front(); over_.pop_front()) ++floor_;
    }
    // Empties it.
    std::map<uint64_t, Frame> take_all() {
        floor_ = 0;
        over_.clear();
        return std::exchange(frames_, {});
    }

private:
    std::map<uint64_t, Frame> frames_;  // begun and incomplete
    uint64_t floor_ = 0;                // all up to it are over
    std::deque<bool> over_;             // beyond it
};

}  // namespace whim
