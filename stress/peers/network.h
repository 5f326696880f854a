// The network that all implementations of one comparison share, with one congestion control for all of them.
#pragma once

#include <string>

namespace stress {

struct Network {
    std::string congestion_control;  // of every connection, except:
    std::string of_whimbrel;         // of whimbrel's
    bool isolated = false;           // a network namespace of our own
};

// As root: moves this process and its later children into a network namespace of their own with nothing but
// lo, whose routes hold every connection to `wanted` (cubic, bbr ..., or "default": the system's), whatever a
// program asks for. Otherwise: the system's network, where whimbrel asks for cubic on loopback and the others
// for nothing. Throws when the kernel does not know `wanted`.
Network make_network(const std::string& wanted);

}  // namespace stress
