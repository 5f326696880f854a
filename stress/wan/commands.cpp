// One function a command; the table at the end names them.
#include "stress/wan/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace stress::wan {
namespace {

using Words = std::vector<std::string>;

// All pairs of a host of `a` and another of `b`, each once.
template <typename Do>
void for_pairs(const Topology& topology, const std::string& a, const std::string& b, Do act) {
    const std::vector<size_t> first = topology.named(a), second = topology.named(b);
    const auto in = [](const std::vector<size_t>& all, size_t one) {
        return std::find(all.begin(), all.end(), one) != all.end();
    };
    for (const size_t x : first)
        for (const size_t y : second) {
            const bool seen_the_other_way = x > y && in(first, y) && in(second, x);
            if (x != y && !seen_the_other_way) act(x, y);
        }
}

// A group is cut off from everybody outside it.
void partition(Network& network, const Words& words) {
    if (words.size() < 2 || words.size() > 3) throw Error("usage: partition A [B]");
    if (words.size() == 3)
        return for_pairs(network.topology(), words[1], words[2],
                         [&](size_t a, size_t b) { network.set_cut(a, b, true); });
    const std::vector<size_t> group = network.topology().named(words[1]);
    for_pairs(network.topology(), words[1], "*", [&](size_t a, size_t b) {
        if (std::find(group.begin(), group.end(), b) == group.end()) network.set_cut(a, b, true);
    });
}

void heal(Network& network, const Words& words) {
    if (words.size() != 1 && words.size() != 3) throw Error("usage: heal [A B]");
    const bool all = words.size() == 1;
    for_pairs(network.topology(), all ? "*" : words[1], all ? "*" : words[2],
              [&](size_t a, size_t b) { network.set_cut(a, b, false); });
}

std::string reset(Network& network, const Words& words, whim::Instant now) {
    const bool one = words.size() == 4 && words[3] == "one";
    if (words.size() != 3 && !one) throw Error("usage: reset A B [one]");
    const auto which = one ? Network::Which::one : Network::Which::all;
    size_t count = 0;
    for_pairs(network.topology(), words[1], words[2],
              [&](size_t a, size_t b) { count += network.reset(a, b, which, now); });
    return fmt::format("{} connections reset\n", count);
}

std::string stats(const Network& network, const Load& load) {
    const Topology& topology = network.topology();
    std::string text;
    for (size_t a = 0; a < topology.hosts.size(); ++a)
        for (size_t b = 0; b < topology.hosts.size(); ++b) {
            const Counters& is = network.counters(a, b);
            if (is.packets == 0) continue;
            text += fmt::format(
                "way from={} to={} packets={} bytes={} delivered_packets={} delivered_bytes={} "
                "dropped_by_queue={} dropped_by_loss={} dropped_by_cut={}\n",
                topology.hosts[a].name, topology.hosts[b].name, is.packets, is.bytes, is.delivered_packets,
                is.delivered_bytes, is.dropped_by_queue, is.dropped_by_loss, is.dropped_by_cut);
        }
    return text + fmt::format(
                      "router cpu_s={:.3f} wall_s={:.3f} cpu_share={:.3f} busiest_share={:.3f} "
                      "lateness_max_ms={:.3f}\n",
                      load.cpu_s, load.wall_s, load.wall_s > 0 ? load.cpu_s / load.wall_s : 0,
                      load.busiest_share, network.lateness_max().seconds() * 1e3);
}

}  // namespace

std::string carry_out(Network& network, const std::string& line, const Load& load, whim::Instant now) {
    const Words words = words_of(line);
    if (words.empty()) throw Error("an empty command");
    const std::string& verb = words[0];
    if (verb == "partition") return partition(network, words), "";
    if (verb == "heal") return heal(network, words), "";
    if (verb == "reset") return reset(network, words, now);
    if (verb == "stats" && words.size() == 1) return stats(network, load);
    if (verb == "zero" && words.size() == 1) return network.clear_counters(), "";
    if (verb == "quit" && words.size() == 1) return "";
    if (verb != "set" && verb != "oneway" && verb != "host") throw Error("no command '" + line + "'");
    network.change(words);
    return "";
}

}  // namespace stress::wan
