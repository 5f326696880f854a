// One name looked up on a thread of its own. The system's lookup can be silent for half a minute and cannot
// be interrupted: so nobody waits for that thread, not even to end, and no name waits for another.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include <asio/executor_work_guard.hpp>

#include "transport/asio/sockets.h"

namespace whim {

class Lookup {
public:
    using Found = std::function<void(const asio::error_code&, std::deque<tcp::endpoint>)>;

    // On the thread of io, which is alive until cancel(): found is not called after it, nor touched.
    void cancel();

private:
    friend std::shared_ptr<Lookup> look_up(asio::io_context& io, const Address& of, Lookup::Found found);
    void answer(const asio::error_code& error, std::deque<tcp::endpoint> endpoints);

    std::mutex mu_;
    using Work = asio::executor_work_guard<asio::io_context::executor_type>;
    std::optional<Work> asked_;  // guarded by mu_: keeps io running; none: nobody asks any more
    Found found_;                // guarded by mu_
};

// Calls found on the thread of io, once, unless it is cancelled. With limits::kLookupsMax unanswered ones in
// the process it fails.
std::shared_ptr<Lookup> look_up(asio::io_context& io, const Address& of, Lookup::Found found);

}  // namespace whim
