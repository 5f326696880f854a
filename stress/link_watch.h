// Looks at all links of a peer again and again, on a thread of its own.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "whimbrel/whimbrel.hpp"

namespace stress {

class LinkWatch {
public:
    explicit LinkWatch(const whimbrel::Group& group);
    ~LinkWatch();

    // Ends it: the round trips of heartbeats, as each link smooths them, in milliseconds.
    std::vector<double> round_trips_ms();

private:
    void look();
    void stop();

    const whimbrel::Group& group_;
    std::vector<double> seen_ms_;  // of the thread, until it is joined
    std::atomic<bool> stopped_{false};
    std::thread thread_;
};

}  // namespace stress
