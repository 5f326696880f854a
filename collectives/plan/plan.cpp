// Reading of plans.
#include "collectives/plan/plan.h"

#include <algorithm>
#include <tuple>

#include "base/assert.h"

namespace whim::plan {

std::string_view name_of(Kind kind) {
    switch (kind) {
        case Kind::direct: return "direct";
        case Kind::ring: return "ring";
        case Kind::two_level: return "two-level";
        case Kind::forest: return "forest";
    }
    return "";
}

std::vector<Member> parents_of(const Plan& plan, const Part& part, Phase phase) {
    std::vector<Member> parents(plan.members, part.root);
    for_each_edge(plan, part, [&](Phase of, Member from, Member to) {
        if (of != phase) return;
        if (phase == Phase::reduce) parents[from] = to;
        else parents[to] = from;
    });
    return parents;
}

std::vector<ElementRange> elements_of(const Plan& plan, uint64_t elements) {
    const uint64_t whole = elements / kShares, rest = elements % kShares;  // the product itself may not fit
    std::vector<ElementRange> ranges;
    uint64_t shares = 0, begin = 0;
    for (const Part& part : plan.parts) {
        shares += part.share;
        const uint64_t end = whole * shares + rest * shares / kShares;
        ranges.push_back({begin, end});
        begin = end;
    }
    return ranges;
}

const Relay* relay_of(const Plan& plan, Member a, Member b) {
    const auto key = std::minmax(a, b);
    const auto found = std::lower_bound(
        plan.relays.begin(), plan.relays.end(), key, [](const Relay& relay, const auto& pair) {
            return std::tie(relay.a, relay.b) < std::tie(pair.first, pair.second);
        });
    return found != plan.relays.end() && found->a == key.first && found->b == key.second ? &*found : nullptr;
}

std::vector<uint32_t> root_shares(const Plan& plan) {
    std::vector<uint32_t> shares(plan.members);
    for (const Part& part : plan.parts) shares[part.root] += part.share;
    return shares;
}

}  // namespace whim::plan
