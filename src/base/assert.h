// WHIM_ASSERT: our own bugs stop the process, in release too. Bytes from the network never reach one.
#pragma once

namespace whim {

[[noreturn]] void assert_failed(const char* condition, const char* file, int line);

}  // namespace whim

#define WHIM_ASSERT(condition)                                                                               \
    (static_cast<bool>(condition) ? static_cast<void>(0)                                                     \
                                  : ::whim::assert_failed(#condition, __FILE__, __LINE__))
