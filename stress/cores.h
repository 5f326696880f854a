// Which of the machine's cores a process keeps to.
#pragma once

#include <cstdint>

namespace stress {

// Keeps this process, with the threads that it starts from now on, to one of the cores that it may use: to
// that of this index, counted around. Throws when the system refuses.
void keep_to_core(uint64_t index);

}  // namespace stress
