// `ip` does what is done once; only the TUN, whose descriptor is wanted, is made by hand inside the
// namespace.
#include "stress/wan/netns.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

namespace stress::wan {
namespace {

constexpr const char* kDevice = "wan0";
constexpr int kKillsMax = 50;  // looks for processes that were being born during the last one

std::string why() { return std::strerror(errno); }

std::string file_of(const std::string& name_space) { return "/run/netns/" + name_space; }

Descriptor open_home() { return Descriptor(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)); }

Descriptor open_tun() {
    Descriptor tun(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (tun.get() < 0) throw Error("/dev/net/tun: " + why());
    ifreq request{};
    std::strncpy(request.ifr_name, kDevice, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    if (ioctl(tun.get(), TUNSETIFF, &request) != 0) throw Error("TUNSETIFF: " + why());
    if (ioctl(tun.get(), TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) != 0) throw Error("TUNSETOFFLOAD: " + why());
    return tun;
}

void set_sysctl(const std::string& key, const std::string& value) {
    std::string path = key;
    std::replace(path.begin(), path.end(), '.', '/');
    std::ofstream file("/proc/sys/" + path);
    file << value << std::flush;
    if (!file) throw Error("sysctl " + key + "=" + value + ": the kernel refuses it in a namespace");
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
}

Descriptor::~Descriptor() {
    if (value_ >= 0) close(value_);
}

int Descriptor::release() { return std::exchange(value_, -1); }

std::string run(const std::string& line) {
    FILE* output = popen(("{ " + line + "; } 2>&1").c_str(), "re");
    if (!output) throw Error("popen: " + why());
    std::string text;
    char block[4096];
    for (size_t got; (got = std::fread(block, 1, sizeof block, output)) > 0;) text.append(block, got);
    if (pclose(output) == 0) return text;
    while (!text.empty() && text.back() == '\n') text.pop_back();
    throw Error("failed: " + line + (text.empty() ? "" : ": " + text));
}

Inside::Inside() : home_(open_home()) {
    if (home_.get() < 0 || unshare(CLONE_NEWNET) != 0) throw Error("cannot make a namespace: " + why());
}

Inside::Inside(const std::string& name_space) : home_(open_home()) {
    const Descriptor there(open(file_of(name_space).c_str(), O_RDONLY | O_CLOEXEC));
    if (home_.get() < 0 || there.get() < 0 || setns(there.get(), CLONE_NEWNET) != 0)
        throw Error("cannot enter the namespace " + name_space + ": " + why());
}

Inside::~Inside() {
    if (setns(home_.get(), CLONE_NEWNET) != 0) std::abort();  // anything else would happen elsewhere
}

std::string execute(const Command& command) {
    if (command.name_space.empty()) return run(command.line);
    const Inside inside(command.name_space);
    return run(command.line);
}

Descriptor make_host(const Topology& topology, size_t host, const std::string& name_space) {
    run("ip netns add " + name_space);
    const Inside inside(name_space);
    if (std::filesystem::exists("/proc/sys/net/ipv6"))
        set_sysctl("net.ipv6.conf.default.disable_ipv6", "1");  // the router speaks IPv4
    Descriptor tun = open_tun();
    const std::string address = Topology::address_of(host);
    run("ip link set lo up");
    // Its own queue must never be the one that is full.
    run(std::string("ip link set ") + kDevice + " mtu 1500 txqueuelen 10000 up");
    run("ip address add " + address + "/24 dev " + kDevice);
    if (!topology.congestion.empty())
        run(std::string("ip route replace 10.77.0.0/24 dev ") + kDevice + " proto kernel scope link src " +
            address + " congctl lock " + topology.congestion);
    set_sysctls(topology, name_space);
    return tun;
}

void set_sysctls(const Topology& topology, const std::string& name_space) {
    const Inside inside(name_space);
    for (const auto& [key, value] : topology.sysctls) set_sysctl(key, value);
}

void kill_processes(const std::string& name_space) {
    for (int i = 0; i < kKillsMax; ++i) {
        FILE* list = popen(("ip netns pids " + name_space + " 2>/dev/null").c_str(), "r");
        if (!list) throw Error("popen: " + why());
        int pid = 0, found = 0;
        for (; std::fscanf(list, "%d", &pid) == 1; ++found) kill(pid, SIGKILL);
        pclose(list);
        if (found == 0) return;
        usleep(10'000);
    }
    throw Error("processes in " + name_space + " do not end");
}

void remove_host(const std::string& name_space) {
    if (!std::filesystem::exists(file_of(name_space))) return;
    kill_processes(name_space);
    run("ip netns delete " + name_space);
}

}  // namespace stress::wan
