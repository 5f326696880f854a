// One peer as a stepped value: links, control plane and all open ops of one group.
//
// Two drivers run it: the shell (src/runtime: sockets, threads, real time) and the simulator (tests/sim:
// virtual time). A driver owns the StrandDriver, feeds endpoint() with bytes, calls the functions below on
// one thread, and performs take_effects() whenever effects_ready() was called. Nothing here blocks or reads a
// clock.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/dtype.h"
#include "base/ids.h"
#include "base/plant.h"
#include "base/status.h"
#include "base/time.h"
#include "collectives/op/job.h"
#include "collectives/plan/graph.h"
#include "collectives/plan/planner.h"
#include "transport/session/endpoint.h"
#include "wire/messages.h"

namespace whim {

// The driver's name for something the application started; answered by exactly one AppDone. Never reused.
using AppOp = StrongId<struct AppOpTag, uint64_t>;

struct EngineConfig {
    PeerId id;
    uint64_t boot = 0;  // random per process start; not 0
    std::string run, token, name, region;
    std::vector<Address> advertise;
    bool outbound_only = false;                           // nobody can dial this peer
    bool require_reachable = false;                       // be refused rather than admitted when nobody can
    std::vector<std::vector<Address>> coordinators;       // addresses of each coordinator
    std::vector<std::optional<PeerId>> coordinator_pins;  // beside coordinators; the key it must prove
    uint64_t fingerprint = 0;
    uint32_t bulk_strands = 0;                          // to each member; 0: found out by measuring
    uint32_t chunk_bytes = limits::kChunkBytesDefault;  // small in tests, to reach multi-chunk paths
    uint64_t window_bytes = 0;  // of each other's contributions to this peer, per op; 0: fits the paths
    uint64_t eager_bytes = limits::kEagerBytesPerOpMax;
    uint64_t eager_large_bytes = limits::kEagerBytesLargeMax;  // of one op at a time
    uint64_t retain_bytes_max = limits::kRetainBytesMaxDefault;
    uint32_t circuit_control_window_bytes = limits::kCircuitControlWindowBytes;
    uint32_t circuit_bulk_window_bytes = limits::kCircuitBulkWindowBytes;
    uint64_t carried_bytes_max = limits::kCarriedBytesMax;
    uint32_t part_bytes = limits::kPartBytes;               // of a bulk frame on a long path
    uint32_t shared_bytes_min = limits::kSharedBytesMin;    // small in tests
    uint64_t weighed_bytes_min = limits::kWeighedBytesMin;  // of ops with shares by what lines carry
    uint64_t seed = 0;
    uint64_t first_record = 1;       // simulator only: the number of the first op
    uint64_t planned_bytes_min = 0;  // simulator only: ops are planned as if they were as long
    uint64_t pace_claimed =
        0;  // simulator only: taken for every link's rate instead of what was measured; 0: not
    Plant plant = Plant::none;  // simulator only
};

enum class NonFinitePolicy : uint8_t {
    exclude,  // this peer takes part without contributing
    abort,    // the op ends for all with E_NON_FINITE
    allow,    // not scanned
};

// Whom an op of gossip averages with, and how. Of pair_average the graph is a random matching, or partner
// says who it is.
struct GossipChoice {
    gossip::GraphKind graph = gossip::GraphKind::ring;
    std::vector<gossip::GraphEdge> edges = {};  // of listed, in any order and direction
    uint64_t seed = 0;                          // of random_matching
    uint64_t first_step = 0;                    // where in the sequence of a graph that changes
    uint32_t steps = 1;
    bool chebyshev = false;           // of a graph that does not change
    std::optional<uint32_t> partner;  // pair_average: a birth rank
};

// One tensor of many that an op takes as one buffer. in and out are equally long.
struct PostTensor {
    ByteSpan in;
    MutableByteSpan out;
};

// One collective to start. Buffers are borrowed until its AppDone. in == out (same data pointer), or for
// those with parts the own part of the larger buffer, means in place; otherwise they do not overlap. bytes =
// elements * dtype size.
struct PostOptions {
    uint64_t tag = 0;
    Collective collective = Collective::all_reduce;
    // all_gather (reduce: copy) and reduce_scatter: elements of each member's part, in birth rank order.
    // Empty: all are as long as the smaller buffer, and of the larger one only the beginning counts here.
    std::vector<uint64_t> parts = {};
    Dtype dtype = Dtype::f32;
    Reduce reduce = Reduce::sum;
    ByteSpan in;
    MutableByteSpan out;
    // all_reduce, instead of in and out: what is reduced as if it lay behind each other. In place is a matter
    // of each tensor; otherwise no out overlaps another or an in (the API has looked).
    std::vector<PostTensor> tensors = {};
    float weight = 1.0f;            // avg: finite, >= 0
    bool uniform = false;           // forced for sum and majority
    uint32_t min_contributors = 1;  // fewer: the op ends with E_TOO_FEW
    Duration grace{};           // > 0: do not wait for members that are later than enough others by so much
    bool grace_learnt = false;  // instead: as long as those that are not stragglers usually need
    Duration budget{};          // > 0: this peer gives up its part after so long
    uint32_t source = UINT32_MAX;  // copy: birth rank of the source
    uint32_t priority = 0;         // of its payloads on each link: higher goes first
    uint32_t share = 1;            // its part of each link among ops of equal priority, at least 1
    NonFinitePolicy non_finite = NonFinitePolicy::exclude;
    plan::Wanted plan = plan::Wanted::best;
    CodecPtr codec = nullptr;      // sum, avg, copy and custom of f32; null: elements travel as they are
    ReducerPtr reducer = nullptr;  // of Reduce::custom
    // What other members may have and this one lacks, in words: the op then ends for all with E_MISMATCH.
    std::string missing = {};
    // Of neighbour_average and pair_average, which take f32 and Reduce::avg. A budget that is over then ends
    // the op with what has been mixed, and who is late by the grace is left out by those alone that wait.
    GossipChoice gossip = {};

    uint64_t bytes() const;  // of the larger buffer, or of all tensors
};

// Which contributions a part of the result holds.
struct ContributorSet {
    std::vector<MemberId> members;  // birth rank order
    uint64_t elements = 0;
};

// Elements [first, first + count) hold contributions of contributors[set].
struct ContributorRun {
    uint64_t first = 0;
    uint64_t count = 0;
    uint32_t set = 0;
};

// In step `step` (from 0) elements [first, first + count) were mixed with what OpInfo::contributors[set]
// held, who are without this peer.
struct MixInfo {
    uint32_t step = 0;
    uint32_t set = 0;
    uint64_t first = 0;
    uint64_t count = 0;
};

struct GossipInfo {
    uint32_t steps = 0;                      // asked for
    uint32_t steps_min = 0;                  // that every element has taken
    std::vector<MemberId> neighbours, lost;  // of any step; lost: gone before this peer was done
    std::vector<MixInfo> mixes;              // by step, then element
};

struct OpInfo {
    OpId op;
    wire::OpDescriptor descriptor;             // what all members agreed on
    std::shared_ptr<const plan::Plan> trees;   // the plan; null: the direct plan
    Epoch epoch;                               // installed when it ended
    std::vector<MemberId> birth;               // members of the birth round
    uint32_t rank = 0;                         // this peer's among them
    std::vector<ContributorSet> contributors;  // the distinct sets; one entry when uniform
    std::vector<ContributorRun> runs;          // which set each part of the buffer holds, in element order
    std::vector<MemberId> gone;                // birth members evicted or excluded before the end
    bool excluded_self = false;  // this peer's contribution may be missing; the result is still exact
    uint64_t bytes_sent = 0, bytes_received = 0;  // payload
    uint32_t chunks = 0, chunks_final = 0;        // in place: chunks_final hold results, the others the input
    uint32_t chunks_resent =
        0;  // finished chunks sent again to somebody who had them: 0 unless there is a bug
    uint32_t chunks_refolded = 0;    // uniform ops after a death
    uint32_t chunks_adopted = 0;     // orphaned chunks recovered from a survivor's copy
    uint32_t partial_from_gone = 0;  // contributions received from members now gone
    // By birth rank: when a contribution to all the chunks that this peer made had come, since it was posted;
    // its own is there at once. nullopt: it did not come in time, or there is none. Empty, and closed
    // nullopt: this peer made no chunk out of contributions. closed: when the last was made.
    std::vector<std::optional<Duration>> arrivals;
    std::optional<Duration> closed;
    std::optional<GossipInfo> gossip;
    Instant posted, ended;
};

struct RoundInfo {
    Round round;
    Epoch epoch;
    Round committed;
    uint32_t rank = 0;  // this peer's birth rank in the round
    std::vector<wire::MemberInfo> participants;
    std::vector<MemberId> joined;
    std::vector<wire::Removal> left;  // since the last round this peer saw
    std::vector<wire::MemberReason> excluded;
    bool heal_self = false;    // this peer holds no current state
    bool healing_any = false;  // somebody does not; the donor broadcasts
    MemberId donor;
    uint32_t donor_rank = UINT32_MAX;
};

struct CommitInfo {
    wire::RoundOutcome outcome;
};

// The end of something the application started. code OK or the error; the info that fits.
struct AppDone {
    AppOp app;
    Code code = Code::OK;
    std::string detail;
    std::variant<std::monostate, OpInfo, RoundInfo, CommitInfo, wire::RoundRecord> info;
};

enum class EventKind : uint8_t {
    joined,
    view_changed,
    evicted,
    coordinator_lost,
    coordinator_back,
    peer_suspected,
    peer_back,
    op_paused,
    diverged,
    waiting,
    peer_routed,  // a link runs through a third member now, or over its own path again
    not_reached
};

struct EngineEvent {
    EventKind kind{};
    MemberId member;  // zero when not about one
    Round round;
    Epoch epoch;
    std::string text;  // one line: what and why
};

// Something to compute off the engine's thread; run_job() then job_done(). See collectives/op/job.h.
using EngineEffect = std::variant<op::Job, AppDone, EngineEvent>;

// Totals since start, for metrics and for the simulator's coverage.
struct EngineCounters {
    uint64_t shrinks_mid_op = 0;             // a view without an open op's member was installed
    uint64_t double_shrinks = 0;             // the same op saw a second one
    uint64_t root_and_contributor_dead = 0;  // one shrink took a root of open chunks and another contributor
    uint64_t exclusions_of_living_root = 0;
    uint64_t listener_results = 0;  // results an excluded peer still received
    uint64_t listening = 0;         // open ops that this peer was left out of and listens to
    uint64_t chunks_adopted = 0, chunks_refolded = 0, chunks_resent = 0;
    uint64_t folded_without_living = 0;  // chunks without the contribution of a slow member
    uint64_t retention_used = 0;         // results kept after completion
    uint64_t retained_served = 0;        // orphaned chunks sent from such a copy
    uint64_t ops_paused = 0;             // an op lost a peer while no coordinator answered
    uint64_t ops_completed = 0, ops_failed = 0;
    uint64_t ops_weighed = 0;     // posted with shares by what lines carry
    uint64_t ops_with_trees = 0;  // posted with a plan that has them
    uint64_t trees_fallen = 0;    // of them, those that lost a member before they were done
    uint64_t packing_paid = 0, packing_did_not = 0;  // chunks of codecs that pack, by what bytes cost
    uint64_t frames_waited = 0;                      // of a newer epoch
    uint64_t early_bytes_max = 0;  // most payload one sender had waiting for an op not posted here
    uint64_t payload_bytes_sent = 0, payload_bytes_received = 0;
    uint64_t links_relayed = 0, links_direct_again = 0;  // changes of path
    uint64_t circuits_opened = 0, circuits_refused = 0, circuits_lost = 0;
    uint64_t circuits_now = 0;      // that end here or are carried for others
    uint64_t circuits_carried = 0;  // for others
    uint64_t circuits_overrun = 0;  // closed because an end sent more than it was granted: 0
};

class Engine {
public:
    // effects_ready: called (possibly often) when take_effects() has something; must not call back.
    Engine(EngineConfig config, ChannelFactory* channels, StrandDriver& driver,
           std::function<void()> effects_ready);
    ~Engine();

    Endpoint& endpoint();  // the driver feeds it; its deadline is part of deadline()
    std::vector<EngineEffect> take_effects();
    std::optional<Instant> deadline() const;
    void on_deadline(Instant now);
    void job_done(uint64_t job_id, Instant now);

    // The application. Each AppOp is answered by one AppDone, possibly before the call returns (in
    // take_effects()).
    void join(AppOp app, Instant now);
    void leave(AppOp app, const std::string& reason, Instant now);
    void round_begin(AppOp app, Round state_round, Instant now);
    void round_commit(AppOp app, Round round, wire::Vote vote, Instant now);
    void post(AppOp app, Round birth_round, PostOptions options, Instant now);
    void cancel(AppOp app, Instant now);  // ends this peer's part with E_CANCELLED
    void limit_rate(uint64_t all_links, uint64_t each_link, Instant now);  // bytes per second; 0: no bound
    void record(AppOp app, Round round, Instant now);

    // State.
    MemberId self() const;
    const wire::View& view() const;
    FencingToken obeyed() const;               // of the coordinator whose word was taken last
    Round round() const;                       // last begun by this peer; 0: none
    std::string waiting_for(AppOp app) const;  // "" when done or unknown; otherwise what it waits for
    EngineCounters counters() const;
    std::vector<std::pair<MemberId, LinkStats>> links() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace whim
