// Watches ops of gossip, where each peer has a result of its own: it must be what the inputs come to by the
// steps that all say they took (tests/unit/op/gossip_reference.h). What a peer that died had mixed is not
// known, so values that need it are not compared.
//
//   - nobody is gone without unless it is out of the view, has left the op, or may be left out for being
//   slow;
//   - an op ends without a result only for a reason that is true, and then its input is as it was but for
//   what
//     has taken all steps.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/sim/control_checker.h"
#include "tests/sim/coverage.h"
#include "tests/sim/script.h"

namespace whim::op {
struct GossipMath;
}

namespace whim::sim {

class GossipChecker {
public:
    GossipChecker(World& world, const ControlChecker& control) : world_(world), control_(control) {}

    struct Posted {
        MemberId member;
        OpScript script;
        std::vector<MemberId> birth;
        Bytes input;
        bool finite = true, in_place = false, may_cancel = false, may_stop = false;
        NonFinitePolicy non_finite = NonFinitePolicy::exclude;
    };
    void posted(Round round, Posted what);
    void completed(const MemberId& member, Round round, uint64_t tag, const AppDone& done, ByteSpan output);
    void finish(SeedCoverage& coverage);  // nothing more will come

private:
    struct Completion {
        Code code = Code::OK;
        std::string detail;
        Bytes output;
        OpInfo info;
        std::vector<bool> out_of_view;  // by birth rank, when it ended
    };
    struct Peer {
        Posted posted;
        std::optional<Completion> completion;
    };
    // An op of one pair each where partners are given; else of all.
    struct Truth {
        OpScript script;
        std::vector<MemberId> birth;
        std::map<uint32_t, Peer> peers;  // by birth rank
    };
    using Key = std::pair<Round, uint64_t>;

    void check(const Key& key, const Truth& truth, SeedCoverage& coverage);
    std::string wrong_end(const Truth& truth, const Peer& peer) const;
    std::string unreasoned(const Truth& truth, const gossip::GraphSpec& graph, uint32_t rank,
                           SeedCoverage& coverage) const;
    gossip::GraphSpec graph_of(const Truth& truth) const;
    op::GossipMath math_of(const Key& key, const Truth& truth) const;

    World& world_;
    const ControlChecker& control_;
    std::map<Key, Truth> ops_;
};

}  // namespace whim::sim
