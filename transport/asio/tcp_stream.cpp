// Thin calls of Asio; a wait that was cancelled by close() calls nobody.
#include "transport/asio/tcp_stream.h"

#include <array>
#include <chrono>
#include <utility>

#include <asio/buffer.hpp>

#include "base/limits.h"
#include "transport/asio/tcp_info.h"

namespace whim {

TcpStream::TcpStream(tcp::socket socket) : socket_(std::move(socket)), timer_(socket_.get_executor()) {
    set_up(socket_);
}

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

// Linux says that there is room again when an acknowledgement comes, not when pacing lets something go: after
// a rest the first round trip would carry what was written at once, and no more.
void TcpStream::wait_writable(Ready ready) {
    write_wait_->ready = std::move(ready);
    if (!std::exchange(write_wait_->asked, true)) {
        socket_.async_wait(tcp::socket::wait_write, [wait = write_wait_](const asio::error_code& error) {
            wait->asked = false;
            if (error != asio::error::operation_aborted) wait->end();
        });
    }
    if (!paced_) return;
    timer_.expires_after(std::chrono::nanoseconds(limits::kPacedWriteWait.ns));
    timer_.async_wait([wait = write_wait_](const asio::error_code& error) {
        if (!error) wait->end();
    });
}

void TcpStream::lose_when_silent() { whim::lose_when_silent(socket_); }

void TcpStream::keep_backlog_short() { whim::keep_backlog_short(socket_); }

void TcpStream::pace(uint64_t bytes_per_second) {
    paced_ = bytes_per_second > 0;
    whim::pace(socket_, bytes_per_second);
}

void TcpStream::guide(Congestion by) { whim::guide(socket_, by); }

std::optional<PathSample> TcpStream::sample() const {
    return tcp_path_sample(const_cast<tcp::socket&>(socket_).native_handle());
}

void TcpStream::close() {
    asio::error_code ignored;
    write_wait_->ready = nullptr;
    timer_.cancel();
    socket_.close(ignored);
}

}  // namespace whim
