// A member's line carries what its links are paced at together.
#include "group/line_rates.h"

#include <algorithm>
#include <bit>

namespace whim::group {
namespace {

uint64_t rounded(uint64_t rate) {
    if (rate < 2) return rate;
    const uint64_t power = std::bit_floor(rate);
    return rate >= power + power / 2 ? power + power / 2 : power;
}

}  // namespace

std::vector<uint64_t> line_rates(const LinkMatrix& links, const std::vector<MemberId>& participants) {
    std::vector<uint64_t> rates;
    for (const MemberId& from : participants) {
        uint64_t sum = 0;
        bool known = participants.size() > 1;
        for (const MemberId& to : participants) {
            if (to == from) continue;
            const LinkMatrix::Entry* entry = links.find(from.incarnation, to.incarnation);
            known = known && entry != nullptr && entry->reading.up && entry->reading.pace > 0;
            if (known) sum += std::min(entry->reading.pace, UINT64_MAX / 2 - sum);
        }
        rates.push_back(known ? rounded(sum) : 0);
    }
    const bool any = std::any_of(rates.begin(), rates.end(), [](uint64_t rate) { return rate > 0; });
    return any ? rates : std::vector<uint64_t>{};
}

}  // namespace whim::group
