// Whether a suspected member must go: pure functions from evidence to a verdict with its reason.
//
// The rule behind all cases: a member goes when the coordinator cannot reach it and somebody else cannot
// either. The coordinator's own view alone is not enough (its own network may be what failed), nor is one
// member's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "wire/messages.h"

namespace whim::group {

struct Opinion {  // report about the suspect of another living member that is heard itself
    MemberId by;
    wire::SuspectKind kind = wire::SuspectKind::silent;
};

struct SuspectCase {
    MemberId member;
    std::optional<Duration> link_down_for;  // the coordinator's own link; nullopt: up
    Duration link_silent_for;
    uint32_t others = 0;   // other living members of the view
    bool witness = false;  // the coordinator hears somebody else: its own network works
    std::vector<Opinion> opinions;
    std::optional<Duration> probing_for;  // since third parties were asked
    uint32_t probes_asked = 0;
    std::vector<MemberId> probes_reachable, probes_unreachable;
    Duration suspect_after;
};

struct Verdict {
    enum class Kind : uint8_t { keep, probe, evict } kind = Kind::keep;
    std::string reason;                  // of an eviction
    std::optional<Duration> recheck_in;  // when time alone may change the verdict
};

Verdict decide_suspicion(const SuspectCase& c);

// Two members that the coordinator can reach and that cannot talk to each other.
struct PairCase {
    MemberId a, b;
    uint32_t cannot_reach_a = 0;  // living members that report it
    uint32_t cannot_reach_b = 0;
    Duration broken_for;
};

struct PairVerdict {
    std::optional<MemberId> evict;  // the one that fewer can reach; ties: the higher id
    std::string reason;
    std::optional<Duration> recheck_in;
};

PairVerdict decide_pair(const PairCase& c);

}  // namespace whim::group
