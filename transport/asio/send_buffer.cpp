// What is granted is found out on a socket made for it: the bound itself is not visible in every network
// namespace.
#include "transport/asio/send_buffer.h"

#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "base/limits.h"

namespace whim {
namespace {

// As SO_SNDBUF tells it: twice what was asked for, or than what may be.
uint64_t granted_by_system() {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return 0;
    int bytes = static_cast<int>(limits::kSendBufferBytes);
    socklen_t size = sizeof bytes;
    const bool known = ::setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, size) == 0 &&
                       ::getsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, &size) == 0;
    ::close(descriptor);
    return known && bytes > 0 ? static_cast<uint64_t>(bytes) : 0;
}

std::string text_of(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::optional<uint64_t> largest_of_three(const std::string& text) {
    std::istringstream numbers(text);
    uint64_t least = 0, first = 0, most = 0;
    if (!(numbers >> least >> first >> most)) return std::nullopt;
    return most;
}

std::optional<int> worth_asking(uint64_t granted, std::optional<uint64_t> by_itself) {
    if (!by_itself || granted <= *by_itself) return std::nullopt;
    return static_cast<int>(limits::kSendBufferBytes);
}

std::optional<int> send_buffer_to_ask_for() {
    static const std::optional<int> bytes =
        worth_asking(granted_by_system(), largest_of_three(text_of("/proc/sys/net/ipv4/tcp_wmem")));
    return bytes;
}

}  // namespace whim
