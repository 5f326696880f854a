// Three digits say enough.
#include "cli/words.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/rate_units.h"

namespace whim::cli {

std::string round_trip(int64_t us) {
    if (us <= 0) return "-";
    return us < 1000 ? fmt::format("{} us", us) : fmt::format("{:.1f} ms", static_cast<double>(us) / 1000);
}

std::string rate(uint64_t bytes_per_s) {
    if (bytes_per_s == 0) return "-";
    constexpr std::array<const char*, 4> kUnits = {"B/s", "kB/s", "MB/s", "GB/s"};
    auto value = static_cast<double>(bytes_per_s);
    size_t unit = 0;
    for (; value >= 1000 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
    return fmt::format("{:.{}f} {}", value, value < 100 && unit > 0 ? 1 : 0, kUnits[unit]);
}

std::optional<uint64_t> bytes_of(std::string_view text) {
    constexpr std::array<std::string_view, 4> kUnits = {"", "KiB", "MiB", "GiB"};
    uint64_t count = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc{}) return std::nullopt;
    const auto unit =
        std::find(kUnits.begin(), kUnits.end(), std::string_view(rest, static_cast<size_t>(end - rest)));
    if (unit == kUnits.end()) return std::nullopt;
    const auto shift = static_cast<unsigned>(10 * (unit - kUnits.begin()));
    constexpr uint64_t kMost = uint64_t{1} << 40;
    if (count == 0 || count > kMost >> shift) return std::nullopt;
    return count << shift;
}

std::optional<uint64_t> rate_of(std::string_view text) {
    double number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
    if (error != std::errc{}) return std::nullopt;
    const std::string_view name(rest, static_cast<size_t>(end - rest));
    const auto unit = std::find_if(kRateUnits.begin(), kRateUnits.end(),
                                   [&](const RateUnit& each) { return each.name == name; });
    if (unit == kRateUnits.end()) return std::nullopt;
    const double rate = number * unit->factor;
    constexpr double kMost = 1e15;
    if (!(rate >= 1 && rate <= kMost)) return std::nullopt;  // nor what is no number
    return static_cast<uint64_t>(rate);
}

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '&') out += "&amp;";
        else if (c == '<') out += "&lt;";
        else out += c;
    }
    return out;
}

}  // namespace whim::cli
