// A connected stream of bytes as a Connection moves them: taken as far as they go without waiting, and waited
// for only when they do not. Two kinds: a TCP socket, and memory shared with a process of the same machine.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include <asio/error_code.hpp>

#include "base/bytes.h"
#include "transport/session/path_sample.h"

namespace whim {

class ByteStream {
public:
    virtual ~ByteStream() = default;

    // How many bytes were moved. would_block: none now; eof: the other side has closed and all was read.
    virtual size_t read_some(MutableByteSpan into, asio::error_code& error) = 0;
    virtual size_t write_some(std::span<const ByteSpan> pieces, asio::error_code& error) = 0;

    // Calls `ready` once, not from inside, when reading or writing has something to say again. One wait of
    // each kind at a time; close() ends them without a call. worth: bytes below which a reader need not be
    // woken, of which it knows that they will come.
    using Ready = std::function<void()>;
    virtual void wait_readable(size_t worth, Ready ready) = 0;
    virtual void wait_writable(Ready ready) = 0;

    // See sockets.h; nothing where no path can die.
    virtual void lose_when_silent() = 0;
    virtual void keep_backlog_short() = 0;
    virtual void pace(uint64_t bytes_per_second) = 0;  // 0: no bound
    virtual void guide(Congestion by) = 0;
    virtual std::optional<PathSample> sample() const = 0;  // nullopt where the system tells nothing
    virtual void close() = 0;
};

}  // namespace whim
