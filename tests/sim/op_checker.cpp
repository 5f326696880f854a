// Folding again what peers claim to have folded, and comparing peers with each other.
#include "tests/sim/op_checker.h"

#include <algorithm>
#include <cstring>

#include "collectives/op/routes.h"
#include "collectives/reducer/fold.h"
#include "tests/unit/op/coded_reference.h"
#include "tests/unit/op/tree_reference.h"

namespace whim::sim {
namespace {

constexpr Duration kWaitMax = seconds(3);  // beside the graces; the crawler would need longer
constexpr uint64_t kChunksTelling = 6;     // made by each
constexpr Duration kOneWayMax = milliseconds(100);
constexpr Duration kGraceTelling = milliseconds(200);  // less than some round trips: anybody may look slow

}  // namespace

std::string OpChecker::label(const Key& key, const MemberId& member) const {
    return fmt::format("op r{}/t{} at {}", key.first.value, key.second, short_name(member));
}

bool OpChecker::is_verdict(Code code) {
    return code == Code::E_TOO_FEW || code == Code::E_SOURCE_LOST || code == Code::E_NON_FINITE ||
           code == Code::E_WEIGHTS || code == Code::E_MISMATCH;
}

bool OpChecker::speaks_for_the_run(const Key& key, const MemberId& member) const {
    return control_.in_view(member) && !control_.excluded(key.first, key.second, member) &&
           !diverged_.contains(member);
}

void OpChecker::posted(Posted what) {
    if (what.script.gossips())
        return gossip_.posted(what.round, {what.member, what.script, what.birth, what.input, what.finite,
                                           what.in_place, what.may_cancel, what.may_stop, what.non_finite});
    Truth& truth = ops_[{what.round, what.script.tag}];
    truth.script = what.script;
    truth.birth = what.birth;
    const MemberId member = what.member;
    truth.posted.insert_or_assign(member, std::move(what));
}

void OpChecker::completed(const MemberId& member, Round round, uint64_t tag, const AppDone& done,
                          ByteSpan input, ByteSpan output) {
    const Key key{round, tag};
    if (!ops_.contains(key)) return gossip_.completed(member, round, tag, done, output);
    Truth& truth = ops_.at(key);
    const Posted& posted = truth.posted.at(member);
    const auto same = [&](const Completion& c) { return c.member == member; };
    if (std::any_of(truth.completions.begin(), truth.completions.end(), same)) {
        return world_.violate(label(key, member) + " completed twice");
    }
    const auto* info = std::get_if<OpInfo>(&done.info);
    if (!posted.in_place &&
        !std::equal(input.begin(), input.end(), posted.given.begin(), posted.given.end())) {
        return world_.violate(label(key, member) + ": its input was changed");
    }
    Completion c;
    c.member = member;
    c.code = done.code;
    if (done.code == Code::OK) {
        if (!info) return world_.violate(label(key, member) + " completed without an OpInfo");
        c.bytes.assign(output.begin(), output.end());
        for (const ContributorSet& set : info->contributors) c.sets.push_back(set.members);
        c.runs = info->runs;
        check_fold(key, truth, c, *info);
        check_wait(key, truth, member);
    }
    if (info && info->chunks_resent > 0) world_.violate(label(key, member) + " sent a finished chunk again");
    if (speaks_for_the_run(key, member)) {
        for (const Completion& other : truth.completions) {
            if (speaks_for_the_run(key, other.member)) compare(key, truth, c, other);
        }
    }
    if (done.code != Code::OK) check_failure(key, truth, posted, done, input, output);
    truth.completions.push_back(std::move(c));
}

namespace {

// The reference for elements from `first` on. In an op with parts each begins at a chunk for codecs
// (op_coded.cpp), so it is made part by part.
std::vector<float> coded_fold(const OpScript& script, const OpInfo& info,
                              const std::vector<op::CodedInput>& inputs, uint64_t first) {
    const CodecPtr codec = codec_of(script);
    const ReducerPtr reducer = reducer_of(script);
    const bool kept = script.collective == Collective::reduce_scatter;
    const wire::OpDescriptor& d = info.descriptor;
    const uint64_t count = inputs[0].elements.size();
    const auto reference = [&](const std::vector<op::CodedInput>& of, uint64_t place) {
        return op::coded_reference(*codec, script.reduce, info.op, of, place, kept, reducer);
    };
    if (d.parts.empty()) return reference(inputs, first);
    const ChunkLayout layout = ChunkLayout::of_parts(d.parts, 4, d.chunk_elements);
    std::vector<float> all;
    for (uint32_t p = 0; p < d.parts.size(); ++p) {
        const ElementRange part = layout.part({p});
        const uint64_t begin = std::max(part.begin, first), end = std::min(part.end, first + count);
        if (begin >= end) continue;
        std::vector<op::CodedInput> cut = inputs;
        for (op::CodedInput& in : cut) {
            in.elements.erase(in.elements.begin() + static_cast<std::ptrdiff_t>(end - first),
                              in.elements.end());
            in.elements.erase(in.elements.begin(),
                              in.elements.begin() + static_cast<std::ptrdiff_t>(begin - first));
        }
        const uint64_t place = uint64_t{layout.parts[p].chunk} * d.chunk_elements + (begin - part.begin);
        const std::vector<float> made = reference(cut, place);
        all.insert(all.end(), made.begin(), made.end());
    }
    return all;
}

}  // namespace

// What is wrong with the elements of one run, which are said to be the fold of a set; "" when nothing is.
std::string OpChecker::check_run(const Truth& truth, const Posted& mine, const std::vector<MemberId>& set,
                                 const ContributorRun& run, ByteSpan output, const OpInfo& info) const {
    const size_t width = dtype_bytes(truth.script.dtype);
    if (run.first + run.count > mine.result.count()) return "reports broken runs";
    const uint64_t first = mine.result.begin + run.first;  // in the whole buffer
    const auto result = output.subspan(run.first * width, run.count * width);
    const bool gathers = truth.script.collective == Collective::all_gather;
    if (gathers && set.empty()) {  // lost with its owner
        const bool zeros =
            std::all_of(result.begin(), result.end(), [](std::byte b) { return b == std::byte{0}; });
        return zeros ? "" : "has a part without contributors that is not zeros";
    }
    std::vector<FoldInput> inputs;
    std::vector<uint32_t> ranks;
    std::vector<op::CodedInput> coded;
    size_t rank = 0;
    for (const MemberId& m : set) {
        while (rank < truth.birth.size() && truth.birth[rank] != m) ++rank;
        const auto posted = truth.posted.find(m);
        if (rank++ >= truth.birth.size()) return "reports contributors twice or out of order";
        if (posted == truth.posted.end()) return "counts " + short_name(m) + ", which never posted";
        if (abstains(truth, posted->second)) return "counts the non-finite input of " + short_name(m);
        const ByteSpan part = ByteSpan(posted->second.input).subspan(first * width, run.count * width);
        inputs.push_back({part, posted->second.weight});
        ranks.push_back(static_cast<uint32_t>(rank - 1));
        if (truth.script.codec.empty() || truth.birth.size() == 1) continue;  // alone, nothing travels
        coded.push_back({ranks.back(), std::vector<float>(run.count), posted->second.weight});
        if (!part.empty()) std::memcpy(coded.back().elements.data(), part.data(), part.size());
    }
    if (inputs.empty()) return "has a result without contributors";
    if (set.size() < truth.script.min_contributors) {
        return fmt::format("has {} contributors, fewer than {}", set.size(), truth.script.min_contributors);
    }
    const bool copies = truth.script.reduce == Reduce::copy && !gathers;
    if (gathers) {
        const ChunkLayout layout = ChunkLayout::of_parts(truth.script.parts, 1, 1);
        const bool one = run.count == 0 || layout.owner({static_cast<uint32_t>(first)}) ==
                                               layout.owner({static_cast<uint32_t>(first + run.count - 1)});
        if (set.size() != 1 || !one) return "has parts of several members in one run";
        if (run.count > 0 && truth.birth[layout.owner({static_cast<uint32_t>(first)}).value] != set[0])
            return "has a part of somebody else than its owner";
    }
    if (copies && (set.size() != 1 || set[0] != truth.birth[truth.posted.at(set[0]).source]))
        return "copies from somebody else than the source";
    Bytes expected(run.count * width);
    if (coded.empty() && truth.script.median) {
        std::vector<std::byte> room;
        const Contributions in{.inputs = inputs, .ranks = ranks};
        if (!reducer_of(truth.script)->reduce(in, expected, room).ok()) return "cannot be reduced";
    } else if (coded.empty() && info.trees) {
        const ElementRange elements{first, first + run.count};
        return check_trees(truth, set, elements, result, info);
    } else if (coded.empty()) {
        fold(truth.script.reduce, truth.script.dtype, inputs, expected);
    } else {
        const std::vector<float> elements = coded_fold(truth.script, info, coded, first);
        if (elements.size() != run.count) return "has a result that the codec cannot hold";
        if (run.count > 0) std::memcpy(expected.data(), elements.data(), expected.size());
    }
    if (std::equal(result.begin(), result.end(), expected.begin(), expected.end())) return "";
    return fmt::format("has elements {}+{} that are not the fold of their {} contributors", run.first,
                       run.count, set.size());
}

// Chunk by chunk: each is the fold of its tree, or of the direct plan if trees had fallen.
std::string OpChecker::check_trees(const Truth& truth, const std::vector<MemberId>& set,
                                   const ElementRange& elements, ByteSpan result, const OpInfo& info) {
    const wire::OpDescriptor& d = info.descriptor;
    const auto width = static_cast<uint32_t>(dtype_bytes(d.dtype));
    const ChunkLayout layout = op::layout_of(*info.trees, d.elements, width, d.chunk_elements);
    std::vector<bool> in(truth.birth.size());
    for (size_t r = 0; r < in.size(); ++r)
        in[r] = std::find(set.begin(), set.end(), truth.birth[r]) != set.end();
    for (uint32_t c = 0; c < layout.chunks(); ++c) {
        const ElementRange chunk = layout.range({c});
        if (chunk.begin < elements.begin || chunk.end > elements.end) continue;
        std::vector<FoldInput> all(in.size()), inputs;
        for (size_t r = 0; r < in.size(); ++r) {
            if (!in[r]) continue;
            const Posted& posted = truth.posted.at(truth.birth[r]);
            const ByteSpan bytes = posted.input;
            all[r] = {bytes.subspan(chunk.begin * width, chunk.count() * width), posted.weight};
            inputs.push_back(all[r]);
        }
        const ByteSpan made = result.subspan((chunk.begin - elements.begin) * width, chunk.count() * width);
        const Bytes by_tree =
            op::tree_reference(*info.trees, layout.owner({c}).value, in, d.reduce, d.dtype, all);
        if (std::equal(made.begin(), made.end(), by_tree.begin(), by_tree.end())) continue;
        Bytes direct(made.size());
        fold(d.reduce, d.dtype, inputs, direct);
        if (!std::equal(made.begin(), made.end(), direct.begin(), direct.end()))
            return fmt::format("has elements {}+{} that are not the fold of their {} contributors",
                               chunk.begin, chunk.count(), set.size());
    }
    return "";
}

bool OpChecker::abstains(const Truth& truth, const Posted& posted) {
    return !posted.finite && posted.non_finite != NonFinitePolicy::allow &&
           truth.script.reduce != Reduce::copy;
}

void OpChecker::check_fold(const Key& key, const Truth& truth, const Completion& c, const OpInfo& info) {
    const bool uniform =
        truth.script.uniform || truth.script.reduce == Reduce::sum || truth.script.reduce == Reduce::majority;
    if (info.birth != truth.birth)
        return world_.violate(label(key, c.member) + " reports other birth members");
    const auto other_set = [&](const ContributorRun& run) { return run.set != c.runs.front().set; };
    if (uniform && std::any_of(c.runs.begin(), c.runs.end(), other_set))
        return world_.violate(label(key, c.member) + " is uniform and has several sets");
    uint64_t next = 0;
    for (const ContributorRun& run : c.runs) {
        if (run.first != next || run.set >= c.sets.size())
            return world_.violate(label(key, c.member) + " reports broken runs");
        next += run.count;
        const std::string wrong =
            check_run(truth, truth.posted.at(c.member), c.sets[run.set], run, c.bytes, info);
        if (!wrong.empty()) return world_.violate(label(key, c.member) + " " + wrong);
    }
    if (next != truth.posted.at(c.member).result.count())
        world_.violate(label(key, c.member) + " does not say whose every element is");
}

// When as many had called it as have to before the others are late; too few: never.
Instant OpChecker::quorum_of(const Truth& truth) {
    std::vector<Instant> calls;
    for (const auto& [m, posted] : truth.posted) calls.push_back(posted.at);
    std::sort(calls.begin(), calls.end());
    const uint32_t wanted = truth.script.min_contributors;
    const size_t nth = wanted > 1 ? wanted - 1 : truth.birth.size() / 2;
    return nth < calls.size() ? calls[nth] : Instant{INT64_MAX / 2};
}

// An op with a grace ends soon after all but the crawler have called it: once for contributions and once for
// results they may wait, then the coordinator leaves it out, and of a uniform op everything is sent again.
void OpChecker::check_wait(const Key& key, const Truth& truth, const MemberId& member) {
    const size_t members = truth.birth.size();
    const bool may_go_without =
        truth.script.reduce != Reduce::copy && members >= 3 && truth.script.min_contributors < members;
    if (control_.excluded(key.first, key.second, member)) return;
    if (!crawler_ || member.peer == *crawler_ || truth.script.grace.ns == 0 || !may_go_without) return;
    // Where few make the result, nobody can be compared: of those only silence tells.
    const uint64_t width = dtype_bytes(truth.script.dtype);
    bool all_make_some = truth.script.elements * width >= members * chunk_bytes_;
    for (const uint64_t part : truth.script.parts) all_make_some &= part * width >= chunk_bytes_;
    if (!all_make_some) return;
    Instant last{};
    uint32_t others = 0, contributors = 0, possible = 0;
    for (const auto& [m, posted] : truth.posted) {
        possible += !abstains(truth, posted);
        if (m.peer == *crawler_) continue;
        last = std::max(last, posted.at);
        ++others;
        contributors += !abstains(truth, posted);
    }
    if (others + 1 < members || contributors < truth.script.min_contributors) return;
    // Whoever calls it a grace later than its quorum may itself have been left out, and then nobody else.
    const uint32_t wanted = truth.script.min_contributors;
    const Instant quorum = quorum_of(truth);
    // Where nobody can be gone without, roots are late for whom they wait for; of three, the crawler may be
    // the first to complain; what somebody does who calls it late, others may seem to; and by a few chunks of
    // each nobody can be compared well. Of three of which two contribute, each of the two is as late as the
    // other: the third cannot tell whose line it is.
    const bool need_all = (wanted > 1 ? wanted : possible / 2 + 1) >= possible;
    if (need_all && members == 3 && possible == 2) return;
    const bool large = truth.script.elements * width >= members * chunk_bytes_ * kChunksTelling;
    const bool judges = truth.script.grace >= kGraceTelling && !need_all && members > 3 && large;
    bool nobody_late = truth.posted.size() == members;
    for (const auto& [m, posted] : truth.posted)
        nobody_late = nobody_late && posted.at + kOneWayMax <= quorum + truth.script.grace;
    for (const auto& [m, posted] : truth.posted) {
        if (m.peer == *crawler_ || !control_.excluded(key.first, key.second, m)) continue;
        if (posted.at > quorum + truth.script.grace) return;
        if (judges && nobody_late)
            world_.violate(fmt::format("{} was left out of {}, neither slow nor late", short_name(m),
                                       label(key, member)));
    }
    const Duration waited = world_.now() - last;
    const Duration bound = kWaitMax + truth.script.grace * 4;
    if (waited > bound)
        world_.violate(
            fmt::format("{} waited for the slow: {} ms after all others had called it, of at most {}",
                        label(key, member), waited.ms(), bound.ms()));
}

// Whether the journal still knows the member as one of the op's. Members only ever go, and a peer's view is
// never ahead of the journal: who is out here need not be out there, but nobody is out there who is not here.
bool OpChecker::stands(const Key& key, const MemberId& member) const {
    return control_.in_view(member) && !control_.excluded(key.first, key.second, member);
}

// Members that the op still counts on: those that contribute, and those that have not said whether they will.
uint32_t OpChecker::possible_contributors(const Key& key, const Truth& truth) const {
    uint32_t count = 0;
    for (const MemberId& m : truth.birth) {
        const auto posted = truth.posted.find(m);
        const bool declined = posted != truth.posted.end() && abstains(truth, posted->second);
        count += stands(key, m) && !declined;
    }
    return count;
}

void OpChecker::check_failure(const Key& key, const Truth& truth, const Posted& posted, const AppDone& done,
                              ByteSpan input, ByteSpan output) {
    const auto wrong = [&](const std::string& why) {
        world_.violate(fmt::format("{} ended with {} ({}): {}", label(key, posted.member),
                                   code_name(done.code), done.detail, why));
    };
    if (done.detail.empty()) return wrong("without a reason");
    switch (done.code) {
        case Code::E_TOO_FEW: {
            const uint32_t left = possible_contributors(key, truth);
            if (left >= truth.script.min_contributors)
                return wrong(fmt::format("{} contributors are left, {} are enough", left,
                                         truth.script.min_contributors));
            break;
        }
        case Code::E_SOURCE_LOST:
            if (truth.script.reduce != Reduce::copy) return wrong("it has no source");
            if (stands(key, truth.birth[posted.source])) return wrong("the source is still there");
            break;
        case Code::E_CANCELLED:
            if (!posted.may_cancel) return wrong("nobody cancelled it");
            break;
        case Code::E_EXCLUDED:
            if (!control_.excluded(key.first, key.second, posted.member)) return wrong("nobody left it out");
            break;
        case Code::E_NON_FINITE: {
            const auto aborts = [](const auto& p) {
                return !p.second.finite && p.second.non_finite == NonFinitePolicy::abort;
            };
            if (std::none_of(truth.posted.begin(), truth.posted.end(), aborts))
                return wrong("all inputs are finite");
            break;
        }
        case Code::E_WEIGHTS: {
            if (truth.script.reduce != Reduce::avg) return wrong("it has no weights");
            for (const MemberId& m : truth.birth) {
                const auto p = truth.posted.find(m);
                if (!stands(key, m)) continue;
                if (p == truth.posted.end()) return wrong(short_name(m) + " has not said its weight");
                if (!abstains(truth, p->second) && p->second.weight > 0.0f)
                    return wrong(fmt::format("{} weighs {}", short_name(m), p->second.weight));
            }
            break;
        }
        case Code::E_STALE_ROUND:
            // Left out before it called the op, and the next rounds are over.
            if (control_.excluded(key.first, key.second, posted.member)) break;
            [[fallthrough]];
        case Code::E_EVICTED:
            if (control_.in_view(posted.member)) return wrong("it is a member");
            break;
        case Code::E_LEFT: break;
        default: return wrong("no op of this world may end so");
    }
    // What is said to be final is a fold as it would be of an op that ended well; in place the rest is as it
    // was, and of an op with one set, whose parts mean nothing, all of it.
    const auto* info = std::get_if<OpInfo>(&done.info);
    const size_t width = dtype_bytes(truth.script.dtype);
    uint64_t next = 0;
    const auto untouched = [&](uint64_t end) {
        return !posted.in_place ||
               std::equal(input.begin() + static_cast<std::ptrdiff_t>(next * width),
                          input.begin() + static_cast<std::ptrdiff_t>(end * width),
                          posted.input.begin() + static_cast<std::ptrdiff_t>(next * width));
    };
    for (const ContributorRun& run : info ? info->runs : std::vector<ContributorRun>{}) {
        if (run.first < next || run.set >= info->contributors.size()) return wrong("it reports broken runs");
        if (!untouched(run.first)) return wrong("its input changed where nothing is said to be final");
        const std::string broken =

            check_run(truth, posted, info->contributors[run.set].members, run, output, *info);
        if (!broken.empty()) return wrong("it " + broken);
        next = run.first + run.count;
    }
    if (!untouched(truth.script.elements)) wrong("its input changed where nothing is said to be final");
}

void OpChecker::compare(const Key& key, const Truth& truth, const Completion& a, const Completion& b) {
    const bool own_parts = truth.script.collective == Collective::reduce_scatter;
    if (a.code == Code::OK && b.code == Code::OK) {
        if (own_parts) return;  // nothing of theirs is the same
        const auto expand = [](const Completion& c, const ContributorRun& run) { return c.sets[run.set]; };
        bool same_sets = a.runs.size() == b.runs.size();
        for (size_t i = 0; same_sets && i < a.runs.size(); ++i) {
            same_sets = a.runs[i].first == b.runs[i].first && a.runs[i].count == b.runs[i].count &&
                        expand(a, a.runs[i]) == expand(b, b.runs[i]);
        }
        if (a.bytes != b.bytes)
            world_.violate(label(key, a.member) + " gave other bytes than at " + short_name(b.member));
        else if (!same_sets)
            world_.violate(label(key, a.member) + " gave other contributors than at " + short_name(b.member));
        return;
    }
    // Whose call comes a grace later than its quorum may find it over at the others, and its own input
    // refused. With a grace below some round trips that may be anybody's.
    const auto late = [&](const Completion& bad) {
        const Duration grace = truth.script.grace;
        const Duration travels = grace < kGraceTelling ? grace : Duration{};
        return bad.code == Code::E_NON_FINITE && grace.ns > 0 &&
               truth.posted.at(bad.member).at + travels >= quorum_of(truth) + grace;
    };
    const bool split = (a.code == Code::OK && is_verdict(b.code) && !late(b)) ||
                       (b.code == Code::OK && is_verdict(a.code) && !late(a));
    if (split) {
        world_.violate(fmt::format("{} ended with {}, at {} with {}", label(key, a.member), code_name(a.code),
                                   short_name(b.member), code_name(b.code)));
    }
}

void OpChecker::outcome(const MemberId& member, const wire::RoundOutcome& outcome) {
    if (!outcome.committed || !control_.in_view(member) || diverged_.contains(member)) return;
    for (auto it = ops_.lower_bound({outcome.round, 0}); it != ops_.end() && it->first.first == outcome.round;
         ++it) {
        const Truth& truth = it->second;
        const auto mine = std::find_if(truth.completions.begin(), truth.completions.end(),
                                       [&](const Completion& c) { return c.member == member; });
        if (mine == truth.completions.end() || mine->code != Code::OK) continue;
        for (const Completion& other : truth.completions) {
            const bool contributed = std::find(outcome.contributors.begin(), outcome.contributors.end(),
                                               other.member) != outcome.contributors.end();
            if (other.member != member && contributed && other.code == Code::OK)
                compare(it->first, truth, *mine, other);
        }
    }
}

void OpChecker::counters(const MemberId& member, const EngineCounters& counters, uint64_t eager_bytes) {
    if (counters.chunks_resent > 0) world_.violate(short_name(member) + " sent a finished chunk again");
    if (counters.circuits_overrun > 0)
        world_.violate("to " + short_name(member) + " somebody sent more over a circuit than it was granted");
    if (counters.early_bytes_max > eager_bytes + chunk_bytes_) {
        world_.violate(
            fmt::format("{} holds {} bytes of one sender for an op it has not posted; the quota is {}",
                        short_name(member), counters.early_bytes_max, eager_bytes));
    }
}

}  // namespace whim::sim
