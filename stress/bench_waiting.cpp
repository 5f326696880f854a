// bench waiting: what a peer costs while it waits for another that is late: CPU time over wall time, which
// should be that of heartbeats and nothing else.
//
// Two peers; one calls an all-reduce at once and looks at its own clocks, the other calls it seconds later.
#include <time.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "peer.h"

namespace {

using namespace stress;

constexpr uint64_t kElements = 4 << 20;

double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// On "go wait MS" calls at once, on "go late MS" after so long; says "cpu SECONDS" of the waiting, or "cpu
// 0".
int peer_role(const Options& options) {
    std::vector<float> values(kElements, 1.0f), sums(kElements);
    auto group = join(options.text("invite", ""), options.text("security", "tls"), options.text("name", ""),
                      options.text("path", "auto"));
    std::cout << "joined" << std::endl;
    std::string go, what;
    uint32_t late_ms = 0;
    if (!(std::cin >> go >> what >> late_ms)) return 1;
    group.round_begin().get(kPatienceMs);
    const auto call = [&] {
        return group.all_reduce(values.data(), sums.data(), kElements, WHIM_F32, WHIM_SUM);
    };
    double cpu = 0;
    if (what == "late") {
        timespec time{late_ms / 1000, static_cast<long>(late_ms % 1000) * 1'000'000};
        nanosleep(&time, nullptr);
        call().get(kPatienceMs);
    } else {
        auto op = call();
        if (op.wait(100))
            throw std::runtime_error("the other peer was not late");  // what can be sent is sent
        const double begun = cpu_seconds();
        if (op.wait(late_ms - 500)) throw std::runtime_error("the other peer was not late");
        cpu = cpu_seconds() - begun;
        op.get(kPatienceMs);
    }
    if (sums[0] != 2.0f) throw std::runtime_error("a result is wrong");
    std::cout << "cpu " << cpu << std::endl;
    while (std::cin >> what) {}
    return 0;
}

// Percent of one core.
double percent_waiting(const std::string& security, const std::string& path, uint64_t late_ms) {
    const ScratchDirectory scratch;
    const Coordinator coordinator = start_coordinator(scratch.path(), security, 2);
    const auto start = [&](const std::string& name) {
        return Child::start({"--role", "peer", "--invite", coordinator.invite, "--security", security,
                             "--path", path, "--name", name});
    };
    Child waits = start("waits"), late = start("late");
    waits.expect("joined", Millis(kPatienceMs));
    late.expect("joined", Millis(kPatienceMs));
    waits.say("go wait " + std::to_string(late_ms));
    late.say("go late " + std::to_string(late_ms));
    double cpu = 0;
    std::istringstream(waits.expect("cpu", Millis(kPatienceMs))) >> cpu;
    late.expect("cpu", Millis(kPatienceMs));
    return 100 * cpu / (1e-3 * static_cast<double>(late_ms - 500));
}

int bench(const Options& options) {
    const uint64_t late_ms = options.number("late-ms", 5000);
    if (late_ms < 1000 || late_ms > kPatienceMs / 2)
        throw std::runtime_error("--late-ms: from 1000 to " + std::to_string(kPatienceMs / 2));
    const double most = static_cast<double>(options.number("percent-max", 1));
    bool all_idle = true;
    for (const std::string security : {"none", "tls"})
        for (const std::string path : {"auto", "tcp"}) {
            const double percent = percent_waiting(security, path, late_ms);
            all_idle = all_idle && percent <= most;
            std::printf("security %-4s path %-4s: %.2f %% of a core while the other peer is late\n",
                        security.c_str(), path.c_str(), percent);
        }
    std::printf("bench waiting: %s, at most %.0f %%\n", all_idle ? "PASS" : "FAIL", most);
    return all_idle ? 0 : 1;
}

constexpr const char* kUsage = "usage: ./run bench waiting [--late-ms 5000] [--percent-max 1]\n";

}  // namespace

int main(int argc, char** argv) try {
    const Options options(argc, argv,
                          {"role", "invite", "security", "path", "name", "listen", "dir", "peers", "late-ms",
                           "percent-max", "links"},
                          {"help"});
    const std::string role = options.text("role", "");
    if (options.has("help")) return std::fputs(kUsage, stdout) < 0;
    if (role == "coordinator") return coordinator_role(options);
    if (role == "peer") return peer_role(options);
    return bench(options);
} catch (const std::exception& problem) {
    std::fprintf(stderr, "bench waiting: %s\n", problem.what());
    return 1;
}
