// Every qdisc is spelt out whole, with values for "none" and "unlimited": a change is the same line with
// another verb, since the kernel keeps some of what a change does not name and forgets the rest.
#include "stress/wan/netem.h"

#include <fmt/format.h>

#include <algorithm>

#include "stress/wan/files.h"

namespace stress::wan {
namespace {

constexpr double kMtuBytes = 1500;
constexpr double kUnlimited = 100e9;  // bits a second: no kernel passes on single packets that fast
constexpr double kUnlimitedQueueBytes = 1e9;
constexpr double kQueueBytesMax = 4e9;                 // tbf counts in 32 bits
constexpr double kBurstSeconds = 1e-3;                 // how late a timer may be before a rate is missed
constexpr unsigned kPacketsOnTheWay = 1000000;         // of one direction; more are dropped
constexpr const char* kLineAddress = "10.77.255.1";    // of every line, to its host and to the core
constexpr const char* kCoreAddress = "10.77.255.2";    // to every line
constexpr unsigned kRuleOfFirstHost = 100;             // priorities of the rules that partition
constexpr const char* kIpBytes = "stab overhead -14";  // rates do not count the Ethernet header

// Handles, of which tc reads hexadecimal digits.
std::string class_of(size_t from) { return fmt::format("1:{:x}", from + 1); }
std::string netem_of(size_t from) { return fmt::format("{:x}:", kHostsMax + from); }
std::string tbf_of(size_t from) { return fmt::format("{:x}:", 2 * kHostsMax + from); }
std::string port_of(size_t host) { return fmt::format("h{}", host); }

std::string milliseconds(double ns) { return fmt::format("{}ms", ns / 1e6); }
std::string megabits(double bits_per_s) { return fmt::format("{}mbit", bits_per_s / 1e6); }

std::string tbf(const Line& line) {
    const bool limited = line.bits_per_s > 0;
    const double rate = limited ? line.bits_per_s : kUnlimited;
    // The packet that is being sent is in no queue, and still counted.
    const double queue = limited ? queue_bytes_max(line) + kMtuBytes : kUnlimitedQueueBytes;
    return fmt::format("tbf rate {} burst {:.0f} limit {:.0f}", megabits(rate),
                       kMtuBytes + rate / 8 * kBurstSeconds, std::min(queue, kQueueBytesMax));
}

// netem's own jitter goes both ways from its delay. A rate, however high, keeps it from letting packets
// overtake each other.
std::string netem(const Conditions& is) {
    const double half = static_cast<double>(is.jitter.ns) / 2;
    return fmt::format("netem limit {} delay {} {} rate {} loss random {:.9g}%", kPacketsOnTheWay,
                       milliseconds(static_cast<double>(is.delay.ns) + half), milliseconds(half),
                       megabits(kUnlimited), is.loss * 100);
}

std::string line_command(const char* verb, const std::string& device, const Line& line) {
    return fmt::format("tc qdisc {} dev {} root handle 1: {} {}", verb, device, kIpBytes, tbf(line));
}

std::string netem_command(const char* verb, const std::string& device, size_t from, const Conditions& is) {
    return fmt::format("tc qdisc {} dev {} parent {} handle {} {}", verb, device, class_of(from),
                       netem_of(from), netem(is));
}

std::string rate_command(const char* verb, const std::string& device, size_t from, const Conditions& is) {
    return fmt::format("tc qdisc {} dev {} parent {}1 handle {} {}", verb, device, netem_of(from),
                       tbf_of(from), tbf(is.line));
}

std::string cut_command(bool cut, size_t from, size_t to) {
    const std::string rule =
        fmt::format("ip rule {} priority {}", cut ? "add" : "del", kRuleOfFirstHost + from);
    if (!cut) return rule;
    return fmt::format("{} from {} to {} blackhole", rule, Topology::address_of(from),
                       Topology::address_of(to));
}

std::string sort_command(const std::string& device) {
    return fmt::format("tc qdisc add dev {} root handle 1: {} htb", device, kIpBytes);
}

// What a direction needs at its receiver's device in the core, which sorts already.
std::vector<std::string> way_commands(const std::string& device, size_t from, const Conditions& is) {
    const double burst = kUnlimited / 8 * kBurstSeconds;
    return {
        fmt::format("tc class add dev {} parent 1: classid {} htb rate {} burst {:.0f} cburst {:.0f} quantum "
                    "60000",
                    device, class_of(from), megabits(kUnlimited), burst, burst),
        netem_command("add", device, from, is), rate_command("add", device, from, is),
        fmt::format("tc filter add dev {} parent 1: protocol ip prio 1 u32 match ip src {}/32 flowid {}",
                    device, Topology::address_of(from), class_of(from))};
}

// Adds lines, all inside one namespace.
void add(Commands& to, const std::string& name_space, const std::vector<std::string>& lines) {
    for (const auto& line : lines) to.push_back({name_space, line});
}

// Before devices are there: these are defaults for them.
const std::vector<std::string> kNoIpv6 = {
    "test ! -e /proc/sys/net/ipv6 || echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6"};
const std::vector<std::string> kRoutes = {"echo 1 >/proc/sys/net/ipv4/ip_forward"};

void add_host(Commands& all, const Topology& topology, size_t index, const std::string& lab) {
    const Host& host = topology.hosts[index];
    const std::string here = namespace_of(lab, host.name), line = line_namespace_of(lab, host.name),
                      core = core_namespace_of(lab), address = Topology::address_of(index),
                      port = port_of(index);
    add(all, "", {"ip netns add " + here, "ip netns add " + line});
    for (const auto& each : {here, line}) add(all, each, kNoIpv6);
    add(all, line, kRoutes);
    const std::string congestion = topology.congestion.empty() ? "" : " congctl lock " + topology.congestion;
    add(all, here,
        {"ip link add wan0 type veth peer name lan netns " + line, "ip link set lo up",
         // Losses and queues are for packets on the wire, not for what TCP hands over in one piece.
         "ip link set wan0 mtu 1500 gso_max_segs 1 up", fmt::format("ip address add {}/32 dev wan0", address),
         fmt::format("ip route add 10.77.0.0/24 via {} dev wan0 onlink src {}{}", kLineAddress, address,
                     congestion)});
    add(all, line,
        {fmt::format("ip link add net type veth peer name {} netns {}", port, core), "ip link set lan up",
         "ip link set net up", fmt::format("ip address add {}/32 dev lan", kLineAddress),
         fmt::format("ip route add {}/32 dev lan", address),
         fmt::format("ip route add 10.77.0.0/24 via {} dev net onlink", kCoreAddress),
         line_command("add", "net", host.up), line_command("add", "lan", host.down)});
    add(all, core,
        {fmt::format("ip link set {} up", port),
         fmt::format("ip address add {}/32 dev {}", kCoreAddress, port),
         fmt::format("ip route add {}/32 via {} dev {} onlink", address, kLineAddress, port),
         sort_command(port)});
}

bool same(const Line& a, const Line& b) { return tbf(a) == tbf(b); }

}  // namespace

Commands commands_for(const Topology& topology, const std::string& lab) {
    const std::string core = core_namespace_of(lab);
    Commands all;
    add(all, "", {"ip netns add " + core});
    add(all, core, kNoIpv6);
    add(all, core, kRoutes);
    for (size_t to = 0; to < topology.hosts.size(); ++to) {
        add_host(all, topology, to, lab);
        for (size_t from = 0; from < topology.hosts.size(); ++from)
            if (from != to) add(all, core, way_commands(port_of(to), from, topology.between(from, to)));
    }
    return all;
}

Commands commands_between(const Topology& is, const Topology& becomes, const std::string& lab) {
    const std::string core = core_namespace_of(lab);
    Commands all;
    for (size_t to = 0; to < is.hosts.size(); ++to) {
        const Host &before = is.hosts[to], &after = becomes.hosts[to];
        const std::string line = line_namespace_of(lab, after.name), port = port_of(to);
        if (!same(before.up, after.up)) add(all, line, {line_command("change", "net", after.up)});
        if (!same(before.down, after.down)) add(all, line, {line_command("change", "lan", after.down)});
        for (size_t from = 0; from < is.hosts.size(); ++from) {
            if (from == to) continue;
            const Conditions &old = is.between(from, to), &now = becomes.between(from, to);
            if (netem(old) != netem(now)) add(all, core, {netem_command("change", port, from, now)});
            if (!same(old.line, now.line)) add(all, core, {rate_command("change", port, from, now)});
            if (old.cut != now.cut) add(all, line, {cut_command(now.cut, from, to)});
        }
    }
    return all;
}

std::vector<std::string> probes() {
    std::vector<std::string> lines = {sort_command("lo")};
    for (const auto& line : way_commands("lo", 0, {})) lines.push_back(line);
    return lines;
}

std::vector<std::string> namespaces_of(const std::string& lab, const std::vector<std::string>& hosts) {
    std::vector<std::string> names;
    for (const auto& host : hosts) {
        names.push_back(namespace_of(lab, host));
        names.push_back(line_namespace_of(lab, host));
    }
    names.push_back(core_namespace_of(lab));
    return names;
}

}  // namespace stress::wan
