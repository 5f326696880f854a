// Reading and writing of one stream.
#include "transport/asio/connection.h"

#include <array>

#include <asio/error.hpp>

#include "base/limits.h"
#include "transport/asio/sockets.h"

namespace whim {
namespace {

bool would_block(const asio::error_code& error) {
    return error == asio::error::would_block || error == asio::error::try_again;
}

}  // namespace

Connection::Connection(Host& host, std::shared_ptr<ByteStream> stream, StrandHandle strand)
    : host_(&host), stream_(std::move(stream)), strand_(strand) {}

void Connection::start_reading() { wait_readable(); }

void Connection::close() {
    host_ = nullptr;
    stream_->close();
}

void Connection::finish(const asio::error_code& error) {
    Host* const host = host_;
    const auto self = shared_from_this();
    close();
    host->ended(strand_, reason_of(error));
}

void Connection::wait_readable() {
    stream_->wait_readable(host_->endpoint().worth_reading(strand_), [self = shared_from_this()] {
        if (!self->host_) return;
        if (self->bulk_ && self->backlogged_ && self->host_->gathers()) self->host_->readable(self->strand_);
        else self->read();
    });
}

void Connection::read() {
    size_t turn = 0;
    for (;;) {
        const MutableByteSpan into = host_->endpoint().read_buffer(strand_);
        asio::error_code error;
        const size_t got = stream_->read_some(into, error);
        if (would_block(error)) break;
        Host* const host = host_;
        if (error) {
            finish(error);
            return host->event_done();
        }
        host->endpoint().did_read(strand_, got, host->now());
        if (!host_) return host->event_done();  // closed by what it read
        if (!kind_known_) learn_kind();
        if (got < into.size() || (turn += got) >= limits::kTurnBytesMax) break;
    }
    backlogged_ = turn >= limits::kSharedBytesMin;
    wait_readable();
    host_->event_done();
}

Connection::Moved Connection::move(Opening& work) const {
    Moved moved;
    for (;;) {
        const MutableByteSpan into = work.buffer();
        const size_t got = stream_->read_some(into, moved.error);
        if (moved.error) return moved;
        moved.bytes += got;
        moved.all = got == into.size();
        if (!work.arrived(got) || !moved.all) return moved;
    }
}

bool Connection::have_read(const Moved& moved) {
    if (!host_) return false;  // closed by what it read
    if (moved.error && !would_block(moved.error)) return finish(moved.error), false;
    backlogged_ = moved.bytes >= limits::kSharedBytesMin;
    if (moved.all && !moved.error) return true;
    wait_readable();
    return false;
}

void Connection::learn_kind() {
    const std::optional<bool> bulk = host_->endpoint().carries_bulk(strand_);
    kind_known_ = bulk.has_value();
    bulk_ = bulk.value_or(false);
    if (!bulk_) return;
    stream_->lose_when_silent();
    stream_->keep_backlog_short();
}

std::optional<PathSample> Connection::sample() const { return stream_->sample(); }
void Connection::pace(uint64_t bytes_per_second) { stream_->pace(bytes_per_second); }
void Connection::guide(Congestion by) { stream_->guide(by); }

void Connection::wait_writable() {
    waiting_writable_ = true;
    stream_->wait_writable([self = shared_from_this()] {
        self->waiting_writable_ = false;
        if (!self->host_) return;
        Host* const host = self->host_;
        if (host->gathers()) return host->writable(self->strand_);
        self->write();
        host->event_done();
    });
}

void Connection::write() {
    if (waiting_writable_) return;
    size_t turn = 0;
    while (host_) {
        std::array<ByteSpan, limits::kGatherPieces> pieces;
        const size_t count = host_->endpoint().write_buffers(strand_, pieces);
        if (!host_ || count == 0) return;
        size_t offered = 0;
        for (size_t i = 0; i < count; ++i) offered += pieces[i].size();
        asio::error_code error;
        const size_t sent = stream_->write_some(std::span(pieces).first(count), error);
        if (would_block(error)) return wait_writable();
        if (error) return finish(error);
        host_->endpoint().did_write(strand_, sent, host_->now());
        if (!host_) return;
        turn += sent;
        if (sent < offered || turn >= host_->endpoint().turn_bytes(strand_)) return wait_writable();
    }
}

Connection::Moved Connection::move(Sealing& work) const {
    Moved moved;
    const ByteSpan bytes = work.run();
    moved.bytes = stream_->write_some({&bytes, 1}, moved.error);
    moved.all = moved.bytes == bytes.size();
    return moved;
}

bool Connection::have_written(const Moved& moved) {
    if (!host_) return false;  // closed by what its payloads' end led to
    if (moved.error && !would_block(moved.error)) return finish(moved.error), false;
    if (moved.bytes > 0) host_->endpoint().did_write(strand_, moved.bytes, host_->now());
    if (!host_) return false;
    if (moved.all) return true;
    wait_writable();
    return false;
}

}  // namespace whim
