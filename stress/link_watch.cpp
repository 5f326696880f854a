// More often than heartbeats come, so that none is missed.
#include "link_watch.h"

#include <chrono>

namespace stress {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(50);

}  // namespace

LinkWatch::LinkWatch(const whimbrel::Group& group)
    : group_(group), thread_([this] {
          while (!stopped_) {
              look();
              std::this_thread::sleep_for(kLookEvery);
          }
      }) {}

LinkWatch::~LinkWatch() { stop(); }

void LinkWatch::stop() {
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
}

void LinkWatch::look() {
    whim_view* view = nullptr;
    whimbrel::check(whim_group_view(group_.handle(), &view));
    for (uint32_t rank = 0; rank < whim_view_size(view); ++rank) {
        whim_link_info link = WHIM_LINK_INFO_INIT;
        if (whim_view_get_link(view, rank, &link) == WHIM_OK && link.rtt_smoothed_ns > 0)
            seen_ms_.push_back(static_cast<double>(link.rtt_smoothed_ns) / 1e6);
    }
    whim_view_release(view);
}

std::vector<double> LinkWatch::round_trips_ms() {
    stop();
    return seen_ms_;
}

}  // namespace stress
