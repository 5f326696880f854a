// The eventfd's count is 1 exactly while the queue holds something.
#include "runtime/event_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>

namespace whim::runtime {

Result<std::unique_ptr<EventQueue>> EventQueue::create() {
    const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) return fail(Code::E_SYSTEM, std::string("eventfd: ") + std::strerror(errno));
    return std::unique_ptr<EventQueue>(new EventQueue(fd));
}

EventQueue::~EventQueue() { ::close(fd_); }

void EventQueue::push(EngineEvent event) {
    const std::lock_guard lock(mu_);
    if (events_.empty()) WHIM_ASSERT(eventfd_write(fd_, 1) == 0);
    if (events_.size() == limits::kEventsQueuedMax) events_.pop_front();
    events_.push_back(std::move(event));
}

std::optional<EngineEvent> EventQueue::pop() {
    const std::lock_guard lock(mu_);
    if (events_.empty()) return std::nullopt;
    EngineEvent event = std::move(events_.front());
    events_.pop_front();
    eventfd_t count = 0;
    if (events_.empty()) WHIM_ASSERT(eventfd_read(fd_, &count) == 0);
    return event;
}

}  // namespace whim::runtime
