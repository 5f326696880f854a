// What gossip comes to, computed plainly from all inputs and from whose data each member says it mixed: one
// element at a time, with no chunks, frames or buffers. Shared by the op's model and the simulator.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/dtype.h"
#include "collectives/kernels/half.h"
#include "collectives/op/coding.h"
#include "collectives/plan/chebyshev.h"
#include "collectives/plan/graph.h"
#include "collectives/plan/mixing.h"
#include "wire/values.h"

namespace whim::op {

struct ReportedMix {  // in this step these elements were mixed with the values of these ranks
    uint32_t step = 0;
    uint64_t first = 0, count = 0;
    std::vector<uint32_t> ranks;
};

// Values are those of their dtype, which double holds.
struct GossipMember {
    std::vector<double> input;       // empty: never posted
    bool reported = false;           // else nothing is known of its steps
    std::vector<ReportedMix> mixes;  // by step
};

struct GossipOutcome {
    std::vector<double> values;
    std::vector<uint32_t> steps;  // taken, by element
    std::vector<bool> known;      // by element: false where somebody's steps are not known
    std::string problem;          // what cannot be, "" when nothing
};

// What is computed. codings: none, or one for each member; a codec gives an element the same whatever it is
// cut into.
struct GossipMath {
    Dtype dtype = Dtype::f32;
    std::vector<std::shared_ptr<const Coding>> codings = {};
};

namespace reference {

inline double read(Dtype dtype, const std::byte* at) {
    const auto get = [&]<class T>(T value) {
        std::memcpy(&value, at, sizeof value);
        return value;
    };
    if (dtype == Dtype::f64) return get(double{});
    if (dtype == Dtype::f16) return f32_from_f16(get(uint16_t{}));
    return dtype == Dtype::bf16 ? f32_from_bf16(get(uint16_t{})) : get(float{});
}

inline void write(Dtype dtype, double value, std::byte* at) {
    const auto put = [&](auto bits) { std::memcpy(at, &bits, sizeof bits); };
    const auto narrow = static_cast<float>(value);
    if (dtype == Dtype::f64) put(value);
    else if (dtype == Dtype::f16) put(f16_from_f32(narrow));
    else if (dtype == Dtype::bf16) put(bf16_from_f32(narrow));
    else put(narrow);
}

// One element of one step: what a member and its neighbours have, as each is shown to the other.
struct Element {
    double own = 0, shown = 0, previous = 0;
    std::vector<double> others = {};
    std::vector<float> weights = {};
    float omega = 1;
    bool coded = false;
};

template <class Acc> double stepped(const Element& e) {
    const auto own = static_cast<Acc>(e.own), shown = static_cast<Acc>(e.shown);
    Acc mixed = own;
    if (!e.coded && e.others.size() == 1 && e.weights[0] == 0.5f) {
        mixed = Acc{0.5} * (own + static_cast<Acc>(e.others[0]));
    } else {
        for (size_t i = 0; i < e.others.size(); ++i)
            mixed += static_cast<Acc>(e.weights[i]) * (static_cast<Acc>(e.others[i]) - shown);
    }
    if (e.omega == 1.0f) return mixed;
    const auto previous = static_cast<Acc>(e.previous);
    return previous + static_cast<Acc>(e.omega) * (mixed - previous);
}

inline double stepped(Dtype dtype, const Element& e) {
    std::byte rounded[sizeof(double)];
    write(dtype, dtype == Dtype::f64 ? stepped<double>(e) : stepped<float>(e), rounded);
    return read(dtype, rounded);
}

// What a member's neighbours take its values for, after `step` steps.
inline std::vector<double> shown(const GossipMath& math, const std::vector<double>& values, uint32_t rank,
                                 uint32_t step) {
    if (math.codings.empty() || values.empty()) return values;
    const Coding& coding = *math.codings[rank];
    std::vector<float> floats(values.begin(), values.end());
    Bytes bytes(coding.contribution_bytes_max(floats.size()));
    const auto made = coding.contribute(floats, 0, {rank, step}, bytes);
    if (!made.ok() || !coding.codec().decode(ByteSpan(bytes).first(*made), floats).ok()) return values;
    return {floats.begin(), floats.end()};
}

inline bool neighbours(const gossip::Graph& graph, uint32_t a, uint32_t b) {
    const auto list = graph.neighbours({a});
    return std::find(list.begin(), list.end(), Rank{b}) != list.end();
}

}  // namespace reference

inline std::vector<double> gossip_values(Dtype dtype, ByteSpan bytes) {
    std::vector<double> values;
    for (size_t at = 0; at < bytes.size(); at += dtype_bytes(dtype))
        values.push_back(reference::read(dtype, bytes.data() + at));
    return values;
}

inline Bytes gossip_bytes(Dtype dtype, const std::vector<double>& values) {
    Bytes bytes(values.size() * dtype_bytes(dtype));
    for (size_t i = 0; i < values.size(); ++i)
        reference::write(dtype, values[i], bytes.data() + i * dtype_bytes(dtype));
    return bytes;
}

// One outcome for each member of the graph.
inline std::vector<GossipOutcome> gossip_reference(const gossip::GraphSpec& spec,
                                                   const wire::GossipTerms& terms, const GossipMath& math,
                                                   uint64_t elements,
                                                   const std::vector<GossipMember>& members) {
    const std::vector<bool> all(spec.members, true);
    std::vector<float> omegas(terms.steps, 1.0f);
    if (terms.chebyshev) {
        const gossip::Mixing mixing(gossip::graph_at(spec, 0), all);
        omegas = gossip::chebyshev_coefficients(gossip::contraction(mixing), terms.steps);
    }
    std::vector<GossipOutcome> now(spec.members);
    for (uint32_t r = 0; r < spec.members; ++r) {
        now[r].values = members[r].input;
        now[r].values.resize(elements);
        now[r].steps.assign(elements, 0);
        now[r].known.assign(elements, !members[r].input.empty() || elements == 0);
    }
    std::vector<GossipOutcome> before = now;
    for (uint32_t step = 0; step < terms.steps; ++step) {
        const gossip::Graph graph = gossip::graph_at(spec, terms.first_step + step);
        std::vector<GossipOutcome> next = now;
        std::vector<std::vector<double>> shown;
        for (uint32_t r = 0; r < spec.members; ++r)
            shown.push_back(reference::shown(math, now[r].values, r, step));
        for (uint32_t r = 0; r < spec.members; ++r) {
            GossipOutcome& mine = next[r];
            for (const ReportedMix& mix : members[r].mixes) {
                if (mix.step != step) continue;
                reference::Element element{.omega = omegas[step], .coded = !math.codings.empty()};
                for (const uint32_t j : mix.ranks) {
                    if (j >= spec.members || !reference::neighbours(graph, r, j))
                        return mine.problem = "mixes rank " + std::to_string(j) + ", which is no neighbour",
                               next;
                    element.weights.push_back(
                        1.0f / static_cast<float>(1 + std::max(graph.degree({r}), graph.degree({j}))));
                }
                for (uint64_t e = mix.first; e < mix.first + mix.count; ++e) {
                    if (e >= elements || now[r].steps[e] != step)
                        return mine.problem = "reports steps out of order", next;
                    element.others.clear();
                    for (const uint32_t j : mix.ranks) {
                        mine.known[e] = mine.known[e] && now[j].known[e] && now[j].steps[e] == step;
                        if (members[j].reported && now[j].steps[e] != step)
                            return mine.problem = "mixes what rank " + std::to_string(j) + " never held",
                                   next;
                        element.others.push_back(shown[j][e]);
                    }
                    mine.steps[e] = step + 1;
                    if (element.others.empty()) continue;
                    element.own = now[r].values[e];
                    element.shown = shown[r][e];
                    element.previous = before[r].values[e];
                    mine.values[e] = reference::stepped(math.dtype, element);
                }
            }
        }
        before = std::move(now);
        now = std::move(next);
    }
    return now;
}

}  // namespace whim::op
