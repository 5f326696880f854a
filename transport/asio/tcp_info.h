// What the system says about a TCP connection, behind a header that no other socket header may meet (the
// kernel's <linux/tcp.h> and the C library's <netinet/tcp.h> exclude each other).
#pragma once

#include <cstddef>
#include <optional>

#include "transport/session/path_sample.h"

struct tcp_info;  // the kernel's

namespace whim {

// What it says in the first `size` bytes, as much as this system fills. nullopt: too little, or nothing was
// acknowledged yet. Pure.
std::optional<PathSample> path_sample(const tcp_info& info, size_t size, bool loss_based);

// nullopt: not a TCP socket, not connected, or a system that does not tell.
std::optional<PathSample> tcp_path_sample(int descriptor);

}  // namespace whim
