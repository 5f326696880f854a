// The part of a bulk strand's turn that takes the time when a channel encrypts, cut out of the endpoint so
// that several strands can have theirs at once: Sealing encrypts what is about to be written, Opening
// decrypts what is read of the payload under way.
//
// The endpoint makes them for several strands in one call and takes them back in another; it must not be
// called in between. In between each may be on a thread of its own: one touches the channel and the buffers
// of its strand, reads payloads that are pinned and writes to its part of a sink, and no two share any of
// these.
#pragma once

#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"

namespace whim {

// A connection as driver and endpoint call it. Never reused.
using StrandHandle = StrongId<struct StrandHandleTag, uint64_t>;

struct Strand;
using StrandPtr = std::shared_ptr<Strand>;

class Sealing {
public:
    Sealing(StrandPtr strand, size_t enough) : strand_(std::move(strand)), enough_(enough) {}
    const StrandPtr& strand() const { return strand_; }
    StrandHandle handle() const;
    // Encrypts until enough waits, and says what: to be written. Once.
    ByteSpan run();
    size_t taken() const { return taken_; }  // plain bytes of the strand's queue
    const std::optional<Error>& error() const { return error_; }

private:
    const StrandPtr strand_;
    const size_t enough_;
    size_t taken_ = 0;
    std::optional<Error> error_;
};

class Opening {
public:
    explicit Opening(StrandPtr strand);
    const StrandPtr& strand() const { return strand_; }
    StrandHandle handle() const;
    MutableByteSpan buffer() const;  // for what is read next
    // So much was read. False: no more now; the payload is whole, or the stream broken.
    bool arrived(size_t bytes);
    size_t read() const { return read_; }      // from the network
    size_t filled() const { return filled_; }  // bytes of the payload
    MutableByteSpan into() const { return into_; }
    const std::optional<Error>& error() const { return error_; }

private:
    const StrandPtr strand_;
    const MutableByteSpan into_;  // all that the payload lacked
    size_t read_ = 0, filled_ = 0;
    std::optional<Error> error_;
};

}  // namespace whim
