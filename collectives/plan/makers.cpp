// What makers share: shares in whole units, relays, heads of regions.
#include "collectives/plan/makers.h"

#include <algorithm>

#include "base/assert.h"
#include "base/limits.h"

namespace whim::plan {

std::vector<uint32_t> whole_shares(const std::vector<double>& weights, const Work& work) {
    const double bytes = static_cast<double>(work.on_wire());
    const size_t largest =
        static_cast<size_t>(std::max_element(weights.begin(), weights.end()) - weights.begin());
    double all = 0;
    for (const double weight : weights) all += weight;
    WHIM_ASSERT(all > 0);
    std::vector<double> kept(weights.size());
    double sum = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
        const double share = weights[i] / all;
        const bool worth = share * bytes >= limits::kChunkBytesMin && share * kShares >= 1;
        kept[i] = worth || i == largest ? share : 0;
        sum += kept[i];
    }
    std::vector<uint32_t> shares(weights.size());
    std::vector<std::pair<double, size_t>> rest;
    uint32_t left = kShares;
    for (size_t i = 0; i < kept.size(); ++i) {
        if (kept[i] <= 0) continue;
        const double exact = kept[i] / sum * kShares;
        shares[i] = std::min(static_cast<uint32_t>(exact), left);
        left -= shares[i];
        rest.emplace_back(shares[i] - exact, i);  // ascending: the largest remainder first
    }
    std::sort(rest.begin(), rest.end());
    for (size_t i = 0; left > 0; i = (i + 1) % rest.size(), --left) ++shares[rest[i].second];
    return shares;
}

std::vector<Relay> relays_of(const Net& net) {
    const uint32_t n = net.members();
    std::vector<Relay> relays;
    std::vector<uint32_t> carried(n, 1);
    for (const auto& [a, b] : net.cuts()) {
        uint32_t best = n;
        double least = 0;
        for (uint32_t via = 0; via < n; ++via) {
            if (via == a || via == b || !net.reach(a, via) || !net.reach(via, b)) continue;
            const double lines = (net.up_s(via) + net.down_s(via)) * carried[via];
            const double paths =
                net.alone_s(a, via) + net.alone_s(via, b) + net.alone_s(b, via) + net.alone_s(via, a);
            if (best == n || lines + paths < least) best = via, least = lines + paths;
        }
        if (best == n) continue;
        ++carried[best];
        relays.push_back({static_cast<Member>(a), static_cast<Member>(b), static_cast<Member>(best)});
    }
    return relays;
}

bool keep_needed_relays(Plan& plan, const Net& net) {
    if (!net.any_cut()) return true;
    std::vector<bool> needed(plan.relays.size());
    bool joined = true;
    const auto need = [&](uint32_t a, uint32_t b) {
        const Relay* relay = relay_of(plan, static_cast<Member>(a), static_cast<Member>(b));
        if (relay == nullptr) joined = false;
        else needed[static_cast<size_t>(relay - plan.relays.data())] = true;
    };
    const std::vector<uint32_t> shares = root_shares(plan);
    const bool stars = std::all_of(plan.parts.begin(), plan.parts.end(),
                                   [](const Part& part) { return part.shape == Shape::star; });
    if (stars) {
        for (const auto& [a, b] : net.cuts())
            if (shares[a] > 0 || shares[b] > 0) need(a, b);
    } else {
        for (const Part& part : plan.parts)
            for_each_edge(plan, part, [&](Phase, Member from, Member to) {
                if (!net.reach(from, to)) need(from, to);
            });
    }
    std::vector<Relay> kept;
    for (size_t i = 0; i < needed.size(); ++i)
        if (needed[i]) kept.push_back(plan.relays[i]);
    plan.relays = std::move(kept);
    return joined && plan.relays.size() <= limits::kPlanRelaysMax;
}

void drop_empty_parts(Plan& plan) {
    const auto is_empty = [](const Part& part) { return part.share == 0; };
    plan.parts.erase(std::remove_if(plan.parts.begin(), plan.parts.end(), is_empty), plan.parts.end());
}

void number_tables(Plan& plan) {
    constexpr uint32_t kNone = UINT32_MAX;
    std::vector<uint32_t> number(plan.tables.size(), kNone);
    std::vector<std::vector<Member>> tables;
    const auto use = [&](uint16_t& table) {
        if (number[table] == kNone) {
            number[table] = static_cast<uint32_t>(tables.size());
            tables.push_back(std::move(plan.tables[table]));
        }
        table = static_cast<uint16_t>(number[table]);
    };
    for (Part& part : plan.parts) {
        if (part.shape == Shape::star) continue;
        use(part.reduce);
        use(part.broadcast);
    }
    plan.tables = std::move(tables);
}

std::vector<std::vector<Member>> heads_of(const Regions& regions, uint32_t slices_max) {
    const auto members = regions.members();
    size_t most = 0;
    for (const auto& list : members) most = std::max(most, list.size());
    std::vector<std::vector<Member>> slices(std::min<size_t>(most, slices_max));
    for (size_t s = 0; s < slices.size(); ++s)
        for (const auto& list : members) slices[s].push_back(static_cast<Member>(list[s % list.size()]));
    return slices;
}

std::vector<Member> two_level_parents(const Regions& regions, const std::vector<Member>& heads, Member root) {
    std::vector<Member> parents;
    for (uint32_t v = 0; v < regions.of.size(); ++v) {
        const Member head = heads[regions.of[v]];
        parents.push_back(v == head ? root : head);
    }
    return parents;
}

}  // namespace whim::plan
