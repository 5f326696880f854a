// Inside of Endpoint. Fifteen files, one concern each: endpoint.cpp (the seam), handshake.cpp (hello and
// reply), reach_test.cpp (who answers at an address), race.cpp (which of a peer's addresses), loss.cpp (what
// ends and what follows), timers.cpp (dials, probes, heartbeats), detour.cpp (paths through third members),
// stream.cpp (frames in and out of attached strands), bulk.cpp (bulk frames, in parts), copies.cpp
// (what is sent once more, unasked), aside.cpp (what carries control while its strand is lost), strands.cpp
// (how many there are), strand_work.cpp (what several may do at once), path_pace.cpp (how fast bulk leaves),
// pacing.cpp (the user's bounds on rates).
//
// Rules that keep callbacks safe: links and strands are held by shared pointers while they are worked on;
// after each call of the owner, Link::open and Strand::state say whether work may go on.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "base/prng.h"
#include "transport/session/endpoint.h"
#include "transport/session/frame.h"
#include "transport/session/link.h"
#include "transport/session/path_memory.h"
#include "transport/session/strand.h"

namespace whim {

using LinkPtr = std::shared_ptr<Link>;

class Endpoint::Impl {
public:
    Impl(EndpointConfig config, ChannelFactory* channels, EndpointOwner& owner, StrandDriver& driver);
    ~Impl();

    // endpoint.cpp
    void open_link(const LinkKey& key, LinkOptions options);
    void close_link(const LinkKey& key, Instant now);
    bool send_message(const LinkKey& key, Bytes message);
    bool send_bulk(const LinkKey& key, BulkFrame frame);
    bool takes_bulk(const LinkKey& key) const;
    StrandHandle accepted(std::string where, const std::optional<LinkKey>& via, Instant now);
    void dialed(StrandHandle handle, Instant now);
    void dial_failed(StrandHandle handle, DialError error, const std::string& detail, Instant now);
    void closed(StrandHandle handle, const std::string& detail, Instant now);
    LinkPtr find_link(const LinkKey& key) const;
    StrandPtr find_strand(StrandHandle handle) const;
    void wake(Strand& strand);
    void wake_control(Link& link);
    void wake_bulk(Link& link);
    void set_now(Instant now) { now_ = now; }
    const std::map<LinkKey, LinkPtr>& links() const { return links_; }

    // handshake.cpp
    void greet(const StrandPtr& strand);  // dialer: says hello
    void on_hello(const StrandPtr& strand, const Hello& hello);
    void on_reply(const StrandPtr& strand, const HelloReply& reply);
    void unpark(const LinkPtr& link);
    void refuse(const StrandPtr& strand, HelloStatus status, std::string detail);

    // reach_test.cpp
    void test_address(uint64_t test, const Address& to);
    void end_test(uint64_t test);

    // loss.cpp
    enum class Driver : uint8_t { tell, knows };  // whether the driver has to be told of a close
    void lose(const StrandPtr& strand, LinkDownKind kind, const std::string& cause,
              Driver driver = Driver::tell);
    void violated(const StrandPtr& strand, const std::string& detail);  // the other side broke the protocol
    void break_link(const LinkPtr& link, LinkDownKind kind, const std::string& detail);
    void attempt_failed(const LinkPtr& link, const Strand& strand, LinkDownKind kind,
                        const std::string& detail);
    void end_session(const LinkPtr& link);              // closes its strands, forgets what was unsent
    void drop(const StrandPtr& strand, Driver driver);  // closes one strand and lets go of the owner's memory
    void tell_up(const LinkPtr& link, LinkSession session);
    void tell_down(const LinkPtr& link, LinkDownKind kind, const std::string& detail);
    // What the other side received before a strand was lost: the rest is to be sent again. False: impossible
    // count.
    bool settle(Link& link, uint8_t index, uint64_t received);

    // timers.cpp
    std::optional<Instant> deadline();
    void on_deadline(Instant now);
    Duration backoff(uint32_t attempts);
    static Duration dial_patience(const Slot& slot);
    SessionNonce new_nonce() { return {boot_, ++sessions_}; }

    // detour.cpp
    static std::optional<LinkKey> via_of(const Link& link);
    std::string why_no_relay(const LinkKey& key, Instant now) const;

    // strands.cpp
    void fit_strands(Link& link);
    void wanted_changed(Link& link);
    std::string pace_reason(const Link& link) const;
    uint64_t rate_of(const Link& link) const;
    Duration jitter_of(const Link& link) const;
    void learn_path(Link& link);  // its control strand was attached
    void look_at_strands(Link& link);
    void guide_strands(Link& link, const StrandReading& reading);
    void guide(Strand& strand, Congestion by);
    void recall_path(Link& link);  // it is made, its options are there
    void remember_path(const Link& link);

    // path_pace.cpp
    struct PaceLook;
    void look_at_pace();
    uint64_t allowed_to(const std::vector<PaceLook>& looks) const;
    std::optional<PaceLook> look_at_pace_of(Link& link, Duration elapsed);
    void guide_by_pace(const PaceLook& look, uint64_t mean);
    void share_pace();
    void set_pace(Link& link, uint64_t rate);

    // aside.cpp
    static Strand* control_carrier(const Link& link);
    void step_aside(Link& link);
    static void acknowledge_again(Link& link);

    // bulk.cpp
    void pull_bulk(const StrandPtr& strand);
    std::optional<MutableByteSpan> part_begins(const StrandPtr& strand, ByteSpan header, uint32_t bytes);
    void part_whole(const StrandPtr& strand, uint32_t bytes);
    void part_arrived(Link& link, const OutPart& part);  // at the other end
    size_t backlog_of(const Link& link) const;           // bytes that a bulk strand takes ahead
    void lay_down(Link& link, Strand& strand);
    void unpin(const Link& link, OutFrame& frame);
    void forget_bulk(Link& link);
    static bool alive(const Strand& strand) {
        return strand.state != StrandState::closed && strand.state != StrandState::draining;
    }

    // pacing.cpp
    void limit_rate(uint64_t all_links, uint64_t each_link);
    size_t trim_to_rate(Strand& strand, std::span<ByteSpan> pieces);  // how many of them may leave now
    void spend_rate(Link& link, size_t bytes);
    std::optional<Instant> next_paced() const;
    void run_paced();

    // stream.cpp
    MutableByteSpan read_buffer(StrandHandle handle);
    size_t worth_reading(StrandHandle handle) const;
    size_t turn_bytes(StrandHandle handle) const;  // copies.cpp
    void did_read(StrandHandle handle, size_t bytes, Instant now);
    size_t write_buffers(StrandHandle handle, std::span<ByteSpan> out);
    void did_write(StrandHandle handle, size_t bytes, Instant now);

    // strand_work.cpp
    std::vector<Sealing> begin_sealing(std::span<const StrandHandle> handles);
    void end_sealing(std::span<const Sealing> work, Instant now);
    std::vector<Opening> begin_opening(std::span<const StrandHandle> handles);
    void end_opening(std::span<const Opening> work, Instant now);

private:
    class Inbound;
    struct Answer;

    // handshake.cpp
    void attach_accepted(const StrandPtr& strand, const LinkPtr& link, const Hello& hello);
    Answer judge_hello(const Strand& strand, const Hello& hello) const;
    Answer judge_link(const Link& link, const Hello& hello) const;
    void attach(const StrandPtr& strand, const LinkPtr& link);

    // reach_test.cpp
    void greet_test(Strand& strand);
    void on_test_reply(const StrandPtr& strand, const HelloReply& reply);
    void test_over(const StrandPtr& strand, const std::optional<PeerId>& who, const std::string& cause,
                   Driver driver);

    // race.cpp
    static std::vector<size_t> best_first(const Link& link);
    void begin_race(const LinkPtr& link);
    void send_racer(const LinkPtr& link);
    Duration pause_of_next(Link& link);
    void lead_race(const StrandPtr& strand);
    static bool asks_first(const Link& link, const Strand& racer);
    void found(const StrandPtr& racer);
    void win_race(const LinkPtr& link, const Strand& strand);
    void end_race(Link& link);
    void depose(const LinkPtr& link, const StrandPtr& leader);
    void calm_race(Link& link);
    void stir_race(Link& link);
    static bool racing(const Link& link) { return !link.racers.empty() || link.next_racer; }
    bool race_lost(const LinkPtr& link, const Strand& strand, LinkDownKind kind, const std::string& detail);
    static LinkDownKind race_verdict(const Link& link);
    static std::string failures_of(const Link& link);  // in words

    // loss.cpp
    Instant pause_from(Slot& slot);
    void after_loss(const LinkPtr& link, const Strand& strand, LinkDownKind kind, const std::string& detail);

    // detour.cpp
    std::optional<Instant> detour_at(const Link& link) const;
    void run_detour(const LinkPtr& link);
    bool may_detour(const Link& link) const;
    Instant silent_at(const Link& link) const;  // heartbeats will not have been answered for too long
    bool silent(const Link& link) const { return now_ >= silent_at(link); }
    std::optional<LinkKey> next_relay(const Link& link) const;
    Duration answer_patience(const LinkKey& relay) const;
    Duration handshake_patience(const Strand& strand) const;  // once the circuit is open
    void dial_through(const StrandPtr& strand, const LinkKey& relay);
    void detour_after(Link& link, const std::optional<LinkKey>& lost_relay);
    void detour_failed(const LinkPtr& link, const Strand& strand);
    void bulk_detour_failed(const LinkPtr& link, const Strand& strand, const std::string& detail);
    void pause_detours(Link& link);
    Duration direct_pause(Link& link);
    void let_go(const LinkPtr& link, const StrandPtr& of);
    void leave_other_routes(const LinkPtr& link, const std::optional<LinkKey>& route);
    void settle_route(const LinkPtr& link, const std::optional<LinkKey>& route);
    void tell_route(const LinkPtr& link);

    // timers.cpp
    std::optional<Instant> link_deadline(const Link& link) const;
    static Instant control_missed_at(const Link& link);
    bool path_in_doubt(const Link& link) const;
    void run_strand_deadline(const StrandPtr& strand);
    void run_link(const LinkPtr& link);
    void run_dials(const LinkPtr& link);
    void beat(Link& link);
    StrandPtr make_dialer(const LinkPtr& link, uint8_t index);
    void dial(const LinkPtr& link, uint8_t index);
    StrandPtr dial_address(const LinkPtr& link, uint8_t index, size_t address);
    std::string silence_of(const Strand& strand) const;  // of a dialer that was not answered, in words
    void probe(const LinkPtr& link);

    // bulk.cpp
    bool pin(const Link& link, OutFrame& frame);
    SentPartPtr next_part(const StrandPtr& strand);
    OutPart take_in_hand(const Link& link, Strand& of, bool from_behind);
    std::optional<OutPart> take_from_other(Link& link);
    void put_on(const StrandPtr& strand, const SentPartPtr& sent);
    void end_arriving(const LinkPtr& link, uint64_t number, bool whole);
    static bool spread(Link& link, OutFrame& frame);  // over several strands: false: not now

    // copies.cpp
    static Duration trip_of(const Link& link);
    void look_at_losses(Link& link);
    static bool copies_over(const Link& link);
    static uint32_t strands_for(const Link& link);  // that may carry what is to be sent now
    SentPartPtr last_under_way(const Link& link, const Strand& but) const;
    SentPartPtr take_copy(const StrandPtr& strand);

    // stream.cpp
    void pull(const StrandPtr& strand);
    void pull_control(Link& link, Strand& strand);
    void consumed(const StrandPtr& strand, size_t bytes);
    size_t encrypt(const StrandPtr& strand, std::span<ByteSpan> out);
    void decrypt(const StrandPtr& strand, ByteSpan cipher);
    void read_plain(const StrandPtr& strand);
    void filled(const StrandPtr& strand, size_t bytes);  // the payload under way, by Opening
    void channel_failed(const StrandPtr& strand, const Error& error);
    bool on_attached_frame(const StrandPtr& strand, FrameType type, ByteSpan body);
    bool on_message(const StrandPtr& strand, ByteSpan body);
    bool on_count(const StrandPtr& strand, FrameType type, const StrandCount& count);
    void count_received(Link& link, uint8_t index, size_t bytes);

    const EndpointConfig config_;
    ChannelFactory* const channels_;
    EndpointOwner& owner_;
    StrandDriver& driver_;

    Instant now_;  // of the step that runs
    Prng prng_;
    uint64_t boot_ = 0;
    uint64_t sessions_ = 0;
    uint64_t strands_made_ = 0;
    std::map<LinkKey, LinkPtr> links_;
    std::map<StrandHandle, StrandPtr> strands_;
    RateFinder line_;  // of what all links together allow: this host's access line
    Instant pace_looked_at_;
    Duration pace_interval_;
    bool pace_due_ = false;         // the last look saw something sent: the next comes by itself
    RateLimiter limiter_;           // of all links
    uint64_t rate_each_ = 0;        // of each link
    std::set<StrandHandle> paced_;  // with bytes that wait for their time
    PathMemory paths_;              // of links that were closed
    Bytes plain_;                   // decrypted bytes without other destination
};

}  // namespace whim
