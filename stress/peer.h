// The roles that stress programs start: one coordinator, and peers that are joined and wait for orders.
#pragma once

#include <string>

#include "options.h"
#include "process.h"
#include "whimbrel/whimbrel.hpp"

namespace stress {

inline constexpr uint32_t kPatienceMs = 120'000;  // for any single step of a role
inline Millis patience_for(uint64_t iterations) {
    return Millis(kPatienceMs) * static_cast<int64_t>(iterations + 1);
}

// Role "coordinator" with --dir, --security, --listen and --peers, below which it begins no round: says
// "address HOST:PORT" and "invite TEXT", runs until its stdin ends. Returns the exit code.
int coordinator_role(const Options& options);

struct Coordinator {
    Child child;
    std::string address, invite;
};
// listen: that of one that was killed, or a free port at the place if empty. links: file of what is known of
// links, or empty.
Coordinator start_coordinator(const std::string& directory, const std::string& security, uint64_t peers,
                              const Place& place = {}, const std::string& listen = "",
                              const std::string& links = "");

// A joined group; throws whimbrel::Error. path: "auto", or "tcp" also between peers of one machine.
whimbrel::Group join(const std::string& invite, const std::string& security, const std::string& name,
                     const std::string& listen = "127.0.0.1:0", const std::string& path = "auto");

// A new directory under /tmp, removed with all it holds when it goes out of scope.
class ScratchDirectory {
public:
    ScratchDirectory();
    ~ScratchDirectory();
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace stress
