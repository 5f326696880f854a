// A TCP socket as a ByteStream.
#pragma once

#include <memory>
#include <utility>

#include <asio/steady_timer.hpp>

#include "transport/asio/byte_stream.h"
#include "transport/asio/sockets.h"

namespace whim {

class TcpStream final : public ByteStream {
public:
    explicit TcpStream(tcp::socket socket);
    size_t read_some(MutableByteSpan into, asio::error_code& error) override;
    size_t write_some(std::span<const ByteSpan> pieces, asio::error_code& error) override;
    void wait_readable(size_t worth, Ready ready) override;
    void wait_writable(Ready ready) override;
    void lose_when_silent() override;
    void keep_backlog_short() override;
    void pace(uint64_t bytes_per_second) override;
    void guide(Congestion by) override;
    std::optional<PathSample> sample() const override;
    void close() override;

private:
    // Of one wait at a time. The system's may outlive it: it cannot be ended alone.
    struct WriteWait {
        Ready ready;
        bool asked = false;  // the system
        void end() {
            if (Ready now = std::exchange(ready, nullptr)) now();
        }
    };
    tcp::socket socket_;
    asio::steady_timer timer_;
    bool paced_ = false;
    const std::shared_ptr<WriteWait> write_wait_ = std::make_shared<WriteWait>();
};

}  // namespace whim
