// The alphabet of names and parameters.
#include "base/custom_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.h"

namespace whim {
namespace {

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool fits_name(char c) { return is_letter(c) || is_digit(c) || c == '-'; }
bool fits_parameters(char c) {
    return is_letter(c) || is_digit(c) || (c >= 'A' && c <= 'Z') ||
           std::string_view("-_.=,/").find(c) != std::string_view::npos;
}

}  // namespace

bool is_custom_name(std::string_view name) {
    if (name.empty() || name.size() > limits::kCustomNameBytesMax || !is_letter(name[0])) return false;
    const bool dashed = name.find('-') != std::string_view::npos && name.back() != '-';
    return dashed && std::all_of(name.begin(), name.end(), fits_name);
}

Status check_custom_name(std::string_view name, std::string_view parameters) {
    if (!is_custom_name(name))
        return fail(
            Code::E_INVALID,
            fmt::format("name '{}': at most {} lower-case letters, digits and hyphens, at least one "
                        "of these within, as in 'my-codec'",
                        name.substr(0, limits::kCustomNameBytesMax + 1), limits::kCustomNameBytesMax));
    if (parameters.size() > limits::kCustomParametersBytesMax ||
        !std::all_of(parameters.begin(), parameters.end(), fits_parameters))
        return fail(Code::E_INVALID, fmt::format("parameters of {}: at most {} letters, digits and -_.=,/",
                                                 name, limits::kCustomParametersBytesMax));
    return {};
}

std::string custom_text(std::string_view name, std::string_view parameters) {
    return parameters.empty() ? std::string(name) : fmt::format("{}:{}", name, parameters);
}

}  // namespace whim
