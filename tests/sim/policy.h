// How many contributions the scripted application waits for, in seeds whose op of tag kPolicyTag has its
// min_contributors from DBW (collectives/op/backup_workers.h).
//
// It keeps to what the header and docs/how-to/wait-for-fewer.md ask of applications: after the op each makes
// a list of what it saw, an all-reduce with the same min_contributors averages the lists, and all observe the
// mean. It begins anew with a round that does not go on from the one before. Members that come to different
// numbers end their next op with MISMATCH, which the op checker does not allow.
#pragma once

#include <optional>

#include "collectives/op/backup_workers.h"
#include "tests/sim/buffers.h"
#include "tests/sim/script.h"

namespace whim::sim {

class Policy {
public:
    static bool drawn(uint64_t seed, const ScriptStyle& style);  // for all rounds of the seed

    explicit Policy(uint64_t seed) : seed_(seed) {}

    // True: few were enough until now, and it begins anew for nothing else than an aborted round.
    bool enter(const RoundInfo& round);

    uint32_t choice() const { return policy_->min_contributors(); }
    OpScript gradient() const;  // f32 average; half of it all members have alike
    OpScript lists() const;     // the average of what all saw

    // What this member saw of the gradient's op, whose result it has. nullptr: it has none, and saw nothing.
    Bytes list(const OpInfo* op, ByteSpan own, ByteSpan mean) const;
    // Takes the mean of lists; without effect where nobody saw anything.
    void observe(ByteSpan mean);

private:
    OpScript script(uint64_t tag) const;

    const uint64_t seed_;
    Round round_;
    std::optional<op::BackupWorkers> policy_;
};

}  // namespace whim::sim
