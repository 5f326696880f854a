// log.h over the process's log.
#include "whimbrel/log.h"

#include "api/call.h"
#include "runtime/log.h"

using namespace whim;
using namespace whim::api;

extern "C" {

whim_result whim_log_set_sink(whim_log_fn sink, void* user) {
    return carry_out([&]() -> Status {
        if (!sink) {
            runtime::log_set_sink(nullptr);
            return {};
        }
        runtime::log_set_sink(
            [=](runtime::LogLevel level, std::string_view component, std::string_view text) {
                sink(static_cast<int32_t>(level), std::string(component).c_str(), std::string(text).c_str(),
                     user);
            });
        return {};
    });
}

whim_result whim_log_set_filter(const char* filter) {
    return carry_out([&] { return runtime::log_set_filter(filter ? filter : ""); });
}

}  // extern "C"
