// A TCP socket as a ByteStream.
#pragma once

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
    tcp::socket socket_;
};

}  // namespace whim
