// A lab lives as long as somebody holds its lock; whoever finds one that nobody holds removes what it was.
#include "stress/wan/lifecycle.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "stress/wan/control.h"
#include "stress/wan/files.h"
#include "stress/wan/kernel_network.h"
#include "stress/wan/router.h"

namespace stress::wan {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLabNameMax = 32;  // characters
constexpr int kGoingPolls = 500;    // times 20 ms: a lab that was told to go
constexpr useconds_t kGoingPollUs = 20'000;

// Nobody else brings a lab up or removes one while this lives.
class Everybody {
public:
    Everybody() {
        fs::create_directories(kLabsDirectory);
        const std::string path = kLabsDirectory + "/.lock";
        lock_ = Descriptor(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        if (lock_.get() < 0 || flock(lock_.get(), LOCK_EX) != 0)
            throw Error(path + ": " + std::strerror(errno));
    }

private:
    Descriptor lock_;
};

void check_name(const std::string& lab) {
    const bool plain = std::all_of(lab.begin(), lab.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
    });
    if (!plain || lab.empty() || lab.size() > kLabNameMax)
        throw Error("a lab's name is of up to " + std::to_string(kLabNameMax) + " letters, digits, - and _");
}

// The lock of a lab whose directory exists, or -1 when somebody has it.
Descriptor lock_of(const std::string& lab) {
    Descriptor lock(open(Files(lab).lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lock.get() < 0 || flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return Descriptor();
    return lock;
}

std::vector<std::string> read_hosts(const std::string& lab) {
    std::vector<std::string> names;
    std::ifstream file(Files(lab).hosts());
    for (std::string name; std::getline(file, name);) names.push_back(name);
    return names;
}

// What `ip netns exec` shows as /etc/hosts.
fs::path names_directory(const std::string& name_space) { return fs::path("/etc/netns") / name_space; }

void write_names(const Topology& topology, const std::string& name_space) {
    fs::create_directories(names_directory(name_space));
    std::ofstream file(names_directory(name_space) / "hosts");
    file << "127.0.0.1 localhost\n";
    for (size_t i = 0; i < topology.hosts.size(); ++i)
        file << Topology::address_of(i) << ' ' << topology.hosts[i].name << '\n';
}

void remove_lab(const std::string& lab) {
    for (const auto& name_space : namespaces_of(lab, read_hosts(lab))) {
        remove_host(name_space);
        fs::remove_all(names_directory(name_space));
    }
    fs::remove_all(Files(lab).directory());
}

// Removes what routers that were killed have left.
void sweep(const Everybody&) {
    for (const auto& entry : fs::directory_iterator(kLabsDirectory)) {
        if (!entry.is_directory()) continue;
        const std::string lab = entry.path().filename();
        if (lock_of(lab).get() >= 0) remove_lab(lab);
    }
}

// A lab's files and what make() makes of it; they go with it.
class Lab {
public:
    Lab(const Topology& topology, const std::string& name, const std::function<void()>& make) : name_(name) {
        const Everybody nobody_else;
        sweep(nobody_else);
        fs::create_directories(Files(name).directory());
        lock_ = lock_of(name);
        if (lock_.get() < 0) throw Error("a lab '" + name + "' is up already");
        try {
            write_files(topology);
            make();
        } catch (...) {
            remove_lab(name_);
            throw;
        }
    }
    ~Lab() {
        const Everybody nobody_else;
        remove_lab(name_);
    }

private:
    void write_files(const Topology& topology) const {
        std::ofstream list(Files(name_).hosts());
        for (const auto& host : topology.hosts) {
            list << host.name << '\n';
            write_names(topology, namespace_of(name_, host.name));
        }
    }

    const std::string name_;
    Descriptor lock_;
};

// The router runs as soon as a packet is due, whatever else wants a core; without the right to that, it is
// late.
void become_punctual() {
    prctl(PR_SET_TIMERSLACK, 1UL);
    sched_param first{};
    first.sched_priority = 1;
    sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &first);
}

void block_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    signal(SIGPIPE, SIG_IGN);
}

void route(const Topology& topology, const std::string& name, int input, const std::function<void()>& ready) {
    std::vector<Descriptor> tuns;
    const Lab lab(topology, name, [&] {
        for (size_t i = 0; i < topology.hosts.size(); ++i)
            tuns.push_back(make_host(topology, i, namespace_of(name, topology.hosts[i].name)));
    });
    Router router(topology, std::move(tuns), listen_for_commands(name));
    become_punctual();
    ready();
    router.run(input);
}

void let_kernel_route(const Topology& topology, const std::string& name, int input,
                      const std::function<void()>& ready) {
    KernelNetwork network(topology, name, execute);
    const Lab lab(topology, name, [&] {
        network.make();
        for (const auto& host : topology.hosts) set_sysctls(topology, namespace_of(name, host.name));
    });
    const Descriptor commands = listen_for_commands(name);
    ready();
    answer_until_quit(commands, input, [&](const std::string& line) { return network.carry_out(line); });
}

}  // namespace

void serve(const Topology& topology, const std::string& name, Backend backend, int input,
           const std::function<void()>& ready) {
    check_name(name);
    block_signals();
    switch (backend) {
        case Backend::tun: return route(topology, name, input, ready);
        case Backend::netem: return let_kernel_route(topology, name, input, ready);
    }
}

void take_down(const std::string& lab) {
    check_name(lab);
    try {
        ask(lab, "quit");
    } catch (const Error&) {}  // not up, or its router is dead
    for (int i = 0; i < kGoingPolls && fs::exists(Files(lab).directory()); ++i) {
        {
            const Everybody nobody_else;
            sweep(nobody_else);
        }
        usleep(kGoingPollUs);
    }
    if (fs::exists(Files(lab).directory())) throw Error("the lab '" + lab + "' does not go");
}

std::vector<std::string> hosts_of(const std::string& lab) {
    auto names = read_hosts(lab);
    if (names.empty()) throw Error("no lab '" + lab + "' is up");
    return names;
}

}  // namespace stress::wan
