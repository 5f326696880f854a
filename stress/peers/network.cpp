// A locked attribute of lo's routes, not the sysctl: a namespace's default must be on a list of the whole
// machine, and a program may choose otherwise.
#include "stress/peers/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace stress {
namespace {

constexpr const char* kWishOfWhimbrel = "cubic";  // transport/asio/sockets.cpp, on loopback

std::string of_system() {
    std::string name;
    std::ifstream("/proc/sys/net/ipv4/tcp_congestion_control") >> name;
    return name.empty() ? "unknown" : name;
}

void command(const std::string& line) {
    if (std::system(line.c_str()) != 0) throw std::runtime_error("failed: " + line);
}

void check_name(const std::string& name) {
    for (const char c : name)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-')
            throw std::runtime_error("--cc is the name of a congestion control");
}

// What a socket that is connected over lo has after asking for `wish`.
std::string measured(const std::string& wish) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    char name[16] = {};
    socklen_t name_size = sizeof name;
    if (bind(listener, generic, size) == 0 && listen(listener, 1) == 0 &&
        getsockname(listener, generic, &size) == 0 && connect(client, generic, size) == 0) {
        setsockopt(client, IPPROTO_TCP, TCP_CONGESTION, wish.data(), static_cast<socklen_t>(wish.size()));
        getsockopt(client, IPPROTO_TCP, TCP_CONGESTION, name, &name_size);
    }
    close(client);
    close(listener);
    return std::string(name, strnlen(name, name_size));
}

}  // namespace

Network make_network(const std::string& wanted) {
    check_name(wanted);
    const std::string name = wanted == "default" ? of_system() : wanted;
    if (unshare(CLONE_NEWNET) != 0) return {of_system(), measured(kWishOfWhimbrel), false};
    command("ip link set lo up");
    for (const std::string range : {"127.0.0.0/8", "127.0.0.1/32"})
        command("ip route replace table local local " + range +
                " dev lo proto kernel scope host src 127.0.0.1 congctl lock " + name);
    if (measured("reno") != name || measured(kWishOfWhimbrel) != name)
        throw std::runtime_error("connections do not keep to '" + name + "'");
    return {name, name, true};
}

}  // namespace stress
