// The bounds on links without a member.
#include "coordinator/strangers.h"

#include <algorithm>

namespace whim::coordinator {

std::map<LinkKey, Instant>::const_iterator Strangers::oldest() const {
    return std::min_element(since_.begin(), since_.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; });
}

std::optional<LinkKey> Strangers::arrived(const LinkKey& link, Instant now) {
    if (since_.contains(link)) return std::nullopt;
    std::optional<LinkKey> too_many;
    if (since_.size() >= limits::kStrangerLinksMax) {
        too_many = oldest()->first;
        since_.erase(*too_many);
    }
    since_.emplace(link, now);
    return too_many;
}

std::optional<Instant> Strangers::deadline() const {
    if (since_.empty()) return std::nullopt;
    return oldest()->second + limits::kJoinWait;
}

std::vector<LinkKey> Strangers::overdue(Instant now) {
    std::vector<LinkKey> links;
    for (const auto& [link, since] : since_) {
        if (now >= since + limits::kJoinWait) links.push_back(link);
    }
    for (const LinkKey& link : links) since_.erase(link);
    return links;
}

}  // namespace whim::coordinator
