// One function a command; the table at the end names them.
#include "stress/wan/commands.h"

#include <fmt/format.h>

namespace stress::wan {
namespace {

using Words = std::vector<std::string>;

std::string reset(Network& network, const Words& words, whim::Instant now) {
    const Resets resets = resets_of(network.topology(), words);
    const auto which = resets.one ? Network::Which::one : Network::Which::all;
    size_t count = 0;
    for (const auto& [a, b] : resets.pairs) count += network.reset(a, b, which, now);
    return answer_to_reset(count);
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

Resets resets_of(const Topology& topology, const Words& words) {
    const bool one = words.size() == 4 && words[3] == "one";
    if (words.size() != 3 && !one) throw Error("usage: reset A B [one]");
    return {topology.pairs(words[1], words[2]), one};
}

std::string answer_to_reset(size_t connections) { return fmt::format("{} connections reset\n", connections); }

std::string carry_out(Network& network, const std::string& line, const Load& load, whim::Instant now) {
    const Words words = words_of(line);
    if (words.empty()) throw Error("an empty command");
    const std::string& verb = words[0];
    if (verb == "reset") return reset(network, words, now);
    if (verb == "stats" && words.size() == 1) return stats(network, load);
    if (verb == "zero" && words.size() == 1) return network.clear_counters(), "";
    if (verb == "quit" && words.size() == 1) return "";
    network.change(words);
    return "";
}

}  // namespace stress::wan
