// Reads the trees of a plan from one member's place.
#include "collectives/op/routes.h"

#include <algorithm>

#include "base/assert.h"

namespace whim::op {

ChunkLayout layout_of(const plan::Plan& plan, uint64_t elements, uint32_t element_bytes,
                      uint32_t chunk_elements) {
    std::vector<uint64_t> counts;
    for (const ElementRange& range : plan::elements_of(plan, elements)) counts.push_back(range.count());
    return ChunkLayout::of_parts(counts, element_bytes, chunk_elements);
}

Routes::Routes(std::shared_ptr<const plan::Plan> plan, uint32_t self, const ChunkLayout& layout)
    : plan_(std::move(plan)), self_(self), fan_in_(plan_->members, 0) {
    std::vector<bool> passes(size_t{plan_->members} * plan_->members, false);  // [to][from]
    for (const plan::Part& part : plan_->parts) {
        Route& route = routes_.emplace_back();
        route.root = part.root;
        parents_.push_back(plan::parents_of(*plan_, part, plan::Phase::reduce));
        const std::vector<plan::Member> down = plan::parents_of(*plan_, part, plan::Phase::broadcast);
        route.up = parents_.back()[self];
        route.down_from = down[self];
        for (uint32_t r = 0; r < plan_->members; ++r) {
            if (r == part.root) continue;
            const plan::Member to = parents_.back()[r];
            if (to == self) route.senders.push_back(r);
            if (down[r] == self) route.down_to.push_back(r);
            const size_t pair = size_t{to} * plan_->members + r;
            fan_in_[to] += !passes[pair];
            passes[pair] = true;
        }
    }
    std::vector<uint32_t> order;  // chunks, by their place in their part
    std::vector<uint32_t> in_part;
    for (uint32_t c = 0; c < layout.chunks(); ++c) {
        part_.push_back(layout.owner({c}).value);
        in_part.push_back(c > 0 && part_[c] == part_[c - 1] ? in_part.back() + 1 : 0);
        order.push_back(c);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return in_part[a] < in_part[b]; });
    place_.assign(order.size(), 0);
    for (const uint32_t c : order) {
        const Route& route = of(c);
        if (route.root != self) {
            place_[c] = static_cast<uint32_t>(to_[route.up].size());
            to_[route.up].push_back(c);
        }
        for (const uint32_t sender : route.senders) by_[sender].push_back(c);
    }
}

bool Routes::passes(uint32_t chunk, uint32_t sender, const std::vector<bool>& set) const {
    const std::vector<plan::Member>& parents = parents_[part_[chunk]];
    WHIM_ASSERT(set.size() == parents.size());
    for (uint32_t r = 0; r < set.size(); ++r) {
        if (!set[r]) continue;
        uint32_t at = r;
        while (at != sender && parents[at] != at) at = parents[at];
        if (at != sender) return false;
    }
    return true;
}

}  // namespace whim::op
