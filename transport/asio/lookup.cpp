// Detached threads that share nothing with anybody but a queue of what is asked.
#include "transport/asio/lookup.h"

#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <asio/error.hpp>
#include <asio/post.hpp>

#include "base/limits.h"

namespace whim {
namespace {

struct Asked {
    std::shared_ptr<Lookup> lookup;
    Address of;
};

struct Queue {
    std::mutex mu;
    std::deque<Asked> waiting;  // guarded by mu
    uint32_t threads = 0;       // guarded by mu
};

Queue& queue() {
    static Queue& of_the_process = *new Queue;  // threads may look until the very end
    return of_the_process;
}

std::deque<tcp::endpoint> addresses_of(const Address& of, asio::error_code& error) {
    asio::io_context here;
    tcp::resolver resolver(here);
    const auto flags = tcp::resolver::numeric_service | tcp::resolver::address_configured;
    std::deque<tcp::endpoint> found;
    for (const auto& result : resolver.resolve(of.host, std::to_string(of.port), flags, error))
        found.push_back(result.endpoint());
    return found;
}

// Until nothing is asked.
void answer_all() {
    for (;;) {
        Asked next;
        {
            const std::lock_guard lock(queue().mu);
            if (queue().waiting.empty()) {
                --queue().threads;
                return;
            }
            next = std::move(queue().waiting.front());
            queue().waiting.pop_front();
        }
        if (!next.lookup->wanted()) continue;
        asio::error_code error;
        auto endpoints = addresses_of(next.of, error);
        next.lookup->answer(error, std::move(endpoints));
    }
}

}  // namespace

bool Lookup::wanted() {
    const std::lock_guard lock(mu_);
    return asked_.has_value();
}

void Lookup::cancel() {
    const std::lock_guard lock(mu_);
    asked_.reset();
    found_ = nullptr;
}

void Lookup::answer(const asio::error_code& error, std::deque<tcp::endpoint> endpoints) {
    const std::lock_guard lock(mu_);
    if (!asked_) return;
    asio::post(asked_->get_executor(), [found = std::exchange(found_, nullptr), error,
                                        endpoints = std::move(endpoints)] { found(error, endpoints); });
    asked_.reset();
}

std::shared_ptr<Lookup> look_up(asio::io_context& io, const Address& of, Lookup::Found found) {
    const auto lookup = std::make_shared<Lookup>(io, std::move(found));
    {
        const std::lock_guard lock(queue().mu);
        queue().waiting.push_back({lookup, of});
        if (queue().threads >= limits::kLookupsMax) return lookup;  // the first that is free takes it
        ++queue().threads;
    }
    try {
        std::thread(answer_all).detach();
    } catch (const std::system_error&) {  // no further thread: others take it, or nobody does
        std::deque<Asked> left;
        {
            const std::lock_guard lock(queue().mu);
            if (--queue().threads == 0) left.swap(queue().waiting);
        }
        for (const Asked& asked : left) asked.lookup->answer(asio::error::host_not_found_try_again, {});
    }
    return lookup;
}

}  // namespace whim
