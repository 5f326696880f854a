// An emulated WAN for a program: hosts with a real kernel's TCP, and the network between them as one likes
// it.
//
//   stress::wan::Lab lab("host a up=10mbit\nhost b\nlink * * rtt=80ms\n");
//   stress::Child far = stress::Child::start({"--role", "peer"}, lab.places()[1]);
//   lab.tell("set a b loss=1%");
//   lab.tell("partition a b");
//
// The lab and all that runs in it end with the object, and also with the process. Linux, root, /dev/net/tun:
// a Lab's network is always that of our own router, whose counters its users judge by. The statements of a
// topology: topology.h; the commands of tell(): commands.h.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "stress/process.h"
#include "stress/wan/backend.h"

namespace stress::wan {

constexpr int kSkip = 77;  // exit code of a program that cannot have a lab here

// What to put before a command so that it runs on a host.
std::vector<std::string> command_in(const std::string& lab, const std::string& host);

// `hosts` of them, named a, b and so on, on access lines of one rate with queues of 50 ms.
std::string equal_hosts(size_t hosts, const std::string& rate, const std::string& link,
                        const std::string& queue = "50ms");

// The statement that gives all connections a congestion control. cubic is held fast, so that nobody gets
// round it; another one is the default, and programs may choose.
std::string congestion(const std::string& name);

// bbr where the kernel has it, for long paths; as a program finds it there.
std::string usual_congestion_control();

struct Way {
    uint64_t packets = 0, bytes = 0, delivered_packets = 0, delivered_bytes = 0;
    uint64_t dropped_by_queue = 0, dropped_by_loss = 0, dropped_by_cut = 0;
};

// Since the last tell("zero").
struct Stats {
    std::map<std::pair<std::string, std::string>, Way> ways;  // from, to; those that carried something
    double cpu_share = 0,
           busiest_share = 0;  // of one core, by the router: of all time, of the busiest half second
    double lateness_max_ms = 0;
};
Stats parse_stats(const std::string& text);

// All functions throw std::runtime_error when something does not go as it must.
class Lab {
public:
    // name: of the lab, where the process wants several; one that is of this process alone if empty.
    explicit Lab(const std::string& topology, const std::string& name = "");
    ~Lab();
    Lab(const Lab&) = delete;
    Lab& operator=(const Lab&) = delete;

    const std::string& name() const { return name_; }
    const std::vector<std::string>& hosts() const { return hosts_; }
    Places places() const;  // of a process on each host

    std::string tell(const std::string& command) const;
    Stats stats() const { return parse_stats(tell("stats")); }
    // Of all processes on all hosts.
    void kill_all() const;

private:
    std::string name_;
    std::vector<std::string> hosts_;
    std::optional<Child> router_;
};

}  // namespace stress::wan
