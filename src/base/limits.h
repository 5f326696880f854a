// Every limit of the library, with its unit in the name. Nothing else in the tree invents one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace whim::limits {

// Membership.
inline constexpr uint32_t kMembersMax = 1024;                 // of one view
inline constexpr uint32_t kViewMembersBytesMax = 256u << 10;  // of all admitted, as a view lists them
inline constexpr uint32_t kStrangerLinksMax = 256;  // links to a coordinator that speak for no member
inline constexpr uint32_t kAddressesPerPeerMax = 8;
inline constexpr uint32_t kAddressBytesMax = 256;
inline constexpr uint32_t kNameBytesMax = 64;       // run, replica and region names
inline constexpr uint32_t kTokenBytesMax = 4096;    // an invite token
inline constexpr uint32_t kReasonBytesMax = 512;    // any text of explanation on the wire
inline constexpr uint32_t kRemovalBytesMax = 200;   // of the reason of a removal or exclusion
inline constexpr uint32_t kRemovedKeptMax = 1024;   // removals a view update lists
inline constexpr uint32_t kOpExclusionsMax = 1024;  // op exclusions a view update lists
inline constexpr uint32_t kOpExclusionsOwn = 256;   // of these, kept for members that leave an op themselves

// Messages and frames.
inline constexpr uint32_t kMessageBytesMax = 1u << 20;      // one control message
inline constexpr uint32_t kBulkPayloadBytesMax = 1u << 20;  // one bulk frame's payload
inline constexpr uint32_t kBulkHeaderBytesMax = 512;
inline constexpr uint32_t kControlUnackedBytesMax =
    8u << 20;                                      // control messages kept for a redialled strand, per link
inline constexpr uint32_t kFramesAheadMax = 4096;  // bulk frames begun after one that has not arrived, a link
inline constexpr uint32_t kFramesSpreadMax = 64;  // bulk frames with parts on several strands, sender, a link
inline constexpr uint32_t kPartsApartMax =
    4096;  // parts of a bulk frame that have come with gaps between them
inline constexpr uint32_t kFramesIncompleteMax =
    256;  // bulk frames of which a part has come, receiver, a link
inline constexpr uint32_t kBulkQueuedMax = 1u << 16;  // bulk descriptors queued on one link
inline constexpr uint32_t kStrandsPerLinkMax = 33;    // one control and up to 32 bulk
inline constexpr uint32_t kStrandsLossy = 4;  // bulk strands for short bursts over a long path that loses
inline constexpr uint32_t kShortBurstBytes = 1u << 20;  // sent in a row by one link, with what waits
inline constexpr uint64_t kSpreadRateMin =
    4'000'000;                              // bytes per second; below it nothing is copied or spread
inline constexpr uint32_t kStrandsFar = 2;  // bulk strands that a long path begins with, when tuned
inline constexpr uint32_t kHandshakeBytesMax = 64u << 10;  // received before a strand is known
inline constexpr uint32_t kUnknownStrandsMax = 256;        // accepted, not yet attached to a link

// Rounds and ops.
inline constexpr uint32_t kCommitBytesMax = 64u << 10;  // the application's bytes in one commit
inline constexpr uint32_t kOpsOpenMax = 256;            // per group
inline constexpr uint64_t kOpNumbers = 1u << 29;        // of one process; then they come again
inline constexpr uint64_t kRoundsOpsKept = 4;           // behind the newest, in which ops may be open
inline constexpr uint32_t kOpsUnpostedMax = 1024;       // ops peers have posted and we have not
inline constexpr uint32_t kChunksPerOpMax = 1u << 17;   // so that the ranges of any of them fit a message
inline constexpr uint32_t kTensorsPerOpMax = 1u << 16;
inline constexpr uint32_t kWaitingPerMember =
    64;  // messages of newer views kept per sender and member of an op
inline constexpr uint32_t kStatusRangesMax = 1u << 16;        // ranges of chunks in one message
inline constexpr uint64_t kEagerBytesPerOpMax = 64u << 10;    // contributions sent before the receiver posts
inline constexpr uint64_t kEagerBytesLargeMax = 4u << 20;     // the same of one op at a time of each sender
inline constexpr uint64_t kEagerBytesLargeTotal = 16u << 20;  // shared by the members of that op
inline constexpr uint64_t kEarlyMessageBytesMax = 16ull << 20;  // about unposted ops, from one member
inline constexpr uint64_t kRetainBytesMaxDefault = 64ull << 20;
inline constexpr uint64_t kPackedBytes = 8ull
                                         << 20;  // of an op: results that span tensors, for who gets them
inline constexpr uint64_t kResultsKeptBytes = 8ull << 20;    // left of an op that keeps results as they come
inline constexpr uint32_t kChunkBytesMin = 4u << 10;         // a small op is not cut below this
inline constexpr uint32_t kChunkBytesPipelined = 32u << 10;  // nor below this only for the sake of overlap
inline constexpr uint32_t kChunkBytesDefault = 256u << 10;
inline constexpr uint64_t kWeighedBytesMin = 1ull
                                             << 20;  // smaller ops have equal shares, whatever lines carry
inline constexpr uint64_t kWindowBytesNear = 4ull << 20;  // of one sender's contributions to one root, per op
inline constexpr uint64_t kWindowBytesFar = 16ull << 20;  // the same over a long path, at most
inline constexpr uint64_t kWindowBytesFarTotal = 32ull << 20;  // shared by all senders to one root
inline constexpr uint32_t kRoundsAheadMaxDefault = 1;
inline constexpr uint32_t kEventsQueuedMax = 1024;        // unread by the application; the oldest are dropped
inline constexpr uint32_t kJobInlineBytesMax = 1u << 20;  // of a job that wakes no worker
inline constexpr uint32_t kScanBytes =
    16u << 20;  // of an input, looked at by one job: several workers share a large one
inline constexpr uint32_t kWorkerThreadsMax = 64;
inline constexpr uint32_t kWorkerThreadsDefault = 4;  // or the number of cores, if lower

// Gossip.
inline constexpr uint32_t kGossipEdgesMax = 1u << 16;      // of a graph that a caller lists
inline constexpr uint32_t kGossipStepsMax = 64;            // of one op
inline constexpr uint64_t kGossipHeldBytes = 32ull << 20;  // that the neighbours of an op may have sent ahead
inline constexpr uint32_t kGossipAheadMin = 2;             // chunks that any neighbour may be ahead
inline constexpr uint32_t kPairOpsPerTagMax = 1u << 11;    // of two members, in one round

// Not waiting for the slow.
inline constexpr Duration kGraceMin = milliseconds(10);      // after the quorum, however regular arrivals are
inline constexpr Duration kGraceMax = milliseconds(10'000);  // the same, however irregular they are
inline constexpr Duration kGraceUnlearnt = milliseconds(1000);  // until enough ops have been seen
inline constexpr uint32_t kLearntGracesMax = 64;                // tags whose arrivals are remembered
inline constexpr Duration kSecondVoiceWait =
    milliseconds(1000);  // from one member's wish to leave another out of an op, for somebody to agree

// Time.
inline constexpr Duration kHeartbeatInterval = milliseconds(200);
inline constexpr Duration kSuspectAfterDefault = milliseconds(2000);
inline constexpr uint32_t kSuspectAfterMsMin = 100;
inline constexpr uint32_t kSuspectAfterMsMax = 600'000;
inline constexpr Duration kHandshakeTimeout =
    milliseconds(10'000);                                         // of an accepted strand, until it is known
inline constexpr Duration kDialPatienceMin = milliseconds(3000);  // of a dialler, doubled up to the former
inline constexpr Duration kRedialBackoffMin = milliseconds(20);
inline constexpr Duration kRedialBackoffMax = milliseconds(2000);

// Reachability.
inline constexpr Duration kReachTestTime = milliseconds(3000);  // of one dial of a coordinator to a newcomer
inline constexpr Duration kReachTestSpare =
    milliseconds(250);                           // for its other addresses, once one has answered
inline constexpr uint32_t kReachTestsMax = 512;  // dials at once; newcomers beyond are not tested
inline constexpr Duration kAttemptDelay =
    milliseconds(250);  // from one attempt to the next address of the same peer or name (RFC 8305)
inline constexpr uint32_t kLookupsMax = 64;  // names that a process looks up at once

// Session layer.
inline constexpr uint32_t kHelloBytesMax = 4096;          // a hello or its reply
inline constexpr uint32_t kReadStagingBytes = 64u << 10;  // of one strand, for what has no other destination
inline constexpr uint32_t kReadHeadBytes = 4096;  // read ahead of a large payload, the only part copied
inline constexpr uint32_t kReadWorthBytes = 256u << 10;  // of a payload, before its reader is woken
inline constexpr uint32_t kChannelRecordBytesMax =
    (16u << 10) + 512;                                       // of ciphertext that is decrypted at once
inline constexpr uint32_t kControlBacklogBytes = 64u << 10;  // encoded and unwritten, control strand
inline constexpr uint32_t kBulkBacklogBytes = 256u << 10;    // taken and unwritten, one bulk strand
inline constexpr uint32_t kTurnBytesMax = 1u << 20;  // read or written by one strand before others may
inline constexpr uint32_t kSharedBytesMin =
    64u << 10;  // of one bulk strand, before its encryption is worth another thread
inline constexpr uint32_t kStrandsAtOnceMax = 8;   // that have their turns together; control waits as long
inline constexpr uint32_t kPartBytes = 32u << 10;  // of a bulk frame, taken at once, on a long path
inline constexpr uint32_t kPartAckBytesMax = 64u << 10;    // received before an acknowledgement is due, there
inline constexpr Duration kCopiesAfterLoss = seconds(30);  // of a strand; see transport/session/copies.cpp
inline constexpr uint32_t kInlinePayloadBytesMax = 4096;   // smaller payloads are copied, to share one write
inline constexpr uint32_t kAckFramesMax = 32;              // received before an acknowledgement is due
inline constexpr uint32_t kAckBytesMax = 256u << 10;       // the same in bytes of messages
inline constexpr Duration kControlRedialGrace =
    milliseconds(500);  // without control strand, and four round trips more, before the link is down
inline constexpr Duration kProbeDelay = milliseconds(10);  // from the loss of all strands to a probing dial
inline constexpr Duration kStrandSettledAfter =
    milliseconds(100);  // up this long: redialled at once when lost
inline constexpr Duration kDrainTimeout =
    milliseconds(1000);  // for a refusal to be read before the strand closes

// Group: rounds and failure detection. See src/group/{rounds,suspicion}.h for how they are used.
inline constexpr uint32_t kRoundRecordsKept = 16;           // outcomes a coordinator answers from memory
inline constexpr uint64_t kJournalGrowthMin = 16ull << 20;  // appended before a journal is condensed
inline constexpr Duration kFounderGrace =
    milliseconds(1000);  // after the last admission, before the first round
inline constexpr Duration kRoundGraceMin =
    milliseconds(500);  // for members that are not ready, or have not voted
inline constexpr Duration kRoundSpreadInitial = milliseconds(500);  // between first and last, until measured
inline constexpr Duration kSuspectConfirm =
    milliseconds(1000);  // from closed links to an eviction; from a member's return until its word counts
inline constexpr Duration kJoinWait = milliseconds(30'000);  // a link to a coordinator without a member
inline constexpr Duration kProbeWait = milliseconds(500);    // for answers of third parties
inline constexpr uint32_t kProbesMax = 3;                    // third parties asked about one suspect
inline constexpr Duration kPairBrokenAfter =
    milliseconds(5000);  // two members that cannot talk, before one must go
inline constexpr Duration kRestartGraceMin =
    milliseconds(3000);  // for members to come back to a restarted coordinator
inline constexpr Duration kFreezeGap = milliseconds(1000);      // a wake-up this late means we were frozen
inline constexpr Duration kFirstContact = milliseconds(5000);   // for the first link to a new member
inline constexpr Duration kWatchInterval = milliseconds(250);   // between looks at the silence of links
inline constexpr Duration kLastWordsTime = milliseconds(1000);  // between a refusal and the end of its link
inline constexpr Duration kLossRemembered =
    seconds(60);  // of a segment of a control strand: so long, silences may be repairs
inline constexpr Duration kNoticeInterval = milliseconds(1000);  // between wait notices
inline constexpr uint32_t kCertificateBytesMax = 8u << 10;       // sent by the other side in a TLS handshake
inline constexpr uint64_t kTlsBytesPerKeyMax = 64ull << 30;  // then a key update; AES-GCM allows some 380 GiB
inline constexpr Duration kAcceptPause = milliseconds(100);  // after an accept that failed

// Measurements of links, told to the coordinator.
inline constexpr uint32_t kLinkReportLinksMax = 64;    // in one report; the others' turn is in the next
inline constexpr uint32_t kLinkReasonBytesMax = 120;   // why a link has so many strands, or that pace
inline constexpr uint32_t kLinksKeptPerMember = 64;    // by the coordinator; of more, the slowest
inline constexpr uint32_t kLinksShownMax = 64u * 64u;  // on the coordinator's pages; of more, the slowest
inline constexpr Duration kLinkReportInterval = milliseconds(2000);  // between two reports of a member

// HTTP pages of the coordinator.
inline constexpr uint32_t kHttpHeadBytesMax = 8u << 10;       // of a request; more is answered with 431
inline constexpr uint32_t kHttpConnectionsMax = 32;           // at once; the oldest makes way for the next
inline constexpr Duration kHttpTimeout = milliseconds(5000);  // of a connection, from accept to close

// Strands.
inline constexpr Duration kShortPathRtt = milliseconds(2);    // below it a path is a LAN or this machine
inline constexpr uint32_t kPathsKept = 1024;                  // paths to peers without a link, remembered
inline constexpr Duration kPathKeptFor = seconds(600);        // since that link was closed
inline constexpr Duration kPaceLookMin = milliseconds(10);    // between two looks at a path that is paced
inline constexpr Duration kPacedWriteWait = milliseconds(3);  // then a paced connection is tried again
inline constexpr uint32_t kUnsentBytesMin = 128u << 10;       // the same when it is paced
inline constexpr uint32_t kUnsentBytesMax = 512u
                                            << 10;  // in the system, written and not yet sent, bulk strand
inline constexpr uint32_t kSendBufferBytes = 16u << 20;  // asked for, long paths: under way and unsent
inline constexpr uint32_t kGatherPieces = 16;            // written by one call
inline constexpr uint32_t kOutPieceBytes = 16u << 10;  // encoded frames that are freed together once written
inline constexpr Duration kStrandSilenceMax = milliseconds(10'000);  // bytes of a bulk strand unacknowledged
inline constexpr Duration kKeepAliveIdle = milliseconds(10'000);  // then the kernel asks an idle bulk strand
inline constexpr Duration kKeepAliveInterval = milliseconds(5000);
inline constexpr uint32_t kKeepAliveProbes = 3;  // unanswered, and the strand is lost

// Circuits: strands that run through a third member. See docs/decisions/0007-relay-circuits.md.
inline constexpr uint32_t kCircuitDataBytesMax = 16u << 10;        // one message of a control strand's bytes
inline constexpr uint32_t kCircuitPieceBytes = 64u << 10;          // one bulk frame of a bulk strand's bytes
inline constexpr uint32_t kCircuitControlWindowBytes = 32u << 10;  // under way in one direction
inline constexpr uint32_t kCircuitBulkWindowBytes = 6u << 20;      // the same of a bulk strand
inline constexpr uint64_t kCarriedBytesMax = 256ull << 20;      // windows of all circuits carried for others
inline constexpr uint64_t kCircuitHeldBytesMax = 128ull << 20;  // at our ends by way of one relay
inline constexpr uint32_t kCircuitPiecesMax = 1u << 17;         // of one direction, not taken yet
inline constexpr uint32_t kCarriedCircuitsMax = 1024;           // carried for others
inline constexpr uint32_t kCircuitEndsMax = 4096;               // of our own
inline constexpr uint32_t kDetoursInARow = 8;                   // relays asked before a pause
inline constexpr Duration kDetourDelay =
    milliseconds(1000);  // without control strand, before a relay is asked
inline constexpr Duration kDetourSilence = milliseconds(1200);  // without an answered heartbeat, the same
inline constexpr Duration kDetourUnheard =
    milliseconds(3000);  // without a byte of the other side, whatever its system acknowledges
inline constexpr Duration kRelayFresh =
    milliseconds(1000);  // since a relay's last answer, or it is not asked
inline constexpr Duration kRelayAnswer =
    milliseconds(1000);  // for a circuit to open, and its strand to greet, beyond the path's time
inline constexpr Duration kDetourPauseMin = milliseconds(250);  // when no relay would have it
inline constexpr Duration kDetourPauseMax = milliseconds(2000);
inline constexpr Duration kDirectRetryMin = milliseconds(1000);  // between direct dials of a relayed link
inline constexpr Duration kDirectRetryMax = milliseconds(10'000);
// The same-host path.
inline constexpr uint32_t kSameHostRingBytes = 256u << 10;      // each way of one strand
inline constexpr uint32_t kSameHostGuestsMax = 64;              // connected, without memory yet
inline constexpr Duration kSameHostAnswer = milliseconds(500);  // for memory, or consent to it; then TCP

// Codecs.
inline constexpr uint32_t kCodecTextBytesMax = 128;  // of a codec's description
inline constexpr uint32_t kCustomNameBytesMax = 40;  // of a codec or reducer of the application
inline constexpr uint32_t kCustomParametersBytesMax = 64;
inline constexpr uint32_t kReducerTextBytesMax = 128;   // name and parameters
inline constexpr uint32_t kCustomMax = 256;             // codecs, and reducers, of one group
inline constexpr uint32_t kCodecBlockMax = 1u << 16;    // elements under one scale, unless all are
inline constexpr uint32_t kTopKChunkMax = 1u << 16;     // elements that top-k chooses among
inline constexpr uint32_t kZstdSampleBytes = 8u << 10;  // packed to decide whether all are

// Plans (collectives/plan).
inline constexpr uint32_t kPlanPartsMax = 1024;             // of one plan
inline constexpr uint32_t kPlanTableEntriesMax = 1u << 18;  // ranks in the tables of one plan, together
inline constexpr uint32_t kPlanRelaysMax = 4096;     // pairs of one plan that go through a third member
inline constexpr uint32_t kPlanBytesMax = 1u << 20;  // of an encoded plan
inline constexpr uint32_t kPlanDepthMax = 64;        // hops from a leaf to the root of a tree with a table
inline constexpr uint32_t kPlanPublishedMembersMax = 64;     // of a round whose links are published
inline constexpr uint32_t kLinkFiguresMax = 4096;            // between those members
inline constexpr uint32_t kPlanPackMembersMax = 128;         // members up to which trees are packed
inline constexpr uint32_t kPlanRingMembersMax = 256;         // beyond, no ring is considered
inline constexpr uint32_t kPlanForestPartsMax = 96;          // trees that a forest keeps
inline constexpr uint64_t kPlanRateDefault = 12'500'000;     // bytes per second of a line nothing is known of
inline constexpr uint64_t kPlanRateMax = 1'000'000'000'000;  // bytes per second; above it a line is no bound
inline constexpr uint32_t kPlanRttUsDefault = 50'000;        // of a flock of which no round trip is known
inline constexpr uint32_t kPlanTextBytesMax = 64u << 20;     // of a matrix file

// Invites.
inline constexpr uint64_t kInviteSecondsMax = 3'153'600'000;  // 100 years, of `whimbrel invite --ttl`

}  // namespace whim::limits
