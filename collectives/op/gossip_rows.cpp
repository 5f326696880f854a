// Rows of the mixing matrices, and Chebyshev's coefficients.
#include "collectives/op/gossip_rows.h"

#include <algorithm>

#include "base/assert.h"
#include "base/limits.h"
#include "base/prng.h"
#include "collectives/plan/chebyshev.h"
#include "collectives/plan/mixing.h"

namespace whim::op {
namespace {

// The same for everybody: a member that misjudged it would take other steps than its neighbours.
double contraction_of(const gossip::GraphSpec& spec, const gossip::Mixing& mixing) {
    return spec.kind == gossip::GraphKind::complete ? 0.0 : gossip::contraction(mixing);
}

}  // namespace

bool GossipRows::Row::has(Rank rank) const { return std::binary_search(from.begin(), from.end(), rank); }

GossipRows::GossipRows(const gossip::GraphSpec& spec, const wire::GossipTerms& terms, Rank self)
    : steps_(terms.steps) {
    WHIM_ASSERT(steps_ >= 1 && steps_ <= limits::kGossipStepsMax && self.value < spec.members);
    const bool changing = gossip::period_steps(spec) != 1;
    const std::vector<bool> all(spec.members, true);
    omegas_.assign(steps_, 1.0f);
    for (uint32_t step = 0; step < (changing ? steps_ : 1); ++step) {
        const gossip::Mixing mixing(gossip::graph_at(spec, terms.first_step + step), all);
        const gossip::Mixing::Row mine = mixing.row(self);
        rows_.push_back({{mine.from.begin(), mine.from.end()}, {mine.weights.begin(), mine.weights.end()}});
        neighbours_.insert(neighbours_.end(), mine.from.begin(), mine.from.end());
        if (terms.chebyshev && !changing)
            omegas_ = gossip::chebyshev_coefficients(contraction_of(spec, mixing), steps_);
    }
    std::sort(neighbours_.begin(), neighbours_.end());
    neighbours_.erase(std::unique(neighbours_.begin(), neighbours_.end()), neighbours_.end());
}

uint64_t gossip_frames_max(const gossip::GraphSpec& spec, uint32_t steps) {
    if (gossip::period_steps(spec) != 1) return steps;
    if (spec.kind == gossip::GraphKind::complete) return std::max(1u, 2 * (spec.members - 1));
    const gossip::Graph graph = gossip::graph_at(spec, 0);
    uint64_t most = 1;
    for (uint32_t r = 0; r < spec.members; ++r) most = std::max<uint64_t>(most, 2 * graph.degree({r}));
    return most;
}

uint64_t edges_digest(std::span<const gossip::GraphEdge> edges) {
    uint64_t digest = edges.size() + 1;  // not 0, which says that there is no list
    for (const gossip::GraphEdge& e : edges)
        digest = mix64(digest ^ (uint64_t{e.low.value} << 32 | e.high.value)) | 1;
    return digest;
}

}  // namespace whim::op
