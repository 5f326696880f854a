// Splitting and reading of parameters.
#include "collectives/codec/parameters.h"

#include <fmt/format.h>

#include <algorithm>

namespace whim::codec {

std::optional<uint64_t> whole_number(std::string_view text) {
    if (text.empty() || text.size() > 12) return std::nullopt;
    uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<uint64_t>(c - '0');
    }
    return value;
}

Result<Parameters> Parameters::of(std::string_view text) {
    Parameters out;
    for (bool more = !text.empty(); more;) {
        const size_t comma = text.find(',');
        const std::string_view part = text.substr(0, comma);
        more = comma != std::string_view::npos;
        if (more) text.remove_prefix(comma + 1);
        const size_t equals = part.find('=');
        Entry entry;
        if (equals != std::string_view::npos) entry.key = part.substr(0, equals);
        entry.value = equals == std::string_view::npos ? part : part.substr(equals + 1);
        if (entry.value.empty() || equals == 0) {
            return fail(Code::E_INVALID, fmt::format("'{}' is no parameter", part));
        }
        const auto same = [&](const Entry& e) { return e.key == entry.key; };
        if (std::any_of(out.entries_.begin(), out.entries_.end(), same)) {
            return fail(Code::E_INVALID,
                        fmt::format("'{}' stands twice", entry.key.empty() ? part : entry.key));
        }
        out.entries_.push_back(std::move(entry));
    }
    return out;
}

std::optional<std::string> Parameters::take(std::string_view key) {
    if (!key.empty()) known_.emplace_back(key);
    for (Entry& entry : entries_) {
        if (entry.key != key) continue;
        entry.taken = true;
        return entry.value;
    }
    return std::nullopt;
}

std::optional<uint64_t> Parameters::take_number(std::string_view key, uint64_t least, uint64_t most) {
    const auto text = take(key);
    if (!text) return std::nullopt;
    const auto value = whole_number(*text);
    if (value && *value >= least && *value <= most) return value;
    refuse(fmt::format("{}={} is not a number from {} to {}", key, *text, least, most));
    return std::nullopt;
}

ScaleType Parameters::take_scale() {
    const std::string text = take("scale").value_or("bf16");
    if (text == "bf16") return ScaleType::bf16;
    if (text == "fp16") return ScaleType::f16;
    if (text == "fp32") return ScaleType::f32;
    if (text == "e8m0") return ScaleType::e8m0;
    refuse(fmt::format("scale={} is none of bf16, fp16, fp32, e8m0", text));
    return ScaleType::bf16;
}

Rounding Parameters::take_rounding() {
    const std::string text = take("round").value_or("nearest");
    if (text == "stochastic") return Rounding::stochastic;
    if (text != "nearest") refuse(fmt::format("round={} is neither nearest nor stochastic", text));
    return Rounding::nearest;
}

size_t Parameters::take_block(size_t otherwise, size_t most, bool whole_allowed) {
    const auto text = take("block");
    if (!text) return otherwise;
    if (whole_allowed && *text == "whole") return BlockFormat::kWhole;
    const auto value = whole_number(*text);
    if (value && *value >= 16 && *value <= most && *value % 16 == 0) return *value;
    refuse(fmt::format("block={} is not a multiple of 16 from 16 to {}{}", *text, most,
                       whole_allowed ? ", nor whole" : ""));
    return otherwise;
}

void Parameters::refuse(std::string detail) {
    if (!error_) error_ = std::move(detail);
}

Status Parameters::done() const {
    if (error_) return fail(Code::E_INVALID, *error_);
    for (const Entry& entry : entries_) {
        if (entry.taken) continue;
        const std::string what = entry.key.empty() ? entry.value : entry.key;
        if (known_.empty()) return fail(Code::E_INVALID, fmt::format("'{}': there are no parameters", what));
        return fail(Code::E_INVALID, fmt::format("'{}' is no parameter; there are: {}", what,
                                                 fmt::format("{}", fmt::join(known_, ", "))));
    }
    return {};
}

}  // namespace whim::codec
