// Watches every op of every peer: what went in, what came out, and whether the one follows from the other.
//
//   - a result is the fold, in birth order, of exactly the reported contributors' true inputs, each counted
//   once;
//   - survivors of an op hold the same bytes and the same contributor sets; a member that was evicted, left
//   out of
//     the op, or knows that it diverged is compared only once it claims to hold the round's state;
//   - an op is not given up by some and completed by others, nor without its reason being true; an input
//     without a result is as it was, but for the parts that are said to be final;
//   - where one member crawls and the op has a grace, the others do not wait for it;
//   - nothing is resent, and what waits for an op not posted stays within the eager quota.
#pragma once

#include <map>
#include <set>
#include <string>

#include "collectives/plan/layout.h"
#include "tests/sim/control_checker.h"
#include "tests/sim/gossip_checker.h"
#include "tests/sim/script.h"

namespace whim::sim {

class OpChecker {
public:
    OpChecker(World& world, const ControlChecker& control, uint64_t chunk_bytes)
        : world_(world), control_(control), chunk_bytes_(chunk_bytes), gossip_(world, control) {}

    struct Posted {
        MemberId member;
        Round round;
        OpScript script;
        std::vector<MemberId> birth;
        Bytes input;          // as long as the whole buffer, also where only a part of it is given
        Bytes given;          // the input buffer
        ElementRange result;  // of the whole buffer: what the output holds
        float weight = 1.0f;
        bool finite = true;
        bool in_place = false;
        NonFinitePolicy non_finite = NonFinitePolicy::exclude;
        bool may_cancel = false, may_stop = false;  // may_stop: of gossip, before its last step
        uint32_t source = UINT32_MAX;
        Instant at{};
    };
    // To and from this peer little gets through; nothing else goes wrong.
    void crawls(const PeerId& peer) { crawler_ = peer; }
    void posted(Posted what);
    // input, output: the buffers at this moment (the same when in place).
    void completed(const MemberId& member, Round round, uint64_t tag, const AppDone& done, ByteSpan input,
                   ByteSpan output);
    void finish(SeedCoverage& coverage) { gossip_.finish(coverage); }  // nothing more will come
    void diverged(const MemberId& member) { diverged_.insert(member); }
    void healed(const MemberId& member) { diverged_.erase(member); }
    // A member learnt that the round was committed with its state: its results must be those of the run.
    void outcome(const MemberId& member, const wire::RoundOutcome& outcome);
    void counters(const MemberId& member, const EngineCounters& counters, uint64_t eager_bytes);

private:
    struct Completion {
        MemberId member;
        Code code = Code::OK;
        Bytes bytes;
        std::vector<std::vector<MemberId>> sets;
        std::vector<ContributorRun> runs;
    };
    struct Truth {
        OpScript script;
        std::vector<MemberId> birth;
        std::map<MemberId, Posted> posted;
        std::vector<Completion> completions;
    };
    using Key = std::pair<Round, uint64_t>;

    void check_fold(const Key& key, const Truth& truth, const Completion& c, const OpInfo& info);
    void check_failure(const Key& key, const Truth& truth, const Posted& posted, const AppDone& done,
                       ByteSpan input, ByteSpan output);
    std::string check_run(const Truth& truth, const Posted& posted, const std::vector<MemberId>& set,
                          const ContributorRun& run, ByteSpan output, const OpInfo& info) const;
    static std::string check_trees(const Truth& truth, const std::vector<MemberId>& set,
                                   const ElementRange& elements, ByteSpan result, const OpInfo& info);
    bool stands(const Key& key, const MemberId& member) const;
    uint32_t possible_contributors(const Key& key, const Truth& truth) const;
    static bool abstains(const Truth& truth, const Posted& posted);
    static Instant quorum_of(const Truth& truth);
    void compare(const Key& key, const Truth& truth, const Completion& a, const Completion& b);
    bool speaks_for_the_run(const Key& key, const MemberId& member) const;
    void check_wait(const Key& key, const Truth& truth, const MemberId& member);
    static bool is_verdict(Code code);  // an end for all, not of one member's part
    std::string label(const Key& key, const MemberId& member) const;

    World& world_;
    const ControlChecker& control_;
    const uint64_t chunk_bytes_;
    std::map<Key, Truth> ops_;  // but those of gossip
    GossipChecker gossip_;
    std::set<MemberId> diverged_;
    std::optional<PeerId> crawler_;
};

}  // namespace whim::sim
