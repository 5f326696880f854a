// Ranks to members.
#include "engine/op_record.h"

#include <algorithm>

namespace whim {

std::optional<Rank> OpRecord::rank_of(const MemberId& member) const {
    const auto found = std::find(birth.begin(), birth.end(), member);
    if (found == birth.end()) return std::nullopt;
    return Rank{static_cast<uint32_t>(found - birth.begin())};
}

void OpRecord::request_exclusion(const std::vector<Rank>& ranks, const std::string& reason, uint32_t needed) {
    std::vector<MemberId> members;
    for (const Rank rank : ranks) members.push_back(birth[rank.value]);
    owner_.op_request_exclusion(*this, members, needed, reason);
}

}  // namespace whim
