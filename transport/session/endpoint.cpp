// The seam: what owner and driver call, checked and passed on.
#include "transport/session/endpoint.h"

#include "base/assert.h"
#include "base/limits.h"
#include "transport/session/endpoint_impl.h"

namespace whim {

std::string_view link_down_name(LinkDownKind kind) {
    switch (kind) {
        case LinkDownKind::closed: return "closed";
        case LinkDownKind::refused: return "refused";
        case LinkDownKind::unreachable: return "unreachable";
        case LinkDownKind::rejected: return "rejected";
        case LinkDownKind::identity: return "identity";
        case LinkDownKind::version: return "version";
        case LinkDownKind::protocol: return "protocol";
    }
    return "unknown";
}

Endpoint::Impl::Impl(EndpointConfig config, ChannelFactory* channels, EndpointOwner& owner,
                     StrandDriver& driver)
    : config_(std::move(config)), channels_(channels), owner_(owner), driver_(driver), prng_(config_.seed) {
    boot_ = prng_.next();
}

// Links and strands hold each other.
Endpoint::Impl::~Impl() {
    for (const auto& [key, link] : links_) link->slots.clear();
    for (const auto& [handle, strand] : strands_) strand->link = nullptr;
}

LinkPtr Endpoint::Impl::find_link(const LinkKey& key) const {
    const auto found = links_.find(key);
    return found == links_.end() ? nullptr : found->second;
}

StrandPtr Endpoint::Impl::find_strand(StrandHandle handle) const {
    const auto found = strands_.find(handle);
    return found == strands_.end() ? nullptr : found->second;
}

void Endpoint::Impl::wake(Strand& strand) {
    if (!strand.idle || strand.state == StrandState::closed) return;
    strand.idle = false;
    driver_.wants_write(strand.handle);
}

void Endpoint::Impl::wake_control(Link& link) {
    if (Strand* const carrier = control_carrier(link)) wake(*carrier);
}

// One idle strand is enough for one frame; busy ones look at the queue by themselves. Always the first that
// is idle: what is little goes where the window is open already. Copies need the others.
void Endpoint::Impl::wake_bulk(Link& link) {
    const size_t count = strands_for(link);
    for (size_t index = 1; index < link.slots.size(); ++index) {
        if (!link.among_first(index, count)) return;
        const StrandPtr& strand = link.slots[index].strand;
        if (!strand || !strand->idle) continue;
        wake(*strand);
        if (!copies_over(link)) return;
    }
}

void Endpoint::Impl::open_link(const LinkKey& key, LinkOptions options) {
    WHIM_ASSERT(!links_.contains(key) && options.bulk_strands < limits::kStrandsPerLinkMax);
    const auto link = std::make_shared<Link>();
    link->key = key;
    link->bulk_strands = options.bulk_strands;
    if (options.tune_strands && options.bulk_strands > 0) recall_path(*link);
    link->slots.resize(1 + link->strands_open());
    link->connect_times.resize(options.addresses.size());
    if (options.dial) {
        link->mine = new_nonce();
        if (!options.addresses.empty()) link->control().next_dial = now_;
    } else if (!options.addresses.empty()) {
        link->next_probe = now_ + limits::kControlRedialGrace;
    }
    link->options = std::move(options);
    link->stats.last_heard = link->answered = now_;
    link->limiter.set(rate_each_, now_);
    detour_after(*link, std::nullopt);
    link->unpark_due = true;
    links_.emplace(key, link);
}

void Endpoint::Impl::close_link(const LinkKey& key, Instant now) {
    now_ = now;
    const LinkPtr link = find_link(key);
    if (!link) return;
    links_.erase(key);
    remember_path(*link);
    link->open = false;
    end_session(link);
    if (const StrandPtr probe = link->probe) drop(probe, Driver::tell);
    if (const StrandPtr detour = link->detour) drop(detour, Driver::tell);
}

bool Endpoint::Impl::send_message(const LinkKey& key, Bytes message) {
    WHIM_ASSERT(message.size() <= limits::kMessageBytesMax);
    const LinkPtr link = find_link(key);
    if (!link || link->stuck) return false;
    if (link->messages.bytes() + message.size() > limits::kControlUnackedBytesMax) {
        link->stuck = true;  // the owner hears link_down from the next deadline, which is now
        return false;
    }
    link->messages.push(std::move(message));
    wake_control(*link);
    return true;
}

bool Endpoint::Impl::takes_bulk(const LinkKey& key) const {
    const LinkPtr link = find_link(key);
    return link && link->bulk_strands > 0 && link->bulk.size() < limits::kBulkQueuedMax;
}

bool Endpoint::Impl::send_bulk(const LinkKey& key, BulkFrame frame) {
    WHIM_ASSERT(frame.header.size() <= limits::kBulkHeaderBytesMax &&
                frame.payload_bytes <= limits::kBulkPayloadBytesMax);
    if (!takes_bulk(key)) return false;
    const LinkPtr link = find_link(key);
    link->bulk.push(std::move(frame));
    wake_bulk(*link);
    return true;
}

StrandHandle Endpoint::Impl::accepted(std::string where, const std::optional<LinkKey>& via, Instant now) {
    now_ = now;
    std::vector<StrandPtr> unknown;  // oldest first
    for (const auto& [handle, strand] : strands_) {
        if (!strand->dialer && strand->state != StrandState::attached) unknown.push_back(strand);
    }
    if (unknown.size() >= limits::kUnknownStrandsMax) drop(unknown.front(), Driver::tell);

    const auto strand = std::make_shared<Strand>();
    strand->handle = {++strands_made_};
    strand->where = std::move(where);
    strand->via = via;
    strand->deadline = now + limits::kHandshakeTimeout;
    if (channels_) strand->channel = channels_->make(ChannelFactory::Side::listener);
    strand->state = channels_ ? StrandState::securing : StrandState::greeting;
    strands_.emplace(strand->handle, strand);
    return strand->handle;
}

void Endpoint::Impl::dialed(StrandHandle handle, Instant now) {
    now_ = now;
    const StrandPtr strand = find_strand(handle);
    if (!strand) return;
    if (strand->state == StrandState::probing) {
        const LinkPtr link = strand->link;
        drop(strand, Driver::tell);  // somebody listens: that is all that was asked
        link->refusals.clear();
        if (link->open) link->next_probe = now + backoff(++link->probes);
        return;
    }
    if (strand->via) strand->deadline = now + handshake_patience(*strand);
    strand->state = channels_ ? StrandState::securing : StrandState::greeting;
    if (!channels_) return greet(strand);
    strand->channel = channels_->make(ChannelFactory::Side::dialer);
    wake(*strand);
}

void Endpoint::Impl::dial_failed(StrandHandle handle, DialError error, const std::string& detail,
                                 Instant now) {
    now_ = now;
    const StrandPtr strand = find_strand(handle);
    if (!strand) return;
    switch (error) {
        case DialError::refused:
            return lose(strand, LinkDownKind::refused, detail + " (nobody listens there)", Driver::knows);
        case DialError::timed_out:
            return lose(strand, LinkDownKind::unreachable, silence_of(*strand), Driver::knows);
        case DialError::unreachable:
        case DialError::name_unknown: return lose(strand, LinkDownKind::unreachable, detail, Driver::knows);
    }
}

void Endpoint::Impl::closed(StrandHandle handle, const std::string& detail, Instant now) {
    now_ = now;
    if (const StrandPtr strand = find_strand(handle)) {
        lose(strand, LinkDownKind::closed, detail, Driver::knows);
    }
}

Endpoint::Endpoint(EndpointConfig config, ChannelFactory* channels, EndpointOwner& owner,
                   StrandDriver& driver)
    : impl_(std::make_unique<Impl>(std::move(config), channels, owner, driver)) {}
Endpoint::~Endpoint() = default;

void Endpoint::open_link(const LinkKey& key, LinkOptions options, Instant now) {
    impl_->set_now(now);
    impl_->open_link(key, std::move(options));
}
void Endpoint::limit_rate(uint64_t all_links, uint64_t each_link, Instant now) {
    impl_->set_now(now);
    impl_->limit_rate(all_links, each_link);
}
void Endpoint::close_link(const LinkKey& key, Instant now) { impl_->close_link(key, now); }
bool Endpoint::has_link(const LinkKey& key) const { return impl_->find_link(key) != nullptr; }
bool Endpoint::send_message(const LinkKey& key, Bytes message, Instant now) {
    impl_->set_now(now);
    return impl_->send_message(key, std::move(message));
}
bool Endpoint::takes_bulk(const LinkKey& key) const { return impl_->takes_bulk(key); }

bool Endpoint::send_bulk(const LinkKey& key, BulkFrame frame, Instant now) {
    impl_->set_now(now);
    return impl_->send_bulk(key, std::move(frame));
}
std::optional<LinkStats> Endpoint::stats(const LinkKey& key) const {
    const LinkPtr link = impl_->find_link(key);
    if (!link) return std::nullopt;
    LinkStats stats = link->stats;
    stats.up = link->up;
    stats.via = Impl::via_of(*link);
    stats.bulk_queued = static_cast<uint32_t>(link->bulk.size());
    stats.rtt_p99 = link->rtts.quantile(0.99);
    stats.pace = link->pace.rate;
    stats.pace_reason = impl_->pace_reason(*link);
    stats.lossy = link->losses.lossy();
    for (size_t index = 1; index < link->slots.size(); ++index)
        stats.strands += link->slots[index].strand != nullptr;
    stats.strands_used = std::min(stats.strands, link->strands_used());
    stats.strands_reason = link->tuner ? link->tuner->reason() : "as configured";
    return stats;
}
uint64_t Endpoint::rate(const LinkKey& key) const {
    const LinkPtr link = impl_->find_link(key);
    return link ? impl_->rate_of(*link) : 0;
}
std::vector<LinkKey> Endpoint::links() const {
    std::vector<LinkKey> keys;
    for (const auto& [key, link] : impl_->links()) keys.push_back(key);
    return keys;
}

void Endpoint::test_address(uint64_t test, const Address& to, Instant now) {
    impl_->set_now(now);
    impl_->test_address(test, to);
}
void Endpoint::end_test(uint64_t test) { impl_->end_test(test); }

std::string Endpoint::why_no_relay(const LinkKey& key, Instant now) const {
    return impl_->why_no_relay(key, now);
}

StrandHandle Endpoint::accepted(const Address& from, Instant now) {
    return impl_->accepted("from " + to_string(from), std::nullopt, now);
}
StrandHandle Endpoint::accepted_through(const LinkKey& relay, Instant now) {
    return impl_->accepted("through " + short_name(relay), relay, now);
}
void Endpoint::dialed(StrandHandle strand, Instant now) { impl_->dialed(strand, now); }
void Endpoint::dial_failed(StrandHandle strand, DialError error, const std::string& detail, Instant now) {
    impl_->dial_failed(strand, error, detail, now);
}
void Endpoint::closed(StrandHandle strand, const std::string& detail, Instant now) {
    impl_->closed(strand, detail, now);
}
MutableByteSpan Endpoint::read_buffer(StrandHandle strand) { return impl_->read_buffer(strand); }
void Endpoint::did_read(StrandHandle strand, size_t bytes, Instant now) {
    impl_->did_read(strand, bytes, now);
}
size_t Endpoint::write_buffers(StrandHandle strand, std::span<ByteSpan> out) {
    return impl_->write_buffers(strand, out);
}
void Endpoint::did_write(StrandHandle strand, size_t bytes, Instant now) {
    impl_->did_write(strand, bytes, now);
}
std::vector<Sealing> Endpoint::begin_sealing(std::span<const StrandHandle> strands, Instant now) {
    impl_->set_now(now);
    return impl_->begin_sealing(strands);
}
void Endpoint::end_sealing(std::span<const Sealing> work, Instant now) { impl_->end_sealing(work, now); }
std::vector<Opening> Endpoint::begin_opening(std::span<const StrandHandle> strands, Instant now) {
    impl_->set_now(now);
    return impl_->begin_opening(strands);
}
void Endpoint::end_opening(std::span<const Opening> work, Instant now) { impl_->end_opening(work, now); }
std::optional<bool> Endpoint::carries_bulk(StrandHandle strand) const {
    const StrandPtr found = impl_->find_strand(strand);
    if (!found || found->state != StrandState::attached) return std::nullopt;
    return found->index > 0;
}
size_t Endpoint::turn_bytes(StrandHandle strand) const { return impl_->turn_bytes(strand); }
size_t Endpoint::worth_reading(StrandHandle strand) const { return impl_->worth_reading(strand); }
std::optional<Instant> Endpoint::deadline() const { return impl_->deadline(); }
void Endpoint::on_deadline(Instant now) { impl_->on_deadline(now); }

}  // namespace whim
