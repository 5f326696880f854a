// Instants and durations as integers of nanoseconds. Time is always a parameter: nothing here reads a clock.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>

namespace whim {

struct Duration {
    int64_t ns = 0;
    constexpr auto operator<=>(const Duration&) const = default;
    constexpr Duration operator+(Duration o) const { return {ns + o.ns}; }
    constexpr Duration operator-(Duration o) const { return {ns - o.ns}; }
    constexpr Duration operator*(int64_t k) const { return {ns * k}; }
    constexpr Duration operator/(int64_t k) const { return {ns / k}; }
    constexpr int64_t ms() const { return ns / 1'000'000; }
    constexpr double seconds() const { return static_cast<double>(ns) * 1e-9; }
};

constexpr Duration nanoseconds(int64_t n) { return {n}; }
constexpr Duration microseconds(int64_t n) { return {n * 1'000}; }
constexpr Duration milliseconds(int64_t n) { return {n * 1'000'000}; }
constexpr Duration seconds(int64_t n) { return {n * 1'000'000'000}; }

// A point on one machine's monotonic clock. Never compared between machines.
struct Instant {
    int64_t ns = 0;
    constexpr auto operator<=>(const Instant&) const = default;
    constexpr Instant operator+(Duration d) const { return {ns + d.ns}; }
    constexpr Instant operator-(Duration d) const { return {ns - d.ns}; }
    constexpr Duration operator-(Instant o) const { return {ns - o.ns}; }
};

// The earlier of two optional deadlines; nullopt means never.
constexpr std::optional<Instant> earlier(std::optional<Instant> a, std::optional<Instant> b) {
    if (!a) return b;
    if (!b) return a;
    return *a < *b ? a : b;
}

}  // namespace whim
