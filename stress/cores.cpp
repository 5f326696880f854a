// The cores that a process may use are those of its affinity mask, which a container may have narrowed.
#include "stress/cores.h"

#include <sched.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace stress {

void keep_to_core(uint64_t index) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    std::vector<int> cores;
    const bool known = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
    for (int core = 0; known && core < CPU_SETSIZE; ++core)
        if (CPU_ISSET(core, &allowed)) cores.push_back(core);
    cpu_set_t one;
    CPU_ZERO(&one);
    if (!cores.empty()) CPU_SET(cores[index % cores.size()], &one);
    if (!known || sched_setaffinity(0, sizeof one, &one) != 0)
        throw std::runtime_error(std::string("cannot keep to a core: ") + std::strerror(errno));
}

}  // namespace stress
