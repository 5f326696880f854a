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
    std::string links;
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

struct LinksCommand {
    std::string http = "127.0.0.1:7080";
    bool json = false;
};
int run_links(const LinksCommand& command);

struct PlanCommand {
    std::string matrix;  // file
    uint64_t bytes = 64u << 20;
    uint32_t wire_bits = 32;
    bool needs_all = false, explain = false, json = false;
    std::string svg;  // file to write
};
int run_plan(const PlanCommand& command);

// A peer of a benchmark that runs on several machines, and the run in which they meet.
struct BenchOptions {
    std::string invite;       // to a coordinator that runs somewhere, or
    std::string coordinator;  // HOST:PORT: one that lives as long as the benchmark, beside this peer
    uint32_t peers = 2;
    std::string name, listen = "0.0.0.0:0", advertise;
    std::string security = "tls";                  // of that coordinator; an invite says it itself
    uint64_t rate_limit = 0, link_rate_limit = 0;  // bytes per second that this peer sends; 0: no bound
};

enum class LinksLoad { one_sender, one_pair, all };  // what is under way at a time

struct BenchLinksCommand {
    BenchOptions run;
    uint64_t bytes = 16u << 20;
    LinksLoad load = LinksLoad::one_sender;
    bool json = false;
    std::string svg;  // file to write
};
int run_bench_links(const BenchLinksCommand& command);

struct BenchAllReduceCommand {
    BenchOptions run;
    uint64_t bytes_from = 0, bytes_to = 0;
    uint32_t factor = 4, iterations = 10;
    std::string dtype = "f32", reduce = "avg", codec = "none";
    bool check = true, json = false;
};
int run_bench_all_reduce(const BenchAllReduceCommand& command);

// Prints "whimbrel: WHAT" to stderr; the exit code of a command that could not do its work.
int fail_with(const std::string& what);

}  // namespace whim::cli
