// Memory from memfd_create, sealed against shrinking; wake-ups of one byte.
#include "transport/asio/ring_stream.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>

namespace whim {
namespace {

constexpr size_t kMappedBytes = 2 * sizeof(RingMemory);
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

Error system_error(const char* doing) {
    return fail(Code::E_SYSTEM, std::string(doing) + ": " + std::strerror(errno));
}

RingMemory* map(int descriptor) {
    void* const at = ::mmap(nullptr, kMappedBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    return at == MAP_FAILED ? nullptr : static_cast<RingMemory*>(at);
}

}  // namespace

Result<SharedMemory::Made> SharedMemory::make() {
    const int descriptor = ::memfd_create("whimbrel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0) return system_error("memfd_create");
    RingMemory* rings = nullptr;
    if (::ftruncate(descriptor, kMappedBytes) == 0 && ::fcntl(descriptor, F_ADD_SEALS, kSeals) == 0)
        rings = map(descriptor);
    if (!rings) {
        const Error error = system_error("shared memory");
        ::close(descriptor);
        return error;
    }
    for (size_t i = 0; i < 2; ++i) new (rings + i) RingMemory;
    return Made{SharedMemory(rings), descriptor};
}

Result<SharedMemory> SharedMemory::adopt(int descriptor) {
    struct stat is {};
    const int seals = ::fcntl(descriptor, F_GET_SEALS);
    const bool fits = ::fstat(descriptor, &is) == 0 && is.st_size == static_cast<off_t>(kMappedBytes);
    if (!fits || seals < 0 || (seals & kSeals) != kSeals)
        return fail(Code::E_PROTOCOL, "the other process offers memory of another size, or that may shrink");
    RingMemory* const rings = map(descriptor);
    if (!rings) return system_error("mmap");
    return SharedMemory(rings);
}

SharedMemory::~SharedMemory() {
    if (rings_) ::munmap(rings_, kMappedBytes);
}

// The dialer writes to the first ring.
RingStream::RingStream(Socket socket, SharedMemory memory, Side side)
    : socket_(std::move(socket)), memory_(std::move(memory)),
      reader_(memory_.ring(side == Side::dialer ? 1 : 0)),
      writer_(memory_.ring(side == Side::dialer ? 0 : 1)) {}

std::shared_ptr<RingStream> RingStream::start(Socket socket, SharedMemory memory, Side side) {
    std::shared_ptr<RingStream> stream(new RingStream(std::move(socket), std::move(memory), side));
    asio::error_code ignored;
    stream->socket_.non_blocking(true, ignored);
    stream->watch();
    return stream;
}

void RingStream::close() {
    readable_ = writable_ = nullptr;
    asio::error_code ignored;
    socket_.close(ignored);
}

// Receiving, not waiting: Asio asks the kernel to watch the socket anew for each wait.
void RingStream::watch() {
    socket_.async_receive(asio::buffer(wake_ups_),
                          [self = shared_from_this()](const asio::error_code& error, size_t) {
                              if (!self->socket_.is_open()) return;
                              self->gone_ = bool(error);
                              // A wake-up does not say what for: whoever waits looks, and waits again.
                              self->call(self->readable_);
                              self->call(self->writable_);
                              if (!self->gone_ && self->socket_.is_open()) self->watch();
                          });
}

// When there is no room for it, the other side has plenty of wake-ups to hear already.
void RingStream::wake_other() { (void)!::send(socket_.native_handle(), "", 1, MSG_DONTWAIT | MSG_NOSIGNAL); }

void RingStream::call(Ready& ready) {
    if (const Ready now = std::exchange(ready, nullptr)) now();
}

void RingStream::call_later(Ready ready) {
    asio::post(socket_.get_executor(), [self = shared_from_this(), ready = std::move(ready)] {
        if (self->socket_.is_open()) ready();
    });
}

size_t RingStream::read_some(MutableByteSpan into, asio::error_code& error) {
    const auto moved = reader_.read(into);
    if (!moved) error = asio::error::connection_aborted;
    else if (moved->bytes == 0) error = gone_ ? make_error_code(asio::error::eof) : asio::error::would_block;
    else error.clear();
    if (!moved) return 0;
    if (moved->wake) wake_other();
    return moved->bytes;
}

size_t RingStream::write_some(std::span<const ByteSpan> pieces, asio::error_code& error) {
    size_t total = 0;
    error.clear();
    if (gone_) error = asio::error::broken_pipe;
    bool wake = false;
    for (const ByteSpan piece : pieces) {
        if (error) break;
        const auto moved = writer_.write(piece);
        if (!moved) error = asio::error::connection_aborted;
        if (!moved) return 0;
        total += moved->bytes;
        wake |= moved->wake;
        if (moved->bytes < piece.size()) break;
    }
    if (wake) wake_other();
    if (total == 0 && !error) error = asio::error::would_block;
    return total;
}

void RingStream::wait_readable(size_t worth, Ready ready) {
    if (gone_ || !reader_.sleep_until(worth)) return call_later(std::move(ready));
    readable_ = std::move(ready);
}

void RingStream::wait_writable(Ready ready) {
    if (gone_ || !writer_.sleep_until_half_free()) return call_later(std::move(ready));
    writable_ = std::move(ready);
}

}  // namespace whim
