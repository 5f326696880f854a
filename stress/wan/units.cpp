// One number, one unit from a short list.
#include "stress/wan/units.h"

#include <charconv>
#include <cmath>
#include <initializer_list>
#include <stdexcept>

namespace stress::wan {
namespace {

struct Unit {
    const char* name;
    double factor;
};

constexpr double kLargest = 1e15;  // whatever the unit: far above sense, far below where integers end

[[noreturn]] void refuse(const std::string& text, const std::string& wanted) {
    throw std::invalid_argument("'" + text + "' is no " + wanted);
}

double scaled(const std::string& text, std::initializer_list<Unit> units, const std::string& wanted) {
    double number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
    if (error != std::errc() || !std::isfinite(number) || number < 0) refuse(text, wanted);
    const std::string unit(rest, end);
    if (unit.empty() && number == 0) return 0;
    for (const auto& each : units)
        if (unit == each.name && number * each.factor <= kLargest) return number * each.factor;
    refuse(text, wanted);
}

}  // namespace

whim::Duration parse_duration(const std::string& text) {
    return {static_cast<int64_t>(std::llround(
        scaled(text, {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}}, "time, such as 80ms or 1.5s")))};
}

double parse_rate(const std::string& text) {
    if (text == "unlimited") return 0;
    const double rate = scaled(text, {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}},
                               "rate, such as 100mbit, 1gbit or unlimited");
    if (rate < 1) refuse(text, "rate above 0");
    return rate;
}

double parse_share(const std::string& text) {
    const double share = scaled(text, {{"", 1}, {"%", 0.01}}, "share, such as 0.1% or 0.001");
    if (share > 1) refuse(text, "share of at most 100%");
    return share;
}

double parse_size(const std::string& text) {
    return scaled(text, {{"b", 1}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}}, "size, such as 256kb");
}

uint64_t parse_number(const std::string& text) {
    uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || rest != end) refuse(text, "whole number");
    return number;
}

}  // namespace stress::wan
