// The network that all implementations of one comparison share, with one congestion control for all of them.
#pragma once

#include <string>

namespace stress {

struct Network {
    std::string host;                // that peers listen on
    std::string congestion_control;  // of every connection, except:
    std::string of_whimbrel;         // of whimbrel's
    bool isolated = false;           // a network namespace of our own
};

// As root: moves this process and its later children into a network namespace of their own, with nothing but
// lo, whose setting is `wanted` (cubic, bbr ..., or "default": the system's). No library needs an option for
// it. Otherwise: the system's network and setting. Throws when the kernel does not know `wanted`.
Network make_network(const std::string& wanted);

}  // namespace stress
