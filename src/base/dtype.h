// Element types and reductions, by the numbers the C API and the wire use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace whim {

enum class Dtype : uint8_t { f32 = 0, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64 };
inline constexpr uint32_t kDtypeCount = 12;

// sum: integers wrap. avg: weighted mean, floats only. copy: the one contribution (broadcast).
// majority: the value most peers hold, ties to the smallest; integers only. custom: as a reducer of the
// application says (collectives/reducer/custom_reducer.h).
enum class Reduce : uint8_t { sum = 0, avg, min, max, copy, majority, custom };
inline constexpr uint32_t kReduceCount = 7;

// all_reduce: everybody gets the fold of all inputs (copy: the source's input). all_gather: each part of the
// result is its owner's input. reduce_scatter: each member gets the fold of its own part. Gossip, where each
// member waits for its neighbours alone and gets a result of its own: neighbour_average over a graph,
// pair_average between two.
enum class Collective : uint8_t {
    all_reduce = 0,
    all_gather,
    reduce_scatter,
    neighbour_average,
    pair_average
};
inline constexpr uint32_t kCollectiveCount = 5;

constexpr bool collective_gossips(Collective collective) {
    return collective == Collective::neighbour_average || collective == Collective::pair_average;
}

size_t dtype_bytes(Dtype dtype);
bool dtype_is_float(Dtype dtype);
std::string_view dtype_name(Dtype dtype);
std::string_view reduce_name(Reduce reduce);
std::optional<Dtype> dtype_from_int(uint32_t value);
std::optional<Reduce> reduce_from_int(uint32_t value);

// Whether the pair has a meaning by itself: avg needs floats, majority needs integers, custom a reducer.
bool reduce_supports(Reduce reduce, Dtype dtype);

}  // namespace whim
