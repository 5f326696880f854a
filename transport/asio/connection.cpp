// Reading and writing of one socket.
#include "transport/asio/connection.h"

#include <array>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>

#include "transport/asio/tcp_info.h"

namespace whim {
namespace {

constexpr size_t kGatherPieces = 16;

bool would_block(const asio::error_code& error) {
    return error == asio::error::would_block || error == asio::error::try_again;
}

}  // namespace

Connection::Connection(Host& host, tcp::socket socket, StrandHandle strand)
    : host_(&host), socket_(std::move(socket)), strand_(strand) {
    set_up(socket_);
}

void Connection::start_reading() { wait_readable(); }

void Connection::close() {
    host_ = nullptr;
    asio::error_code ignored;
    socket_.close(ignored);
}

void Connection::finish(const asio::error_code& error) {
    Host* const host = host_;
    const auto self = shared_from_this();
    close();
    host->ended(strand_, reason_of(error));
}

void Connection::wait_readable() {
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const asio::error_code& error) {
        if (self->host_ && !error) self->read();
    });
}

void Connection::read() {
    size_t turn = 0;
    for (;;) {
        const MutableByteSpan into = host_->endpoint().read_buffer(strand_);
        asio::error_code error;
        const size_t got = socket_.read_some(asio::buffer(into.data(), into.size()), error);
        if (would_block(error)) break;
        if (error) {
            Host* const host = host_;
            finish(error);
            return host->event_done();
        }
        Host* const host = host_;
        host->endpoint().did_read(strand_, got, host->now());
        if (!host_) return host->event_done();  // closed by what it read
        if (!kind_known_) learn_kind();
        if (got < into.size()) break;
        if ((turn += got) < kTurnBytes) continue;
        asio::post(socket_.get_executor(), [self = shared_from_this()] {
            if (self->host_) self->read();
        });
        return host_->event_done();
    }
    wait_readable();
    host_->event_done();
}

void Connection::learn_kind() {
    const std::optional<bool> bulk = host_->endpoint().carries_bulk(strand_);
    kind_known_ = bulk.has_value();
    if (!bulk.value_or(false)) return;
    lose_when_silent(socket_);
    keep_backlog_short(socket_);
}

std::optional<PathSample> Connection::sample() { return tcp_path_sample(socket_.native_handle()); }

void Connection::wait_writable() {
    waiting_writable_ = true;
    socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](const asio::error_code& error) {
        self->waiting_writable_ = false;
        if (!self->host_ || error) return;
        Host* const host = self->host_;
        self->write();
        host->event_done();
    });
}

void Connection::write() {
    if (waiting_writable_) return;
    size_t turn = 0;
    while (host_) {
        std::array<ByteSpan, kGatherPieces> pieces;
        const size_t count = host_->endpoint().write_buffers(strand_, pieces);
        if (!host_ || count == 0) return;
        std::array<asio::const_buffer, kGatherPieces> buffers;
        size_t offered = 0;
        for (size_t i = 0; i < count; ++i) {
            buffers[i] = asio::const_buffer(pieces[i].data(), pieces[i].size());
            offered += pieces[i].size();
        }
        asio::error_code error;
        const size_t sent = socket_.write_some(buffers, error);
        if (would_block(error)) return wait_writable();
        if (error) return finish(error);
        host_->endpoint().did_write(strand_, sent, host_->now());
        if (!host_) return;
        turn += sent;
        if (sent < offered || turn >= kTurnBytes) return wait_writable();
    }
}

}  // namespace whim
