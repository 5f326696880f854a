// Folding again what peers claim to have folded, and comparing peers with each other.
#include "tests/sim/op_checker.h"

#include <algorithm>

#include "collectives/plan/direct.h"
#include "collectives/reducer/fold.h"

namespace whim::sim {

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
    Truth& truth = ops_[{what.round, what.script.tag}];
    truth.script = what.script;
    truth.birth = what.birth;
    const MemberId member = what.member;
    truth.posted.insert_or_assign(member, std::move(what));
}

void OpChecker::completed(const MemberId& member, Round round, uint64_t tag, const AppDone& done,
                          ByteSpan input, ByteSpan output) {
    const Key key{round, tag};
    Truth& truth = ops_.at(key);
    const Posted& posted = truth.posted.at(member);
    const auto same = [&](const Completion& c) { return c.member == member; };
    if (std::any_of(truth.completions.begin(), truth.completions.end(), same)) {
        return world_.violate(label(key, member) + " completed twice");
    }
    const auto* info = std::get_if<OpInfo>(&done.info);
    if (!posted.in_place &&
        !std::equal(input.begin(), input.end(), posted.input.begin(), posted.input.end())) {
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
    } else {
        check_failure(key, truth, posted, done, input);
    }
    if (info && info->chunks_resent > 0) world_.violate(label(key, member) + " sent a finished chunk again");
    if (speaks_for_the_run(key, member)) {
        for (const Completion& other : truth.completions) {
            if (speaks_for_the_run(key, other.member)) compare(key, truth, c, other);
        }
    }
    truth.completions.push_back(std::move(c));
}

void OpChecker::check_fold(const Key& key, const Truth& truth, const Completion& c, const OpInfo& info) {
    const size_t width = dtype_bytes(truth.script.dtype);
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
        const std::vector<MemberId>& set = c.sets[run.set];
        std::vector<FoldInput> inputs;
        size_t rank = 0;
        for (const MemberId& m : set) {
            while (rank < truth.birth.size() && truth.birth[rank] != m) ++rank;
            const auto posted = truth.posted.find(m);
            if (rank++ >= truth.birth.size()) {
                return world_.violate(label(key, c.member) + " reports contributors twice or out of order");
            }
            if (posted == truth.posted.end()) {
                return world_.violate(label(key, c.member) + " counts " + short_name(m) +
                                      ", which never posted");
            }
            if (!posted->second.finite && posted->second.non_finite != NonFinitePolicy::allow &&
                truth.script.reduce != Reduce::copy) {
                return world_.violate(label(key, c.member) + " counts the non-finite input of " +
                                      short_name(m));
            }
            inputs.push_back({ByteSpan(posted->second.input).subspan(run.first * width, run.count * width),
                              posted->second.weight});
        }
        if (inputs.empty())
            return world_.violate(label(key, c.member) + " has a result without contributors");
        if (set.size() < truth.script.min_contributors) {
            return world_.violate(fmt::format("{} has {} contributors, fewer than {}", label(key, c.member),
                                              set.size(), truth.script.min_contributors));
        }
        if (truth.script.reduce == Reduce::copy &&
            (set.size() != 1 || set[0] != truth.birth[truth.posted.at(set[0]).source])) {
            return world_.violate(label(key, c.member) + " copies from somebody else than the source");
        }
        Bytes expected(run.count * width);
        fold(truth.script.reduce, truth.script.dtype, inputs, expected);
        const auto result = ByteSpan(c.bytes).subspan(run.first * width, run.count * width);
        if (!std::equal(result.begin(), result.end(), expected.begin(), expected.end())) {
            return world_.violate(fmt::format("{}: elements {}+{} are not the fold of their {} contributors",
                                              label(key, c.member), run.first, run.count, set.size()));
        }
    }
    if (next != truth.script.elements)
        world_.violate(label(key, c.member) + " does not say whose every element is");
}

void OpChecker::check_failure(const Key& key, const Truth& truth, const Posted& posted, const AppDone& done,
                              ByteSpan input) {
    const auto wrong = [&](const std::string& why) {
        world_.violate(fmt::format("{} ended with {} ({}): {}", label(key, posted.member),
                                   code_name(done.code), done.detail, why));
    };
    if (done.detail.empty()) return wrong("without a reason");
    switch (done.code) {
        case Code::E_TOO_FEW: break;
        case Code::E_SOURCE_LOST:
            if (truth.script.reduce != Reduce::copy) return wrong("it has no source");
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
            const auto zero = [](const auto& p) { return p.second.weight == 0.0f; };
            if (std::none_of(truth.posted.begin(), truth.posted.end(), zero))
                return wrong("no weight is zero");
            break;
        }
        case Code::E_EVICTED:
        case Code::E_STALE_ROUND:
            if (control_.in_view(posted.member)) return wrong("it is a member");
            break;
        case Code::E_LEFT: break;
        default: return wrong("no op of this world may end so");
    }
    const auto* info = std::get_if<OpInfo>(&done.info);
    if (!posted.in_place || input.empty()) return;
    // In place every chunk is either old or final; how many may be final is said.
    const uint32_t width = static_cast<uint32_t>(dtype_bytes(truth.script.dtype));
    const uint32_t members = static_cast<uint32_t>(truth.birth.size());
    const size_t per_chunk =
        size_t{choose_chunk_elements(truth.script.elements, width, members, chunk_bytes_)} * width;
    uint64_t changed = 0;
    for (size_t at = 0; at < input.size(); at += per_chunk) {
        const size_t n = std::min<size_t>(per_chunk, input.size() - at);
        changed += !std::equal(input.begin() + static_cast<std::ptrdiff_t>(at),
                               input.begin() + static_cast<std::ptrdiff_t>(at + n),
                               posted.input.begin() + static_cast<std::ptrdiff_t>(at));
    }
    const uint32_t final = info ? info->chunks_final : 0;
    if (changed > final)
        wrong(fmt::format("{} chunks of its input changed, {} are said to be final", changed, final));
}

void OpChecker::compare(const Key& key, const Truth&, const Completion& a, const Completion& b) {
    if (a.code == Code::OK && b.code == Code::OK) {
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
    const bool split =
        (a.code == Code::OK && is_verdict(b.code)) || (b.code == Code::OK && is_verdict(a.code));
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
    if (counters.early_bytes_max > eager_bytes + chunk_bytes_) {
        world_.violate(
            fmt::format("{} holds {} bytes of one sender for an op it has not posted; the quota is {}",
                        short_name(member), counters.early_bytes_max, eager_bytes));
    }
}

}  // namespace whim::sim
