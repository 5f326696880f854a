// What the shell asks of the operating system: the clock, chance, names.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/time.h"

namespace whim::runtime {

Instant now();                               // the machine's monotonic clock
void fill_random(std::span<uint8_t> bytes);  // from the kernel, good enough for keys
uint64_t random_u64();                       // not 0
std::string default_name();                  // "HOSTNAME/PID"
uint32_t core_count();                       // those this process may run on; at least 1
uint64_t times_preempted();                  // this thread, since it began: it had to give its core up
void begin_thread(const char* name);  // first in each of our threads; the name has at most 15 characters

}  // namespace whim::runtime
