// Each rule by itself; the first that is broken is named.
#include "collectives/plan/check_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.h"

namespace whim::plan {
namespace {

Error broken(const std::string& what) { return fail(Code::E_PROTOCOL, "plan: " + what); }

Status check_sizes(const Plan& plan) {
    if (plan.members < 1 || plan.members > limits::kMembersMax)
        return broken(fmt::format("of {} members", plan.members));
    if (static_cast<uint8_t>(plan.kind) >= kKinds) return broken("of an unknown kind");
    if (plan.parts.empty() || plan.parts.size() > limits::kPlanPartsMax)
        return broken(fmt::format("of {} parts", plan.parts.size()));
    if (plan.tables.size() * plan.members > limits::kPlanTableEntriesMax)
        return broken(fmt::format("{} tables are too many", plan.tables.size()));
    for (const auto& table : plan.tables) {
        if (table.size() != plan.members) return broken(fmt::format("a table of {} ranks", table.size()));
        for (const Member m : table)
            if (m >= plan.members) return broken(fmt::format("a table names rank {}", m));
    }
    return {};
}

Status check_shares(const Plan& plan) {
    uint64_t sum = 0;
    for (const Part& part : plan.parts) {
        if (part.share == 0) return broken("a part without a share");
        sum += part.share;
    }
    if (sum != kShares) return broken(fmt::format("shares add up to {}/{}", sum, kShares));
    return {};
}

// Tables are numbered as the parts come to them, so that a plan has one form only.
Status check_uses(const Plan& plan) {
    uint32_t used = 0;
    const auto use = [&](uint32_t table) {
        if (table == used) ++used;
        return table < used && table < plan.tables.size();
    };
    for (size_t p = 0; p < plan.parts.size(); ++p) {
        const Part& part = plan.parts[p];
        const bool star = part.shape == Shape::star;
        const bool named =
            star ? part.reduce == 0 && part.broadcast == 0 : use(part.reduce) && use(part.broadcast);
        if (!named) return broken(fmt::format("part {} names a table out of order", p));
    }
    if (used != plan.tables.size()) return broken("a table that no part uses");
    return {};
}

bool is_order(const std::vector<Member>& table) {
    std::vector<bool> seen(table.size());
    for (const Member m : table) seen[m] = true;
    return std::find(seen.begin(), seen.end(), false) == seen.end();
}

// Depth of the tree, or more than limits::kPlanDepthMax when somebody never comes to the root.
uint32_t depth_of(const std::vector<Member>& parents, Member root) {
    constexpr uint32_t kUnknown = UINT32_MAX;
    std::vector<uint32_t> depth(parents.size(), kUnknown);
    depth[root] = 0;
    uint32_t deepest = 0;
    std::vector<Member> path;
    for (uint32_t v = 0; v < parents.size(); ++v) {
        path.clear();
        Member at = static_cast<Member>(v);
        for (; depth[at] == kUnknown; at = parents[at]) {
            if (path.size() > limits::kPlanDepthMax) return kUnknown;
            path.push_back(at);
        }
        uint32_t below = depth[at];
        for (auto step = path.rbegin(); step != path.rend(); ++step) depth[*step] = ++below;
        deepest = std::max(deepest, below);
    }
    return deepest;
}

Status check_tree(const Plan& plan, size_t number, uint16_t table) {
    const Part& part = plan.parts[number];
    const std::vector<Member>& parents = plan.tables[table];
    if (parents[part.root] != part.root) return broken(fmt::format("part {}: its root has a parent", number));
    for (uint32_t v = 0; v < plan.members; ++v)
        if (parents[v] == v && v != part.root)
            return broken(fmt::format("part {}: rank {} is apart", number, v));
    if (depth_of(parents, part.root) > limits::kPlanDepthMax)
        return broken(fmt::format("part {}: a tree with a cycle, or too deep", number));
    return {};
}

Status check_trees(const Plan& plan) {
    std::vector<bool> orders(plan.tables.size());
    for (size_t p = 0; p < plan.parts.size(); ++p) {
        const Part& part = plan.parts[p];
        if (part.root >= plan.members) return broken(fmt::format("part {} has root {}", p, part.root));
        switch (part.shape) {
            case Shape::star: break;
            case Shape::ring:
                if (part.reduce != part.broadcast) return broken(fmt::format("part {} has two orders", p));
                if (!orders[part.reduce] && !is_order(plan.tables[part.reduce]))
                    return broken(fmt::format("part {}: a ring that leaves out a member", p));
                orders[part.reduce] = true;
                break;
            case Shape::trees:
                if (Status status = check_tree(plan, p, part.reduce); !status.ok()) return status;
                if (part.broadcast == part.reduce) break;
                if (Status status = check_tree(plan, p, part.broadcast); !status.ok()) return status;
                break;
            default: return broken(fmt::format("part {} has an unknown shape", p));
        }
    }
    return {};
}

Status check_relays(const Plan& plan) {
    if (plan.relays.size() > limits::kPlanRelaysMax) return broken("too many relays");
    const Relay* last = nullptr;
    for (const Relay& relay : plan.relays) {
        if (relay.a >= relay.b || relay.b >= plan.members || relay.via >= plan.members ||
            relay.via == relay.a || relay.via == relay.b)
            return broken(fmt::format("a relay of {} and {} through {}", relay.a, relay.b, relay.via));
        if (last != nullptr && (last->a > relay.a || (last->a == relay.a && last->b >= relay.b)))
            return broken("relays out of order");
        last = &relay;
    }
    return {};
}

}  // namespace

Status check(const Plan& plan) {
    for (Status (*const rule)(const Plan&) :
         {check_sizes, check_shares, check_uses, check_trees, check_relays})
        if (Status status = rule(plan); !status.ok()) return status;
    return {};
}

Status check_reach(const Plan& plan, const Links& links) {
    if (links.members() != plan.members)
        return broken(fmt::format("for {} members, not {}", plan.members, links.members()));
    const auto cut = [&](Member a, Member b) { return links.pair(a, b).cut || links.pair(b, a).cut; };
    std::string problem;
    for (size_t p = 0; p < plan.parts.size() && problem.empty(); ++p) {
        for_each_edge(plan, plan.parts[p], [&](Phase, Member from, Member to) {
            const Relay* relay = relay_of(plan, from, to);
            const bool off = relay == nullptr ? cut(from, to) : cut(from, relay->via) || cut(relay->via, to);
            if (off) problem = fmt::format("part {}: {} and {} cannot talk", p, from, to);
        });
    }
    if (!problem.empty()) return broken(problem);
    return {};
}

}  // namespace whim::plan
