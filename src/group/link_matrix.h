// What members last said about their links to each other. For pages and planning; nothing is decided here and
// nothing journalled: after a restart members say it again within seconds.
#pragma once

#include <map>

#include "base/ids.h"
#include "base/time.h"
#include "wire/values.h"

namespace whim::group {

class LinkMatrix {
public:
    struct Entry {
        wire::LinkReading reading;
        Instant at;  // when it was said
    };
    using Row = std::map<Incarnation, Entry>;  // by the other end

    // What `from` says, of which no more than limits::kLinksKeptPerMember entries are kept: the slowest.
    void note(Incarnation from, const wire::LinkReading& reading, Instant now);
    void forget(Incarnation member);  // as either end

    const std::map<Incarnation, Row>& rows() const { return rows_; }
    const Entry* find(Incarnation from, Incarnation to) const;

    // Whether a is worse to wait for than b: links that are down first, then by round trip.
    static bool slower(const wire::LinkReading& a, const wire::LinkReading& b);

private:
    std::map<Incarnation, Row> rows_;
};

}  // namespace whim::group
