// Statements are a verb with its own function; keys are read into a copy, so that a bad one changes nothing.
#include "stress/wan/topology.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "stress/wan/units.h"

namespace stress::wan {
namespace {

using Words = std::vector<std::string>;

struct Setting {
    std::string key, value;
};

Setting setting_of(const std::string& word) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
        throw Error("'" + word + "' is not of the form KEY=VALUE");
    return {word.substr(0, equals), word.substr(equals + 1)};
}

void set_queue(Line& line, const std::string& value) {
    if (!value.empty() && value.back() == 's') {
        line.queue_time = parse_duration(value);
        line.queue_bytes = 0;
    } else {
        line.queue_bytes = parse_size(value);
        if (line.queue_bytes < 1) throw Error("a queue in bytes has at least 1");
    }
}

void set(Host& host, const Setting& setting) {
    const auto& [key, value] = setting;
    if (key == "up") host.up.bits_per_s = parse_rate(value);
    else if (key == "down") host.down.bits_per_s = parse_rate(value);
    else if (key == "up_queue") set_queue(host.up, value);
    else if (key == "down_queue") set_queue(host.down, value);
    else throw Error("a host has no '" + key + "'; it has up, down, up_queue and down_queue");
}

void set(Conditions& way, const Setting& setting) {
    const auto& [key, value] = setting;
    if (key == "delay") way.delay = parse_duration(value);
    else if (key == "rtt") way.delay = parse_duration(value) / 2;
    else if (key == "jitter") way.jitter = parse_duration(value);
    else if (key == "rate") way.line.bits_per_s = parse_rate(value);
    else if (key == "queue") set_queue(way.line, value);
    else if (key == "loss") way.loss = parse_share(value);
    else throw Error("a link has no '" + key + "'; it has delay, rtt, jitter, rate, queue and loss");
}

void check_name(const Topology& topology, const std::string& name) {
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
    });
    if (!plain || name.size() > kHostNameMax)
        throw Error("'" + name + "' is no host's name: at most " + std::to_string(kHostNameMax) +
                    " letters, digits, - and _");
    for (const auto& other : topology.hosts)
        if (other.name == name) throw Error("there are two hosts '" + name + "'");
}

void add_host(Topology& topology, const Words& words) {
    if (words.size() < 2) throw Error("usage: host NAME [KEY=VALUE...]");
    if (!topology.directions.empty()) throw Error("hosts come before the links");
    if (topology.hosts.size() == kHostsMax) throw Error("more than " + std::to_string(kHostsMax) + " hosts");
    check_name(topology, words[1]);
    Host host{words[1], {}, {}};
    for (size_t i = 2; i < words.size(); ++i) set(host, setting_of(words[i]));
    topology.hosts.push_back(host);
}

void add_sysctl(Topology& topology, const Words& words) {
    if (words.size() < 2) throw Error("usage: sysctl KEY=VALUE");
    Setting setting = setting_of(words[1]);
    for (size_t i = 2; i < words.size(); ++i) setting.value += " " + words[i];
    topology.sysctls.emplace_back(setting.key, setting.value);
}

void set_congestion(Topology& topology, const Words& words) {
    if (words.size() != 2) throw Error("usage: congestion NAME");
    const bool plain = std::all_of(words[1].begin(), words[1].end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
    });
    if (!plain) throw Error("'" + words[1] + "' is no congestion control");
    topology.congestion = words[1];
}

void set_seed(Topology& topology, const Words& words) {
    if (words.size() != 2) throw Error("usage: seed N");
    topology.seed = parse_number(words[1]);
}

void change_link(Topology& topology, const Words& words) {
    if (words.size() < 4) throw Error("usage: " + words[0] + " A B KEY=VALUE...");
    const size_t hosts = topology.hosts.size();
    auto changed = topology.directions;
    changed.resize(hosts * hosts);
    for (const size_t a : topology.named(words[1]))
        for (const size_t b : topology.named(words[2]))
            for (size_t i = 3; i < words.size(); ++i) {
                const Setting setting = setting_of(words[i]);
                set(changed[a * hosts + b], setting);
                if (words[0] != "oneway") set(changed[b * hosts + a], setting);
            }
    topology.directions = std::move(changed);
}

void change_host(Topology& topology, const Words& words) {
    if (words.size() < 3) throw Error("usage: host NAME KEY=VALUE...");
    auto changed = topology.hosts;
    for (const size_t host : topology.named(words[1]))
        for (size_t i = 2; i < words.size(); ++i) set(changed[host], setting_of(words[i]));
    topology.hosts = std::move(changed);
}

void set_cut(Topology& topology, size_t a, size_t b, bool cut) {
    topology.between(a, b).cut = cut;
    topology.between(b, a).cut = cut;
}

// A group is cut off from everybody outside it.
void partition(Topology& topology, const Words& words) {
    if (words.size() < 2 || words.size() > 3) throw Error("usage: partition A [B]");
    const std::vector<size_t> group = topology.named(words[1]);
    const bool from_all = words.size() == 2;
    for (const auto& [a, b] : topology.pairs(words[1], from_all ? "*" : words[2])) {
        const bool is_inside = std::find(group.begin(), group.end(), b) != group.end();
        if (!from_all || !is_inside) set_cut(topology, a, b, true);
    }
}

void heal(Topology& topology, const Words& words) {
    if (words.size() != 1 && words.size() != 3) throw Error("usage: heal [A B]");
    const bool all = words.size() == 1;
    for (const auto& [a, b] : topology.pairs(all ? "*" : words[1], all ? "*" : words[2]))
        set_cut(topology, a, b, false);
}

using Statement = void (*)(Topology&, const Words&);

void carry_out(const std::map<std::string, Statement>& statements, Topology& topology, const Words& words) {
    const auto found = statements.find(words.at(0));
    if (found != statements.end()) return found->second(topology, words);
    std::string known;
    for (const auto& [name, statement] : statements) known += (known.empty() ? "" : ", ") + name;
    throw Error("unknown statement '" + words[0] + "'; there are " + known);
}

const std::map<std::string, Statement> kOfFiles = {
    {"host", add_host},     {"link", change_link},          {"oneway", change_link},
    {"sysctl", add_sysctl}, {"congestion", set_congestion}, {"seed", set_seed}};
const std::map<std::string, Statement> kOfRunTime = {{"host", change_host},    {"link", change_link},
                                                     {"set", change_link},     {"oneway", change_link},
                                                     {"partition", partition}, {"heal", heal}};

}  // namespace

double queue_bytes_max(const Line& line) {
    return line.queue_bytes > 0 ? line.queue_bytes : line.queue_time.seconds() * line.bits_per_s / 8;
}

Words words_of(const std::string& line) {
    std::istringstream text(line.substr(0, line.find('#')));
    Words words;
    for (std::string word; text >> word;) words.push_back(word);
    return words;
}

std::vector<size_t> Topology::named(const std::string& names) const {
    std::vector<size_t> found;
    std::istringstream list(names);
    for (std::string name; std::getline(list, name, ',');) {
        const size_t before = found.size();
        for (size_t i = 0; i < hosts.size(); ++i)
            if (name == "*" || name == hosts[i].name) found.push_back(i);
        if (found.size() == before) throw Error("no host '" + name + "'");
    }
    if (found.empty()) throw Error("no host ''");
    return found;
}

std::vector<std::pair<size_t, size_t>> Topology::pairs(const std::string& a, const std::string& b) const {
    const std::vector<size_t> first = named(a), second = named(b);
    const auto in = [](const std::vector<size_t>& all, size_t one) {
        return std::find(all.begin(), all.end(), one) != all.end();
    };
    std::vector<std::pair<size_t, size_t>> pairs;
    for (const size_t x : first)
        for (const size_t y : second) {
            const bool seen_the_other_way = x > y && in(first, y) && in(second, x);
            if (x != y && !seen_the_other_way) pairs.emplace_back(x, y);
        }
    return pairs;
}

Topology parse_topology(std::istream& text, const std::string& name) {
    Topology topology;
    int number = 0;
    for (std::string line; std::getline(text, line);) {
        ++number;
        const Words words = words_of(line);
        if (words.empty()) continue;
        try {
            carry_out(kOfFiles, topology, words);
        } catch (const std::exception& problem) {
            throw Error(name + ":" + std::to_string(number) + ": " + problem.what());
        }
    }
    if (topology.hosts.size() < 2)
        throw Error(name + ":" + std::to_string(number) + ": fewer than two hosts");
    topology.directions.resize(topology.hosts.size() * topology.hosts.size());
    return topology;
}

Topology load_topology(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw Error(path + ": cannot be read");
    return parse_topology(file, path);
}

void change(Topology& topology, const Words& words) { carry_out(kOfRunTime, topology, words); }

}  // namespace stress::wan
