// The inside of Coordinator, shared by the files that implement its parts: admission.cpp (who is let in),
// arrivals.cpp (whether newcomers can be dialled), detection.cpp (who must go), op_exclusions.cpp
// (who is left out of an op), round_keeper.cpp (rounds and commits), coordinator.cpp (dispatch and state).
//
// Durable state is the ledger, changed only by decide(). Everything else here is what connected processes
// have said since this coordinator started; they say it again to the next one.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "group/coordinator.h"
#include "group/dial_back.h"
#include "group/ledger.h"
#include "group/link_matrix.h"
#include "group/rounds.h"
#include "group/suspicion.h"

namespace whim::group {

class CoordinatorCore {
public:
    CoordinatorCore(CoordinatorConfig config, FencingToken fencing, Ledger ledger, Instant now);

    void link_up(const PeerId& peer, uint64_t boot, Instant now, CoordinatorOutbox& out);
    void link_down(const PeerId& peer, uint64_t boot, const std::string& detail, Instant now,
                   CoordinatorOutbox& out);
    void peer_heard(const PeerId& peer, uint64_t boot, Instant last_heard);
    void on_message(const PeerId& peer, uint64_t boot, const wire::Message& message, Instant now,
                    CoordinatorOutbox& out);
    void address_answered(uint64_t test, const std::optional<PeerId>& who, const std::string& cause,
                          Instant now, CoordinatorOutbox& out);
    void on_deadline(Instant now, CoordinatorOutbox& out);
    std::optional<Instant> deadline() const { return deadline_; }
    void evict(const MemberId& member, const std::string& reason, Instant now, CoordinatorOutbox& out);
    void abort_round(const std::string& reason, Instant now, CoordinatorOutbox& out);
    std::vector<MemberStatus> members() const;
    bool knows(const PeerId& peer, uint64_t boot) const;
    bool tests(const PeerId& peer, uint64_t boot) const;
    const Ledger& ledger() const { return ledger_; }
    FencingToken fencing() const { return fencing_; }
    const std::string& waiting_for() const { return waiting_; }
    const LinkMatrix& links() const { return links_; }

private:
    struct ProcessKey {
        PeerId peer;
        uint64_t boot = 0;
        auto operator<=>(const ProcessKey&) const = default;
    };
    struct Process {
        bool up = false;
        Instant down_since, last_heard;
        std::string down_detail;
        Incarnation incarnation;  // it speaks for; 0: not admitted, or no longer
        bool heard = false;       // when last judged
        Instant heard_since;      // without a break
    };
    struct Arrival {  // asked to be admitted; its addresses are being tested
        wire::JoinRequest request;
        DialBack test;
    };
    struct Ready {
        Instant since;
        wire::RoundReady message;
    };
    struct Cast {
        Instant at;
        wire::CommitVote vote;
    };
    struct Standing {
        Instant since;
        wire::SuspectKind kind = wire::SuspectKind::silent;
    };
    struct Voice {
        Instant since;
        wire::OpExcludeRequest request;
        std::optional<Instant> withdrawn;
    };
    struct Complaint {  // about one member of one op
        std::map<Incarnation, Voice> voices;
    };
    struct Probing {
        uint64_t nonce = 0;
        Instant since;
        std::vector<MemberId> asked, reachable, unreachable;
    };

    // coordinator.cpp
    void decide(Entry entry, CoordinatorOutbox& out);  // ledger and journal
    void send(const Admission& to, wire::Message message, CoordinatorOutbox& out);
    void send_to_members(const wire::Message& message, CoordinatorOutbox& out);
    void publish_view(CoordinatorOutbox& out);
    void arrive(Instant now);  // first in every input: notices our own freeze
    void step(Instant now,
              CoordinatorOutbox& out);  // last in every input: all that follows, and the deadline
    void wake_at(Instant when) { deadline_ = earlier(deadline_, when); }
    std::string label(const Admission& a) const;
    std::string label(const MemberId& id) const;
    const Process* process_of(const Admission& a) const;
    void query_record(const Admission& from, const wire::RecordQuery& query, CoordinatorOutbox& out);
    void give_notice(Instant now, CoordinatorOutbox& out);
    void hear_of_links(const ProcessKey& key, const wire::LinkReport& report, Instant now);

    // admission.cpp
    void join(const ProcessKey& key, const wire::JoinRequest& request, Instant now, CoordinatorOutbox& out);
    void forget_what_it_said(Incarnation reporter);
    void rejoin(const ProcessKey& key, const wire::JoinRequest& request, CoordinatorOutbox& out);
    void admit(const ProcessKey& key, const wire::JoinRequest& request, const std::string& unreached,
               Instant now, CoordinatorOutbox& out);
    void refuse(const ProcessKey& key, const wire::JoinRequest& request, const Error& error,
                CoordinatorOutbox& out);
    Status admissible(const ProcessKey& key, const wire::JoinRequest& request) const;
    Status room_for(const ProcessKey& key, const wire::JoinRequest& request) const;
    void welcome(const Admission& admission, CoordinatorOutbox& out);
    void reject(const ProcessKey& key, Incarnation incarnation, const Error& error, CoordinatorOutbox& out);
    void remove(const MemberId& id, bool left, const std::string& reason, CoordinatorOutbox& out);
    void forget_link(const ProcessKey& key, CoordinatorOutbox& out);

    // arrivals.cpp
    bool can_test(const wire::JoinRequest& request) const;
    void begin_test(const ProcessKey& key, const wire::JoinRequest& request, Instant now,
                    CoordinatorOutbox& out);
    void judge_arrivals(Instant now, CoordinatorOutbox& out);
    void admit_tested(const ProcessKey& key, Arrival arrival, Instant now, CoordinatorOutbox& out);
    void forget_arrival(const ProcessKey& key, CoordinatorOutbox& out);
    size_t open_tests() const;

    // detection.cpp
    void suspect(const Admission& from, const wire::SuspectReport& report, Instant now);
    void probe_reply(const Admission& from, const wire::ProbeReply& reply);
    void judge(Instant now, CoordinatorOutbox& out);
    void judge_one(const Admission& a, Instant now, CoordinatorOutbox& out);
    void judge_pairs(Instant now, CoordinatorOutbox& out);
    void forget_the_absent(Instant now, CoordinatorOutbox& out);  // waiting processes that went away
    void probe(const Admission& target, Instant now, CoordinatorOutbox& out);
    SuspectCase case_of(const Admission& a, Instant now) const;
    void notice_isolation(Instant now);
    void notice_returns(Instant now);
    void hold_judgement(Instant now);  // what looks like their absence was ours
    bool hears(const Process& process) const;
    bool counts(const Process& process, Instant now) const;  // what it said
    bool hears_somebody_else(const Admission& than) const;

    // op_exclusions.cpp
    enum class WhoAsks : uint8_t { itself, another };
    void exclude(const Admission& from, const wire::OpExcludeRequest& request, Instant now,
                 CoordinatorOutbox& out);
    void hear_complaints(Instant now, CoordinatorOutbox& out);
    const MemberId* next_to_leave(const OpId& op, std::map<MemberId, Complaint>& against, Instant now);
    bool leave_out(const wire::OpExcludeRequest& request, const MemberId& id, WhoAsks who,
                   CoordinatorOutbox& out);
    bool may_be_stale(const OpId& op, const Complaint& complaint, Instant now);
    bool room_for_exclusion(WhoAsks who, CoordinatorOutbox& out);
    bool stands_in(const OpId& op, const MemberId& id) const;  // neither out of the view nor of the op

    // round_keeper.cpp
    void ready(const Admission& from, const wire::RoundReady& message, Instant now, CoordinatorOutbox& out);
    void vote(const Admission& from, const wire::CommitVote& message, Instant now, CoordinatorOutbox& out);
    void try_commit(Instant now, CoordinatorOutbox& out);
    void try_start(Instant now, CoordinatorOutbox& out);
    void close_round(const CommitAnswer& answer, CoordinatorOutbox& out);
    bool holds_state(const MemberId& id) const;  // by its part in the last commit
    bool stands_diverged(const MemberId& id) const;
    bool participates(const MemberId& id) const;  // in the open round
    std::vector<wire::LinkFigure> figures_of(const std::vector<MemberId>& participants) const;
    wire::RoundStart start_message() const;  // of the open round
    void answer_outcome(const Admission& to, const wire::CommitVote& vote, CoordinatorOutbox& out);
    RoundQuestion round_question(Instant now) const;
    CommitQuestion commit_question(Instant now);
    const std::vector<MemberId>* born_in(
        Round round) const;  // participants; nullptr: no op of it can be open

    CoordinatorConfig config_;
    FencingToken fencing_;
    Ledger ledger_;

    std::map<ProcessKey, Process> processes_;
    std::map<Incarnation, Ready> ready_;
    std::map<Incarnation, Cast> votes_;                               // of the open round
    std::map<Incarnation, std::map<Incarnation, Standing>> reports_;  // suspect, reporter
    std::map<Incarnation, Probing> probing_;                          // suspect
    std::map<OpId, std::map<MemberId, Complaint>> complaints_;
    std::map<OpId, std::pair<Instant, MemberId>> last_left_out_;  // by the wish of others
    bool told_of_room_ = false;                                   // that there is none for more exclusions
    uint64_t next_nonce_ = 1;
    LinkMatrix links_;
    std::map<ProcessKey, Arrival> arrivals_;
    uint64_t next_test_ = 1;
    bool overslept_ = false;  // tests that ran meanwhile say nothing

    Spread ready_spread_, vote_spread_;
    std::map<Incarnation, Instant> late_since_;  // left out of the last round: when the first was ready
    Instant founders_until_;
    Instant judge_from_;  // nobody is judged by our own links before
    Instant heard_at_;    // when last_heard of all links was last brought up to date
    bool wake_soon_ = false;
    bool isolated_ = false;  // nobody was heard when last looked at
    Instant first_vote_;     // of the open or last round
    std::optional<Instant> deadline_;

    std::string waiting_;  // why no round begins or ends
    std::string notice_sent_;
    std::optional<Instant> notice_at_;
};

}  // namespace whim::group
