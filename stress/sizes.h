// Amounts of bytes, as people write them.
#pragma once

#include <cstdint>
#include <string>

namespace stress {

// "256MiB", "64M", "4096": bytes. Throws for anything else.
uint64_t parse_bytes(const std::string& text);

// "256 MiB", "4 KiB", "100 B".
std::string size_text(uint64_t bytes);

}  // namespace stress
