// Which plan an op runs by: what the links that were published with its round make best, or what its caller
// asks for. All members come to the same, and say so by the plan's digest in the descriptor.
#include <algorithm>
#include <cstring>

#include "collectives/plan/plan_code.h"
#include "engine/impl.h"
#include "state/digest.h"

namespace whim {

// Of a round's participants, as its beginning said.
std::shared_ptr<const plan::Links> Engine::Impl::links_of(const wire::RoundStart& start) const {
    const auto n = static_cast<uint32_t>(start.participants.size());
    if (start.links.size() != size_t{n} * n || n < 3) return nullptr;
    auto links = std::make_shared<plan::Links>(n);
    std::vector<std::string> regions(n), names;
    for (const wire::MemberInfo& info : start.view.members) {
        const auto at = std::find(start.participants.begin(), start.participants.end(), info.id);
        if (at == start.participants.end() || info.region.empty()) continue;
        regions[static_cast<size_t>(at - start.participants.begin())] = info.region;
        names.push_back(info.region);
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    for (uint32_t from = 0; from < n; ++from) {
        plan::Links::Member& member = links->member(from);
        const wire::LinkFigure& line = start.links[size_t{from} * n + from];
        member.down = wire::value_of(line.rate);
        member.up = wire::value_of(line.rtt);
        const auto region = std::find(names.begin(), names.end(), regions[from]);
        if (region != names.end()) member.region = 1 + static_cast<uint32_t>(region - names.begin());
        for (uint32_t to = 0; to < n; ++to) {
            if (from == to) continue;
            const wire::LinkFigure& figure = start.links[size_t{from} * n + to];
            plan::Links::Pair& pair = links->pair(from, to);
            pair.cut = figure.rate == wire::LinkFigure::kCut;
            pair.rate = pair.cut ? 0 : std::min(wire::value_of(figure.rate), limits::kPlanRateMax);
            pair.rtt_us = static_cast<uint32_t>(std::min<uint64_t>(wire::value_of(figure.rtt), UINT32_MAX));
        }
    }
    return links;
}

// Null: the direct plan, with shares by lines alone. Between a leaf and the root partial sums are folded
// further: of 16-bit floats they would be rounded at each node, averages of f64 would need weights that the
// wire does not carry, and codecs would encode again and again. Who is not waited for must be known at the
// root.
std::shared_ptr<const plan::Plan> Engine::Impl::plan_of(const PostOptions& o, uint32_t members, Round birth) {
    const bool sums = o.reduce == Reduce::sum || o.reduce == Reduce::avg;
    const bool narrow = o.dtype == Dtype::f16 || o.dtype == Dtype::bf16;
    const bool folds = sums ? !narrow && (o.reduce == Reduce::sum || o.dtype == Dtype::f32)
                            : o.reduce == Reduce::min || o.reduce == Reduce::max;
    if (o.collective != Collective::all_reduce || o.reduce == Reduce::copy || members < 3 || o.bytes() == 0)
        return nullptr;
    if (o.reducer && !o.reducer->elementwise()) return nullptr;  // cut in the same way whatever lines carry
    const auto known = round_links_.find(birth);
    const bool forced = o.plan != plan::Wanted::best;
    const bool large = o.bytes() >= config_.weighed_bytes_min;
    if (!forced && (!large || known == round_links_.end() || known->second == nullptr)) return nullptr;
    const bool trees = folds && !o.codec && o.grace.ns <= 0 && !o.grace_learnt;
    const PlanKey key{birth, o.bytes(), o.plan, trees};
    if (const auto made = plans_.find(key); made != plans_.end()) return made->second;
    const plan::Work work{.bytes = std::max<uint64_t>(o.bytes(), config_.planned_bytes_min),
                          .associative = trees};
    const plan::Links unknown(members);
    const plan::Links& links = known != round_links_.end() && known->second ? *known->second : unknown;
    std::optional<plan::Plan> plan = plan::plan_wanted(links, work, o.plan);
    std::shared_ptr<const plan::Plan> shared;
    if (plan) shared = std::make_shared<const plan::Plan>(std::move(*plan));
    constexpr size_t kPlansKept = 32;
    if (plans_.size() >= kPlansKept) plans_.clear();
    plans_[key] = shared;
    return shared;
}

// Elements of each rank's part under a direct plan; begun at multiples, but for the end of the buffer.
std::vector<uint64_t> Engine::Impl::parts_of(const plan::Plan& plan, uint64_t elements) {
    constexpr uint64_t kUnit = 16;
    std::vector<uint64_t> parts;
    uint64_t shares = 0, begin = 0;
    for (const uint32_t share : plan::root_shares(plan)) {
        shares += share;
        const double at = static_cast<double>(elements) * (static_cast<double>(shares) / plan::kShares);
        const uint64_t end = shares == plan::kShares
                                 ? elements
                                 : std::min(elements, static_cast<uint64_t>(at) / kUnit * kUnit);
        parts.push_back(std::max(end, begin) - begin);
        begin = std::max(end, begin);
    }
    return parts;
}

uint64_t Engine::Impl::digest_of_plan(const plan::Plan& plan) {
    const Digest digest = digest_of(plan::encode(plan));
    uint64_t word = 0;
    std::memcpy(&word, digest.bytes.data(), sizeof word);
    return std::max<uint64_t>(word, 1);
}

}  // namespace whim
