// Values that several messages carry. Each names its fields once, in wire order, for reading and writing
// alike (see archive.h); every list and text states its bound there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/ids.h"
#include "base/limits.h"
#include "wire/address.h"

namespace whim::wire {

// One line of a view.
struct MemberInfo {
    MemberId id;
    std::string name;  // the replica's name, for people
    std::string region;
    std::vector<Address> addresses;  // advertised, in the order to try
    bool outbound_only = false;      // as it says, or as the coordinator found: nobody can dial it
    bool operator==(const MemberInfo&) const = default;
    template <class A> void fields(A& a) {
        a(id), a.text(name, limits::kNameBytesMax), a.text(region, limits::kNameBytesMax);
        a.list(addresses, limits::kAddressesPerPeerMax, 6), a(outbound_only);
    }
};

// Why a member is no longer in the view.
struct Removal {
    MemberId member;
    Epoch epoch;        // the first view without it
    bool left = false;  // by its own wish
    std::string reason;
    bool operator==(const Removal&) const = default;
    template <class A> void fields(A& a) {
        a(member), a(epoch), a(left), a.text(reason, limits::kReasonBytesMax);
    }
};

// A living member left out of one op.
struct OpExclusion {
    OpId op;
    MemberId member;
    Epoch epoch;  // the first view that says so
    std::string reason;
    bool operator==(const OpExclusion&) const = default;
    template <class A> void fields(A& a) {
        a(op), a(member), a(epoch), a.text(reason, limits::kReasonBytesMax);
    }
};

// Who is in. Members are in rank order, which is the order of their incarnations.
// Removals and exclusions are those an op of an uncommitted round may still need.
struct View {
    Epoch epoch;
    std::vector<MemberInfo> members;
    std::vector<Removal> removed;
    std::vector<OpExclusion> exclusions;
    bool operator==(const View&) const = default;
    template <class A> void fields(A& a) {
        a(epoch), a.list(members, limits::kMembersMax, 53), a.list(removed, limits::kRemovedKeptMax, 53);
        a.list(exclusions, limits::kOpExclusionsMax, 72);
    }
};

// The run's settings, decided by the coordinator, the same for all.
struct RunOptions {
    uint32_t replicas_min = 1;         // below it the run pauses between rounds
    uint32_t suspect_after_ms = 2000;  // silence before a peer is suspected
    uint32_t round_grace_ms = 0;       // wait for members that are not ready; 0: adaptive
    uint32_t rounds_ahead_max = 1;     // rounds begun before a commit is known
    bool operator==(const RunOptions&) const = default;
    template <class A> void fields(A& a) {
        a(replicas_min), a(suspect_after_ms), a(round_grace_ms), a(rounds_ahead_max);
    }
};

struct MemberReason {
    MemberId member;
    std::string reason;
    bool operator==(const MemberReason&) const = default;
    template <class A> void fields(A& a) { a(member), a.text(reason, limits::kReasonBytesMax); }
};

// One link as its end that tells about it measured it. Figures that it does not know yet are 0.
struct LinkReading {
    Incarnation to;  // the member at the other end
    bool up = false;
    Incarnation via;                               // the member that relays it; 0: direct
    uint32_t rtt_min_us = 0, rtt_smoothed_us = 0;  // of heartbeats
    uint64_t rate_sent = 0, rate_received = 0;     // bytes per second, in spans with enough to carry
    uint64_t bytes_sent = 0;                       // since the link was opened
    uint32_t retransmitted_ppm = 0;                // of the bytes sent
    uint32_t strands_used = 0;                     // for what this end sends
    std::string strands_reason;                    // why that many
    uint64_t pace = 0;        // bytes per second that bulk leaves at, at most; 0: no bound
    std::string pace_reason;  // why that
    bool lossy = false;       // losses are random
    bool operator==(const LinkReading&) const = default;
    template <class A> void fields(A& a) {
        a(to), a(up), a(via), a(rtt_min_us), a(rtt_smoothed_us), a(rate_sent), a(rate_received),
            a(bytes_sent);
        a(retransmitted_ppm), a(strands_used), a.text(strands_reason, limits::kLinkReasonBytesMax);
        a(pace), a.text(pace_reason, limits::kLinkReasonBytesMax), a(lossy);
    }
};

// Which members' contributions went into which part of an op, as reported with a vote.
struct OpSummary {
    OpId op;
    uint64_t elements = 0;
    std::vector<uint8_t> contributors;  // bitmap over birth ranks: in at least one chunk
    bool uniform = false;               // the same set in every chunk
    bool operator==(const OpSummary&) const = default;
    template <class A> void fields(A& a) {
        a(op), a(elements), a.blob_u8(contributors, limits::kMembersMax / 8), a(uniform);
    }
};

// What one member brings to a commit.
struct Vote {
    Digest digest;               // of the state after the round
    uint64_t samples = 0;        // for people and schedulers; not used in arithmetic
    std::vector<uint8_t> bytes;  // the application's own, kept with the round
    std::vector<OpSummary> ops;  // applied by this commit
    bool operator==(const Vote&) const = default;
    template <class A> void fields(A& a) {
        a(digest), a(samples), a.blob_u8(bytes, limits::kCommitBytesMax),
            a.list(ops, limits::kOpsOpenMax, 33);
    }
};

// One committed round as journalled and as whim_round_record returns it.
struct RoundRecord {
    Round round;
    Epoch epoch;
    Digest digest;
    std::vector<MemberId> participants;  // birth rank order
    std::vector<MemberId> contributors;  // those whose vote held the digest
    std::vector<Vote> votes;             // beside contributors, one each
    bool operator==(const RoundRecord&) const = default;
    template <class A> void fields(A& a) {
        a(round), a(epoch), a(digest), a.list(participants, limits::kMembersMax, 40);
        a.list(contributors, limits::kMembersMax, 40), a.list(votes, limits::kMembersMax, 32);
    }
};

// What those who gossip must agree on: who averages with whom, and how (collectives/plan/graph.h).
struct GossipTerms {
    uint8_t graph = 0;  // gossip::GraphKind
    bool chebyshev = false;
    uint32_t steps = 0;
    uint64_t first_step = 0;  // where in the sequence of a graph that changes from step to step
    uint64_t seed = 0;
    uint64_t edges = 0;     // digest of a list of edges; else 0
    uint32_t grace_ms = 0;  // whoever waits gives signs by it
    bool operator==(const GossipTerms&) const = default;
    template <class A> void fields(A& a) {
        a(graph), a(chebyshev), a(steps), a(first_step), a(seed), a(edges), a(grace_ms);
    }
};

// What peers must agree on to run one op together.
struct OpDescriptor {
    Collective collective = Collective::all_reduce;
    Dtype dtype = Dtype::f32;
    Reduce reduce = Reduce::sum;
    bool uniform = false;  // one contributor set for all chunks
    uint64_t elements = 0;
    uint32_t chunk_elements = 0;
    uint32_t min_contributors = 1;
    uint32_t source = UINT32_MAX;      // birth rank of a broadcast's source
    std::string codec = {};            // its canonical text; "": elements travel as they are
    std::string reducer = {};          // of Reduce::custom: its text
    bool finite = false;               // of a reducer: it is promised inputs without NaN and infinities
    std::vector<uint64_t> parts = {};  // elements of each birth rank, of all_gather and reduce_scatter
    uint64_t plan = 0;                 // digest of a plan with trees; 0: the direct plan
    uint32_t tensors = 0;              // that the buffer is cut into; 0: it is one
    uint64_t tensors_digest = 0;       // of their lengths: who cuts otherwise has made a mistake
    GossipTerms gossip = {};           // travels with the collectives that gossip only
    bool operator==(const OpDescriptor&) const = default;
    template <class A> void fields(A& a) {
        a(collective), a(dtype), a(reduce), a(uniform), a(elements), a(chunk_elements), a(min_contributors),
            a(source);
        a.text(codec, limits::kCodecTextBytesMax), a.text(reducer, limits::kReducerTextBytesMax);
        a(finite), a.list(parts, limits::kMembersMax, 8), a(plan), a(tensors), a(tensors_digest);
        if (collective_gossips(collective)) a(gossip);
    }
};

struct ChunkRange {
    uint32_t first = 0;
    uint32_t count = 0;
    bool operator==(const ChunkRange&) const = default;
    template <class A> void fields(A& a) { a(first), a(count); }
};

}  // namespace whim::wire
