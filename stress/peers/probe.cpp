// Both tools are told to write for people, and what is wanted is read out of it.
#include "stress/peers/probe.h"

#include <signal.h>

#include <sstream>
#include <stdexcept>

namespace stress {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);  // beyond the time that is asked for
constexpr unsigned kStartSeconds = 3;

Child run_at(const Place& place, const std::vector<std::string>& tool) {
    std::vector<std::string> command = place.command;
    command.insert(command.end(), tool.begin(), tool.end());
    return Child::start_program(command);
}

// The next line that holds all of the words.
std::string hear_line(Child& child, const std::vector<std::string>& words, Millis within) {
    for (const Deadline deadline(within);;) {
        const std::string line = child.hear(deadline.left());
        bool all = true;
        for (const auto& word : words) all = all && line.find(word) != std::string::npos;
        if (all) return line;
    }
}

}  // namespace

Ping::Ping(const Place& from, const std::string& to)
    : ping_(run_at(from, {"ping", "-q", "-n", "-i", "0.2", to})) {}

std::optional<double> Ping::longest_ms() try {
    kill(ping_.pid(), SIGINT);
    const std::string line = hear_line(ping_, {"rtt min/avg/max"}, kPatience);  // ... = MIN/AVG/MAX/MDEV ms
    std::istringstream numbers(line.substr(line.find('=') + 1));
    double least = 0, average = 0, longest = 0;
    char slash;
    if (numbers >> least >> slash >> average >> slash >> longest) return longest;
    return std::nullopt;
} catch (const std::runtime_error&) {
    return std::nullopt;  // it ends without that line when nothing came back
}

double iperf_mbit(const Place& from, const Place& to, unsigned streams, unsigned seconds) {
    Child server = run_at(to, {"iperf3", "--server", "--one-off", "--forceflush"});
    hear_line(server, {"listening"}, kPatience);
    Child client =
        run_at(from, {"iperf3", "--client", to.address, "--parallel", std::to_string(streams), "--time",
                      std::to_string(seconds), "--omit", std::to_string(kStartSeconds), "--format", "m"});
    const std::string all = streams > 1 ? "[SUM]" : "";
    const std::string line =
        hear_line(client, {all, "receiver"}, std::chrono::seconds(seconds + kStartSeconds) + kPatience);
    std::istringstream words(line);  // ... 704 MBytes 965 Mbits/sec receiver
    std::string before;
    for (std::string word; words >> word; before = word)
        if (word == "Mbits/sec") return std::stod(before);
    throw std::runtime_error("iperf3 says: " + line);
}

}  // namespace stress
