// A ByteStream through memory that is shared with a process of the same machine: one ring for each direction,
// and a local socket that carries nothing but wake-ups and, by ending, the news that the other side is gone.
#pragma once

#include <array>
#include <memory>

#include <asio/local/stream_protocol.hpp>

#include "base/status.h"
#include "transport/asio/byte_stream.h"
#include "transport/asio/shared_ring.h"

namespace whim {

// The mapped memory of one stream.
class SharedMemory {
public:
    // Made new, cannot change its size any more; the caller closes the descriptor, which is for the other
    // process.
    struct Made;
    static Result<Made> make();
    // What another process made. Refused unless it has the size and can never be made smaller: a mapping
    // beyond the end kills whoever touches it. The descriptor stays the caller's.
    static Result<SharedMemory> adopt(int descriptor);

    SharedMemory(SharedMemory&& other) noexcept : rings_(std::exchange(other.rings_, nullptr)) {}
    ~SharedMemory();
    RingMemory& ring(size_t index) const { return rings_[index]; }

private:
    explicit SharedMemory(RingMemory* rings) : rings_(rings) {}
    RingMemory* rings_;  // two
};
struct SharedMemory::Made {
    SharedMemory memory;
    int descriptor;
};

class RingStream final : public ByteStream, public std::enable_shared_from_this<RingStream> {
public:
    using Socket = asio::local::stream_protocol::socket;
    enum class Side : uint8_t { dialer, listener };

    static std::shared_ptr<RingStream> start(Socket socket, SharedMemory memory, Side side);
    size_t read_some(MutableByteSpan into, asio::error_code& error) override;
    size_t write_some(std::span<const ByteSpan> pieces, asio::error_code& error) override;
    void wait_readable(size_t worth, Ready ready) override;
    void wait_writable(Ready ready) override;
    void lose_when_silent() override {}
    void keep_backlog_short() override {}
    void pace(uint64_t) override {}  // nobody else is on the way
    void guide(Congestion) override {}
    std::optional<PathSample> sample() const override { return std::nullopt; }
    void close() override;

private:
    RingStream(Socket socket, SharedMemory memory, Side side);
    void watch();  // the socket, all the time
    void wake_other();
    void call(Ready& ready);
    void call_later(Ready ready);

    Socket socket_;
    const SharedMemory memory_;
    RingReader reader_;
    RingWriter writer_;
    std::array<char, 64> wake_ups_;  // as heard; what they are does not matter
    Ready readable_, writable_;      // who waits
    bool gone_ = false;              // the other side; what it wrote can still be read
};

}  // namespace whim
