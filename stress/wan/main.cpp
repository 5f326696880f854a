// whim_wan: the command line of the emulated WAN.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "stress/wan/control.h"
#include "stress/wan/files.h"
#include "stress/wan/lifecycle.h"
#include "stress/wan/wan.h"

namespace {

using namespace stress::wan;
using Words = std::vector<std::string>;

constexpr const char* kUsage = R"(usage: whim_wan [--lab NAME] COMMAND
  up FILE [--backend B]      make the hosts of a topology, and emulate the network between them in the background;
                             B: tun (a router in user space), netem (the kernel's) or auto, netem where there is one
  run FILE [--backend B]     the same in the foreground, until standard input ends
  exec HOST CMD...           run a command on a host
  set A B KEY=VALUE...       change both directions: delay, rtt, jitter, rate, queue, loss
  oneway A B KEY=VALUE...    change the direction from A to B
  host A KEY=VALUE...        change an access line: up, down, up_queue, down_queue
  partition A [B]            cut A off from all others, or from B alone
  heal [A B]                 undo partitions
  reset A B [one]            reset the TCP connections between A and B, or of each pair one by chance
  stats                      counters of each direction, and the router's load; of the backend tun
  zero                       let stats begin anew
  down                       end what runs on the hosts, and remove everything
A and B: a host, a list with commas, or *. NAME is "wan" unless given.
)";

std::string joined(const Words& words) {
    std::string line;
    for (const auto& word : words) line += (line.empty() ? "" : " ") + word;
    return line;
}

[[noreturn]] void exec(const std::string& lab, const Words& words) {
    const auto hosts = hosts_of(lab);
    if (std::find(hosts.begin(), hosts.end(), words[1]) == hosts.end())
        throw Error("no host '" + words[1] + "'");
    Words command = command_in(lab, words[1]);
    command.insert(command.end(), words.begin() + 2, words.end());
    std::vector<char*> argv;
    for (auto& each : command) argv.push_back(each.data());
    argv.push_back(nullptr);
    execvp(argv[0], argv.data());
    throw Error(std::string("ip: ") + std::strerror(errno));
}

// The process of `up`, which has left its parent's terminal: says on `ready` that it is up, or why not.
[[noreturn]] void serve_in_background(const Topology& topology, const std::string& lab, Backend backend,
                                      int ready) {
    setsid();
    const auto tell = [&](const std::string& text) {
        [[maybe_unused]] const ssize_t told = write(ready, text.data(), text.size());
        close(ready);
    };
    try {
        serve(topology, lab, backend, -1, [&] {
            const int log = open(Files(lab).log().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
            const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
            dup2(nothing, STDIN_FILENO);
            dup2(log, STDOUT_FILENO);
            dup2(log, STDERR_FILENO);
            tell("up");
        });
        _exit(0);
    } catch (const std::exception& problem) {
        tell(problem.what());
        std::fprintf(stderr, "whim_wan: %s\n", problem.what());
        _exit(1);
    }
}

struct LabToBe {
    Topology topology;
    Backend backend;
    std::string why;
};

// Of `up FILE [--backend B]`; nothing, and it has said why, when there can be none.
std::optional<LabToBe> lab_to_be(const Words& words) {
    const Choice choice = choose_backend(words.size() == 4 ? words[3] : "auto");
    if (choice.backend) return LabToBe{load_topology(words[1]), *choice.backend, choice.why};
    std::cerr << "whim_wan: " << choice.why << '\n';
    return std::nullopt;
}

int up(const std::string& lab, const Words& words) {
    const auto to_be = lab_to_be(words);
    if (!to_be) return kSkip;
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0) throw Error(std::string("pipe: ") + std::strerror(errno));
    const pid_t child = fork();
    if (child < 0) throw Error(std::string("fork: ") + std::strerror(errno));
    if (child == 0) {
        close(ready[0]);
        serve_in_background(to_be->topology, lab, to_be->backend, ready[1]);
    }
    close(ready[1]);
    std::string told;
    char text[256];
    for (ssize_t got; (got = read(ready[0], text, sizeof text)) > 0;)
        told.append(text, static_cast<size_t>(got));
    if (told != "up") return 1;  // it has said why
    std::cout << "backend " << name_of(to_be->backend) << ", " << to_be->why << '\n';
    for (size_t i = 0; i < to_be->topology.hosts.size(); ++i)
        std::cout << to_be->topology.hosts[i].name << ' ' << Topology::address_of(i) << '\n';
    return 0;
}

// Ends in order also when the program that started it is killed.
int run(const std::string& lab, const Words& words) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    const auto to_be = lab_to_be(words);
    if (!to_be) return kSkip;
    serve(to_be->topology, lab, to_be->backend, STDIN_FILENO, [] { std::cout << "up" << std::endl; });
    return 0;
}

int act(const std::string& lab, const Words& words) {
    const std::string verb = words.empty() ? "" : words[0];
    const bool is_whole = words.size() == 2 || (words.size() == 4 && words[2] == "--backend");
    if (verb == "up" && is_whole) return up(lab, words);
    if (verb == "run" && is_whole) return run(lab, words);
    if (verb == "down" && words.size() == 1) return take_down(lab), 0;
    if (verb == "exec" && words.size() > 2) exec(lab, words);
    const Words at_run_time = {"set", "oneway", "host", "partition", "heal", "reset", "stats", "zero"};
    if (std::find(at_run_time.begin(), at_run_time.end(), verb) == at_run_time.end()) {
        std::cerr << kUsage;
        return 2;
    }
    std::cout << ask(lab, joined(words));
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    Words words(argv + 1, argv + argc);
    std::string lab = "wan";
    if (words.size() >= 2 && words[0] == "--lab") {
        lab = words[1];
        words.erase(words.begin(), words.begin() + 2);
    }
    if (!words.empty() && (words[0] == "--help" || words[0] == "help")) {
        std::cout << kUsage;
        return 0;
    }
    if (const auto reason = why_no_labs()) {
        std::cerr << "whim_wan: " << *reason << '\n';
        return kSkip;
    }
    return act(lab, words);
} catch (const std::exception& problem) {
    std::cerr << "whim_wan: " << problem.what() << '\n';
    return 1;
}
