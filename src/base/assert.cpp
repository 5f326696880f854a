// Prints the broken invariant and aborts, so that a core dump shows where.
#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace whim {

void assert_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "whimbrel: internal error: %s does not hold (%s:%d)\n", condition, file, line);
    std::abort();
}

}  // namespace whim
