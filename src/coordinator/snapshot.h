// What a coordinator's pages show, as one value copied out of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"

namespace whim::coordinator {

// Since this process started.
struct Counters {
    uint64_t admissions = 0;
    uint64_t refusals = 0;
    uint64_t evictions = 0;
    uint64_t leaves = 0;
    uint64_t rounds_begun = 0;
    uint64_t rounds_committed = 0;
    uint64_t rounds_aborted = 0;
    uint64_t op_exclusions = 0;
    uint64_t journal_records = 0;
    uint64_t journal_transactions = 0;
    uint64_t messages_received = 0;
    uint64_t messages_malformed = 0;
};

struct MemberLine {
    std::string peer;  // hex
    uint64_t incarnation = 0;
    std::string name, region;
    std::vector<std::string> addresses;
    bool outbound_only = false;  // nobody can dial it
    std::string unreached;       // why the coordinator could not
    bool in_view = false;        // else waiting for the next round
    bool link_up = false;
    int64_t silent_ms = 0;
    int64_t rtt_us = 0;         // 0: not known
    bool ready = false;         // stands at the beginning of the next round
    bool participates = false;  // in the open round
    bool voted = false;         // in the open round
    bool holds_state = false;   // took part in the last commit
    std::vector<std::string> suspected_by;
    std::string standing;  // the above in words: "trains", "waits for the next round", "silent for 3 s"
};

struct RemovalLine {
    std::string member;
    uint64_t epoch = 0;
    bool left = false;
    std::string reason;
};

// A link in one direction, as its sender last said. Figures that are not known are 0.
struct LinkLine {
    std::string from, to;  // as in RemovalLine::member
    std::string from_name, to_name;
    bool up = false;
    std::string via;  // the member that relays it; "": direct
    int64_t rtt_us = 0, rtt_min_us = 0;
    uint64_t rate = 0;  // bytes per second delivered in spans with enough to carry
    uint64_t bytes = 0;
    double retransmitted_ratio = 0;
    uint32_t strands = 0;
    std::string strands_reason;
    uint64_t pace = 0;  // bytes per second that bulk leaves at, at most; 0: no bound
    std::string pace_reason;
    bool lossy = false;  // losses are random
    int64_t age_ms = 0;  // of the report
};

struct Snapshot {
    std::string run;
    uint64_t fencing = 0;
    int64_t uptime_ms = 0;
    std::string journal_error;  // "" while the journal works
    uint64_t epoch = 0;
    uint64_t committed = 0;        // last committed round
    std::string committed_digest;  // hex; "" when this process does not know it
    uint64_t open_round = 0;       // 0: none
    std::string waiting_for;
    std::vector<MemberLine> members;
    std::vector<RemovalLine> removed;  // lately
    std::vector<LinkLine> links;       // in rank order; of more than limits::kLinksShownMax the slowest
    uint64_t links_left_out = 0;
    Counters counters;
};

std::string state_json(const Snapshot& snapshot);    // for /state
std::string metrics_text(const Snapshot& snapshot);  // for /metrics: OpenMetrics

}  // namespace whim::coordinator
