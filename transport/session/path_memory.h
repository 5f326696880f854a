// What was found out about the paths to peers whose links are gone, for links that are made anew: after an
// eviction and a new admission, under another incarnation, the path is as it was. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/ids.h"
#include "base/time.h"
#include "transport/session/loss_watch.h"

namespace whim {

struct KnownPath {
    uint32_t strands = 0;  // bulk strands that it took
    uint64_t pace = 0;     // bytes per second, of what the path alone allows; 0: no bound was found
    LossWatch losses;
};

// Of limits::kPathsKept peers, those that were noted last, for limits::kPathKeptFor.
class PathMemory {
public:
    void note(const PeerId& peer, const KnownPath& path, Instant now);
    std::optional<KnownPath> recall(const PeerId& peer, Instant now) const;
    size_t size() const { return paths_.size(); }

private:
    struct Entry {
        KnownPath path;
        Instant at;
    };
    std::map<PeerId, Entry> paths_;
};

}  // namespace whim
