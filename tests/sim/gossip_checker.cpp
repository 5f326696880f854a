// Mixing again what peers claim to have mixed.
#include "tests/sim/gossip_checker.h"

#include <algorithm>
#include <cstring>

#include "tests/unit/op/gossip_reference.h"

namespace whim::sim {
namespace {

uint32_t rank_in(const std::vector<MemberId>& birth, const MemberId& member) {
    return static_cast<uint32_t>(std::find(birth.begin(), birth.end(), member) - birth.begin());
}

bool same_bits(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

}  // namespace

void GossipChecker::posted(Round round, Posted what) {
    Truth& truth = ops_[{round, what.script.tag}];
    truth.script = what.script;
    truth.birth = what.birth;
    const uint32_t rank = rank_in(what.birth, what.member);
    truth.peers[rank] = {std::move(what), std::nullopt};
}

void GossipChecker::completed(const MemberId& member, Round round, uint64_t tag, const AppDone& done,
                              ByteSpan output) {
    Truth& truth = ops_.at({round, tag});
    Peer& peer = truth.peers.at(rank_in(truth.birth, member));
    if (peer.completion) return world_.violate(short_name(member) + " completed an op of gossip twice");
    Completion c;
    c.code = done.code;
    c.detail = done.detail;
    c.output.assign(output.begin(), output.end());
    if (const auto* info = std::get_if<OpInfo>(&done.info)) c.info = *info;
    for (const MemberId& m : truth.birth) c.out_of_view.push_back(!control_.in_view(m));
    peer.completion = std::move(c);
}

void GossipChecker::finish(SeedCoverage& coverage) {
    for (const auto& [key, truth] : ops_) {
        if (!world_.violation()) check(key, truth, coverage);
    }
}

gossip::GraphSpec GossipChecker::graph_of(const Truth& truth) const {
    const GossipChoice& choice = truth.script.gossip;
    const auto members = static_cast<uint32_t>(truth.birth.size());
    std::vector<gossip::GraphEdge> edges = choice.edges;
    if (choice.partner) {  // everybody's is the next rank or the one before
        for (uint32_t r = 0; r + 1 < members; r += 2) edges.push_back({{r}, {r + 1}});
    }
    if (choice.partner || choice.graph == gossip::GraphKind::listed)
        return *gossip::listed_graph(members, edges);
    return {choice.graph, members, choice.seed, {}};
}

// A tag is used once in a round, by all or by each pair.
op::GossipMath GossipChecker::math_of(const Key& key, const Truth& truth) const {
    op::GossipMath math{truth.script.dtype};
    const CodecPtr codec = codec_of(truth.script);
    const auto members = static_cast<uint32_t>(truth.birth.size());
    for (uint32_t r = 0; r < members && codec && members > 1; ++r) {
        OpId id{.round = key.first, .tag = key.second};
        const auto partner = truth.script.partner_of(r, members);
        if (truth.script.gossip.partner && partner) id.instance = pair_instance({r}, {*partner}, 0);
        math.codings.push_back(std::make_shared<const op::Coding>(codec, Reduce::avg, false, id, members));
    }
    return math;
}

void GossipChecker::check(const Key& key, const Truth& truth, SeedCoverage& coverage) {
    const gossip::GraphSpec graph = graph_of(truth);
    const GossipChoice& choice = truth.script.gossip;
    wire::GossipTerms terms;
    terms.steps = choice.steps;
    terms.chebyshev = choice.chebyshev;
    terms.first_step = choice.first_step;
    const op::GossipMath math = math_of(key, truth);
    std::vector<op::GossipMember> members(truth.birth.size());
    for (const auto& [rank, peer] : truth.peers) {
        members[rank].input = op::gossip_values(math.dtype, peer.posted.input);
        members[rank].reported = peer.completion && peer.completion->info.gossip;
        if (!members[rank].reported) continue;
        const OpInfo& info = peer.completion->info;
        for (const MixInfo& mix : info.gossip->mixes) {
            op::ReportedMix reported{mix.step, mix.first, mix.count, {}};
            for (const MemberId& m : info.contributors.at(mix.set).members)
                reported.ranks.push_back(rank_in(truth.birth, m));
            members[rank].mixes.push_back(std::move(reported));
        }
    }
    const std::vector<op::GossipOutcome> expected =
        op::gossip_reference(graph, terms, math, truth.script.elements, members);
    for (const auto& [rank, peer] : truth.peers) {
        if (!peer.completion) continue;
        const Completion& c = *peer.completion;
        const auto wrong = [&](const std::string& what) {
            world_.violate(fmt::format("op r{}/t{} at {} {}", key.first.value, key.second,
                                       short_name(peer.posted.member), what));
        };
        if (!expected[rank].problem.empty()) return wrong(expected[rank].problem);
        if (const std::string end = wrong_end(truth, peer); !end.empty()) return wrong(end);
        const std::string without = unreasoned(truth, graph, rank, coverage);
        if (!without.empty()) return wrong(without);
        const std::vector<double> output = op::gossip_values(math.dtype, c.output);
        for (uint64_t e = 0; e < truth.script.elements; ++e) {
            const bool final = c.code == Code::OK || expected[rank].steps[e] == choice.steps;
            if (final && expected[rank].known[e]) {
                if (!same_bits(output[e], expected[rank].values[e]))
                    return wrong(fmt::format("has element {} otherwise than those it mixed make it", e));
                coverage.hit(Mark::gossip_compared);
            }
            if (!final && peer.posted.in_place && !same_bits(output[e], members[rank].input[e]))
                return wrong(": its input changed where nothing is said to be final");
        }
    }
}

// "" when it ended as it may.
std::string GossipChecker::wrong_end(const Truth& truth, const Peer& peer) const {
    const Completion& c = *peer.completion;
    const auto ended = [&](const std::string& why) {
        return fmt::format("ended with {} ({}): {}", code_name(c.code), c.detail, why);
    };
    if (c.code != Code::OK && c.detail.empty()) return ended("without a reason");
    switch (c.code) {
        case Code::OK: {
            if (!c.info.gossip) return ended("it says nothing of its steps");
            const bool abstains = !peer.posted.finite && truth.script.elements > 0;
            const bool short_of = c.info.gossip->steps_min < truth.script.gossip.steps;
            return short_of && !peer.posted.may_stop && !abstains ? ended("it has steps left") : "";
        }
        case Code::E_CANCELLED: return peer.posted.may_cancel ? "" : ended("nobody cancelled it");
        case Code::E_NON_FINITE: {
            const auto aborts = [](const auto& p) {
                return !p.second.posted.finite && p.second.posted.non_finite == NonFinitePolicy::abort;
            };
            const bool any = std::any_of(truth.peers.begin(), truth.peers.end(), aborts);
            return any ? "" : ended("all inputs are finite");
        }
        case Code::E_EVICTED:
        case Code::E_STALE_ROUND:
        case Code::E_LEFT: return control_.in_view(peer.posted.member) ? ended("it is a member") : "";
        default: return ended("no op of gossip may end so");
    }
}

// A neighbour that a step lacks is out of the view, left the op itself, or was slow where that counts.
std::string GossipChecker::unreasoned(const Truth& truth, const gossip::GraphSpec& graph, uint32_t rank,
                                      SeedCoverage& coverage) const {
    const Completion& c = *truth.peers.at(rank).completion;
    if (!c.info.gossip) return "";
    for (const MixInfo& mix : c.info.gossip->mixes) {
        const std::vector<MemberId>& mixed = c.info.contributors.at(mix.set).members;
        const gossip::Graph at = gossip::graph_at(graph, truth.script.gossip.first_step + mix.step);
        for (const Rank r : at.neighbours({rank})) {
            const MemberId& other = truth.birth[r.value];
            if (std::find(mixed.begin(), mixed.end(), other) != mixed.end()) continue;
            coverage.hit(Mark::gossip_lost);
            const auto peer = truth.peers.find(r.value);
            const bool over = peer != truth.peers.end() && peer->second.completion;
            const bool whole = over && peer->second.completion->code == Code::OK &&
                               peer->second.completion->info.gossip->steps_min == truth.script.gossip.steps;
            if (!c.out_of_view[r.value] && whole && truth.script.grace == Duration{})
                return fmt::format("went on without {} in step {}", short_name(other), mix.step);
        }
    }
    return "";
}

}  // namespace whim::sim
