// Connections are looked for with `ss` before they are closed with it: it says nothing when a kernel cannot.
#include "stress/wan/kernel_network.h"

#include <fmt/format.h>

#include <sstream>

#include "stress/wan/commands.h"
#include "stress/wan/files.h"

namespace stress::wan {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(const std::string& text) {
    Lines lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

// What `ss` selects one connection by, at one of its ends.
struct Ends {
    std::string here, there;  // ADDRESS:PORT
};

// Of a line of `ss -Htn state established`: two queues, then the ends.
Ends ends_of(const std::string& line) {
    const auto words = words_of(line);
    if (words.size() < 4) throw Error("`ss` says '" + line + "'");
    return {words[2], words[3]};
}

}  // namespace

KernelNetwork::KernelNetwork(Topology topology, std::string lab, Execute execute)
    : topology_(std::move(topology)), lab_(std::move(lab)), execute_(std::move(execute)),
      chance_(topology_.seed) {}

void KernelNetwork::make() { carry_out_all(commands_for(topology_, lab_)); }

std::string KernelNetwork::carry_out(const std::string& line) {
    const auto words = words_of(line);
    if (words.empty()) throw Error("an empty command");
    if (line == "quit") return "";
    if (words[0] == "reset") return reset(words);
    if (line == "stats" || line == "zero")
        throw Error(
            fmt::format("netem counts by itself: ip netns exec {} tc -s qdisc; for `{}` bring the lab up "
                        "with --backend tun",
                        core_namespace_of(lab_), line));
    Topology changed = topology_;
    change(changed, words);
    carry_out_all(commands_between(topology_, changed, lab_));
    topology_ = std::move(changed);
    return "";
}

void KernelNetwork::carry_out_all(const Commands& commands) {
    for (const auto& command : commands) execute_(command);
}

std::string KernelNetwork::reset(const std::vector<std::string>& words) {
    const Resets resets = resets_of(topology_, words);
    size_t count = 0;
    for (const auto& [a, b] : resets.pairs) count += reset_pair(a, b, resets.one);
    return answer_to_reset(count);
}

size_t KernelNetwork::reset_pair(size_t a, size_t b, bool one) {
    const auto ask = [&](size_t host, const std::string& question) {
        return lines_of(execute_({namespace_of(lab_, topology_.hosts[host].name), "ss " + question}));
    };
    const std::string to_b = "dst " + Topology::address_of(b), to_a = "dst " + Topology::address_of(a);
    const std::string open_to_b = "-Htn state established " + to_b;
    const Lines open = ask(a, open_to_b);
    if (open.empty()) return 0;
    std::string at_a = "-KHtn state established " + to_b, at_b = "-KHtn state established " + to_a;
    if (one) {
        const Ends ends = ends_of(open[chance_.below(open.size())]);
        at_a = fmt::format("-KHtn src {} dst {}", ends.here, ends.there);
        at_b = fmt::format("-KHtn src {} dst {}", ends.there, ends.here);
    }
    const size_t count = ask(a, at_a).size();
    ask(b, at_b);
    if (count == 0 && !ask(a, open_to_b).empty())
        throw Error("this kernel closes no connection for `ss -K`: it lacks CONFIG_INET_DIAG_DESTROY");
    return count;
}

}  // namespace stress::wan
