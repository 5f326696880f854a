// Whether a world came to what it should: the comparison with reference folds, and of peers with each other.
#include "tests/unit/op/coded_reference.h"
#include "tests/unit/op/model_world.h"
#include "tests/unit/op/tree_reference.h"

namespace whim::op::model {
namespace {

bool same_bits(std::span<const float> a, std::span<const float> b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

}  // namespace

const std::vector<float>& World::reference(const std::vector<bool>& set, const ElementRange& range,
                                           uint32_t chunk) {
    const auto [it, fresh] = references_.try_emplace({chunk, set});
    if (fresh) it->second = fold_of(set, range, chunk);
    return it->second;
}

std::vector<float> World::fold_of(const std::vector<bool>& set, const ElementRange& range,
                                  uint32_t chunk) const {
    std::vector<CodedInput> coded;
    std::vector<FoldInput> inputs;
    for (uint32_t r = 0; r < set.size(); ++r) {
        if (!set[r]) continue;
        const std::span<const float> part = std::span(peers_[r]->input).subspan(range.begin, range.count());
        const float weight = static_cast<float>(1 + r % 3);
        inputs.push_back({std::as_bytes(part), weight});
        coded.push_back({r, {part.begin(), part.end()}, weight});
    }
    if (inputs.empty()) return std::vector<float>(range.count(), 0.0f);  // a lost part
    const uint64_t place = uint64_t{chunk} * options_.chunk_elements;
    if (codec_)
        return coded_reference(*codec_, options_.reduce, id(), coded, place, scatters(), options_.reducer);
    if (options_.reducer) return custom_reference(*options_.reducer, coded);
    std::vector<float> expected(range.count());
    fold(options_.reduce, options_.dtype, inputs, std::as_writable_bytes(std::span(expected)));
    return expected;
}

// The fold of a part's tree.
std::vector<float> World::tree_fold(const std::vector<bool>& set, const ElementRange& range,
                                    uint32_t part) const {
    std::vector<FoldInput> inputs;
    for (uint32_t r = 0; r < options_.peers; ++r)
        inputs.push_back({std::as_bytes(std::span(peers_[r]->input).subspan(range.begin, range.count())),
                          static_cast<float>(1 + r % 3)});
    const Bytes made = tree_reference(*options_.plan, part, set, options_.reduce, options_.dtype, inputs);
    std::vector<float> elements(range.count());
    if (!elements.empty()) std::memcpy(elements.data(), made.data(), made.size());
    return elements;
}

// The result is the fold of exactly the reported contributors, each once, in birth order.
std::string World::check_result(const Peer& p) {
    const OpReportCard& card = p.op->card();
    const ChunkLayout& layout = p.op->layout();
    for (uint32_t c = 0; c < card.chunk_set.size(); ++c) {
        if (scatters() && layout.owner({c}).value != p.rank) continue;
        if (card.chunk_set[c] == UINT32_MAX) return "chunk " + std::to_string(c) + " has no set";
        const std::vector<bool>& set = card.sets[card.chunk_set[c]];
        const ElementRange range = layout.range({c});
        const uint64_t before = scatters() ? part_of(p.rank).begin : 0;
        for (uint32_t r = 0; gathers() && r < set.size(); ++r) {
            if (set[r] && r != layout.owner({c}).value) return "a part holds another peer's input";
        }
        if (!gathers() && std::find(set.begin(), set.end(), true) == set.end())
            return "chunk " + std::to_string(c) + " has no contributor";
        if (!gathers() && std::count(set.begin(), set.end(), true) < options_.min_contributors)
            return "chunk " + std::to_string(c) + " has too few contributors";
        const std::span<const float> got = std::span(p.result).subspan(range.begin - before, range.count());
        // With trees the one order or the other, whether they held or fell.
        const bool by_trees = options_.plan && same_bits(got, tree_fold(set, range, layout.owner({c}).value));
        ++(by_trees ? by_trees_ : direct_);
        if (!by_trees && !same_bits(got, reference(set, range, c))) {
            return "peer " + std::to_string(p.rank) + " chunk " + std::to_string(c) +
                   " is not the fold of its reported contributors";
        }
    }
    if (options_.uniform && card.sets.size() > 0) {
        uint32_t known = UINT32_MAX;
        for (const uint32_t s : card.chunk_set) {
            if (s == UINT32_MAX) continue;  // reduce_scatter: somebody else's
            if (known == UINT32_MAX) known = s;
            if (card.sets[s] != card.sets[known]) return "a uniform op has two contributor sets";
        }
    }
    return "";
}

ModelOutcome World::judge() {
    ModelOutcome outcome;
    outcome.left_out = left_out_;
    outcome.steps = steps_;
    const Peer* first = nullptr;
    bool given_up = false;
    for (const auto& p : peers_) {
        if (p->dead) continue;
        const OpReportCard& card = p->op->card();
        outcome.chunks_adopted += card.chunks_adopted;
        outcome.retained += card.retained;
        outcome.refolded += card.chunks_refolded;
        outcome.resent += card.chunks_resent;
        outcome.without_slow += card.folded_without_living;
        if (!p->over) {
            outcome.finished = false;
            for (const auto& other : peers_) {
                outcome.problem += "peer " + std::to_string(other->rank) +
                                   (other->dead       ? " dead"
                                    : other->excluded ? " excluded"
                                                      : "") +
                                   (other->over ? " over" : "") + " v" +
                                   std::to_string(other->op ? other->op->version() : 0) + ": " +
                                   (other->op ? other->op->waiting_for() : "not posted") + "\n";
            }
            return outcome;
        }
        if (p->excluded && (p->code == Code::E_EXCLUDED || p->differs)) continue;
        if (p->code == Code::E_SOURCE_LOST && source_is_gone()) {
            given_up = true;
            continue;
        }
        if (p->code != Code::OK) {
            outcome.problem = "peer " + std::to_string(p->rank) + " failed: " + p->detail;
            return outcome;
        }
        outcome.problem = check_result(*p);
        if (!outcome.problem.empty()) return outcome;
        if (!options_.in_place && (p->in != p->given || (p->apart && p->apart->input() != p->given))) {
            outcome.problem = "an input was changed";
            return outcome;
        }
        const std::vector<float> now = p->output();
        if (std::any_of(now.begin(), now.end(), [](float x) { return x != 1e9f; })) {
            outcome.problem = "a buffer was touched after completion";
            return outcome;
        }
        if (first && !scatters() && !same_bits(p->result, first->result)) {
            const auto at =
                std::mismatch(first->result.begin(), first->result.end(), p->result.begin()).first -
                first->result.begin();
            outcome.problem = "peers " + std::to_string(first->rank) + " and " + std::to_string(p->rank) +
                              " differ in chunk " +
                              std::to_string(static_cast<uint64_t>(at) / options_.chunk_elements);
            return outcome;
        }
        if (!first) first = p.get();
    }
    if (given_up && first && !first->excluded)
        outcome.problem = "the op was given up though a member completed it";
    for (const auto& p : peers_) outcome.inputs.push_back(p->input);
    if (first) outcome.result = first->result;
    outcome.by_trees = by_trees_;
    outcome.direct = direct_;
    for (const auto& p : peers_) {
        if (!p->violation.empty()) outcome.problem = p->violation;
    }
    if (!changed_.empty()) outcome.problem = changed_;
    if (outcome.resent > 0) outcome.problem = "a finished chunk was sent again";
    return outcome;
}

}  // namespace whim::op::model
