// Where the processes of a run live: all on this machine's loopback, or each on a host of an emulated WAN.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace stress {

struct Place {
    std::vector<std::string> command;  // before the program's own, to run it there; none on loopback
    std::string name = "localhost", address = "127.0.0.1", device = "lo";

    bool is_loopback() const { return command.empty(); }
};
using Places = std::vector<Place>;  // process i is at i; empty: all on loopback

inline Place place_of(const Places& places, size_t i) { return places.empty() ? Place{} : places.at(i); }

}  // namespace stress
