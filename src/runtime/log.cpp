// One log for the process, made on first use and never destroyed: threads may log until the very end.
#include "runtime/log.h"

#include <sys/time.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/printable.h"

namespace whim::runtime {
namespace {

constexpr std::array<std::string_view, 6> kLevelNames{"trace", "debug", "info", "warn", "error", "off"};
constexpr std::array<std::string_view, 5> kComponents{"api", "runtime", "engine", "transport", "coordinator"};

struct Filter {
    LogLevel base = LogLevel::info;
    std::map<std::string, LogLevel, std::less<>> by_component;
};

std::optional<LogLevel> level_from(std::string_view name) {
    for (size_t i = 0; i < kLevelNames.size(); ++i)
        if (kLevelNames[i] == name) return static_cast<LogLevel>(i);
    return std::nullopt;
}

Status add_term(Filter& filter, std::string_view term) {
    const auto equals = term.find('=');
    const auto level = level_from(equals == std::string_view::npos ? term : term.substr(equals + 1));
    if (!level) return fail(Code::E_INVALID, fmt::format("log filter: '{}' names no level", term));
    if (equals == std::string_view::npos) {
        filter.base = *level;
        return {};
    }
    const auto component = term.substr(0, equals);
    for (const auto known : kComponents) {
        if (known != component) continue;
        filter.by_component.insert_or_assign(std::string(component), *level);
        return {};
    }
    return fail(Code::E_INVALID, fmt::format("log filter: there is no component '{}'", component));
}

Result<Filter> parse_filter(std::string_view text) {
    Filter filter;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const auto term = text.substr(0, comma);
        if (const Status added = add_term(filter, term); !added) return added.error();
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    }
    return filter;
}

void write_to_stderr(LogLevel level, std::string_view component, std::string_view text) {
    timeval now{};
    gettimeofday(&now, nullptr);
    tm local{};
    localtime_r(&now.tv_sec, &local);
    const std::string line =
        fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} {:5} {}: {}\n", local.tm_year + 1900,
                    local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
                    now.tv_usec / 1000, kLevelNames[static_cast<size_t>(level)], component, text);
    std::fwrite(line.data(), 1, line.size(), stderr);
}

class Log {
public:
    static Log& instance() {
        static Log& log = *new Log;
        return log;
    }

    void set_sink(LogSink sink) {
        const std::lock_guard lock(mu_);
        sink_ = sink ? std::move(sink) : write_to_stderr;
    }

    void set_filter(Filter filter) {
        const std::lock_guard lock(mu_);
        filter_ = std::move(filter);
    }

    bool enabled(LogLevel level, std::string_view component) {
        const std::lock_guard lock(mu_);
        const auto own = filter_.by_component.find(component);
        return level >= (own == filter_.by_component.end() ? filter_.base : own->second);
    }

    void write(LogLevel level, std::string_view component, std::string_view text) {
        const std::lock_guard lock(mu_);
        sink_(level, component, printable(text));  // others may have written part of it
    }

    static Result<Filter> filter_of_environment() {
        const char* text = std::getenv("WHIMBREL_LOG");
        return parse_filter(text ? text : "");
    }

private:
    Log() {
        auto filter = filter_of_environment();
        if (filter) filter_ = std::move(*filter);
        else write_to_stderr(LogLevel::warn, "api", "WHIMBREL_LOG is ignored: " + filter.error().detail);
    }

    std::mutex mu_;  // leaf, but for what a sink does
    LogSink sink_ = write_to_stderr;
    Filter filter_;
};

}  // namespace

void log_set_sink(LogSink sink) { Log::instance().set_sink(std::move(sink)); }

Status log_set_filter(std::string_view text) {
    auto filter = text.empty() ? Log::filter_of_environment() : parse_filter(text);
    if (!filter) return filter.error();
    Log::instance().set_filter(std::move(*filter));
    return {};
}

bool log_enabled(LogLevel level, std::string_view component) {
    return Log::instance().enabled(level, component);
}

void log_write(LogLevel level, std::string_view component, std::string_view text) {
    if (log_enabled(level, component)) Log::instance().write(level, component, text);
}

}  // namespace whim::runtime
