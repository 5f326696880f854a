// The process's log: one line per entry, to stderr or the application's sink, filtered by component.
//
// WHIMBREL_LOG chooses ("info,transport=debug"); components are api, runtime, engine, transport, coordinator.
// Callable from any thread; the sink is called with the log's own mutex held, so entries never interleave.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/status.h"

namespace whim::runtime {

enum class LogLevel : uint8_t { trace = 0, debug, info, warn, error, off };

using LogSink = std::function<void(LogLevel, std::string_view component, std::string_view text)>;

void log_set_sink(LogSink sink);                 // null: stderr
Status log_set_filter(std::string_view filter);  // "": what WHIMBREL_LOG says
bool log_enabled(LogLevel level, std::string_view component);
void log_write(LogLevel level, std::string_view component, std::string_view text);  // asks log_enabled itself

template <class... Args>
void log(LogLevel level, std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
    if (log_enabled(level, component))
        log_write(level, component, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace whim::runtime
