// What a link sent in a row, without a pause. Pure.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace whim {

class Burst {
public:
    void sent(uint32_t bytes, Duration trip, Instant now) {
        if (now - last_ > trip / 2) bytes_ = 0;
        bytes_ += bytes;
        last_ = now;
    }
    uint64_t bytes() const { return bytes_; }

private:
    uint64_t bytes_ = 0;
    Instant last_;
};

}  // namespace whim
