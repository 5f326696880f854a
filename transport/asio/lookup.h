// One name looked up on a thread of its own. The system's lookup can be silent for half a minute and cannot
// be interrupted: so nobody waits for that thread, not even to end, and few names wait for others.
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

    Lookup(asio::io_context& io, Found found) : asked_(io.get_executor()), found_(std::move(found)) {}

    // On the thread of io, also once found is called, and before io goes: then the lookup's thread does not
    // touch io any more. found may still be called when it was on its way already.
    void cancel();

    // For the thread that looks.
    bool wanted();
    void answer(const asio::error_code& error, std::deque<tcp::endpoint> endpoints);

private:
    using Work = asio::executor_work_guard<asio::io_context::executor_type>;
    std::mutex mu_;
    std::optional<Work> asked_;  // guarded by mu_: keeps io running; none: nobody asks any more
    Found found_;                // guarded by mu_
};

// Calls found on the thread of io, once, unless it is cancelled. Of more than limits::kLookupsMax in the
// process some wait for others.
std::shared_ptr<Lookup> look_up(asio::io_context& io, const Address& of, Lookup::Found found);

}  // namespace whim
