// One last error per thread and library.
#include "api/call.h"

namespace whim::api {
namespace {

thread_local Error last{Code::OK, {}};

}  // namespace

whim_result remember(const Error& error) noexcept {
    try {
        last = error;
    } catch (...) {  // no memory for the words; the code is what counts
        last.code = error.code;
        last.detail.clear();
    }
    return static_cast<whim_result>(error.code);
}

const Error& last_error() noexcept { return last; }

}  // namespace whim::api
