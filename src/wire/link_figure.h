// What is known of one directed pair of a round's participants, short enough to be sent to all of them:
// figures are rounded down to an eighth of a doubling, so that measurements that barely move change nothing.
// Integers only: every machine reads the same from it.
#pragma once

#include <cstdint>

namespace whim::wire {

// A value as 16 bits: 0 is "not known", and values below 8 count as 8.
uint16_t figure_of(uint64_t value);
uint64_t value_of(uint16_t figure);

struct LinkFigure {
    static constexpr uint16_t kCut = UINT16_MAX;
    // Bytes per second that the path takes; of a member to itself, what its line carries downwards. kCut: the
    // two have no path of their own.
    uint16_t rate = 0;
    uint16_t rtt =
        0;  // microseconds; of a member to itself, what its line carries upwards, in bytes per second
    bool operator==(const LinkFigure&) const = default;
    template <class A> void fields(A& a) { a(rate), a(rtt); }
};

}  // namespace whim::wire
