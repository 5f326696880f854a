// What an emulated WAN is made of: hosts on access lines, and the conditions of each direction between two.
//
// A topology file has one statement a line; # begins a comment:
//   host NAME [up=RATE] [down=RATE] [up_queue=QUEUE] [down_queue=QUEUE]
//   link A B KEY=VALUE...      both directions between A and B; each is a host, a list with commas, or *
//   oneway A B KEY=VALUE...    the direction from A to B
//   congestion NAME            holds every connection to that congestion control, whatever a program asks for
//   sysctl KEY=VALUE           in every host, for example net.ipv4.tcp_rmem=4096 131072 67108864
//   seed N                     of the losses and the jitter
// Hosts come before the links. Keys of a link: delay (one way) or rtt (half of it each way), jitter, rate,
// queue, loss. A later statement refines what earlier ones said.
#pragma once

#include <cstdint>
#include <istream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"

namespace stress::wan {

constexpr size_t kHostsMax = 16;
constexpr size_t kHostNameMax = 16;  // characters

struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// A rate with a queue before it that drops what does not fit.
struct Line {
    double bits_per_s = 0;  // IP packets with their headers; 0: unlimited, and then nothing queues
    whim::Duration queue_time = whim::milliseconds(50);  // at that rate
    double queue_bytes = 0;                              // if not 0, instead of queue_time
};
double queue_bytes_max(const Line& line);

// From one host to another.
struct Conditions {
    Line line;
    whim::Duration delay, jitter;  // the delay wanders between `delay` and `delay + jitter`
    double loss = 0;               // share of the segments on the wire, each by itself
    bool cut = false;              // everything is dropped, silently
};

struct Host {
    std::string name;
    Line up, down;  // its access line, which all its peers share
};

struct Topology {
    std::vector<Host> hosts;
    std::vector<Conditions> directions;  // [from * hosts.size() + to]
    std::vector<std::pair<std::string, std::string>> sysctls;
    std::string congestion;  // empty: the system's default, and programs choose
    uint64_t seed = 1;

    Conditions& between(size_t from, size_t to) { return directions[from * hosts.size() + to]; }
    const Conditions& between(size_t from, size_t to) const { return directions[from * hosts.size() + to]; }
    // Indices of the hosts that a name, a list with commas or * stands for. Throws when there are none.
    std::vector<size_t> named(const std::string& names) const;
    // All pairs of a host of `a` and another of `b`, each once.
    std::vector<std::pair<size_t, size_t>> pairs(const std::string& a, const std::string& b) const;
    // 10.77.0.1 for the first host.
    static std::string address_of(size_t host) { return "10.77.0." + std::to_string(host + 1); }
};

// Throws Error "NAME:LINE: what is wrong".
Topology parse_topology(std::istream& text, const std::string& name);
Topology load_topology(const std::string& path);

// Carries out "link A B KEY=VALUE...", or the same with `oneway` or, for a host that exists, `host`; or
// `partition` and `heal` of commands.h. Throws and changes nothing when something is wrong. `set` is another
// word for `link`.
void change(Topology& topology, const std::vector<std::string>& words);

std::vector<std::string> words_of(const std::string& line);

}  // namespace stress::wan
