// What a line does to the segments that come to it, one after the other: queue, rate, loss, jitter. Pure.
#pragma once

#include <optional>
#include <vector>

#include "base/prng.h"
#include "stress/wan/packet.h"
#include "stress/wan/topology.h"

namespace stress::wan {

// The sender's end of a line. Segments come in order of time.
class Shaper {
public:
    // When the last bit of a segment that comes at `at` is on its way; nothing when the queue has no room.
    // The segment that is being sent takes none, so that an idle line takes one of any size.
    std::optional<whim::Instant> admit(const Line& line, whim::Instant at, uint32_t bytes);

private:
    whim::Instant free_at_;
    double part_ns_ = 0;  // below one nanosecond: many small segments must not be faster than the rate
};

// Whether the next segment is lost.
bool is_lost(double share, whim::Prng& chance);

// What the delay is longer by at `at`: between 0 and `most`, going steadily from one random value to the
// next. It is a function of time, so that neighbours have about the same.
whim::Duration jitter_at(whim::Duration most, uint64_t seed, whim::Instant at);

// Neighbouring segments of one packet that go on together, as one packet, when the last of them is through.
struct Run {
    uint32_t first, end;
    whim::Instant through;
};

// At a low rate a super-packet is cut up, so that its first segment does not wait for its last.
constexpr whim::Duration kRunMax = whim::milliseconds(1);

// The runs of a packet's segments, of which pass(bytes) says when each is through, or that it is dropped.
template <typename Pass> void split_into_runs(const Packet& packet, Pass pass, std::vector<Run>& runs) {
    runs.clear();
    whim::Instant begun;
    for (uint32_t i = 0, count = packet.segments(); i < count; ++i) {
        const std::optional<whim::Instant> through = pass(packet.wire_bytes(i));
        if (!through) continue;
        if (!runs.empty() && runs.back().end == i && *through - begun <= kRunMax) {
            runs.back().end = i + 1;
            runs.back().through = *through;
        } else {
            runs.push_back({i, i + 1, *through});
            begun = *through;
        }
    }
}

}  // namespace stress::wan
