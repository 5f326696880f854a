// Network namespaces of the hosts, by iproute2, and the TUN device in each. All of it needs root.
#pragma once

#include <string>
#include <vector>

#include "stress/wan/files.h"
#include "stress/wan/netem.h"
#include "stress/wan/topology.h"

namespace stress::wan {

// A descriptor that closes itself.
class Descriptor {
public:
    explicit Descriptor(int value = -1) : value_(value) {}
    Descriptor(Descriptor&& other) noexcept : value_(other.release()) {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();
    int get() const { return value_; }
    int release();

private:
    int value_;
};

// Runs a line of the shell: what it printed. Throws Error with the line and that when it fails.
std::string run(const std::string& line);

// The calling thread is in a namespace for as long as this lives; sockets that it makes stay there.
class Inside {
public:
    explicit Inside(const std::string& name_space);  // throws Error
    Inside();                                        // in a new one, which ends with this
    ~Inside();

private:
    Descriptor home_;
};

std::string execute(const Command& command);  // run() where it says

// Makes the namespace of a host of a topology with its lo and its device wan0, address, routes and sysctls.
// Returns the TUN behind wan0. Throws Error, and then the namespace may exist in part.
Descriptor make_host(const Topology& topology, size_t host, const std::string& name_space);

// Those of a topology. Throws Error.
void set_sysctls(const Topology& topology, const std::string& name_space);

// SIGKILL to all processes in it, children of theirs included.
void kill_processes(const std::string& name_space);
// With all that runs in it. Fine when it does not exist.
void remove_host(const std::string& name_space);

}  // namespace stress::wan
