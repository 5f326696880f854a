// A plan: who sends what to whom in an op, as data. One executor runs any plan.
//
// A plan is a list of parts. A part is a share of the buffer with a root, a tree over which contributions are
// folded towards the root, and one over which the result goes out from it. Parts lie in the buffer one after
// the other. A node of a reduce tree folds its own input and what its children sent by ascending rank of the
// senders; the root encodes the result once. On each pair, pieces that are earliest in their part go first.
//
// Most trees need no list of parents: a star is its root, and all paths of a ring share one order. Others
// name tables of the plan.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "collectives/plan/direct.h"

namespace whim::plan {

using Member = uint16_t;  // a rank of the op's birth view

// Parts of the buffer are counted in units of 1/kShares.
inline constexpr uint32_t kShares = 1u << 24;

enum class Shape : uint8_t {
    star,   // everybody to the root, the root to everybody
    ring,   // the table is an order; all send to the next in it: inputs end at the root, results begin there
    trees,  // the tables are each member's parent; the root's is itself
};

struct Part {
    uint32_t share = 0;  // of kShares
    Member root = 0;
    Shape shape = Shape::star;
    uint16_t reduce = 0, broadcast = 0;  // tables; of a ring both are its order, of a star both 0
    bool operator==(const Part&) const = default;
};

// Two members that cannot talk; frames between them go through a third, which only passes them on.
struct Relay {
    Member a = 0, b = 0;  // a < b
    Member via = 0;
    bool operator==(const Relay&) const = default;
};

enum class Kind : uint8_t { direct, ring, two_level, forest };
inline constexpr uint8_t kKinds = 4;
std::string_view name_of(Kind kind);  // "direct", "ring", "two-level", "forest"

struct Plan {
    Kind kind = Kind::direct;
    uint32_t members = 0;
    std::vector<Part> parts;
    std::vector<std::vector<Member>> tables;  // of `members` ranks each, in the order of their first use
    std::vector<Relay> relays;                // ascending by (a, b)
    bool operator==(const Plan&) const = default;
};

enum class Phase : uint8_t { reduce, broadcast };

// The parent of each member in one tree of a part; the root's is itself.
std::vector<Member> parents_of(const Plan& plan, const Part& part, Phase phase);

// Calls visit(phase, from, to) for each sending of a part, relays not regarded. In a ring in the order of the
// path.
template <class Visit> void for_each_edge(const Plan& plan, const Part& part, Visit visit) {
    const uint32_t n = plan.members;
    const auto between = [&](Phase phase, Member child, Member parent) {
        if (phase == Phase::reduce) visit(phase, child, parent);
        else visit(phase, parent, child);
    };
    for (const Phase phase : {Phase::reduce, Phase::broadcast}) {
        if (part.shape == Shape::star) {
            for (uint32_t v = 0; v < n; ++v)
                if (v != part.root) between(phase, static_cast<Member>(v), part.root);
            continue;
        }
        const std::vector<Member>& table = plan.tables[phase == Phase::reduce ? part.reduce : part.broadcast];
        if (part.shape == Shape::trees) {
            for (uint32_t v = 0; v < n; ++v)
                if (v != part.root) between(phase, static_cast<Member>(v), table[v]);
            continue;
        }
        for (uint32_t i = 0; i < n; ++i) {
            const Member from = table[i], to = table[i + 1 == n ? 0 : i + 1];
            if ((phase == Phase::reduce ? from : to) != part.root) visit(phase, from, to);
        }
    }
}

// The elements of a part: floor(elements * shares before it / kShares) to the same with it.
std::vector<ElementRange> elements_of(const Plan& plan, uint64_t elements);

// The relay of a pair, or null.
const Relay* relay_of(const Plan& plan, Member a, Member b);

// The share of each member as a root.
std::vector<uint32_t> root_shares(const Plan& plan);

}  // namespace whim::plan
