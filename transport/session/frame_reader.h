// Cuts a byte stream into frames, wherever the pieces of it were cut. A payload's bytes go straight to the
// destination that its frame's handler names; everything else is handed over whole, without a copy when a
// frame lies in one piece. Memory grows only with bytes that have arrived.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/status.h"
#include "transport/session/frame.h"

namespace whim {

class FrameReader {
public:
    class Handler {
    public:
        virtual ~Handler() = default;
        // False ends the reading: the rest of the stream is of no interest.
        virtual bool on_frame(FrameType type, ByteSpan body) = 0;
        // Where the payload goes (empty: nowhere); nullopt ends the reading.
        virtual std::optional<MutableByteSpan> on_bulk(ByteSpan header, uint32_t payload_bytes) = 0;
        virtual bool on_bulk_whole() = 0;
    };

    // All bytes are consumed unless the handler ended the reading or the stream is broken (the error).
    Status consume(ByteSpan bytes, Handler& handler);

    // The part of the destination that is still to be filled; empty outside of payloads and when discarding.
    MutableByteSpan direct() const { return into_; }
    void direct_arrived(size_t bytes, Handler& handler);  // it may have been discarded meanwhile

    // The payload under way is of no interest any more.
    void discard() { into_ = {}; }

    bool in_payload() const { return payload_left_ > 0; }
    uint32_t payload_left() const { return payload_left_; }
    uint32_t last_payload_bytes() const { return last_payload_bytes_; }  // hint for the size of the next

private:
    size_t frame_bytes(ByteSpan have);            // that must lie together before a step is possible
    bool step(ByteSpan frame, Handler& handler);  // false: reading ended
    bool fill_payload(ByteSpan& bytes, Handler& handler);

    Bytes partial_;       // start of a frame that has not arrived whole
    FramePrefix prefix_;  // decoded from the bytes at hand
    std::optional<Error> broken_;
    uint32_t payload_left_ = 0;
    uint32_t last_payload_bytes_ = 0;
    MutableByteSpan into_;
};

}  // namespace whim
