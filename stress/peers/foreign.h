// What the peers of other libraries share: buffers whose sum can be checked, and fair circumstances.
//
// Every input is a whole number below 2^15, so that any order of adding up to 256 of them is exact in f32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "stress/options.h"
#include "stress/timed_loop.h"

namespace stress {

// To be called first. The process dies with its parent, and malloc keeps what is freed: scratch that an
// all-reduce allocates is not faulted in again at each call.
void prepare_process();

// With --pin, of a process of this rank, before it starts threads.
inline const std::set<std::string> kPeerFlags = {"pin"};
void pin_if_asked(const Options& options, uint64_t rank);

struct Buffers {
    std::vector<float> in, out;  // both touched
};
Buffers make_buffers(uint64_t rank, size_t count);

// What --iters, --warm-ups and --rest-ms ask for.
Loop loop_of(const Options& options);

// Whether every element of `out` is the sum over that many ranks.
bool is_sum(const std::vector<float>& out, uint64_t peers);

}  // namespace stress
