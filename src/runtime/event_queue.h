// Events on their way from the engine to whoever asks, bounded, with a descriptor that is readable while one
// waits.
#pragma once

#include <deque>
#include <mutex>
#include <optional>

#include "base/status.h"
#include "engine/engine.h"

namespace whim::runtime {

class EventQueue {
public:
    static Result<std::unique_ptr<EventQueue>> create();  // E_SYSTEM without descriptors
    ~EventQueue();
    EventQueue(const EventQueue&) = delete;

    void push(EngineEvent event);  // beyond limits::kEventsQueuedMax the oldest is dropped
    std::optional<EngineEvent> pop();
    int descriptor() const { return fd_; }

private:
    explicit EventQueue(int fd) : fd_(fd) {}
    const int fd_;
    std::mutex mu_;
    std::deque<EngineEvent> events_;  // guarded by mu_
};

}  // namespace whim::runtime
