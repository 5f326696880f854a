// Thin calls of Asio; a wait that was cancelled by close() calls nobody.
#include "transport/asio/tcp_stream.h"

#include <array>

#include <asio/buffer.hpp>

#include "base/limits.h"
#include "transport/asio/tcp_info.h"

#include "transport/asio/tcp_info.h"

namespace whim {

TcpStream::TcpStream(tcp::socket socket) : socket_(std::move(socket)) { set_up(socket_); }

size_t TcpStream::read_some(MutableByteSpan into, asio::error_code& error) {
    return socket_.read_some(asio::buffer(into.data(), into.size()), error);
}

size_t TcpStream::write_some(std::span<const ByteSpan> pieces, asio::error_code& error) {
    std::array<asio::const_buffer, limits::kGatherPieces> buffers;
    for (size_t i = 0; i < pieces.size(); ++i) buffers[i] = asio::buffer(pieces[i].data(), pieces[i].size());
    return socket_.write_some(buffers, error);
}

// Without SO_RCVLOWAT: setting it for each payload costs as much as the wake-ups it saves
// (docs/explanation/performance.md).
void TcpStream::wait_readable(size_t, Ready ready) {
    socket_.async_wait(tcp::socket::wait_read, [ready = std::move(ready)](const asio::error_code& error) {
        if (error != asio::error::operation_aborted) ready();
    });
}

void TcpStream::wait_writable(Ready ready) {
    socket_.async_wait(tcp::socket::wait_write, [ready = std::move(ready)](const asio::error_code& error) {
        if (error != asio::error::operation_aborted) ready();
    });
}

void TcpStream::lose_when_silent() { whim::lose_when_silent(socket_); }

void TcpStream::keep_backlog_short() { whim::keep_backlog_short(socket_); }

void TcpStream::pace(uint64_t bytes_per_second) { whim::pace(socket_, bytes_per_second); }

void TcpStream::guide(Congestion by) { whim::guide(socket_, by); }

std::optional<PathSample> TcpStream::sample() const {
    return tcp_path_sample(const_cast<tcp::socket&>(socket_).native_handle());
}

void TcpStream::close() {
    asio::error_code ignored;
    socket_.close(ignored);
}

}  // namespace whim
