// The whimbrel command's sub-commands: each takes its options as a value and returns the exit code. main.cpp
// reads the command line; nothing else prints usage.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace whim::cli {

struct CoordinatorCommand {
    std::string listen = "0.0.0.0:7000", http, data, run;
    std::vector<std::string> advertise;
    std::string security = "tls";
    bool open = false;
    bool no_dial_back = false;
    uint32_t replicas_min = 1, round_grace_ms = 0, suspect_after_ms = 2000;
};
int run_coordinator(const CoordinatorCommand& command);

struct InviteCommand {
    std::string data;
    std::vector<std::string> addresses;
    std::string ttl = "30d";
    std::string peer;
};
int run_invite(const InviteCommand& command);

struct StateCommand {
    std::string http = "127.0.0.1:7080";
    bool json = false;
};
int run_state(const StateCommand& command);

// Prints "whimbrel: WHAT" to stderr; the exit code of a command that could not do its work.
int fail_with(const std::string& what);

}  // namespace whim::cli
