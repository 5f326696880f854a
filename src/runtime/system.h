// What the shell asks of the operating system: the clock, chance, names, and the way to a host.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/time.h"
#include "wire/address.h"

namespace whim::runtime {

Instant now();                               // the machine's monotonic clock
void fill_random(std::span<uint8_t> bytes);  // from the kernel, good enough for keys
uint64_t random_u64();                       // not 0
std::string default_name();                  // "HOSTNAME/PID"
std::string host_name();
uint32_t core_count();                // those this process may run on; at least 1
uint64_t times_preempted();           // this thread, since it began: it had to give its core up
void begin_thread(const char* name);  // first in each of our threads; the name has at most 15 characters

// The local interface whose address packets to `to` would carry; nothing is sent. Looks names up, so it may
// block.
std::optional<std::string> interface_towards(const Address& to);
std::optional<std::string> interface_away();  // the same for other machines; nullopt: there is no way
bool is_loopback(const std::string& host);    // of an address in numbers

}  // namespace whim::runtime
