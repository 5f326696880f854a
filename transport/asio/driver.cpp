// The driver: strand handles to sockets, one timer, and the order in which events are worked off.
#include "transport/asio/driver.h"

#include <chrono>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include "base/assert.h"
#include "base/limits.h"
#include "transport/asio/connection.h"
#include "transport/asio/dialer.h"
#include "transport/asio/listener.h"
#include "transport/asio/same_host.h"
#include "transport/asio/tcp_stream.h"

namespace whim {

class AsioDriver::Core final : public Connection::Host, public std::enable_shared_from_this<Core> {
public:
    explicit Core(asio::io_context& io) : io_(io), timer_(io) {}

    void attach(Endpoint& endpoint) { endpoint_ = &endpoint; }
    void after_events(std::function<void()> then) { after_events_ = std::move(then); }

    void allow_same_host() { same_host_ = true; }
    void share_work(Helpers& helpers) { helpers_ = &helpers; }

    Result<Address> listen(const Address& bind) {
        const auto listener =
            std::make_shared<Listener>(io_, [this](tcp::socket socket, const Address& from) {
                accepted(std::make_shared<TcpStream>(std::move(socket)), from);
            });
        Result<Address> bound = listener->open(bind);
        if (!bound) return bound;
        listeners_.push_back(listener);
        if (same_host_) listen_same_host(listener->bound());
        return bound;
    }

    void dial(StrandHandle strand, const Address& to) {
        if (!same_host_) return dial_tcp(strand, to);
        const auto dialer =
            std::make_shared<SameHostDialer>(io_, [this, strand, to](std::shared_ptr<ByteStream> stream) {
                same_host_dialers_.erase(strand);
                if (!stream) return dial_tcp(strand, to);
                dialed(strand, std::move(stream));
            });
        if (!dialer->start(to)) return dial_tcp(strand, to);
        same_host_dialers_.emplace(strand, dialer);
    }

    void dial_tcp(StrandHandle strand, const Address& to) {
        const auto dialer = std::make_shared<Dialer>(
            io_, to,
            [this, strand](tcp::socket socket) {
                dialers_.erase(strand);
                dialed(strand, std::make_shared<TcpStream>(std::move(socket)));
            },
            [this, strand](DialError error, const std::string& detail) {
                dialers_.erase(strand);
                endpoint_->dial_failed(strand, error, detail, now());
                event_done();
            });
        dialers_.emplace(strand, dialer);
        dialer->start();
    }

    void close(StrandHandle strand) {
        if (auto dialer = dialers_.extract(strand)) dialer.mapped()->cancel();
        if (auto dialer = same_host_dialers_.extract(strand)) dialer.mapped()->cancel();
        if (auto connection = connections_.extract(strand)) connection.mapped()->close();
    }

    void wants_write(StrandHandle strand) {
        writable_.push_back(strand);
        if (writable_.size() == 1) poke();
    }

    std::optional<PathSample> sample(StrandHandle strand) const {
        const auto found = connections_.find(strand);
        return found == connections_.end() ? std::nullopt : found->second->sample();
    }

    void pace(StrandHandle strand, uint64_t bytes_per_second) {
        const auto found = connections_.find(strand);
        if (found != connections_.end()) found->second->pace(bytes_per_second);
    }

    void guide(StrandHandle strand, Congestion by) {
        const auto found = connections_.find(strand);
        if (found != connections_.end()) found->second->guide(by);
    }

    // Work that was asked for outside of an event gets an event of its own.
    void poke() {
        if (poked_) return;
        poked_ = true;
        asio::post(io_, [core = shared_from_this()] {
            core->poked_ = false;
            if (core->stopped_) return;
            core->take_turns();
        });
    }

    void take_turns() {
        const std::vector<StrandHandle> later = std::exchange(later_, {});
        writable_.insert(writable_.end(), later.begin(), later.end());
        read_gathered();
        if (!stopped_) event_done();
    }

    void stop() {
        stopped_ = true;
        for (const auto& [strand, dialer] : dialers_) dialer->cancel();
        for (const auto& [strand, connection] : connections_) connection->close();
        for (const auto& [strand, dialer] : same_host_dialers_) dialer->cancel();
        for (const auto& listener : listeners_) listener->close();
        for (const auto& listener : same_host_listeners_) listener->close();
        timer_.cancel();
        after_events_ = nullptr;
    }

    bool gathers() const override { return helpers_ && helpers_->free(); }
    // Others that are ready now are told before the event that is asked for here.
    void readable(StrandHandle strand) override {
        readable_.push_back(strand);
        poke();
    }
    void writable(StrandHandle strand) override { wants_write(strand); }

    Endpoint& endpoint() override { return *endpoint_; }
    Instant now() const override { return AsioDriver::now(); }
    void ended(StrandHandle strand, const std::string& detail) override {
        connections_.erase(strand);
        endpoint_->closed(strand, detail, now());
    }
    // The owner first: what it decides often has bytes to write at once. And again after a write: payloads
    // that left its memory may complete what it does.
    void event_done() override {
        do {
            if (after_events_) after_events_();
        } while (!stopped_ && flush());
        if (!stopped_) set_timer();
    }

private:
    void listen_same_host(const tcp::endpoint& bound) {
        const auto listener = std::make_shared<SameHostListener>(
            io_, [this, at = to_address(bound)](std::shared_ptr<ByteStream> stream) {
                accepted(std::move(stream), {"this-machine", at.port});
            });
        listener->open(bound);
        same_host_listeners_.push_back(listener);
    }

    void accepted(std::shared_ptr<ByteStream> stream, const Address& from) {
        adopt(endpoint_->accepted(from, now()), std::move(stream));
        event_done();
    }

    void dialed(StrandHandle strand, std::shared_ptr<ByteStream> stream) {
        adopt(strand, std::move(stream));
        endpoint_->dialed(strand, now());
        event_done();
    }

    void adopt(StrandHandle strand, std::shared_ptr<ByteStream> stream) {
        const auto connection = std::make_shared<Connection>(*this, std::move(stream), strand);
        connections_.emplace(strand, connection);
        connection->start_reading();
    }

    std::shared_ptr<Connection> find(StrandHandle strand) const {
        const auto found = connections_.find(strand);
        return found == connections_.end() ? nullptr : found->second;
    }

    // False: there was nothing to write.
    bool flush() {
        const std::vector<StrandHandle> writable = std::exchange(writable_, {});
        const bool together = writable.size() > 1 && gathers();
        const auto done = together ? write_together(writable) : std::set<StrandHandle>();
        for (const StrandHandle strand : writable) {
            if (const auto connection = done.contains(strand) ? nullptr : find(strand)) connection->write();
        }
        return !writable.empty();
    }

    struct Turn {
        StrandHandle strand;
        std::shared_ptr<Connection> connection;
        Connection::Moved moved;
    };
    template <class Work> std::vector<Turn> move_together(std::vector<Work>& work) {
        std::vector<Turn> turns;
        for (const Work& one : work) turns.push_back({one.handle(), find(one.handle()), {}});
        if (turns.empty()) return turns;
        helpers_->share(turns.size(), [&](size_t i) { turns[i].moved = turns[i].connection->move(work[i]); });
        return turns;
    }

    // Those beyond what others may be kept waiting for.
    static std::set<StrandHandle> put_off(std::vector<StrandHandle>& strands, std::vector<StrandHandle>& to) {
        if (strands.size() <= limits::kStrandsAtOnceMax) return {};
        const auto from = strands.begin() + limits::kStrandsAtOnceMax;
        std::set<StrandHandle> all(from, strands.end());
        to.insert(to.end(), from, strands.end());
        strands.erase(from, strands.end());
        return all;
    }

    // Works off, at the same time, what several strands have to write at once; the answer names them. What
    // more they have is for the next event: others want to be read.
    std::set<StrandHandle> write_together(std::vector<StrandHandle> strands) {
        std::erase_if(strands, [&](StrandHandle strand) {
            const auto connection = find(strand);
            return !connection || !connection->takes() || !endpoint_->carries_bulk(strand).value_or(false);
        });
        std::set<StrandHandle> done = put_off(strands, later_);
        std::vector<Sealing> work = endpoint_->begin_sealing(strands, now());
        const auto turns = move_together(work);
        endpoint_->end_sealing(work, now());
        for (const auto& [strand, connection, moved] : turns) {
            done.insert(strand);
            if (connection->have_written(moved)) later_.push_back(strand);
        }
        if (!later_.empty()) poke();
        return done;
    }

    void read_gathered() {
        std::vector<StrandHandle> strands = std::exchange(readable_, {});
        if (strands.empty()) return;
        put_off(strands, readable_);
        std::vector<Opening> work;
        if (strands.size() > 1 && gathers()) work = endpoint_->begin_opening(strands, now());
        const auto turns = move_together(work);
        endpoint_->end_opening(work, now());
        std::set<StrandHandle> done;
        for (const auto& [strand, connection, moved] : turns) {
            done.insert(strand);
            if (connection->have_read(moved)) readable_.push_back(strand);
        }
        for (const StrandHandle strand : strands) {
            const auto connection = stopped_ || done.contains(strand) ? nullptr : find(strand);
            if (connection) connection->read();
        }
        if (!readable_.empty()) poke();
    }

    void set_timer() {
        const auto due = endpoint_->deadline();
        if (due == timer_at_) return;
        timer_at_ = due;
        if (!due) {
            timer_.cancel();
            return;
        }
        timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(due->ns)));
        timer_.async_wait([core = shared_from_this()](const asio::error_code& cancelled) {
            if (cancelled || core->stopped_) return;
            core->timer_at_.reset();
            core->endpoint_->on_deadline(core->now());
            core->event_done();
        });
    }

    asio::io_context& io_;
    Endpoint* endpoint_ = nullptr;
    std::function<void()> after_events_;
    std::map<StrandHandle, std::shared_ptr<Dialer>> dialers_;
    std::map<StrandHandle, std::shared_ptr<Connection>> connections_;
    std::map<StrandHandle, std::shared_ptr<SameHostDialer>> same_host_dialers_;
    std::vector<std::shared_ptr<Listener>> listeners_;
    std::vector<std::shared_ptr<SameHostListener>> same_host_listeners_;
    std::vector<StrandHandle> writable_;
    std::vector<StrandHandle> later_;     // the same, with the next event
    std::vector<StrandHandle> readable_;  // and gathered for the next event
    Helpers* helpers_ = nullptr;          // null: every strand has its turn alone
    asio::steady_timer timer_;
    std::optional<Instant> timer_at_;
    bool same_host_ = false;
    bool poked_ = false;
    bool stopped_ = false;
};

AsioDriver::AsioDriver(asio::io_context& io) : core_(std::make_shared<Core>(io)) {}
AsioDriver::~AsioDriver() { core_->stop(); }

void AsioDriver::attach(Endpoint& endpoint) {
    core_->attach(endpoint);
    core_->poke();
}
void AsioDriver::allow_same_host() { core_->allow_same_host(); }
void AsioDriver::share_work(Helpers& helpers) { core_->share_work(helpers); }
void AsioDriver::after_events(std::function<void()> then) { core_->after_events(std::move(then)); }
Result<Address> AsioDriver::listen(const Address& bind) { return core_->listen(bind); }
void AsioDriver::poke() { core_->poke(); }
void AsioDriver::dial(StrandHandle strand, const Address& to) { core_->dial(strand, to); }
void AsioDriver::close(StrandHandle strand) { core_->close(strand); }
void AsioDriver::wants_write(StrandHandle strand) { core_->wants_write(strand); }
std::optional<PathSample> AsioDriver::sample(StrandHandle strand) { return core_->sample(strand); }
void AsioDriver::pace(StrandHandle strand, uint64_t bytes_per_second) {
    core_->pace(strand, bytes_per_second);
}
void AsioDriver::guide(StrandHandle strand, Congestion by) { core_->guide(strand, by); }

Instant AsioDriver::now() {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return Instant{std::chrono::duration_cast<std::chrono::nanoseconds>(since).count()};
}

}  // namespace whim
