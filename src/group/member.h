// One peer's side of the control plane, as a stepped value: admission, views, rounds, commits, suspicion.
//
// Owned by the engine, which moves its messages and tells it about links. It obeys only the highest fencing
// token it has seen, keeps requests until the coordinator has answered them (across coordinator restarts),
// and never blocks: what the application started is answered through the outbox, once.
// Pure and single-threaded.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/plant.h"
#include "base/status.h"
#include "base/time.h"
#include "group/peer_watch.h"
#include "wire/messages.h"

namespace whim::group {

struct MemberConfig {
    PeerId id;
    std::string run, token, name, region;
    std::vector<Address> addresses;  // advertised
    bool outbound_only = false;      // nobody can dial this peer
    bool require_reachable = false;  // be refused rather than admitted when nobody can
    uint64_t fingerprint = 0;
    uint32_t arithmetic_version = 1;
    uint32_t coordinators = 1;  // how many coordinator links the engine has (index 0..n-1)
    Plant plant = Plant::none;  // simulator only
};

// What the member wants done, in order.
struct SendToCoordinator {
    uint32_t coordinator = 0;
    wire::Message message;
};
struct InstallView {
    wire::View view;
};  // links to its members; shrink open ops
struct JoinEnded {
    Status status;
};  // admitted, or refused for good
struct RoundBegan {
    wire::RoundStart start;
};  // answers round_begin when this peer takes part
struct RoundRefused {
    Round round;
    Error error;
};  // answers round_begin: excluded, evicted, left
struct RoundEnded {
    wire::RoundOutcome outcome;
    Status mine;
    bool known = true;  // else this peer was gone before the outcome came: only its round counts
};                      // answers round_commit; mine: E_DIVERGED, E_EXCLUDED, ...
struct RecordFound {
    uint64_t nonce = 0;
    std::optional<wire::RoundRecord> record;
};
struct Evicted {
    Error error;
};  // this incarnation is over; join() may follow
struct CoordinatorChanged {
    bool connected = false;
    FencingToken fencing;
    std::string detail;
};
struct NotReached {
    std::string text;
};  // admitted, but the coordinator could not dial this peer: why, and what to do
struct Waiting {
    std::string text;
};  // why nothing moves, when that changes
using MemberEffect = std::variant<SendToCoordinator, InstallView, JoinEnded, RoundBegan, RoundRefused,
                                  RoundEnded, RecordFound, Evicted, CoordinatorChanged, NotReached, Waiting>;
using MemberOutbox = std::vector<MemberEffect>;

class Member {
public:
    explicit Member(MemberConfig config);

    // The application.
    void join(Instant now, MemberOutbox& out);  // also after Evicted: a new incarnation
    void leave(const std::string& reason, Instant now, MemberOutbox& out);
    Status round_begin(Round state_round, Instant now,
                       MemberOutbox& out);                    // E_WRONG_STATE when one is pending
    bool begins_round() const { return ready_.has_value(); }  // a round_begin is pending
    Status round_commit(Round round, wire::Vote vote, bool diverged, Instant now, MemberOutbox& out);
    void exclude(wire::OpExcludeRequest request, Instant now, MemberOutbox& out);
    void withdraw(const OpId& op, Instant now, MemberOutbox& out);  // what was asked about others
    void record(uint64_t nonce, Round round, Instant now, MemberOutbox& out);

    // Links to coordinators.
    void coordinator_up(uint32_t coordinator, bool fresh, Instant now, MemberOutbox& out);
    void coordinator_down(uint32_t coordinator, const std::string& detail, Instant now, MemberOutbox& out);
    // It will not speak with this peer at all: another run, key or protocol. Ends a join once all of them say
    // so.
    void coordinator_refuses(uint32_t coordinator, const Error& why, Instant now, MemberOutbox& out);
    void on_message(uint32_t coordinator, const wire::Message& message, Instant now, MemberOutbox& out);

    // Links to other members of the view.
    // From link statistics, before on_deadline; see PeerWatch.
    void peer_heard(const MemberId& member, Instant last_heard);
    void peer_measured(const MemberId& member, Duration rtt, uint64_t bytes_sent_again, Instant now);
    void peer_link_up(const MemberId& member, Instant now, MemberOutbox& out);
    void peer_link_down(const MemberId& member, wire::SuspectKind kind, const std::string& detail,
                        Instant now, MemberOutbox& out);

    // What was measured on links, for the coordinator: whether a report is due, and one of some links.
    bool link_report_due(Instant now) const;
    void report_links(std::vector<wire::LinkReading> links, Instant now, MemberOutbox& out);

    std::optional<Instant> deadline() const;
    void on_deadline(Instant now, MemberOutbox& out);

    // State, for the engine.
    bool admitted() const { return phase_ == Phase::waiting || phase_ == Phase::member; }
    Incarnation incarnation() const { return incarnation_; }
    FencingToken fencing() const { return fencing_; }
    FencingToken obeyed() const { return obeyed_; }  // whose word was taken last
    const wire::View& view() const { return view_; }
    const wire::RunOptions& options() const { return options_; }
    Round committed() const { return committed_; }  // last committed round known
    std::string waiting_for() const;                // "" when nothing is pending

private:
    enum class Phase : uint8_t { idle, joining, waiting, member, leaving, over };
    struct Link {
        bool up = false;
        bool refuses = false;  // since this join began
    };

    MemberId self() const { return {config_.id, incarnation_}; }
    bool in(const wire::View& view) const;
    void arrive(Instant now);                             // first in every input: notices our own freeze
    void send(wire::Message message, MemberOutbox& out);  // to the coordinator we obey, if there is one
    void introduce(uint32_t coordinator, MemberOutbox& out);
    void repeat_requests(Instant now, MemberOutbox& out);    // to a coordinator that may not know them
    bool obeys(uint32_t coordinator, FencingToken fencing);  // false: an older leader speaks
    void install(const wire::View& view, Instant now, MemberOutbox& out);
    void end_incarnation(const Error& why, MemberOutbox& out);
    void drop_settled_exclusions();
    void say_waiting(const std::string& text, MemberOutbox& out);
    void report(const std::optional<wire::SuspectReport>& report, MemberOutbox& out);
    Status mine_in(const wire::RoundOutcome& outcome) const;

    void on(const wire::JoinReply& m, uint32_t coordinator, Instant now, MemberOutbox& out);
    void on(const wire::ViewUpdate& m, Instant now, MemberOutbox& out);
    void on(const wire::RoundStart& m, Instant now, MemberOutbox& out);
    void on(const wire::RoundOutcome& m, MemberOutbox& out);
    void on(const wire::ProbeRequest& m, Instant now, MemberOutbox& out);

    MemberConfig config_;
    Phase phase_ = Phase::idle;
    Incarnation incarnation_;
    Incarnation past_incarnation_;  // the last one that ended; older answers are void
    std::vector<Link> links_;
    std::optional<uint32_t> leader_;  // the coordinator we obey
    bool connected_ = false;          // as last told by CoordinatorChanged
    std::string link_detail_;
    FencingToken fencing_;  // highest seen; survives incarnations
    FencingToken obeyed_;
    wire::View view_;
    wire::RunOptions options_;
    Round committed_;
    Round begun_;                                   // last round this incarnation took part in
    std::map<Round, wire::RoundOutcome> outcomes_;  // of the last few rounds, for late commits
    PeerWatch watch_;
    std::optional<Instant> next_look_;
    Instant next_link_report_;                // not before
    std::vector<wire::ProbeRequest> probes_;  // answered at the next look, which is then at once

    // Requests without an answer yet; repeated to every coordinator that comes (back).
    std::optional<wire::RoundReady> ready_;
    std::optional<wire::RoundStart> early_start_;  // of a round that began with us before we asked again
    std::optional<wire::CommitVote> vote_;
    std::vector<wire::OpExcludeRequest> excludes_;
    std::map<uint64_t, Round> queries_;  // by nonce
    std::string leave_reason_;
    std::string waiting_;  // what the coordinator last said about our wait
};

}  // namespace whim::group
