// Every message peers and coordinators exchange, as values. One byte of type, then the fields in order.
// Protocol version 1; the version is negotiated when strands connect (transport/session).
#pragma once

#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "base/status.h"

#include "wire/link_figure.h"
#include "wire/values.h"

namespace whim::wire {

// ---- peer to coordinator -------------------------------------------------------------------------------

// First message on a fresh link. With incarnation set: "I am still that member" (after either side's restart
// or a lost session); without: a request to be admitted.
struct JoinRequest {
    Incarnation incarnation;
    FencingToken fencing_seen;  // highest the peer has obeyed
    std::string run;
    std::string token;  // signed invite; may be empty where the run admits without
    std::string name;
    std::string region;
    std::vector<Address> addresses;
    uint64_t fingerprint = 0;         // of shapes and settings; equal on all members
    uint32_t arithmetic_version = 0;  // of kernels, codecs and fold
    bool outbound_only = false;       // nobody can dial this peer
    bool require_reachable = false;   // refuse it rather than have it in when nobody can
    template <class A> void fields(A& a) {
        a(incarnation), a(fencing_seen), a.text(run, limits::kNameBytesMax),
            a.text(token, limits::kTokenBytesMax);
        a.text(name, limits::kNameBytesMax), a.text(region, limits::kNameBytesMax);
        a.list(addresses, limits::kAddressesPerPeerMax, 6), a(fingerprint), a(arithmetic_version);
        a(outbound_only), a(require_reachable);
    }
};

// "I stand at the beginning of a round." round 0: whichever comes next. state_round: the last committed round
// whose state this peer holds (0: none, it needs healing once the run has any lineage).
struct RoundReady {
    Round round;
    Round state_round;
    template <class A> void fields(A& a) { a(round), a(state_round); }
};

struct CommitVote {
    Round round;
    bool diverged = false;  // this peer knows that its result of an op differs; it must be healed
    Vote vote;
    template <class A> void fields(A& a) { a(round), a(diverged), a(vote); }
};

enum class SuspectKind : uint8_t { closed = 0, refused, silent, protocol, cleared };

// A local opinion about another member's link, or its end (cleared).
struct SuspectReport {
    MemberId member;
    uint8_t kind = 0;  // SuspectKind
    uint32_t silent_ms = 0;
    std::string detail;
    template <class A> void fields(A& a) {
        a(member), a(kind), a(silent_ms), a.text(detail, limits::kReasonBytesMax);
    }
};

struct ProbeReply {
    uint64_t nonce = 0;
    MemberId target;
    bool reachable = false;
    uint32_t silent_ms = 0;
    template <class A> void fields(A& a) { a(nonce), a(target), a(reachable), a(silent_ms); }
};

// Leave living members out of one op. Refused when fewer than min_contributors would remain of birth_count:
// what the op needs, and those that are known to contribute nothing.
// Of nobody: what the sender asked before counts no longer.
struct OpExcludeRequest {
    OpId op;
    std::vector<MemberId> members;
    uint32_t birth_count = 0;
    uint32_t min_contributors = 1;
    std::string reason;
    template <class A> void fields(A& a) {
        a(op), a.list(members, limits::kMembersMax, 40), a(birth_count), a(min_contributors);
        a.text(reason, limits::kReasonBytesMax);
    }
};

struct LeaveRequest {
    std::string reason;
    template <class A> void fields(A& a) { a.text(reason, limits::kReasonBytesMax); }
};

struct RecordQuery {
    uint64_t nonce = 0;
    Round round;
    template <class A> void fields(A& a) { a(nonce), a(round); }
};

// ---- coordinator to peer -------------------------------------------------------------------------------

struct JoinReply {
    int32_t code = 0;    // Code; OK: admitted or still in
    std::string detail;  // why not; when admitted: why others cannot dial it, if so
    FencingToken fencing;
    Incarnation incarnation;
    RunOptions options;
    Round committed;  // last committed round
    View view;
    template <class A> void fields(A& a) {
        a(code), a.text(detail, limits::kReasonBytesMax), a(fencing), a(incarnation), a(options),
            a(committed), a(view);
    }
};

struct ViewUpdate {
    FencingToken fencing;
    View view;
    template <class A> void fields(A& a) { a(fencing), a(view); }
};

// The decision that begins a round: its participants in birth rank order, and what changed since the last.
struct RoundStart {
    FencingToken fencing;
    Round round;
    Round committed;  // last committed round when decided
    View view;        // members of the view, participants or not
    std::vector<MemberId> participants;
    std::vector<MemberId> joined;        // members that were not in the last round's view
    std::vector<MemberId> healing;       // participants that hold no current state; donor has it
    MemberId donor;                      // zero peer when nobody needs healing or nobody has lineage
    std::vector<MemberReason> excluded;  // members not taking part, and why
    std::vector<uint64_t> line_rates;    // of the participants, bytes per second upwards; 0: not known
    std::vector<LinkFigure> links;       // between the participants, [from][to] row by row; empty: not known
    template <class A> void fields(A& a) {
        a(fencing), a(round), a(committed), a(view), a.list(participants, limits::kMembersMax, 40);
        a.list(joined, limits::kMembersMax, 40), a.list(healing, limits::kMembersMax, 40), a(donor);
        a.list(excluded, limits::kMembersMax, 44), a.list(line_rates, limits::kMembersMax, 8);
        a.list(links, limits::kLinkFiguresMax, 4);
    }
};

struct RoundOutcome {
    FencingToken fencing;
    Round round;
    bool committed = false;
    std::string reason;  // of an abort
    Digest digest;
    std::vector<MemberId> contributors;
    std::vector<MemberReason> diverged;  // their state differs; they are healed in the next round
    bool unknown = false;                // ended too long ago to be known; reason says so, the rest is empty
    template <class A> void ending(A& a) {
        a(fencing), a(round), a(committed), a.text(reason, limits::kReasonBytesMax), a(digest);
        a.list(contributors, limits::kMembersMax, 40), a.list(diverged, limits::kMembersMax, 44);
    }
    template <class A> void fields(A& a) { ending(a), a(unknown); }
};

struct ProbeRequest {
    FencingToken fencing;
    uint64_t nonce = 0;
    MemberId target;
    template <class A> void fields(A& a) { a(fencing), a(nonce), a(target); }
};

struct RecordReply {
    uint64_t nonce = 0;
    bool found = false;
    RoundRecord record;
    template <class A> void fields(A& a) { a(nonce), a(found), a(record); }
};

// What a wait waits for, in words; sent when the answer changes.
struct WaitNotice {
    FencingToken fencing;
    Round round;
    std::string text;
    template <class A> void fields(A& a) { a(fencing), a(round), a.text(text, limits::kReasonBytesMax); }
};

// ---- peer to peer: ops. version: how many of the op's birth members the sender knows to be out ----------

// "I have called this op." Opens the window for contributions to the sender.
struct OpPost {
    OpId op;
    OpDescriptor descriptor;
    bool abstains = false;  // takes part, contributes nothing (non-finite input)
    uint32_t window_chunks =
        1;  // each member may be so many of its contributions ahead of the sender's grants
    template <class A> void fields(A& a) { a(op), a(descriptor), a(abstains), a(window_chunks); }
};

// Chunks rooted at the sender that need nothing more from anybody; the window follows it.
struct OpGrant {
    OpId op;
    uint32_t attempt = 0;
    uint32_t chunks_closed = 0;
    uint32_t version = 0;                 // of an op with trees: whether they still hold; else 0
    std::vector<ChunkRange> passed_over;  // the sender folds these without the receiver's contribution
    template <class A> void fields(A& a) {
        a(op), a(attempt), a(chunks_closed), a(version);
        a.list(passed_over, limits::kStatusRangesMax, 8);
    }
};

enum class ChunkStatus : uint8_t { contributes = 0, has, released };

struct StatusRange {
    ChunkRange chunks;
    uint8_t status = 0;  // ChunkStatus
    bool operator==(const StatusRange&) const = default;
    template <class A> void fields(A& a) { a(chunks), a(status); }
};

// To the new root of orphaned chunks: what the sender has of them.
struct OpStatus {
    OpId op;
    uint32_t attempt = 0;
    uint32_t version = 0;
    std::vector<StatusRange> ranges;
    template <class A> void fields(A& a) {
        a(op), a(attempt), a(version), a.list(ranges, limits::kStatusRangesMax, 9);
    }
};

// A new root asks a holder for results.
struct OpFetch {
    OpId op;
    uint32_t attempt = 0;
    uint32_t version = 0;
    std::vector<ChunkRange> chunks;
    template <class A> void fields(A& a) {
        a(op), a(attempt), a(version), a.list(chunks, limits::kStatusRangesMax, 8);
    }
};

// To a chunk's root: the sender has these results.
struct OpAck {
    OpId op;
    uint32_t attempt = 0;
    std::vector<ChunkRange> chunks;
    template <class A> void fields(A& a) { a(op), a(attempt), a.list(chunks, limits::kStatusRangesMax, 8); }
};

// From a chunk's root: every member has these results.
struct OpStable {
    OpId op;
    uint32_t attempt = 0;
    uint32_t version = 0;
    std::vector<ChunkRange> chunks;
    template <class A> void fields(A& a) {
        a(op), a(attempt), a(version), a.list(chunks, limits::kStatusRangesMax, 8);
    }
};

// The op ends without a result. Passed on once by everyone who learns it.
struct OpFail {
    OpId op;
    int32_t code = 0;
    std::string detail;
    template <class A> void fields(A& a) { a(op), a(code), a.text(detail, limits::kReasonBytesMax); }
};

// An excluded member wants the results of these chunks all the same.
struct OpListen {
    OpId op;
    uint32_t version = 0;
    std::vector<ChunkRange> chunks;
    template <class A> void fields(A& a) { a(op), a(version), a.list(chunks, limits::kStatusRangesMax, 8); }
};

// Uniform ops. Report: where the sender stands after a shrink. Decide: the op leader's answer (same attempt:
// go on; another: fold anew), or that everybody has everything. set: the attempt's members, a bitmap over
// birth ranks.
struct OpReport {
    OpId op;
    uint32_t attempt = 0;
    uint32_t version = 0;
    bool completed = false;
    std::vector<uint8_t> set;
    std::vector<ChunkRange> available;  // held, or rooted here with all contributions of the set
    template <class A> void fields(A& a) {
        a(op), a(attempt), a(version), a(completed), a.blob_u8(set, limits::kMembersMax / 8);
        a.list(available, limits::kStatusRangesMax, 8);
    }
};

struct OpDecide {
    OpId op;
    uint32_t attempt = 0;
    uint32_t version = 0;
    bool everywhere = false;
    std::vector<uint8_t> set;
    template <class A> void fields(A& a) {
        a(op), a(attempt), a(version), a(everywhere), a.blob_u8(set, limits::kMembersMax / 8);
    }
};

// ---- peer to peer: circuits, which carry a strand through a third member (transport/session/circuits.h) --

// A circuit from one member to another over the receiver's links, or to the receiver.
struct CircuitOpen {
    uint64_t circuit = 0;  // drawn by its opener
    MemberId from;
    MemberId to;
    bool bulk = false;          // its bytes travel as bulk frames, not as CircuitData
    uint32_t window_bytes = 0;  // at most so many are under way in each direction
    template <class A> void fields(A& a) { a(circuit), a(from), a(to), a(bulk), a(window_bytes); }
};

struct CircuitAnswer {
    uint64_t circuit = 0;
    bool accepted = false;
    uint32_t window_bytes = 0;  // what became of the opener's: the relay and `to` may have lowered it
    std::string detail;         // why not
    template <class A> void fields(A& a) {
        a(circuit), a(accepted), a(window_bytes), a.text(detail, limits::kReasonBytesMax);
    }
};

struct CircuitData {
    uint64_t circuit = 0;
    std::vector<uint8_t> bytes;
    template <class A> void fields(A& a) { a(circuit), a.blob_u8(bytes, limits::kCircuitDataBytesMax); }
};

// An end has taken so many bytes since the circuit was opened.
struct CircuitCredit {
    uint64_t circuit = 0;
    uint64_t taken = 0;
    template <class A> void fields(A& a) { a(circuit), a(taken); }
};

struct CircuitClose {
    uint64_t circuit = 0;
    std::string detail;
    template <class A> void fields(A& a) { a(circuit), a.text(detail, limits::kReasonBytesMax); }
};

// ---- peer to coordinator: measurements ------------------------------------------------------------------

// What the sender measured on its links to other members, some of them at a time. Decides nothing by itself.
struct LinkReport {
    std::vector<LinkReading> links;
    template <class A> void fields(A& a) { a.list(links, limits::kLinkReportLinksMax, 74); }
};

using Message = std::variant<JoinRequest, RoundReady, CommitVote, SuspectReport, ProbeReply, OpExcludeRequest,
                             LeaveRequest, RecordQuery, JoinReply, ViewUpdate, RoundStart, RoundOutcome,
                             ProbeRequest, RecordReply, WaitNotice, OpPost, OpGrant, OpStatus, OpFetch, OpAck,
                             OpStable, OpFail, OpListen, OpReport, OpDecide, CircuitOpen, CircuitAnswer,
                             CircuitData, CircuitCredit, CircuitClose, LinkReport>;

// ---- header of a bulk frame ----------------------------------------------------------------------------

// partial: of a tree, what some have contributed, folded. 2 is a circuit's (below).
enum class BulkKind : uint8_t { contribution = 0, result = 1, partial = 3 };

struct BulkHeader {
    uint8_t kind = 0;  // BulkKind
    OpId op;
    uint32_t attempt = 0;
    uint32_t version = 0;
    uint32_t chunk = 0;
    float weight = 1.0f;                // of a contribution; of a partial the sum of all in it
    std::vector<uint8_t> contributors;  // of a result or a partial: bitmap over birth ranks
    template <class A> void fields(A& a) {
        a(kind), a(op), a(attempt), a(version), a(chunk), a(weight),
            a.blob_u8(contributors, limits::kMembersMax / 8);
    }
};

// Bytes of a bulk circuit. Its first byte tells it from an op's header.
inline constexpr uint8_t kCircuitHeaderKind = 2;

struct CircuitHeader {
    uint8_t kind = kCircuitHeaderKind;
    uint64_t circuit = 0;
    uint64_t offset = 0;  // of the payload in the circuit's stream
    template <class A> void fields(A& a) { a(kind), a(circuit), a(offset); }
};

Bytes encode(const Message& message);
Result<Message> decode(ByteSpan bytes);  // E_PROTOCOL, naming the message type and what is wrong
std::string_view message_name(const Message& message);

Bytes encode(const BulkHeader& header);
Result<BulkHeader> decode_bulk_header(ByteSpan bytes);

Bytes encode(const CircuitHeader& header);
Result<CircuitHeader> decode_circuit_header(ByteSpan bytes);
bool is_circuit_header(ByteSpan bytes);  // by its first byte; it may still be malformed

// For journals: a value with a fields() list, alone.
Bytes encode_record(const RoundRecord& record);
Result<RoundRecord> decode_record(ByteSpan bytes);

}  // namespace whim::wire
