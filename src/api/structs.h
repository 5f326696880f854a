// Size-first structs: what lets a program and a library of different versions understand each other.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "api/call.h"

namespace whim::api {

inline constexpr uint32_t kStructBytesMax = 1u << 16;  // a larger struct_size was never set

template <class Struct> Status check_size(const Struct* given, const char* what) {
    static_assert(std::is_trivially_copyable_v<Struct> && std::has_unique_object_representations_v<uint32_t>);
    static_assert(offsetof(Struct, struct_size) == 0);
    if (given->struct_size >= sizeof(uint32_t) && given->struct_size <= kStructBytesMax) return {};
    return invalid(fmt::format("{}: struct_size is {}; use the initializer", what, given->struct_size));
}

// The options in this library's form. NULL: all zero. Shorter: the rest is zero. Longer: the excess must be
// zero.
template <class Options> Status read_options(const Options* given, Options& out, const char* what) {
    out = Options{};
    if (!given) return {};
    if (const Status size = check_size(given, what); !size) return size;
    const auto* bytes = reinterpret_cast<const unsigned char*>(given);
    std::memcpy(&out, bytes, std::min<size_t>(given->struct_size, sizeof out));
    for (size_t i = sizeof out; i < given->struct_size; ++i)
        if (bytes[i] != 0)
            return fail(Code::E_STRUCT_SIZE,
                        fmt::format("{}: byte {} of {} is set, and this library knows {}", what, i,
                                    given->struct_size, sizeof out));
    return {};
}

inline Status check_range(uint64_t value, uint64_t low, uint64_t high, const char* what) {
    if (value >= low && value <= high) return {};
    return invalid(fmt::format("{} {}: from {} to {}", what, value, low, high));
}

// Copies as much of value as the caller's struct holds, and zeroes what it has beyond; its struct_size stays.
template <class Info> Status write_info(Info* out, const Info& value, const char* what) {
    if (!out) return invalid(fmt::format("{} is NULL", what));
    if (const Status size = check_size(out, what); !size) return size;
    const uint32_t bytes = out->struct_size;
    auto* target = reinterpret_cast<unsigned char*>(out);
    const size_t known = std::min<size_t>(bytes, sizeof value);
    std::memcpy(target, &value, known);
    std::memset(target + known, 0, bytes - known);
    out->struct_size = bytes;
    return {};
}

// Cut to fit, between characters, and always terminated.
inline void copy_lines(char* out, size_t size, std::string_view text) {
    const auto inside = [&](size_t at) { return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80; };
    size_t bytes = std::min(text.size(), size - 1);
    while (bytes > 0 && bytes < text.size() && inside(bytes)) --bytes;
    std::memcpy(out, text.data(), bytes);
    std::memset(out + bytes, 0, size - bytes);
}

// One line. Others may have written part of it: names, reasons, errors.
inline void copy_text(char* out, size_t size, std::string_view text) {
    copy_lines(out, size, printable(text));
}

template <size_t Size> void copy_text(char (&out)[Size], std::string_view text) {
    copy_text(out, Size, text);
}

inline Status write_last_error(whim_error* error) {
    whim_error value = WHIM_ERROR_INIT;
    value.result = static_cast<whim_result>(last_error().code);
    copy_text(value.detail, last_error().detail);
    return write_info(error, value, "error");
}

}  // namespace whim::api
