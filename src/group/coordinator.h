// The control plane as a stepped value: (state, command) -> (state, decisions). One authority per run.
//
// Every decision is a journal record that precedes, in the outbox, the messages that publish it; the driver
// makes the record durable before it sends anything after it. Restoring from the journal resumes the run
// under a higher fencing token. Pure and single-threaded.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/plant.h"
#include "base/status.h"
#include "base/time.h"
#include "group/link_figures.h"
#include "group/link_matrix.h"
#include "wire/messages.h"

namespace whim::group {

struct CoordinatorConfig {
    std::string run;
    wire::RunOptions options;
    // Says whether a token admits this peer; E_TOKEN or E_REFUSED with the reason otherwise. The shell checks
    // signatures and the wall clock; the simulator passes its own.
    std::function<Status(const PeerId&, const std::string& token)> admit;
    GivenLinks given_links;     // what an operator knows of links; empty: only what is measured
    bool dial_back = true;      // dial who wants to join before it is admitted, see dial_back.h
    Plant plant = Plant::none;  // simulator only
};

struct Journal {
    Bytes record;
};  // durable before any later effect
struct SendToPeer {
    PeerId peer;
    uint64_t boot = 0;
    wire::Message message;
};  // over that process's link
struct DropPeer {
    PeerId peer;
    uint64_t boot = 0;
};  // close its link: refused or evicted, after the reply
struct LogLine {
    std::string text;
};  // a decision and its reason, once
struct TestAddress {
    uint64_t test = 0;
    Address to;
};  // dial it and say who answers, with address_answered()
struct EndTest {
    uint64_t test = 0;
};  // its answer is not wanted any more
using CoordinatorEffect = std::variant<Journal, SendToPeer, DropPeer, LogLine, TestAddress, EndTest>;
using CoordinatorOutbox = std::vector<CoordinatorEffect>;

// What pages and tests may know about one admitted process.
struct MemberStatus {
    wire::MemberInfo info;
    uint64_t boot = 0;
    bool in_view = false;  // else waiting for the next round
    bool link_up = false;
    Instant last_heard;
    bool ready = false;         // stands at the beginning of the next round
    bool participates = false;  // in the open round
    bool voted = false;         // in the open round
    bool holds_state = false;   // took part in the last commit
    std::vector<MemberId> suspected_by;
    std::string unreached;  // why this coordinator or one before could not dial it; empty: it could
};

class CoordinatorCore;

class Coordinator {
public:
    Coordinator(Coordinator&&) noexcept;
    Coordinator& operator=(Coordinator&&) noexcept;
    ~Coordinator();

    // fencing: higher than any before on this journal. records: the journal so far, oldest first.
    static Result<Coordinator> restore(CoordinatorConfig config, FencingToken fencing,
                                       const std::vector<Bytes>& records, Instant now,
                                       CoordinatorOutbox& out);

    void link_up(const PeerId& peer, uint64_t boot, Instant now, CoordinatorOutbox& out);
    void link_down(const PeerId& peer, uint64_t boot, const std::string& detail, Instant now,
                   CoordinatorOutbox& out);
    void peer_heard(const PeerId& peer, uint64_t boot, Instant last_heard);  // from link statistics
    void on_message(const PeerId& peer, uint64_t boot, const wire::Message& message, Instant now,
                    CoordinatorOutbox& out);
    // The answer to a TestAddress: who is there, or why nobody answered.
    void address_answered(uint64_t test, const std::optional<PeerId>& who, const std::string& cause,
                          Instant now, CoordinatorOutbox& out);
    std::optional<Instant> deadline() const;
    void on_deadline(Instant now, CoordinatorOutbox& out);

    // Operator's orders.
    void evict(const MemberId& member, const std::string& reason, Instant now, CoordinatorOutbox& out);
    void abort_round(const std::string& reason, Instant now, CoordinatorOutbox& out);

    // The journal so far, as short as can be: may take its place at any time between two inputs.
    std::vector<Bytes> condensed() const;

    // State, for pages and tests.
    const wire::View& view() const;
    FencingToken fencing() const;
    Round committed() const;
    Round open_round() const;  // begun and not ended; 0: none
    std::optional<wire::RoundRecord> record(
        Round round) const;                               // of the last limits::kRoundRecordsKept rounds
    std::optional<Digest> committed_digest() const;       // of the last round; a record may be megabytes
    std::vector<MemberStatus> members() const;            // admitted processes in rank order
    bool knows(const PeerId& peer, uint64_t boot) const;  // an admitted process, as members() lists it
    bool tests(const PeerId& peer, uint64_t boot) const;  // its addresses, before it is admitted
    const LinkMatrix& links() const;                      // between members of the view
    std::string waiting_for() const;                      // why no round begins or ends; "" when none is due

private:
    explicit Coordinator(std::unique_ptr<CoordinatorCore> core);
    std::unique_ptr<CoordinatorCore> core_;
};

}  // namespace whim::group
