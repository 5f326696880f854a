// Who answers at an address: a dial, a hello with the test mark, a reply, and the end. No link is made; the
// other side says who it is without asking its owner, so that a peer is found also before it knows the
// caller.
#include "base/limits.h"
#include "transport/session/endpoint_impl.h"
#include "wire/version.h"

namespace whim {

void Endpoint::Impl::test_address(uint64_t test, const Address& to) {
    const auto strand = std::make_shared<Strand>();
    strand->handle = {++strands_made_};
    strand->dialer = true;
    strand->test = test;
    strand->to = to;
    strand->where = "at " + to_string(to);
    strand->begun = now_;
    strand->deadline = now_ + limits::kReachTestTime;
    strands_.emplace(strand->handle, strand);
    driver_.dial(strand->handle, to);
}

void Endpoint::Impl::end_test(uint64_t test) {
    for (const auto& [handle, strand] : strands_) {
        if (strand->test == test) return drop(StrandPtr(strand), Driver::tell);
    }
}

void Endpoint::Impl::greet_test(Strand& strand) {
    put_hello(strand.pending, Hello{.version_min = kProtocolVersionMin,
                                    .version_max = kProtocolVersionMax,
                                    .run_name = config_.run_name,
                                    .from = config_.id,
                                    .from_instance = {},
                                    .to_instance = {},
                                    .is_coordinator = config_.is_coordinator,
                                    .generation = 1,
                                    .mine = new_nonce(),
                                    .theirs = {},
                                    .test = true});
    wake(strand);
}

void Endpoint::Impl::on_test_reply(const StrandPtr& strand, const HelloReply& reply) {
    const bool proved = !strand->channel || strand->channel->remote_id() == reply.from;
    if (!proved) return test_over(strand, std::nullopt, "its reply names another's key", Driver::tell);
    if (reply.status == HelloStatus::ok) return test_over(strand, reply.from, "", Driver::tell);
    test_over(strand, std::nullopt, "peer " + short_name(reply.from) + " answers: " + reply.detail,
              Driver::tell);
}

void Endpoint::Impl::test_over(const StrandPtr& strand, const std::optional<PeerId>& who,
                               const std::string& cause, Driver driver) {
    if (strand->state == StrandState::closed) return;
    drop(strand, driver);
    owner_.address_answered(*strand->test, who, cause, now_);
}

}  // namespace whim
