// How large a send buffer to ask for on long paths. Linux lets one grow by itself up to the last number of
// tcp_wmem, 4 MiB unless somebody has changed it, which is 340 Mbit/s of one connection over 80 ms. A program
// may ask for more, up to twice net.core.wmem_max; but what it has asked for does not grow any more, so that
// on most systems asking makes it worse.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace whim {

// The largest number of tcp_wmem or tcp_rmem, "4096\t16384\t4194304\n"; nullopt: it is something else.
std::optional<uint64_t> largest_of_three(const std::string& text);

// What to ask for when `granted` is what asking yields and `by_itself` what the buffer grows to without:
// more, or nothing.
std::optional<int> worth_asking(uint64_t granted, std::optional<uint64_t> by_itself);

// The same for this system, which is asked once.
std::optional<int> send_buffer_to_ask_for();

}  // namespace whim
