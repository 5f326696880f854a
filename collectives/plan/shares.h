// How much of a buffer each member roots in the direct plan, by what its line carries.
//
// A member with share w of S bytes sends (1 - w) S of contributions and (N - 1) w S of results, and receives
// as much: (1 + (N - 2) w) S. Shares are chosen so that the slowest is done as early as can be. What a member
// must send for its contributions alone bounds that: shares gain nothing for two members, and less than twice
// for more.
//
// In a broadcast only the source contributes. With share w it sends (1 - w) S to the roots and (N - 1) w S of
// results; another one sends (N - 1) w S. With equal lines the source does best to root nothing: it sends
// each byte once, and the others pass on to each other.
//
// Pure and part of the protocol: IEEE +, -, *, / in one order, so that all members come to the same shares.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace whim {

// Elements of each member's part, in rank order; their sum is `elements`. rates: bytes per second; 0: not
// known, taken for as fast as the fastest that is. Empty when equal shares are within a tenth of the best:
// then nothing is gained by others.
std::vector<uint64_t> direct_parts(std::span<const uint64_t> rates, uint64_t elements);

// The same for a broadcast from `source` (below rates.size()). When no rate is known, all lines are equal.
std::vector<uint64_t> broadcast_parts(std::span<const uint64_t> rates, size_t source, uint64_t elements);

}  // namespace whim
