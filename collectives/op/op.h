// One collective at one peer: the executor of plans and of the results-first exchange, for all collectives
// and codecs (what those change: op_parts.cpp, op_coded.cpp; trees: op_routed.cpp).
//
// It knows birth ranks, not peers, links or clocks. Every peer of the op runs one; together they keep these
// promises (docs/internals/ARCHITECTURE.md, "The life of an op"):
//   - each chunk has one root, which folds contributions in birth-rank order; all peers end with its bytes;
//   - when members go, no op fails and no finished chunk is sent again: orphaned chunks get a new root by a
//     pure function, which hears every member before it decides, and a result somebody has is the result;
//   - version() counts the birth members that are out. Members only ever go, so it names the member set;
//     frames of a newer version wait here until install() has caught up.
// Pure and single-threaded. The host must not call back from inside an OpHost function.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/plant.h"
#include "base/status.h"
#include "base/time.h"
#include "collectives/op/chunk_pool.h"
#include "collectives/op/job.h"
#include "collectives/op/milestones.h"
#include "collectives/op/routes.h"
#include "collectives/op/running_op.h"
#include "collectives/op/segments.h"
#include "collectives/plan/direct.h"
#include "wire/messages.h"

namespace whim::op {

// A bulk frame that has arrived whole.
struct Arrival {
    wire::BulkHeader header;
    BufferRef buffer;
};

class OpHost {
public:
    virtual ~OpHost() = default;
    virtual void send(Rank to, wire::Message message) = 0;
    // The payload is asked for with pin(to, kind, chunk, attempt) when it is about to be written.
    virtual void send_chunk(Rank to, const wire::BulkHeader& header, uint32_t payload_bytes) = 0;
    virtual void submit(Job job) = 0;  // answered by job_done(job.id)
    virtual uint64_t next_job_id() = 0;
    virtual bool reserve_retained(uint64_t bytes) = 0;  // of the group's budget; false: not now
    virtual void dismiss_listeners_elsewhere() {}       // other ops may let go of what only they want
    virtual void release_retained(uint64_t bytes) = 0;
    virtual void ended(Code code,
                       const std::string& detail) = 0;  // once; buffers are the application's again
    // needed: so many members have to stay in the op.
    virtual void request_exclusion(const std::vector<Rank>& ranks, const std::string& reason,
                                   uint32_t needed) = 0;
    virtual void withdraw_exclusions() {}  // all that were requested and are not decided
    virtual void diverged(
        const std::string& reason) = 0;  // this peer's completed result may differ from the run's
    virtual std::string name(Rank rank) = 0;
    virtual void violated(Rank from, const std::string& what) = 0;  // it sends what no correct program sends
    // By how many ns this peer has sent all earlier when a payload to each of those is a byte shorter. 0: by
    // nothing that is known.
    virtual double byte_ns(const std::vector<Rank>& /*to*/) { return 0; }
};

struct OpConfig {
    OpId id;
    wire::OpDescriptor descriptor;
    Rank self;
    std::vector<bool> alive;                           // by birth rank: neither evicted nor excluded
    std::shared_ptr<const Coding> coding;              // null: elements travel as they are
    std::shared_ptr<const plan::Plan> plan = nullptr;  // with trees, of all_reduce; null: the direct plan
    ReducerPtr reducer = nullptr;                      // of Reduce::custom, and then also in coding
    InSegments in;                                     // all_gather: this peer's part
    OutSegments out;                                   // reduce_scatter: this peer's part
    float weight = 1.0f;
    bool abstains = false;
    Duration grace{};                   // 0: everybody is waited for (op_quorum.cpp)
    Duration patience{};                // before a member is left out of the op; 0: the grace
    std::vector<bool> stragglers = {};  // by rank: known to be late, and waited for no longer than others are
    uint64_t window_bytes = 0;          // of each sender's contributions to this peer's chunks
    uint64_t eager_bytes = 0;           // of this peer's contributions to a root that has not called the op
    Plant plant = Plant::none;
};

// What an op has to say about itself once it ended.
struct OpReportCard {
    std::vector<std::vector<bool>> sets;  // distinct contributor sets, by birth rank
    std::vector<uint32_t> chunk_set;      // by chunk; UINT32_MAX where there is no result
    uint64_t bytes_sent = 0, bytes_received = 0;
    uint32_t chunks = 0, chunks_final = 0, chunks_resent = 0, chunks_refolded = 0, chunks_adopted = 0;
    uint32_t partial_from_gone = 0;
    uint32_t folded_without_living = 0;  // own chunks that lack the contribution of a slow member
    uint32_t packing_paid = 0,
             packing_did_not = 0;            // chunks encoded by a codec that packs, by what bytes cost
    uint32_t shrinks = 0;                    // installs that took members from this op
    bool root_and_contributor_gone = false;  // one shrink took a root of open chunks and a contributor
    bool living_root_excluded = false;
    uint32_t retained = 0, retained_served = 0, listener_results = 0, frames_waited = 0;
    bool excluded_self = false;
    bool trees_fell = false;  // with chunks still open
    Arrivals contributed;     // when each rank's last contribution came, of those that missed no chunk
    std::optional<Instant> own_chunks_closed;  // when the last was folded
};

class Op : public RunningOp {
public:
    Op(OpConfig config, OpHost& host, ChunkPool& pool);

    // Announces the op and starts contributing. Messages that came before go in through on_message
    // afterwards.
    void start(Instant now);

    // The members that are left. alive only loses ranks. evicted: those that are out of the view altogether.
    void install(const std::vector<bool>& alive, const std::vector<bool>& evicted, Instant now);

    void on_message(Rank from, const wire::Message& message, Instant now);
    void on_chunk(Rank from, Arrival arrival, Instant now);
    void job_done(uint64_t job_id, Instant now);

    // Each pin that gave bytes is followed by one unpin of the same frame; the bytes stay as they are
    // between.
    std::optional<ByteSpan> pin(Rank to, wire::BulkKind kind, uint32_t chunk, uint32_t attempt);
    void unpin(Rank to, wire::BulkKind kind, uint32_t chunk, uint32_t attempt);

    // Ends this peer's part. Its buffers are released through ended() as soon as no job writes to them.
    void abandon(Code code, const std::string& detail, Instant now);
    // The op ends for all.
    void fail_for_all(Code code, const std::string& detail, Instant now);
    // Something outside changed that a waiting end may need (retention budget).
    void poke() { settle(); }

    std::optional<Instant> deadline() const;
    void on_deadline(Instant now);

    bool ended() const { return ended_; }
    bool closed() const;  // nobody can need this record any more
    bool completed() const { return ended_ && end_code_ == Code::OK; }
    // Completed, and every member is known to have the whole result: may be said to whoever still asks.
    bool known_everywhere() const { return completed() && mode_ == Mode::member && unreleased_count_ == 0; }
    uint32_t version() const { return version_; }
    uint32_t attempt() const { return attempt_; }
    const OpId& id() const { return config_.id; }
    const wire::OpDescriptor& descriptor() const { return config_.descriptor; }
    const OpReportCard& card() const { return card_; }  // complete once ended() or after refresh_card()
    void refresh_card();
    std::string waiting_for() const;
    bool takes(const wire::BulkHeader& header, uint64_t payload_bytes) const;  // a payload may be so long
    bool wants(
        const wire::BulkHeader& header) const override;  // else it comes too late, and its bytes need no room
    bool dismiss_listeners() override;  // there is no room to keep results for those that were left out
    bool all_posted() const;            // every living member is known to have called it
    const std::vector<bool>& alive_ranks() const { return alive_; }
    Rank rank() const { return config_.self; }  // this peer's
    const ChunkLayout& layout() const { return layout_; }
    uint32_t chunk_count() const { return static_cast<uint32_t>(chunks_.size()); }

private:
    enum class ChunkState : uint8_t { open, has, released };
    enum class Mode : uint8_t { member, listener, abandoned };
    struct Chunk {
        ChunkState state = ChunkState::open;
        bool stable = false;     // listeners: every member has it, though it is not here yet
        bool spared = false;     // its present root folds it without this peer's contribution
        uint32_t root = 0;       // under the installed version
        uint32_t base_root = 0;  // when the attempt began; where they differ the chunk was orphaned
        uint32_t contributed_to = UINT32_MAX;
        uint32_t from = UINT32_MAX;  // whose result this is: a root, or a holder that was asked
        uint32_t set = UINT32_MAX;   // index into sets_ of what the output holds; kept when it is disowned
    };
    struct Given {  // one contribution at the chunk's root
        bool present = false;
        float weight = 0.0f;         // of a partial sum, of all in it
        BufferRef buffer;            // null for this peer's own, and of a partial sum of nothing
        std::vector<bool> set = {};  // whose contributions a partial sum holds; empty: the sender's own
        uint32_t order = 0;          // of arrival; used by a planted bug only
        Instant at{};                // of arrival
    };
    struct Rooted {  // what a chunk's root knows
        std::vector<Given> given;
        std::vector<bool> sent, acked;
        std::vector<std::optional<wire::ChunkStatus>> status;
        uint32_t status_version = 0;
        std::optional<uint64_t> job;
        std::optional<uint32_t> fetching_from;
        std::set<uint32_t> listeners;  // excluded peers that still want it, or may yet ask (listening_)
        uint32_t arrivals = 0;
        uint32_t fetched =
            0;  // one more than the version under which its new root has fetched the result here
    };
    struct RunningJob {
        uint32_t chunk = 0;
        bool encodes = false;                // this peer's contribution; else a fold
        bool partial = false;                // a fold between a leaf and the root
        float weight = 0.0f;                 // of a partial sum
        std::vector<BufferRef> inputs = {};  // kept until the job is done
        std::vector<bool> set = {};          // whose they are
        BufferRef encoded = nullptr;         // with a codec
        BufferRef packed = nullptr;          // the result of a fold, when the output is in several places
        std::shared_ptr<JobOutcome> outcome = nullptr;  // where it can fail
    };
    struct Waiting {  // of a newer version or attempt, or behind a job
        Rank from;
        std::variant<wire::Message, Arrival> what;
    };
    struct Pin {  // bytes that a strand is writing
        uint32_t to = 0;
        wire::BulkKind kind{};
        uint32_t chunk = 0, attempt = 0;
        BufferRef buffer = nullptr;  // null: in the application's memory
    };
    struct Report {
        uint32_t attempt = 0;
        bool completed = false;
        std::vector<bool> set, available;
    };

    // op.cpp
    void begin_attempt(uint32_t attempt, std::vector<bool> set);
    void dispatch(Rank from, const wire::Message& message, Instant now);
    void on_post(Rank from, const wire::OpPost& post, Instant now);
    bool wait(Rank from, uint32_t version, uint32_t attempt);
    void replay_waiting(Instant now);
    void settle();  // ends the op when it can be ended
    void fail(Code code, const std::string& detail, Instant now);
    bool holds_all() const { return open_count_ == 0; }
    bool uniform() const { return config_.descriptor.uniform; }
    bool alive(uint32_t rank) const { return alive_[rank]; }
    uint32_t self() const { return config_.self.value; }
    bool gathers() const { return config_.descriptor.collective == Collective::all_gather; }
    bool scatters() const { return config_.descriptor.collective == Collective::reduce_scatter; }
    bool copies() const { return config_.descriptor.reduce == Reduce::copy; }
    uint32_t source_of(uint32_t chunk) const;               // of copies: whose input it is
    bool contributes(uint32_t rank, uint32_t chunk) const;  // by descriptor and announcements
    void send_all(const wire::Message& message);
    uint64_t chunk_bytes(uint32_t chunk) const { return layout_.chunk_bytes({chunk}); }
    // bytes: nullopt when this peer folded them into the output itself.
    void adopt(uint32_t chunk, Rank from, const std::vector<uint8_t>& contributors,
               std::optional<ByteSpan> bytes);
    uint32_t set_index(const std::vector<bool>& set);

    void keep(uint32_t chunk, BufferRef result);
    bool retain();
    bool reserve(uint64_t bytes);
    bool unstage();
    ByteSpan pinned(Pin pin, ByteSpan bytes);
    bool lends() const;  // a strand or a job still reads or writes the application's memory
    void drop_retained();
    void let_go(uint64_t bytes);

    // op_memory.cpp. The output is staged or final.
    uint64_t place_in(uint32_t chunk) const;
    uint64_t place_out(uint32_t chunk) const;
    uint64_t own_part_at() const;
    void give_input(Job& job, uint32_t chunk, float weight) const;
    void give_output(Job& job, uint32_t chunk, BufferRef& packed);
    ByteSpan read_input(uint32_t chunk, BufferRef& packed) const;
    ByteSpan read_output(uint32_t chunk, BufferRef& packed) const;
    MutableByteSpan open_output(uint32_t chunk, BufferRef& packed);
    void write_output(uint32_t chunk, ByteSpan bytes);
    template <class See> void walk_output(See see) const;
    void stage();
    std::vector<MutableByteSpan> staged_places() const;
    bool is_staged(ByteSpan bytes) const;
    void keep_packed(uint32_t chunk, BufferRef packed);
    void drop_packed(uint32_t chunk);
    BufferRef packed_already(wire::BulkKind kind, uint32_t chunk) const;

    // op_coded.cpp
    bool coded() const { return config_.coding != nullptr; }
    uint64_t contribution_bytes_max() const;
    uint64_t place(uint32_t chunk) const;
    double byte_ns(const std::vector<Rank>& to);
    double result_byte_ns();
    void encode(uint32_t chunk);
    void encoded(uint32_t chunk, RunningJob& running, Instant now);
    void fold_coded(uint32_t chunk, const std::vector<std::pair<uint32_t, uint32_t>>& order,
                    RunningJob running);
    bool accept(RunningJob& running, Instant now);
    std::string place_name(uint32_t chunk) const;
    bool open_result(Rank from, const Arrival& arrival);
    void hold(uint32_t chunk, BufferRef result);
    BufferRef encoded_again(uint32_t chunk);

    // op_parts.cpp
    void finish_elsewhere(uint32_t chunk);
    void finish_elsewhere_all();
    void finish_here(uint32_t chunk);
    void clear(uint32_t chunk);
    void settle_lost(uint32_t chunk);
    bool lost(uint32_t chunk) const;
    bool is_lost(const wire::BulkHeader& result) const;

    // op_routed.cpp
    bool routed() const { return routes_ && !fallen_ && attempt_ == 0; }
    // Whether everyone reports about this chunk before its root decides.
    bool orphan(uint32_t chunk) const {
        return chunks_[chunk].root != chunks_[chunk].base_root || (fallen_ && attempt_ == 0);
    }
    uint32_t root_of(uint32_t chunk, const std::vector<bool>& alive) const;
    uint64_t window_in_trees(uint32_t receiver, uint64_t window) const;
    void pump_routed();
    void offer(uint32_t chunk);
    void on_part(Rank from, Arrival& arrival, Instant now);
    void fold_routed(uint32_t chunk, Instant now);
    void partial_done(RunningJob& running);
    void send_partial(uint32_t chunk);
    void close_routed(uint32_t chunk);
    void pass_on(uint32_t chunk);
    void pass_on(uint32_t chunk, uint32_t to);
    bool passed_on_late(Rank from, const wire::BulkHeader& header) const;
    void posted_routed(Rank from, Instant now);
    void on_grant(Rank from, const wire::OpGrant& grant, Instant now);
    void fall();
    std::optional<ByteSpan> pin_partial(Pin pin);
    std::string waiting_routed() const;

    // op_contribute.cpp
    void pump(Instant now);
    bool contribute_next(uint32_t root);
    uint32_t window_chunks() const;
    void contribute_orphans(uint32_t root);
    void contribute(uint32_t chunk, uint32_t root);
    void send_contribution(uint32_t chunk, uint32_t root);

    // op_root.cpp
    Rooted& rooted(uint32_t chunk);
    void on_contribution(Rank from, Arrival& arrival, Instant now);
    void try_fold(uint32_t chunk, Instant now);
    bool usable(const Rooted& root, uint32_t rank, uint32_t chunk) const;
    bool may_fold(uint32_t chunk, Rooted& root, Instant now);
    void fold_done(uint64_t job_id, RunningJob& running, Instant now);
    void folded(uint32_t chunk, const std::vector<bool>& set);
    void send_result(uint32_t chunk, uint32_t to);
    void queue_result(uint32_t chunk, uint32_t to);
    bool weights_hold(double sum);
    void grant(uint32_t to);
    void publish(uint32_t chunk);  // to every member that lacks it
    void on_ack(Rank from, const wire::OpAck& ack, Instant now);
    void check_stable(uint32_t chunk);
    void flush_stable();
    void close_chunk(uint32_t chunk);
    void on_result(Rank from, Arrival& arrival, Instant now);
    void acknowledge(uint32_t chunk);
    void flush_acks(uint32_t root);
    void release(uint32_t chunk);
    void on_stable(const wire::OpStable& stable);

    // op_quorum.cpp
    void begin_grace();
    bool may_go_without() const;
    bool goes_without_slow(uint32_t chunk, Rooted& root);
    void pass_over(uint32_t chunk, const std::vector<bool>& set);
    void count_late(Rank from, uint32_t chunk);
    void on_passed_over(Rank from, const std::vector<wire::ChunkRange>& chunks);
    void fold_what_is_due(Instant now);
    void expect_progress(Instant now);
    void note_progress(Rank rank, bool result);
    bool is_behind() const;
    bool roots_need_all() const;
    bool enough_called(uint32_t enough) const;
    Instant early_since() const;
    bool owes_contribution(uint32_t rank) const;
    bool lacks_result(uint32_t rank) const;
    void called(Rank rank, Instant now);
    void heard(Rank from, Instant now);
    void view_changed(Instant now);
    void begin_anew(Instant now);
    enum class Blame : uint8_t { silence, behind, no_room };
    void forgive(const std::function<bool(uint32_t rank, Blame blame)>& void_now);
    uint32_t quorum(uint32_t of) const;
    uint32_t stand_min(const std::vector<Rank>& without) const;
    std::vector<Rank> far_behind(Instant now);
    bool others_are_busy(Instant now) const;
    std::vector<Rank> laggards(Instant now, Instant idle_since);
    struct Blamed {
        std::string why;
        Blame blame = Blame::silence;
    };
    void leave_out(const std::vector<Rank>& ranks, Blame blame, Instant now);
    void leave_out_where_room_is_short(Instant now);
    void keep_for(uint32_t rank);

    // op_exchange.cpp
    void reroot(Instant now);
    void report_orphans(Instant now);
    void on_status(Rank from, const wire::OpStatus& status, Instant now);
    void resolve(uint32_t chunk, Instant now);
    void on_fetch(Rank from, const wire::OpFetch& fetch, Instant now);
    void become_listener(Instant now);
    void disown();
    void listen();
    void on_listen(Rank from, const wire::OpListen& listen, Instant now);
    void send_status(uint32_t root, const std::vector<std::pair<uint32_t, wire::ChunkStatus>>& entries);
    void stop_listening();
    void want_nothing();
    void drop_listener(uint32_t rank);

    // op_uniform.cpp
    uint32_t leader() const;
    void freeze_and_report(Instant now);
    void on_report(Rank from, const wire::OpReport& report, Instant now);
    void decide(Instant now);
    bool usual_attempt(uint32_t attempt, uint32_t version, const std::vector<uint8_t>& set) const;
    bool may_decide(Rank from, const wire::OpDecide& decision);
    void on_decide(const wire::OpDecide& decision, Instant now);
    bool may_apply() const;
    void apply_decision(Instant now);
    void all_have_all();

    OpConfig config_;
    OpHost& host_;
    ChunkPool& pool_;
    ChunkLayout layout_;
    uint32_t birth_count_;
    Instant now_{};  // of the call being served

    Mode mode_ = Mode::member;
    uint32_t version_ = 0;
    std::vector<bool> alive_, evicted_, posted_, abstains_, delivered_, listening_;  // by birth rank
    std::vector<Chunk> chunks_;
    std::map<uint32_t, Rooted> rooted_;
    std::vector<std::vector<bool>> sets_;
    std::vector<Waiting> waiting_;
    std::vector<uint64_t> waiting_of_;  // how many of those each rank sent
    uint32_t open_count_ = 0, unreleased_count_ = 0;
    std::vector<uint32_t> open_by_root_;

    // Contributing.
    std::vector<std::vector<uint32_t>> base_list_;  // chunks by base root
    std::vector<uint32_t> next_, sent_count_, closed_by_, window_of_;
    std::vector<uint32_t> sent_early_;  // over trees that fell, to members that had not called: of the quota
    uint32_t closed_count_ = 0, granted_count_ = 0;
    std::vector<uint32_t> given_count_;  // by rank: contributions that came for this peer's own chunks

    // With trees.
    struct Partial {       // folded here, on its way up
        BufferRef buffer;  // null: of nothing
        std::vector<bool> set;
        float weight = 0.0f;
    };
    std::optional<Routes> routes_;
    bool fallen_ = false;                    // somebody went: trees hold no longer
    std::map<uint32_t, Partial> partials_;   // by chunk
    std::vector<bool> closed_;               // chunks that need nothing more from their senders
    std::vector<uint32_t> taken_, granted_;  // of each sender's list: closed from its start on, and said so
    // With a codec.
    std::map<uint32_t, BufferRef> encoded_;  // this peer's contributions, while they may be sent
    std::set<uint32_t> encoding_;            // a job reads the chunk's input
    std::map<uint32_t, std::pair<Rank, Arrival>> parked_;  // results of such chunks

    // Acknowledging and stability.
    std::map<uint32_t, std::vector<uint32_t>> pending_acks_;  // by root
    std::vector<uint32_t> pending_stable_;
    uint32_t own_unreleased_ = 0;  // chunks this peer roots that are not released
    std::map<uint32_t, BufferRef> retained_;
    uint64_t retained_bytes_ = 0;
    uint64_t unpaid_bytes_ = 0;  // of retained_, not of the group's budget yet: with a codec, until the end
    bool retained_all_ = false;  // the application's buffer is needed by nobody else

    // Uniform ops.
    uint32_t attempt_ = 0;
    std::vector<bool> attempt_set_;
    bool frozen_ = false;
    std::map<uint32_t, Report> reports_;
    std::optional<wire::OpDecide> decision_;
    OutSegments target_;  // what is written: the output, but for what is staged
    std::deque<std::pair<uint32_t, BufferRef>> packed_results_;  // not yet stable, the last ones
    BufferRef staging_;
    std::optional<uint64_t> unstaging_;  // the job that copies the final result to the application's buffer
    bool unstaged_ = false;

    // Ending.
    std::vector<Pin> pins_;
    uint32_t jobs_ = 0;
    std::map<uint64_t, RunningJob> running_;  // fold jobs by id
    bool ended_ = false, ending_ = false;
    Code end_code_ = Code::OK;
    std::string end_detail_;
    std::map<uint32_t, Instant> progress_;  // last sign of each rank in this op
    std::optional<Instant> grace_since_;

    // Not waiting for the slow.
    Instant started_{};
    std::vector<bool> behind_;           // by rank: was late once, or was left out and lives
    std::map<uint32_t, Blamed> blamed_;  // whom this peer wants left out
    Instant called_at_{};                // when the last member called it
    std::vector<bool> passed_over_by_;   // by rank: of roots that went on without this peer's contribution
    std::set<std::pair<Instant, uint32_t>> grace_ends_;  // of chunks that have their quorum
    std::vector<bool> missed_;                           // by rank: a chunk was folded here without it
    Milestones milestones_, results_;                    // of all that is to come, and of results alone
    std::optional<Instant> room_short_since_;
    OpReportCard card_;
};

}  // namespace whim::op
