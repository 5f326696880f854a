// The emulated WAN as the kernel makes it: the commands of `ip` and `tc` for a topology, and for each change
// of one. Pure.
//
// Every host has a namespace for its access line, and all lines meet in one more, the core. A packet from a
// to b passes
//   a's line, device net     tbf: a's `up` rate and queue
//   the core, b's device     htb sorts by sender; netem: loss, delay, jitter; tbf: the link's rate and queue
//   b's line                 where a rule of the routing drops it when the two are partitioned
//   b's line, device lan     tbf: b's `down` rate and queue
// which is the order of our own router (network.h), except that a link's losses and delay come before its
// rate. The lines are routers of their own so that a host's TCP does not see its line's queue, as at home.
#pragma once

#include <string>
#include <vector>

#include "stress/wan/topology.h"

namespace stress::wan {

// A line of the shell, inside a network namespace; outside of all if that is empty.
struct Command {
    std::string name_space, line;
};
using Commands = std::vector<Command>;

// What makes the network of a topology, and in this order. The topology's sysctls are not among it.
Commands commands_for(const Topology& topology, const std::string& lab);

// What turns the network of one topology into that of another with the same hosts, where they differ.
Commands commands_between(const Topology& is, const Topology& becomes, const std::string& lab);

// What one pair of hosts needs, on lo: a kernel that carries out these has all that it takes.
std::vector<std::string> probes();

// The namespaces of a lab, whoever emulates its network.
std::vector<std::string> namespaces_of(const std::string& lab, const std::vector<std::string>& hosts);

}  // namespace stress::wan
