// The weights of a step of gossip, x_i <- sum_j w_ij x_j, and how fast such steps contract.
//
// Metropolis weights over the living (d_i: living neighbours of i):
//   w_ij = 1 / (1 + max(d_i, d_j)) for neighbours,  w_ii = 1 - sum_j w_ij
// They need no more than the degrees of neighbours, and every w_ij is w_ji bit for bit. Each w_ij is one f32
// division; w_ii is the exact remainder rounded once to f32, so that rows, and by symmetry columns, sum to 1
// within kRowErrorMax: each step preserves the mean of the living.
//
// A death changes the weights of its neighbours and theirs, and nothing else: the weights of a step are a
// pure function of (graph, alive). The dead keep w_ii = 1 and are nobody's neighbours.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "collectives/plan/graph.h"

namespace whim::gossip {

inline constexpr double kRowErrorMax = 0x1p-25;  // half a unit in the last place of a w_ii below 1

class Mixing {
public:
    // What a member takes from whom: neighbours ascending, weights[k] is that of from[k].
    struct Row {
        float own = 1.0f;
        std::span<const Rank> from;
        std::span<const float> weights;
    };

    // alive: one flag for each rank of the graph.
    Mixing(const Graph& graph, const std::vector<bool>& alive);

    uint32_t members() const { return static_cast<uint32_t>(own_.size()); }
    std::span<const Rank> living() const { return living_; }
    Row row(Rank rank) const;

private:
    std::vector<Rank> living_;
    std::vector<uint32_t> begins_;  // of each rank's part of from_ and weights_, and the end
    std::vector<Rank> from_;
    std::vector<float> weights_;
    std::vector<float> own_;
};

// Factor by which a step shrinks the distance of the living from their mean, at worst: the largest modulus of
// the eigenvalues of their matrix but the first. 0 for a single member, 1 where parts are not connected.
//
// From kLanczosStepsMax products with the matrix, the same bits on every machine: exact to rounding for as
// many members; for more it may be low, by little except where many directions are almost equally slow, as in
// large rings.
double contraction(const Mixing& mixing);

inline constexpr uint32_t kLanczosStepsMax = 128;

}  // namespace whim::gossip
