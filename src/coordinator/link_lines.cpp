// Both ends tell of a link; a line takes each figure from the end that knows it.
#include "coordinator/link_lines.h"

#include <algorithm>
#include <map>

#include "base/limits.h"

namespace whim::coordinator {
namespace {

using group::LinkMatrix;

struct Pair {
    Incarnation from, to;
    const LinkMatrix::Entry* entry;
};

// All pairs in rank order, which is that of incarnations, or as many of the slowest as are shown.
std::vector<Pair> shown_of(const LinkMatrix& matrix, uint64_t& left_out) {
    std::vector<Pair> pairs;
    for (const auto& [from, row] : matrix.rows()) {
        for (const auto& [to, entry] : row) pairs.push_back({from, to, &entry});
    }
    if (pairs.size() <= limits::kLinksShownMax) return pairs;
    left_out = pairs.size() - limits::kLinksShownMax;
    const auto end = pairs.begin() + limits::kLinksShownMax;
    std::nth_element(pairs.begin(), end, pairs.end(), [](const Pair& a, const Pair& b) {
        return LinkMatrix::slower(a.entry->reading, b.entry->reading);
    });
    pairs.erase(end, pairs.end());
    std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
        return std::make_pair(a.from, a.to) < std::make_pair(b.from, b.to);
    });
    return pairs;
}

// The sender knows what was acknowledged while it had enough to send; where it never had, the receiver says
// what came.
uint64_t delivered(const Pair& pair, const LinkMatrix& matrix) {
    if (pair.entry->reading.rate_sent > 0) return pair.entry->reading.rate_sent;
    const LinkMatrix::Entry* there = matrix.find(pair.to, pair.from);
    return there == nullptr ? 0 : there->reading.rate_received;
}

}  // namespace

void add_links(Snapshot& snapshot, const LinkMatrix& matrix, const std::vector<group::MemberStatus>& members,
               Instant now) {
    std::map<Incarnation, const wire::MemberInfo*> known;
    for (const group::MemberStatus& m : members) known[m.info.id.incarnation] = &m.info;
    const auto label = [&](Incarnation id) {
        const auto it = known.find(id);
        return it == known.end() ? "#" + std::to_string(id.value) : short_name(it->second->id);
    };
    const auto name = [&](Incarnation id) {
        const auto it = known.find(id);
        return it == known.end() ? std::string() : it->second->name;
    };
    for (const Pair& pair : shown_of(matrix, snapshot.links_left_out)) {
        const wire::LinkReading& r = pair.entry->reading;
        LinkLine line;
        line.from = label(pair.from), line.to = label(pair.to);
        line.from_name = name(pair.from), line.to_name = name(pair.to);
        line.up = r.up;
        if (r.via != Incarnation{}) line.via = label(r.via);
        line.rtt_us = r.rtt_smoothed_us, line.rtt_min_us = r.rtt_min_us;
        line.rate = delivered(pair, matrix);
        line.bytes = r.bytes_sent;
        line.retransmitted_ratio = r.retransmitted_ppm / 1e6;
        line.strands = r.strands_used;
        line.strands_reason = r.strands_reason;
        line.pace = r.pace;
        line.pace_reason = r.pace_reason;
        line.lossy = r.lossy;
        line.age_ms = std::max<int64_t>(0, (now - pair.entry->at).ms());
        snapshot.links.push_back(std::move(line));
    }
}

}  // namespace whim::coordinator
