// The router is the program whim_wan, beside this one; it lives as long as its standard input.
#include "stress/wan/wan.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "stress/wan/control.h"
#include "stress/wan/netns.h"

namespace stress::wan {
namespace {

constexpr auto kUpWithin = std::chrono::seconds(60);
constexpr auto kDownWithin = std::chrono::seconds(60);

// A file with this text for as long as it lives.
class TopologyFile {
public:
    explicit TopologyFile(const std::string& text) {
        char path[] = "/tmp/whim-topology-XXXXXX";
        const Descriptor file(mkstemp(path));
        path_ = path;
        std::ofstream(path_) << text;
    }
    ~TopologyFile() { unlink(path_.c_str()); }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

std::string program() { return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "whim_wan"; }

}  // namespace

std::vector<std::string> command_in(const std::string& lab, const std::string& host) {
    return {"ip", "netns", "exec", namespace_of(lab, host)};
}

std::string equal_hosts(size_t hosts, const std::string& rate, const std::string& link,
                        const std::string& queue) {
    std::string text;
    for (size_t i = 0; i < hosts; ++i)
        text += fmt::format("host {0} up={1} down={1} up_queue={2} down_queue={2}\n",
                            static_cast<char>('a' + i), rate, queue);
    // Else a path's window would be remembered, and the next run begin with it.
    return text + "link * * " + link + "\nsysctl net.ipv4.tcp_no_metrics_save=1\n";
}

std::string usual_congestion_control() {
    std::ifstream known("/proc/sys/net/ipv4/tcp_available_congestion_control");
    for (std::string name; known >> name;)
        if (name == "bbr") return name;
    return "cubic";
}

std::string congestion(const std::string& name) {
    return name == "cubic" ? "congestion cubic\n" : "sysctl net.ipv4.tcp_congestion_control=" + name + "\n";
}

Stats parse_stats(const std::string& text) {
    Stats stats;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string kind;
        words >> kind;
        std::map<std::string, std::string> values;
        for (std::string word; words >> word;) {
            const size_t equals = word.find('=');
            values[word.substr(0, equals)] = word.substr(equals + 1);
        }
        if (kind == "way") {
            const auto count = [&](const char* key) { return std::stoull(values.at(key)); };
            stats.ways[{values.at("from"), values.at("to")}] = {
                count("packets"),           count("bytes"),
                count("delivered_packets"), count("delivered_bytes"),
                count("dropped_by_queue"),  count("dropped_by_loss"),
                count("dropped_by_cut")};
        } else if (kind == "router") {
            stats.cpu_share = std::stod(values.at("cpu_share"));
            stats.busiest_share = std::stod(values.at("busiest_share"));
            stats.lateness_max_ms = std::stod(values.at("lateness_max_ms"));
        }
    }
    return stats;
}

Lab::Lab(const std::string& topology, const std::string& name)
    : name_(name.empty() ? "p" + std::to_string(getpid()) : name) {
    std::istringstream text(topology);
    for (const auto& host : parse_topology(text, "topology").hosts) hosts_.push_back(host.name);
    const TopologyFile file(topology);
    router_ = Child::start_program({program(), "--lab", name_, "run", file.path(), "--backend", "tun"});
    router_->expect("up", kUpWithin);
}

Lab::~Lab() { router_->finish(kDownWithin); }

Places Lab::places() const {
    Places places;
    for (size_t i = 0; i < hosts_.size(); ++i)
        places.push_back({command_in(name_, hosts_[i]), hosts_[i], Topology::address_of(i), "wan0"});
    return places;
}

std::string Lab::tell(const std::string& command) const { return ask(name_, command); }

void Lab::kill_all() const {
    for (const auto& host : hosts_) kill_processes(namespace_of(name_, host));
}

}  // namespace stress::wan
