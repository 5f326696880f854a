// A flock each of whose peers lives on a host of an emulated WAN, and the main() of the programs that use it.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "flock.h"
#include "wan/wan.h"

namespace stress {

struct WanSettings {
    FlockSettings flock;
    std::string rate, rtt, loss, queue;  // of every access line and every link
};

// Reads --rate, --rtt, --loss and --queue beside what flock_settings() reads.
WanSettings wan_settings(const Options& options, const std::string& bytes);

// Each peer is on a host of its own, and so is the coordinator: on the last one.
struct WanFlock {
    explicit WanFlock(const WanSettings& settings);
    const std::string& host(size_t i) const { return lab.hosts()[i]; }  // of a peer

    wan::Lab lab;
    Flock flock;
};

// What a program has to say for itself; `run` returns its exit code, and its exceptions are failures.
struct WanProgram {
    std::string name, usage;
    std::set<std::string> options, flags;
    std::function<int(const Options&)> run;
};
// Usage, roles, and SKIP where there can be no emulated WAN.
int wan_main(int argc, char** argv, const WanProgram& program);

}  // namespace stress
