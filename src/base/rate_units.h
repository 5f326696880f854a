// Units in which people give rates, and how many bytes per second each is.
#pragma once

#include <array>
#include <string_view>

namespace whim {

struct RateUnit {
    std::string_view name;
    double factor;  // bytes per second
};

inline constexpr std::array<RateUnit, 8> kRateUnits = {{{"bit", 1.0 / 8},
                                                        {"kbit", 1e3 / 8},
                                                        {"mbit", 1e6 / 8},
                                                        {"gbit", 1e9 / 8},
                                                        {"B/s", 1},
                                                        {"kB/s", 1e3},
                                                        {"MB/s", 1e6},
                                                        {"GB/s", 1e9}}};

}  // namespace whim
