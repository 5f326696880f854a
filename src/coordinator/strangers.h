// Links to the coordinator that speak for no member: not yet, or no longer. Whoever has a key can open one,
// so they are few and do not last: one too many costs the oldest its place, never a newcomer or a member.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/limits.h"
#include "transport/session/endpoint.h"

namespace whim::coordinator {

class Strangers {
public:
    // Known already: nothing changes. Otherwise the link that must go for this one, when there are too many.
    std::optional<LinkKey> arrived(const LinkKey& link, Instant now);
    void gone(const LinkKey& link) { since_.erase(link); }  // closed, or it speaks for a member now
    std::optional<Instant> deadline() const;
    std::vector<LinkKey> overdue(Instant now);  // silent for too long; forgotten here, to be closed

private:
    std::map<LinkKey, Instant>::const_iterator oldest() const;
    std::map<LinkKey, Instant> since_;
};

}  // namespace whim::coordinator
