// The matrix of ops with a codec: every collective that takes one, every family of codecs, any number of
// members and elements, as worlds of model.h.
#pragma once

#include <string>
#include <vector>

#include "collectives/plan/shares.h"
#include "tests/unit/op/model.h"

namespace whim::op {

// What an op with a codec may do. shares: an all-reduce whose members root by what their lines carry.
enum class Schedule : uint8_t { avg, sum, shares, reduce_scatter, all_gather, broadcast };
inline constexpr Schedule kSchedules[] = {Schedule::avg,        Schedule::sum,
                                          Schedule::shares,     Schedule::reduce_scatter,
                                          Schedule::all_gather, Schedule::broadcast};
inline const char* name_of(Schedule schedule) {
    constexpr const char* kNames[] = {"avg", "sum", "shares", "reduce_scatter", "all_gather", "broadcast"};
    return kNames[static_cast<size_t>(schedule)];
}

// Of every family and every kind of parameter, in blocks so small that little data has several of them.
inline constexpr const char* kSmallCodecs[] = {"none",
                                               "bf16",
                                               "bf16:round=stochastic",
                                               "fp16",
                                               "fp16:round=stochastic",
                                               "int8:block=16",
                                               "int8:block=16,round=stochastic",
                                               "int8:block=whole",
                                               "int4:block=16",
                                               "int4:block=16,scale=fp32,round=stochastic",
                                               "int2:block=16",
                                               "uint8:block=16",
                                               "uint4:block=16,scale=e8m0",
                                               "uint2:block=16,round=stochastic",
                                               "e4m3:block=16",
                                               "e5m2:block=16,scale=fp16",
                                               "e2m1",
                                               "e2m1:round=stochastic",
                                               "e3m0:block=16",
                                               "e3m0:block=whole,round=stochastic",
                                               "sign:block=16",
                                               "bf16+zstd",
                                               "int8:block=16+zstd",
                                               "topk:1/4,chunk=16",
                                               "topk:1/4,chunk=16,values=bf16,index=packed",
                                               "topk:1/8,chunk=32,values=int4,block=16,round=stochastic+zstd",
                                               "topk:1/4,chunk=16,values=sign"};

// Equal parts, the first ones longer by one element; of shares those of lines of several rates, or, where
// these give none, of which some are empty.
inline std::vector<uint64_t> parts_of(Schedule schedule, uint32_t peers, uint64_t elements) {
    std::vector<uint64_t> parts, rates;
    for (uint32_t r = 0; r < peers; ++r) {
        parts.push_back(elements / peers + (r < elements % peers));
        rates.push_back(1'000'000 << r % 4);
    }
    if (schedule != Schedule::shares) return parts;
    const std::vector<uint64_t> shares = direct_parts(rates, elements);
    if (!shares.empty()) return shares;
    for (uint32_t r = 0; r + 1 < peers; r += 2) parts[r + 1] += std::exchange(parts[r], 0);
    return parts;
}

// chunk_elements: as the codec allows, at least.
inline ModelOptions matrix_world(Schedule schedule, const char* codec, uint32_t peers, uint64_t elements,
                                 uint32_t chunk_elements = 16) {
    ModelOptions o;
    o.seed = peers * 1'000'003 + elements;
    o.codec = codec;
    o.peers = peers;
    o.elements = elements;
    o.chunk_elements = chunk_elements;
    o.in_place = (peers + elements) % 2 == 1;
    o.window_bytes = o.eager_bytes = uint64_t{chunk_elements} * 8;
    o.retain_bytes_max = 256 << 20;
    o.gaussian = true;
    o.uniform = schedule == Schedule::sum;
    switch (schedule) {
        case Schedule::avg: break;
        case Schedule::sum: o.reduce = Reduce::sum; break;
        case Schedule::shares: o.parts = parts_of(schedule, peers, elements); break;
        case Schedule::reduce_scatter:
            o.collective = Collective::reduce_scatter;
            o.parts = parts_of(schedule, peers, elements);
            break;
        case Schedule::all_gather:
            o.collective = Collective::all_gather;
            o.reduce = Reduce::copy;
            o.parts = parts_of(schedule, peers, elements);
            break;
        case Schedule::broadcast:
            o.reduce = Reduce::copy;
            o.source = static_cast<uint32_t>(elements % peers);
            o.parts = broadcast_parts(std::vector<uint64_t>(peers, 1), o.source, elements);
            break;
    }
    return o;
}

}  // namespace whim::op
