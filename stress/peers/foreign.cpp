// Numbers from rank and index by a multiplicative hash.
#include "stress/peers/foreign.h"

#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>

#include "stress/cores.h"

namespace stress {
namespace {

int32_t value_at(uint64_t rank, size_t index) {
    const uint32_t x = static_cast<uint32_t>(index) * 0x9e3779b9u + static_cast<uint32_t>(rank) * 0x85ebca6bu;
    return static_cast<int32_t>(x ^ (x << 7)) >> 16;
}

}  // namespace

void prepare_process() {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, -1);
}

void pin_if_asked(const Options& options, uint64_t rank) {
    if (options.has("pin")) keep_to_core(rank);
}

Buffers make_buffers(uint64_t rank, size_t count) {
    Buffers buffers{std::vector<float>(count), std::vector<float>(count)};
    for (size_t i = 0; i < count; ++i) buffers.in[i] = static_cast<float>(value_at(rank, i));
    return buffers;
}

Loop loop_of(const Options& options) {
    return {options.number("warm-ups", kWarmUps), options.number("iters", 1), options.number("rest-ms", 0)};
}

bool is_sum(const std::vector<float>& out, uint64_t peers) {
    for (size_t i = 0; i < out.size(); ++i) {
        int32_t sum = 0;
        for (uint64_t rank = 0; rank < peers; ++rank) sum += value_at(rank, i);
        if (out[i] != static_cast<float>(sum)) return false;
    }
    return true;
}

}  // namespace stress
