// What the applications of one seed do: pure functions of (seed, round, member), so that peers agree on what
// an op is without talking about it, and a checker can ask again.
#pragma once

#include <vector>

#include "engine/engine.h"
#include "tests/sim/world.h"

namespace whim::sim {

inline constexpr uint64_t kHealTag = 1000;   // the donor's broadcast of its state
inline constexpr uint64_t kPolicyTag = 900;  // what a policy chooses min_contributors of,
inline constexpr uint64_t kListsTag = 901;   // and what all saw of it

// How the ops of a seed tend to be. Numerators over 100.
struct ScriptStyle {
    uint32_t ops_max = 4;  // per round
    uint32_t elements_max = 300;
    uint32_t uniform = 30, grace = 0, min_contributors = 10, zero_weights = 10, non_finite = 2;
    uint32_t cancel = 0, budget = 0;  // per peer and op
    uint32_t late_post = 5;           // posted up to late_post_max after the others
    Duration late_post_max = milliseconds(400);
    uint32_t in_place = 50;
    uint32_t pipelined = 30;       // round_begin(R+1) together with round_commit(R)
    uint32_t leaves = 0;           // per peer and round
    uint32_t codec = 35;           // of f32 sums and averages
    uint32_t parts = 30;           // all_gather and reduce_scatter, half each
    uint32_t custom = 20;          // of f32 sums and averages: by a reducer or codec of the application
    uint32_t trees = 40;           // of the others: a plan of one kind is asked for
    uint32_t tensors = 35;         // of the rest
    uint32_t gossip = 25;          // with neighbours, or in pairs
    uint32_t backup_workers = 20;  // of seeds: one op more in each round, with a policy (policy.h)
    bool operator==(const ScriptStyle&) const = default;
};

// What all peers agree on about one op.
struct OpScript {
    uint64_t tag = 0;
    Collective collective = Collective::all_reduce;
    std::vector<uint64_t> parts = {};    // of the others, by birth rank; elements is their sum
    std::vector<uint64_t> tensors = {};  // of an all_reduce that is given many: elements of each
    Dtype dtype = Dtype::f32;
    Reduce reduce = Reduce::avg;
    bool uniform = false;
    uint64_t elements = 0;
    uint32_t min_contributors = 1;
    Duration grace{};
    std::string codec = {};  // "": none
    bool median = false;     // Reduce::custom, by a reducer of the application
    plan::Wanted plan = plan::Wanted::best;
    // Of gossip. A partner is the next rank or the one before; the last of an odd number has none and does
    // not call the op.
    GossipChoice gossip = {};
    bool gossips() const { return collective_gossips(collective); }
    std::optional<uint32_t> partner_of(uint32_t rank, size_t members) const;
};

// As an application registers them on every peer; null: none.
CodecPtr codec_of(const OpScript& op);
ReducerPtr reducer_of(const OpScript& op);

// What one peer does with it.
struct OpChoice {
    bool in_place = false;
    float weight = 1.0f;
    bool finite = true;
    NonFinitePolicy non_finite = NonFinitePolicy::exclude;
    Duration delay{};                      // before it posts
    std::optional<Duration> cancel_after;  // it posted
    Duration budget{};
};

std::vector<OpScript> ops_of_round(uint64_t seed, const ScriptStyle& style, Round round, uint32_t members);
OpChoice choice_of(uint64_t seed, const ScriptStyle& style, Round round, const OpScript& op,
                   const MemberId& member);
bool pipelines(uint64_t seed, const ScriptStyle& style, Round round, const MemberId& member);
bool leaves(uint64_t seed, const ScriptStyle& style, Round round, const MemberId& member);

// The input of one member: bit patterns whose sum depends on the order of addition.
Bytes input_of(uint64_t seed, Round round, const OpScript& op, const MemberId& member, bool finite);

uint64_t hash_bytes(ByteSpan bytes, uint64_t start);

}  // namespace whim::sim
