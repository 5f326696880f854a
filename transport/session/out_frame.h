// A bulk frame on its way out, and the parts that it is cut into: each may go over another strand, and when
// that strand is lost or slow over one more. The other end puts them together; see in_frame.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/bytes.h"
#include "base/time.h"
#include "transport/session/endpoint.h"
#include "transport/session/frame.h"

namespace whim {

struct OutFrame {
    explicit OutFrame(BulkFrame what) : frame(std::move(what)) {}

    BulkFrame frame;
    uint64_t number = 0;    // in the link session; 0: nothing of it has been taken
    ByteSpan payload;       // while pinned
    uint32_t pins = 0;      // strands that have it in hand, and parts that wait to be written
    uint32_t arrived = 0;   // bytes known to have
    bool spread = false;    // over several strands, now or before
    bool given_up = false;  // its owner needs it no more; the other end has to be told
    bool settled = false;   // the other end has all of it, or knows that it is given up
};

// Bytes of one frame that lie together.
struct OutPart {
    std::shared_ptr<OutFrame> of;
    uint32_t offset = 0, bytes = 0;

    bool gives_up() const { return offset == PartHeader::kGivenUp; }  // says so, of its frame
    static OutPart whole(std::shared_ptr<OutFrame> of) {
        const uint32_t bytes = of->frame.payload_bytes;
        return {std::move(of), 0, bytes};
    }
    static OutPart giving_up(std::shared_ptr<OutFrame> of) {
        return {std::move(of), PartHeader::kGivenUp, 0};
    }
    OutPart take_front(uint32_t most) {
        const OutPart part{of, offset, std::min(bytes, most)};
        offset += part.bytes;
        bytes -= part.bytes;
        return part;
    }
    OutPart take_back(uint32_t most) {
        const uint32_t count = std::min(bytes, most);
        bytes -= count;
        return {of, offset + bytes, count};
    }
};

// A part that was taken by one strand, or by several when it was sent once more.
struct SentPart {
    OutPart part;
    uint32_t strands = 0;  // on which it is under way
    bool arrived = false;
    bool repeated = false;  // sent once more, unasked
    Instant taken_at;       // first
};
using SentPartPtr = std::shared_ptr<SentPart>;

}  // namespace whim
