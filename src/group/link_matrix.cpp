// LinkMatrix: rows that are bounded by what an operator would ask for.
#include "group/link_matrix.h"

#include <algorithm>
#include <tuple>

#include "base/limits.h"

namespace whim::group {

bool LinkMatrix::slower(const wire::LinkReading& a, const wire::LinkReading& b) {
    return std::make_tuple(!a.up, a.rtt_smoothed_us) > std::make_tuple(!b.up, b.rtt_smoothed_us);
}

void LinkMatrix::note(Incarnation from, const wire::LinkReading& reading, Instant now) {
    Row& row = rows_[from];
    if (row.size() >= limits::kLinksKeptPerMember && !row.contains(reading.to)) {
        const auto fastest = std::max_element(row.begin(), row.end(), [](const auto& a, const auto& b) {
            return slower(a.second.reading, b.second.reading);
        });
        if (!slower(reading, fastest->second.reading)) return;
        row.erase(fastest);
    }
    row[reading.to] = {reading, now};
}

void LinkMatrix::forget(Incarnation member) {
    rows_.erase(member);
    for (auto& [from, row] : rows_) row.erase(member);
}

const LinkMatrix::Entry* LinkMatrix::find(Incarnation from, Incarnation to) const {
    const auto row = rows_.find(from);
    if (row == rows_.end()) return nullptr;
    const auto entry = row->second.find(to);
    return entry == row->second.end() ? nullptr : &entry->second;
}

}  // namespace whim::group
