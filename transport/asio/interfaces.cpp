// By the kernel's routes.
#include "transport/asio/interfaces.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

namespace whim {

std::string host_name() {
    char name[256] = {};
    if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
    return name;
}

std::optional<std::string> interface_towards(const Address& to) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(to.host.c_str(), std::to_string(to.port).c_str(), &hints, &found) != 0)
        return std::nullopt;
    std::optional<std::string> answer;
    for (const addrinfo* each = found; each && !answer; each = each->ai_next) {
        const int fd = socket(each->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0) continue;
        sockaddr_storage local{};
        socklen_t size = sizeof local;
        char host[NI_MAXHOST] = {};
        auto* address = reinterpret_cast<sockaddr*>(&local);
        if (connect(fd, each->ai_addr, each->ai_addrlen) == 0 && getsockname(fd, address, &size) == 0 &&
            getnameinfo(address, size, host, sizeof host, nullptr, 0, NI_NUMERICHOST) == 0)
            answer = host;
        ::close(fd);
    }
    freeaddrinfo(found);
    return answer;
}

std::optional<std::string> interface_away() {
    const auto host = interface_towards({"192.0.2.1", 9});  // of a net for documentation; nothing is sent
    return host && !is_loopback(*host) ? host : std::nullopt;
}

bool is_loopback(const std::string& host) { return host == "::1" || host.starts_with("127."); }

bool names_every_interface(const std::string& host) {
    return host.empty() || host == "0.0.0.0" || host == "::";
}

}  // namespace whim
