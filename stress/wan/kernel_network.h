// A lab whose network is the kernel's: carries out the commands of commands.h by those of netem.h. Pure but
// for what runs these.
//
// `stats` and `zero` are refused: what the kernel counts stays with `tc -s`. `reset` closes the sockets of
// both ends, which tells each program ECONNABORTED instead of ECONNRESET.
#pragma once

#include <functional>
#include <string>

#include "base/prng.h"
#include "stress/wan/netem.h"

namespace stress::wan {

class KernelNetwork {
public:
    // Runs a command and returns what it printed; throws Error when it fails.
    using Execute = std::function<std::string(const Command&)>;

    KernelNetwork(Topology topology, std::string lab, Execute execute);

    // Once, before anything else. Throws Error, and then the network is there in part.
    void make();
    // The answer's text. Throws Error, also when the kernel refuses; then the change may be there in part.
    std::string carry_out(const std::string& line);

private:
    void carry_out_all(const Commands& commands);
    std::string reset(const std::vector<std::string>& words);
    size_t reset_pair(size_t a, size_t b, bool one);

    Topology topology_;
    const std::string lab_;
    const Execute execute_;
    whim::Prng chance_;  // which connection is reset
};

}  // namespace stress::wan
