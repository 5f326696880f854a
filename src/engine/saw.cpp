// Arrivals by order, contributors by how much of the result is theirs.
#include "engine/saw.h"

#include <algorithm>

namespace whim {

op::MemberSaw saw_of(const OpInfo& info) {
    op::MemberSaw saw;
    saw.roots = info.closed.has_value();
    if (saw.roots) {
        for (const auto& at : info.arrivals) {
            if (at) saw.arrivals.push_back(*at);
        }
        std::sort(saw.arrivals.begin(), saw.arrivals.end());
        saw.closed = *info.closed;
    }
    double members = 0, elements = 0;
    for (const ContributorSet& set : info.contributors) {
        members += static_cast<double>(set.members.size()) * static_cast<double>(set.elements);
        elements += static_cast<double>(set.elements);
        const MemberId self = info.birth[info.rank];
        const bool in = std::find(set.members.begin(), set.members.end(), self) != set.members.end();
        saw.contributed = saw.contributed || (in && set.elements > 0);
    }
    if (elements > 0) saw.contributors = members / elements;
    return saw;
}

}  // namespace whim
