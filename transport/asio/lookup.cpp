// A detached thread that shares nothing with anybody but the Lookup.
#include "transport/asio/lookup.h"

#include <atomic>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <asio/error.hpp>
#include <asio/post.hpp>

#include "base/limits.h"

namespace whim {
namespace {

std::atomic<uint32_t> unanswered = 0;

std::deque<tcp::endpoint> addresses_of(const Address& of, asio::error_code& error) {
    asio::io_context here;
    tcp::resolver resolver(here);
    const auto flags = tcp::resolver::numeric_service | tcp::resolver::address_configured;
    std::deque<tcp::endpoint> found;
    for (const auto& result : resolver.resolve(of.host, std::to_string(of.port), flags, error))
        found.push_back(result.endpoint());
    return found;
}

}  // namespace

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
    const auto lookup = std::make_shared<Lookup>();
    lookup->asked_.emplace(io.get_executor());
    lookup->found_ = std::move(found);
    const auto refuse = [&] { lookup->answer(asio::error::host_not_found_try_again, {}); };
    if (unanswered.fetch_add(1) >= limits::kLookupsMax) {
        --unanswered;
        refuse();
        return lookup;
    }
    try {
        std::thread([lookup, of] {
            asio::error_code error;
            auto endpoints = addresses_of(of, error);
            --unanswered;
            lookup->answer(error, std::move(endpoints));
        }).detach();
    } catch (const std::system_error&) {  // no further thread
        --unanswered;
        refuse();
    }
    return lookup;
}

}  // namespace whim
