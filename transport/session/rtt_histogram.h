// Round-trip times by size, eight classes to each doubling: quantiles within 9 % without keeping the times.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "base/time.h"

namespace whim {

class RttHistogram {
public:
    void add(Duration rtt) {
        ++counts_[class_of(rtt)];
        ++total_;
    }
    // The upper end of the class that holds the quantile; 0 when there is nothing yet.
    Duration quantile(double q) const {
        if (total_ == 0) return {};
        const auto rank = static_cast<uint64_t>(q * static_cast<double>(total_ - 1));
        uint64_t seen = 0;
        for (size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen > rank) return microseconds(upper_us(i));
        }
        return microseconds(upper_us(counts_.size() - 1));
    }

private:
    static constexpr size_t kParts = 8, kClasses = 30 * kParts;  // up to 2^29 us, some nine minutes

    static size_t class_of(Duration rtt) {
        const auto us = static_cast<uint64_t>(std::max<int64_t>(rtt.ns / 1000, 0)) + kParts;
        const auto doublings = static_cast<size_t>(std::bit_width(us)) - 4;  // us >= 8
        const size_t part = (us >> doublings) - kParts;
        return std::min(doublings * kParts + part, kClasses - 1);
    }
    static int64_t upper_us(size_t index) {
        const size_t doublings = index / kParts;
        return static_cast<int64_t>((kParts + index % kParts + 1) << doublings) -
               static_cast<int64_t>(kParts);
    }

    std::array<uint32_t, kClasses> counts_{};
    uint64_t total_ = 0;
};

}  // namespace whim
