// Figures as people read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace whim::cli {

std::string round_trip(int64_t us);      // "850 us", "12.5 ms"; "-" when not known
std::string rate(uint64_t bytes_per_s);  // "12.5 MB/s"; "-" when not known

// The other way round: "64MiB", "1KiB", "100"; up to 1 TiB.
std::optional<uint64_t> bytes_of(std::string_view text);
// Bytes per second: "100mbit", "1.5gbit", "12.5MB/s", "800kB/s"; from 1 to 10^15.
std::optional<uint64_t> rate_of(std::string_view text);

// In SVG.
std::string escaped(const std::string& text);

}  // namespace whim::cli
