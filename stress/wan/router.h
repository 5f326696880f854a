// Moves packets between the TUNs of all hosts through a Network, in real time, on one thread.
#pragma once

#include <vector>

#include "stress/wan/commands.h"
#include "stress/wan/netns.h"

namespace stress::wan {

class Router {
public:
    // tuns: by host. commands: a listener of control.h.
    Router(Topology topology, std::vector<Descriptor> tuns, Descriptor commands);

    // Until a command says quit, one of the blocked signals SIGTERM and SIGINT comes, or `input`, unless it
    // is -1, ends.
    void run(int input);

private:
    void watch(int descriptor);
    void await();
    void serve(int descriptor, int input);
    bool read_packet(size_t host);
    void deliver();
    void look_at_load();
    void write_packet(const Packet& packet);
    std::string command(const std::string& line);

    Network network_;
    std::vector<Descriptor> tuns_;
    Descriptor commands_, signals_, ready_;  // ready_: epoll
    std::vector<int> woken_;
    std::vector<uint8_t> buffer_;
    whim::Instant now_, woken_at_, zero_at_, window_at_;
    double zero_cpu_s_ = 0, window_cpu_s_ = 0, busiest_share_ = 0;
    bool stopped_ = false;
};

}  // namespace stress::wan
