// The engine's parts: links and their owner callbacks (links.cpp), what they measured (link_report.cpp), the
// control plane (control.cpp), the table of ops (ops.cpp). Everything an op or the member wants sent is
// queued and flushed when the outermost call returns, so that no part is called back while it is in the
// middle of a step.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <tuple>

#include "base/limits.h"
#include "collectives/op/op.h"
#include "engine/engine.h"
#include "engine/learnt_graces.h"
#include "engine/op_record.h"
#include "group/member.h"
#include "transport/session/circuits.h"

namespace whim {

class Engine::Impl final : public EndpointOwner, public OpRecordOwner {
public:
    Impl(EngineConfig config, ChannelFactory* channels, StrandDriver& driver,
         std::function<void()> effects_ready);
    ~Impl() override;

    // What Engine forwards to; see engine.h.
    std::vector<EngineEffect> take_effects();
    std::optional<Instant> deadline() const;
    void on_deadline(Instant now);
    void job_done(uint64_t job_id, Instant now);
    void join(AppOp app, Instant now);
    void leave(AppOp app, const std::string& reason, Instant now);
    void round_begin(AppOp app, Round state_round, Instant now);
    void round_commit(AppOp app, Round round, wire::Vote vote, Instant now);
    void post(AppOp app, Round birth_round, PostOptions options, Instant now);
    void cancel(AppOp app, Instant now);
    void record(AppOp app, Round round, Instant now);
    std::string waiting_for(AppOp app) const;
    EngineCounters counters() const;
    std::vector<std::pair<MemberId, LinkStats>> links() const;
    MemberId self() const { return {config_.id, member_.incarnation()}; }

    // EndpointOwner (links.cpp).
    bool accept_link(const LinkKey& from, Instant now) override;
    void link_up(const LinkKey& key, LinkSession session, Instant now) override;
    void link_down(const LinkKey& key, LinkDownKind kind, const std::string& detail, Instant now) override;
    void message(const LinkKey& from, ByteSpan bytes, Instant now) override;
    BulkSink bulk_begin(const LinkKey& from, ByteSpan header, uint32_t payload_bytes) override;
    void bulk_end(const LinkKey& from, uint64_t token, bool whole, Instant now) override;
    std::optional<ByteSpan> bulk_pin(const LinkKey& to, const BulkFrame& frame) override;
    void bulk_unpin(const LinkKey& to, const BulkFrame& frame) override;
    void link_routed(const LinkKey& key, const std::optional<LinkKey>& via, const std::string& why,
                     Instant now) override;

    // OpRecordOwner (ops.cpp).
    void op_send(const MemberId& to, wire::Message message) override;
    void op_send_chunk(const MemberId& to, uint64_t record, const wire::BulkHeader& header,
                       uint32_t payload_bytes) override;
    void op_submit(uint64_t record, op::Job job) override;
    uint64_t op_next_job() override { return next_job_++; }
    bool op_reserve_retained(uint64_t bytes) override;
    void op_dismiss_listeners() override;
    void op_release_retained(uint64_t bytes) override;
    void op_ended(OpRecord& record, Code code, const std::string& detail) override;
    void op_request_exclusion(const OpRecord& record, const std::vector<MemberId>& members, uint32_t needed,
                              const std::string& reason) override;
    void op_withdraw_exclusions(const OpRecord& record) override;
    void op_diverged(const std::string& reason) override;
    std::string op_name(const MemberId& member) override;
    void op_violated(const MemberId& from, const std::string& what) override;
    double op_byte_ns(const OpRecord& record, const std::vector<Rank>& to) override;

    friend class Engine;

private:
    // Opened by every entry point; the outermost one flushes.
    class Step {
    public:
        Step(Impl& impl, Instant now) : impl_(impl) {
            impl_.now_ = now;
            ++impl_.depth_;
        }
        ~Step() {
            if (--impl_.depth_ == 0) impl_.flush();
        }
        Step(const Step&) = delete;
        Step& operator=(const Step&) = delete;

    private:
        Impl& impl_;
    };

    struct Outgoing {
        LinkKey to;
        std::variant<Bytes, BulkFrame> what;
    };
    struct Incoming {  // a bulk frame whose payload is on its way
        MemberId from;
        op::Arrival arrival;
    };
    struct Early {  // what came for an op this peer has not posted
        std::vector<std::pair<MemberId, std::variant<wire::Message, op::Arrival>>> items;
        struct Share {
            uint64_t payload_bytes = 0;
            uint64_t message_bytes = 0;
        };
        std::map<MemberId, Share> by_sender;
    };
    struct Finished {            // an op whose record is gone
        bool completed = false;  // and known to have completed everywhere
        bool uniform = false;
        uint32_t attempt = 0;  // that was final, of a uniform op
        std::string gossip;    // what a gossip op was, in words
    };
    struct EagerHolder {  // the op that may send more before the others have called it
        uint64_t record = 0;
        Round round;
        bool all_posted = false;  // when its record went
    };
    struct Scanning {  // a piece of an op's input that is being scanned
        uint64_t record = 0;
        uint64_t first = 0;  // its place, in elements
        std::shared_ptr<op::JobOutcome> outcome;
    };

    void flush();
    void emit(EngineEffect effect);
    void done(AppOp app, Code code, const std::string& detail, decltype(AppDone::info) info = {});
    void event(EventKind kind, const MemberId& about, const std::string& text);

    // control.cpp
    void run_member(const group::MemberOutbox& out);
    void install_view(const wire::View& view);
    void round_began(const wire::RoundStart& start);
    void evicted(const Error& error);
    void end_everything(const Error& error);
    void forget_old_rounds(Round newest);

    // links.cpp
    std::optional<uint32_t> coordinator_index(const LinkKey& key) const;
    static LinkKey coordinator_key(uint32_t index);
    void open_coordinators();
    void op_message(const MemberId& from, const OpId& op, wire::Message message, uint64_t encoded_bytes);
    void early(const MemberId& from, const OpId& op, std::variant<wire::Message, op::Arrival> item,
               uint64_t bytes);
    void say_long_over(const MemberId& from, const OpId& op,
                       const std::variant<wire::Message, op::Arrival>& item);
    void misbehaved(const LinkKey& from, const std::string& what);
    void send_queued();
    void close_link(const LinkKey& key);
    bool shares_open_op(const MemberId& member) const;

    // link_report.cpp
    void report_links();

    // under_way.cpp
    uint64_t window_for(const OpRecord& record) const;
    uint64_t eager_for(const OpRecord& record);
    uint64_t rate_to(const MemberId& member) const;
    bool eager_holder_free() const;

    // post.cpp
    Status check(Round birth_round, const PostOptions& options) const;
    Status check_parts(const std::vector<MemberId>& birth, const PostOptions& options) const;
    void cut_parts(PostOptions& options, size_t members) const;
    bool overlaps(const PostOptions& options, Rank rank) const;
    std::string place_of(const OpRecord& record, uint64_t element) const;
    uint64_t next_record();
    Result<wire::OpDescriptor> describe(const PostOptions& options, uint32_t members, Round birth,
                                        const plan::Plan* plan) const;
    // choose_plan.cpp
    std::shared_ptr<const plan::Links> links_of(const wire::RoundStart& start) const;
    std::shared_ptr<const plan::Plan> plan_of(const PostOptions& options, uint32_t members, Round birth);
    static std::vector<uint64_t> parts_of(const plan::Plan& plan, uint64_t elements);
    static uint64_t digest_of_plan(const plan::Plan& plan);

    bool scanned(const OpRecord& record, Rank rank) const;
    void scan(OpRecord& record);
    void refuse_for_all(OpRecord& record, Code code, const std::string& what);
    void finish_scan(uint64_t job_id, const Scanning& scan);

    // gossip.cpp
    Status check_gossip(const std::vector<MemberId>& birth, const PostOptions& options) const;
    Status describe_gossip(wire::OpDescriptor& descriptor, const PostOptions& options, uint32_t members,
                           Rank self) const;
    gossip::GraphSpec graph_of(const GossipChoice& choice, uint32_t members, Rank self) const;
    std::optional<OpId> next_id(Round birth, const PostOptions& options, Rank self);
    bool same_name(const OpRecord& record, Round birth, const PostOptions& options) const;
    std::unique_ptr<op::RunningOp> make_gossip(OpRecord& record, std::vector<bool> alive, Rank self,
                                               bool abstains);
    void tell_neighbours(const OpRecord& record, const Error& ending);
    GossipInfo gossip_info(const OpRecord& record, const op::GossipCard& card) const;
    static bool leaves_gossip(const std::variant<wire::Message, op::Arrival>& item);
    void forget_early(const MemberId& from, const OpId& op);
    void answer_for_gossip(const MemberId& from, const OpId& op, const std::string& was,
                           const wire::Message& message);

    // ops.cpp
    void start_op(OpRecord& record, bool abstains);
    void hand_over_early(OpRecord& record);
    std::pair<std::vector<bool>, std::vector<bool>> members_of(const OpRecord& record) const;
    void install_in(OpRecord& record);
    void answer_for_finished(const MemberId& from, const OpId& op, const Finished& finished,
                             const wire::Message& message);
    void learn_from(const OpRecord& record);
    void reap();
    void note_paused();
    OpInfo info_of(const OpRecord& record) const;
    OpRecord* record_of(AppOp app);
    const OpRecord* record_of(AppOp app) const;
    void add_card(EngineCounters& counters, const OpRecord& record) const;

    EngineConfig config_;
    std::function<void()> effects_ready_;
    group::Member member_;
    Circuits circuits_;  // the endpoint's driver
    Endpoint endpoint_;
    op::ChunkPool pool_;
    Instant now_{};
    int depth_ = 0;

    std::vector<Outgoing> outgoing_;
    std::map<LinkKey, std::deque<BulkFrame>> overflow_;  // bulk frames for which a link has no room yet
    std::map<LinkKey, std::string> violations_;          // to be acted on when the step is over
    std::set<LinkKey> had_session_;                      // members with whom a session was had
    std::vector<EngineEffect> effects_;

    // Control plane.
    std::optional<AppOp> join_app_, leave_app_, round_app_;
    std::map<Round, AppOp> commit_apps_;
    std::map<uint64_t, AppOp> record_apps_;
    uint64_t next_nonce_ = 1;
    std::optional<RoundInfo> unclaimed_round_;  // begun after its round_begin was cancelled
    std::optional<Error> out_of_it_;  // evicted or left: the answer to every call until the next join
    std::map<Round, std::vector<MemberId>> births_;      // participants of recent rounds, birth rank order
    std::map<Round, std::vector<uint64_t>> line_rates_;  // of the same
    std::map<Round, std::shared_ptr<const plan::Links>> round_links_;  // of the same; null: not known
    // Made already; null: the direct plan.
    using PlanKey =
        std::tuple<Round, uint64_t, plan::Wanted, bool>;  // bytes of the op; whether it may have trees
    std::map<PlanKey, std::shared_ptr<const plan::Plan>> plans_;
    Round round_{};
    std::vector<wire::Removal> removed_seen_;
    bool coordinator_connected_ = false;
    bool coordinators_open_ = false;
    uint64_t all_links_rate_ = 0;  // the user's bound; 0: none
    size_t report_from_ = 0;       // place in the view of the link whose turn to be reported is next
    std::string waiting_text_;
    std::optional<std::string> diverged_;

    // Ops.
    std::map<uint64_t, std::unique_ptr<OpRecord>> records_;
    std::map<OpId, uint64_t> by_id_;
    std::map<std::pair<Round, uint64_t>, uint32_t> instances_;  // uses of a tag in a round
    std::map<OpId, uint32_t> pair_uses_;                        // by two members; see next_id()
    std::map<OpId, Early> early_;
    std::map<OpId, Finished> finished_;
    std::set<std::pair<OpId, MemberId>>
        excluded_;  // ever seen; a view forgets them before a slow peer is done
    std::map<OpId, wire::OpSummary> summaries_;
    std::map<uint64_t, Incoming> incoming_;
    std::map<uint64_t, uint64_t> job_record_;
    std::map<uint64_t, Scanning> scans_;
    uint64_t next_record_ = config_.first_record, next_job_ = 1, next_token_ = 1;
    std::optional<EagerHolder> eager_holder_;
    LearntGraces graces_;
    uint64_t retained_bytes_ = 0;
    bool retention_freed_ = false;
    EngineCounters totals_;
};

}  // namespace whim
