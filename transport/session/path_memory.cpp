// Old entries go when a new one comes.
#include "transport/session/path_memory.h"

#include <algorithm>

#include "base/limits.h"

namespace whim {

void PathMemory::note(const PeerId& peer, const KnownPath& path, Instant now) {
    std::erase_if(paths_, [&](const auto& known) { return now - known.second.at >= limits::kPathKeptFor; });
    if (paths_.size() >= limits::kPathsKept && !paths_.contains(peer)) {
        const auto older = [](const auto& a, const auto& b) { return a.second.at < b.second.at; };
        paths_.erase(std::min_element(paths_.begin(), paths_.end(), older));
    }
    paths_[peer] = {path, now};
}

std::optional<KnownPath> PathMemory::recall(const PeerId& peer, Instant now) const {
    const auto known = paths_.find(peer);
    if (known == paths_.end() || now - known->second.at >= limits::kPathKeptFor) return std::nullopt;
    return known->second.path;
}

}  // namespace whim
