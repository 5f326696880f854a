// How a lab comes up and goes: its hosts, its files and its process, and what one that was killed left.
//
// All of it needs root and is for the program whim_wan alone; others use wan.h.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "stress/wan/backend.h"
#include "stress/wan/topology.h"

namespace stress::wan {

// Brings a lab up, calls ready(), and is its router, or what changes the kernel's network, until a signal,
// `quit` or the end of `input` (-1: none); then removes all of it. Throws Error, for example when a lab of
// that name is up, and then nothing of it is left.
void serve(const Topology& topology, const std::string& lab, Backend backend, int input,
           const std::function<void()>& ready);

// Ends a lab and what runs in it. Returns when nothing of it is left.
void take_down(const std::string& lab);

// The names of a lab's hosts. Throws when it is not up.
std::vector<std::string> hosts_of(const std::string& lab);

}  // namespace stress::wan
