// The /state page: a snapshot as JSON. Field names are an interface; see docs/how-to/run-a-coordinator.md.
#include <nlohmann/json.hpp>

#include "coordinator/snapshot.h"

namespace whim::coordinator {

std::string state_json(const Snapshot& s) {
    using nlohmann::ordered_json;
    ordered_json members = ordered_json::array();
    for (const MemberLine& m : s.members) {
        members.push_back({{"peer", m.peer},
                           {"incarnation", m.incarnation},
                           {"name", m.name},
                           {"region", m.region},
                           {"addresses", m.addresses},
                           {"outbound_only", m.outbound_only},
                           {"unreached", m.unreached},
                           {"in_view", m.in_view},
                           {"link_up", m.link_up},
                           {"silent_ms", m.silent_ms},
                           {"rtt_us", m.rtt_us},
                           {"ready", m.ready},
                           {"participates", m.participates},
                           {"voted", m.voted},
                           {"holds_state", m.holds_state},
                           {"suspected_by", m.suspected_by},
                           {"standing", m.standing}});
    }
    ordered_json removed = ordered_json::array();
    for (const RemovalLine& r : s.removed) {
        removed.push_back({{"member", r.member}, {"epoch", r.epoch}, {"left", r.left}, {"reason", r.reason}});
    }
    ordered_json links = ordered_json::array();
    for (const LinkLine& l : s.links) {
        links.push_back({{"from", l.from},
                         {"to", l.to},
                         {"up", l.up},
                         {"via", l.via},
                         {"rtt_us", l.rtt_us},
                         {"rtt_min_us", l.rtt_min_us},
                         {"rate_bytes_per_s", l.rate},
                         {"bytes", l.bytes},
                         {"retransmitted_ratio", l.retransmitted_ratio},
                         {"strands", l.strands},
                         {"strands_reason", l.strands_reason},
                         {"pace_bytes_per_s", l.pace},
                         {"pace_reason", l.pace_reason},
                         {"lossy", l.lossy},
                         {"age_ms", l.age_ms}});
    }
    const Counters& c = s.counters;
    const ordered_json state = {{"run", s.run},
                                {"fencing", s.fencing},
                                {"uptime_ms", s.uptime_ms},
                                {"journal_error", s.journal_error},
                                {"epoch", s.epoch},
                                {"committed", s.committed},
                                {"committed_digest", s.committed_digest},
                                {"open_round", s.open_round},
                                {"waiting_for", s.waiting_for},
                                {"members", members},
                                {"removed", removed},
                                {"links", links},
                                {"links_left_out", s.links_left_out},
                                {"counters",
                                 {{"admissions", c.admissions},
                                  {"refusals", c.refusals},
                                  {"evictions", c.evictions},
                                  {"leaves", c.leaves},
                                  {"rounds_begun", c.rounds_begun},
                                  {"rounds_committed", c.rounds_committed},
                                  {"rounds_aborted", c.rounds_aborted},
                                  {"op_exclusions", c.op_exclusions},
                                  {"journal_records", c.journal_records},
                                  {"journal_transactions", c.journal_transactions},
                                  {"messages_received", c.messages_received},
                                  {"messages_malformed", c.messages_malformed}}}};
    // Names and reasons come from the network and may hold anything; what is not UTF-8 is replaced.
    return state.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace whim::coordinator
