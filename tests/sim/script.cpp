// Drawing the ops of a round and each peer's way of taking part.
#include "tests/sim/script.h"

#include <bit>
#include <cmath>
#include <numeric>

#include "collectives/codec/parse.h"
#include "collectives/kernels/half.h"
#include "tests/unit/codec/custom_parts.h"
#include "tests/unit/reducer/custom_parts.h"

namespace whim::sim {
namespace {

uint64_t key_of(const MemberId& member) {
    uint64_t key = member.incarnation.value;
    for (const uint8_t b : member.peer.bytes) key = mix64(key ^ b);
    return key;
}

Prng stream(uint64_t seed, uint64_t purpose, Round round, uint64_t tag, uint64_t who) {
    return Prng(mix64(mix64(mix64(mix64(seed ^ purpose) ^ round.value) ^ tag) ^ who));
}

struct Kind {
    Reduce reduce;
    Dtype dtype;
};

constexpr Kind kKinds[] = {
    {Reduce::avg, Dtype::f32},  {Reduce::avg, Dtype::f32},      {Reduce::avg, Dtype::bf16},
    {Reduce::avg, Dtype::f16},  {Reduce::avg, Dtype::f64},      {Reduce::sum, Dtype::f32},
    {Reduce::sum, Dtype::i32},  {Reduce::sum, Dtype::f16},      {Reduce::sum, Dtype::u8},
    {Reduce::min, Dtype::f32},  {Reduce::min, Dtype::i16},      {Reduce::max, Dtype::i64},
    {Reduce::max, Dtype::bf16}, {Reduce::majority, Dtype::i64}, {Reduce::majority, Dtype::i32},
};

// Of gossip.
constexpr const char* kDenseCodecs[] = {
    "int8:block=16", "int4:block=16,round=stochastic", "bf16", "e4m3:block=16", "int8:block=32+zstd",
    "test-bytes"};

// Of every kind: dense, sparse, stochastic, of a size that varies. Blocks are small, so that buffers have
// chunks.
constexpr const char* kCodecs[] = {"int8:block=16",
                                   "int4:block=16,round=stochastic",
                                   "bf16",
                                   "fp16",
                                   "uint4:block=16",
                                   "e4m3:block=16",
                                   "e3m0:block=16",
                                   "int8:block=32+zstd",
                                   "topk:1/4,chunk=16",
                                   "topk:1/8,chunk=32,values=int4,block=16,index=packed"};

uint64_t draw_elements(Prng& prng, const ScriptStyle& style) {
    if (prng.chance(1, 16)) return 0;  // a barrier
    if (prng.chance(1, 8)) return 1;
    if (prng.chance(1, 5)) return 2 + prng.below(14);
    return 1 + prng.below(style.elements_max);
}

void make_gossip(OpScript& op, Prng& prng, uint32_t members) {
    OpScript made;
    made.tag = op.tag;
    made.grace = op.grace;
    made.elements = op.parts.empty() ? op.elements : op.elements / members;
    made.collective = prng.chance(1, 3) ? Collective::pair_average : Collective::neighbour_average;
    constexpr Dtype kFloats[] = {Dtype::f64, Dtype::f16, Dtype::bf16};
    if (prng.chance(1, 4)) made.codec = kDenseCodecs[prng.below(std::size(kDenseCodecs))];
    else if (prng.chance(1, 4)) made.dtype = kFloats[prng.below(std::size(kFloats))];
    GossipChoice& choice = made.gossip;
    choice.first_step = prng.chance(1, 2) ? 0 : prng.next();
    if (made.collective == Collective::pair_average) {
        if (prng.chance(1, 2)) choice.partner = 0;
        else choice.graph = gossip::GraphKind::random_matching, choice.seed = prng.next();
        op = made;
        return;
    }
    choice.graph = gossip::kGraphKinds[prng.below(std::size(gossip::kGraphKinds))];
    choice.steps = 1 + static_cast<uint32_t>(prng.below(5));
    if (choice.graph == gossip::GraphKind::random_matching) choice.seed = prng.next();
    for (uint32_t i = 0; i < members && choice.graph == gossip::GraphKind::listed; ++i) {
        const auto a = static_cast<uint32_t>(prng.below(members));
        const auto b = static_cast<uint32_t>(prng.below(members));
        if (a != b) choice.edges.push_back({{a}, {b}});
    }
    const bool stays = gossip::period_steps({choice.graph, members, 0, {}}) == 1;
    choice.chebyshev = stays && prng.chance(1, 2);
    if (stays) choice.first_step = 0;
    op = made;
}

}  // namespace

std::vector<OpScript> ops_of_round(uint64_t seed, const ScriptStyle& style, Round round, uint32_t members) {
    Prng prng = stream(seed, 0x0b5, round, 0, 0);
    std::vector<OpScript> ops(1 + prng.below(style.ops_max));
    for (size_t i = 0; i < ops.size(); ++i) {
        OpScript& op = ops[i];
        const Kind& kind = kKinds[prng.below(std::size(kKinds))];
        op.tag = i + 1;
        op.dtype = kind.dtype;
        op.reduce = kind.reduce;
        op.uniform = prng.chance(style.uniform, 100);
        op.elements = draw_elements(prng, style);
        if (prng.chance(style.grace, 100)) op.grace = milliseconds(prng.between(50, 600));
        if (prng.chance(style.min_contributors, 100))
            op.min_contributors = 1 + static_cast<uint32_t>(prng.below(members));
    }
    // From a stream of its own, so that what was drawn before codecs were there stays as it was.
    Prng codecs = stream(seed, 0xc0dec, round, 0, 0);
    for (OpScript& op : ops) {
        const bool drawn = codecs.chance(style.codec, 100);
        const char* codec = kCodecs[codecs.below(std::size(kCodecs))];
        const bool fits = op.dtype == Dtype::f32 && (op.reduce == Reduce::avg || op.reduce == Reduce::sum);
        if (drawn && fits) op.codec = codec;
    }
    Prng parts = stream(seed, 0x9a475, round, 0, 0);
    for (OpScript& op : ops) {
        const bool drawn = parts.chance(style.parts, 100), gathers = parts.chance(1, 2);
        const bool even = parts.chance(1, 3);
        const uint64_t each = op.elements / members + 1;
        std::vector<uint64_t> counts;
        for (uint32_t r = 0; r < members; ++r)
            counts.push_back(even ? each : parts.chance(1, 5) ? 0 : parts.below(2 * each));
        if (!drawn || op.reduce == Reduce::majority) continue;
        op.collective = gathers ? Collective::all_gather : Collective::reduce_scatter;
        op.elements = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
        op.parts = std::move(counts);
        if (gathers) op.reduce = Reduce::copy, op.uniform = false, op.min_contributors = 1;
    }
    Prng tensors = stream(seed, 0x7e4504, round, 0, 0);
    for (OpScript& op : ops) {
        const bool drawn = tensors.chance(style.tensors, 100);
        const uint64_t most = 1 + tensors.below(tensors.chance(1, 2) ? 9 : 150);
        if (!drawn || !op.parts.empty()) continue;
        for (uint64_t left = op.elements; left > 0; left -= op.tensors.back())
            op.tensors.push_back(std::min(left, tensors.below(most + 1)));
    }
    Prng trees = stream(seed, 0x72ee5, round, 0, 0);
    for (OpScript& op : ops) {
        constexpr plan::Wanted kWanted[] = {plan::Wanted::ring,      plan::Wanted::plain_ring,
                                            plan::Wanted::two_level, plan::Wanted::forest,
                                            plan::Wanted::forest,    plan::Wanted::direct};
        const bool drawn = trees.chance(style.trees, 100);
        const plan::Wanted wanted = kWanted[trees.below(std::size(kWanted))];
        if (drawn && op.parts.empty()) op.plan = wanted;
    }
    Prng customs = stream(seed, 0xc0570, round, 0, 0);
    for (OpScript& op : ops) {
        const bool drawn = customs.chance(style.custom, 100), median = customs.chance(2, 3);
        const bool codec = customs.chance(1, 2) || !median;
        const bool fits = op.dtype == Dtype::f32 && (op.reduce == Reduce::avg || op.reduce == Reduce::sum);
        if (!drawn || !fits || !op.codec.empty()) continue;
        if (codec) op.codec = "test-bytes";
        op.median = median;
        if (median) op.reduce = Reduce::custom;
    }
    Prng gossips = stream(seed, 0x90551b, round, 0, 0);
    for (OpScript& op : ops) {
        if (gossips.chance(style.gossip, 100)) make_gossip(op, gossips, members);
    }
    return ops;
}

std::optional<uint32_t> OpScript::partner_of(uint32_t rank, size_t members) const {
    if ((rank ^ 1) >= members) return std::nullopt;
    return rank ^ 1;
}

CodecPtr codec_of(const OpScript& op) {
    if (op.codec.empty()) return nullptr;
    return *parse_codec(op.codec, {{"test-bytes", test::custom_codec()}});
}

ReducerPtr reducer_of(const OpScript& op) { return op.median ? test::median_reducer() : nullptr; }

OpChoice choice_of(uint64_t seed, const ScriptStyle& style, Round round, const OpScript& op,
                   const MemberId& member) {
    Prng prng = stream(seed, 0xc401ce, round, op.tag, key_of(member));
    OpChoice choice;
    choice.in_place = prng.chance(style.in_place, 100);
    constexpr float kWeights[] = {1.0f, 2.0f, 0.5f, 3.7f, 1e-3f, 129.0f};
    if (op.reduce == Reduce::avg) {
        choice.weight =
            prng.chance(style.zero_weights, 100) ? 0.0f : kWeights[prng.below(std::size(kWeights))];
    }
    const bool scanned =
        dtype_is_float(op.dtype) && op.elements > 0 && op.collective != Collective::all_gather;
    choice.finite = !scanned || !prng.chance(style.non_finite, 100);
    const uint64_t policy = prng.below(8);
    choice.non_finite = policy == 0   ? NonFinitePolicy::abort
                        : policy == 1 ? NonFinitePolicy::allow
                                      : NonFinitePolicy::exclude;
    // Of what a reducer may be given all say the same.
    if (op.median) {
        const bool any = stream(seed, 0xf1417e, round, op.tag, 0).chance(1, 4);
        if (any) choice.non_finite = NonFinitePolicy::allow;
        else if (policy == 1) choice.non_finite = NonFinitePolicy::exclude;
    }
    if (!op.parts.empty()) choice.in_place = false;
    if ((!op.codec.empty() || op.gossips()) && choice.non_finite == NonFinitePolicy::allow)
        choice.non_finite = NonFinitePolicy::exclude;
    choice.delay = prng.chance(1, 2) ? Duration{} : microseconds(prng.between(1, 20'000));
    if (prng.chance(style.late_post, 100))
        choice.delay = nanoseconds(prng.between(0, style.late_post_max.ns));
    if (prng.chance(style.cancel, 100)) choice.cancel_after = microseconds(prng.between(0, 60'000));
    if (prng.chance(style.budget, 100)) choice.budget = milliseconds(prng.between(1, 800));
    // All give numbers that count alike, and see it through.
    if (op.tag == kPolicyTag || op.tag == kListsTag) {
        choice.weight = 1.0f;
        choice.finite = true;
        choice.cancel_after.reset();
        choice.budget = {};
    }
    return choice;
}

bool pipelines(uint64_t seed, const ScriptStyle& style, Round round, const MemberId& member) {
    return stream(seed, 0x919e, round, 0, key_of(member)).chance(style.pipelined, 100);
}

bool leaves(uint64_t seed, const ScriptStyle& style, Round round, const MemberId& member) {
    return stream(seed, 0x1ea7e, round, 0, key_of(member)).chance(style.leaves, 100);
}

Bytes input_of(uint64_t seed, Round round, const OpScript& op, const MemberId& member, bool finite) {
    Prng prng = stream(seed, 0x1209, round, op.tag, key_of(member));
    const size_t width = dtype_bytes(op.dtype);
    Bytes bytes(op.elements * width);
    const uint64_t odd_one = finite ? UINT64_MAX : prng.below(op.elements);
    for (uint64_t i = 0; i < op.elements; ++i) {
        uint64_t bits = prng.next();
        if (op.reduce == Reduce::majority) bits &= 3;
        if (dtype_is_float(op.dtype)) {
            // Magnitudes far apart, so that rounding shows the order of the fold.
            const float value = std::ldexp(static_cast<float>(static_cast<int64_t>(bits % 4097) - 2048),
                                           static_cast<int>((bits >> 32) % 10) - 12);
            const bool bad = i == odd_one;
            switch (op.dtype) {
                case Dtype::f64:
                    bits = bad ? 0x7ff0000000000000ull
                               : std::bit_cast<uint64_t>(static_cast<double>(value) * 1.1);
                    break;
                case Dtype::f16: bits = bad ? 0x7e01u : f16_from_f32(value); break;
                case Dtype::bf16: bits = bad ? 0xff80u : bf16_from_f32(value); break;
                default: bits = bad ? 0x7fc01234u : std::bit_cast<uint32_t>(value * 1.1f); break;
            }
        }
        for (size_t b = 0; b < width; ++b) bytes[i * width + b] = static_cast<std::byte>(bits >> (8 * b));
    }
    return bytes;
}

uint64_t hash_bytes(ByteSpan bytes, uint64_t start) {
    uint64_t hash = mix64(start ^ bytes.size());
    for (const std::byte b : bytes) hash = (hash ^ static_cast<uint64_t>(b)) * 0x100000001b3ull;
    return mix64(hash);
}

}  // namespace whim::sim
