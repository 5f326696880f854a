// What the system says about a TCP connection, behind a header that no other socket header may meet (the
// kernel's <linux/tcp.h> and the C library's <netinet/tcp.h> exclude each other).
#pragma once

#include <optional>

#include "transport/session/path_sample.h"

namespace whim {

// nullopt: not a TCP socket, not connected, or a system that does not tell.
std::optional<PathSample> tcp_path_sample(int descriptor);

}  // namespace whim
