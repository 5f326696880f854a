// Quantities as topology files write them. Every function throws std::invalid_argument that names the text.
#pragma once

#include <string>

#include "base/time.h"

namespace stress::wan {

// "80ms", "1.5s", "300us", "7ns"; "0" alone needs no unit.
whim::Duration parse_duration(const std::string& text);
// "1gbit", "300mbit", "64kbit", "9600bit": bits a second. "unlimited" is 0.
double parse_rate(const std::string& text);
// "2%" or "0.02": in [0, 1].
double parse_share(const std::string& text);
// "256kb", "1mb", "1500b": bytes, in powers of ten.
double parse_size(const std::string& text);
// A whole number without a unit.
uint64_t parse_number(const std::string& text);

}  // namespace stress::wan
