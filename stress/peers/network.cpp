// unshare, two ioctls, and a sysctl that each namespace has for itself.
#include "stress/peers/network.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <stdexcept>

namespace stress {
namespace {

constexpr const char* kSetting = "/proc/sys/net/ipv4/tcp_congestion_control";
constexpr const char* kLoopback = "127.0.0.1";
constexpr const char* kElsewhere = "10.77.0.1";  // also on lo

std::string setting() {
    std::string name;
    std::ifstream(kSetting) >> name;
    return name.empty() ? "unknown" : name;
}

void request(int descriptor, unsigned long what, ifreq& interface) {
    if (ioctl(descriptor, what, &interface) != 0)
        throw std::runtime_error(std::string("cannot set up lo: ") + std::strerror(errno));
}

void add_address(int descriptor, const char* alias, const char* address) {
    ifreq interface {};
    std::strncpy(interface.ifr_name, alias, IFNAMSIZ - 1);
    sockaddr_in numbers{};
    numbers.sin_family = AF_INET;
    inet_pton(AF_INET, address, &numbers.sin_addr);
    std::memcpy(&interface.ifr_addr, &numbers, sizeof numbers);
    request(descriptor, SIOCSIFADDR, interface);
}

void set_up_lo(const std::string& host) {
    const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) throw std::runtime_error("no socket to set up lo");
    ifreq interface {};
    std::strncpy(interface.ifr_name, "lo", IFNAMSIZ - 1);
    interface.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
    request(descriptor, SIOCSIFFLAGS, interface);
    if (host != kLoopback) add_address(descriptor, "lo:1", host.c_str());
    close(descriptor);
}

}  // namespace

Network make_network(const std::string& wanted) {
    if (unshare(CLONE_NEWNET) != 0) {
        const std::string now = setting();
        return {kLoopback, now, "cubic", false};
    }
    if (wanted != "default" && !(std::ofstream(kSetting) << wanted << std::flush))
        throw std::runtime_error("this kernel has no congestion control '" + wanted + "'");
    // whimbrel takes cubic where the other end is 127.0.0.0/8, whatever the setting.
    const std::string now = setting(), host = now == "cubic" ? kLoopback : kElsewhere;
    set_up_lo(host);
    return {host, now, now, true};
}

}  // namespace stress
