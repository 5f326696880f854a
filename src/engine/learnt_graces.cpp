// A few entries, searched in order.
#include "engine/learnt_graces.h"

#include <algorithm>

#include "base/limits.h"

namespace whim {

op::ArrivalHistory& LearntGraces::of(uint64_t tag, const std::vector<MemberId>& birth, uint64_t elements) {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.tag == tag; });
    if (found != entries_.end() && found->elements == elements && found->birth == birth) {
        entries_.splice(entries_.begin(), entries_, found);
        return entries_.front().history;
    }
    if (found != entries_.end()) entries_.erase(found);
    if (entries_.size() == limits::kLearntGracesMax) entries_.pop_back();
    entries_.push_front({tag, elements, birth, op::ArrivalHistory(static_cast<uint32_t>(birth.size()))});
    return entries_.front().history;
}

}  // namespace whim
