// Frames in and out of strands: what is read is cut and given to the owner; what is written is pulled from
// the link's queues just before, so that heartbeats never wait behind bulk and the least loaded strand takes
// the next frame.
#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/limits.h"
#include "transport/session/endpoint_impl.h"

namespace whim {

// Gives the frames of one strand to whom they are for.
class Endpoint::Impl::Inbound final : public FrameReader::Handler {
public:
    Inbound(Impl& impl, StrandPtr strand) : impl_(impl), strand_(std::move(strand)) {}

    bool on_frame(FrameType type, ByteSpan body) override {
        if (strand_->state == StrandState::attached)
            return impl_.on_attached_frame(strand_, type, body) && live();
        if (strand_->state != StrandState::greeting) return refuse("a frame before the reply");
        if (type != (strand_->dialer ? FrameType::hello_reply : FrameType::hello)) return refuse("no hello");
        if (strand_->dialer) {
            const auto reply = decode_hello_reply(body);
            if (!reply) return refuse("a malformed reply");
            impl_.on_reply(strand_, *reply);
        } else {
            const auto hello = decode_hello(body);
            if (!hello) return refuse("a malformed hello");
            impl_.on_hello(strand_, *hello);
        }
        return live();
    }

    std::optional<MutableByteSpan> on_bulk(ByteSpan header, uint32_t payload_bytes) override {
        if (strand_->state != StrandState::attached || strand_->index == 0) {
            refuse("a bulk frame where none belongs");
            return std::nullopt;
        }
        return impl_.part_begins(strand_, header, payload_bytes);
    }

    bool on_bulk_whole() override {
        impl_.part_whole(strand_, strand_->reader.last_payload_bytes());
        return live();
    }

private:
    bool live() const { return alive(*strand_); }
    bool refuse(const char* why) {
        impl_.violated(strand_, why);
        return false;
    }
    Impl& impl_;
    const StrandPtr strand_;
};

MutableByteSpan Endpoint::Impl::read_buffer(StrandHandle handle) {
    const StrandPtr strand = find_strand(handle);
    if (!strand) return {};
    const MutableByteSpan direct = strand->channel ? MutableByteSpan() : strand->reader.direct();
    strand->reading_direct = !direct.empty();
    if (strand->reading_direct) return direct;
    // A short read ahead of a large payload keeps the part that is copied small.
    const bool large_next = !strand->channel && !strand->reader.in_payload() &&
                            strand->reader.last_payload_bytes() >= limits::kReadStagingBytes;
    const bool small = strand->state != StrandState::attached || large_next;
    const size_t bytes = small ? limits::kReadHeadBytes : limits::kReadStagingBytes;
    if (strand->staging.size() < bytes) strand->staging.resize(bytes);
    return MutableByteSpan(strand->staging).first(bytes);
}

// Encrypted, a payload is no shorter, but the channel may hold the beginning of a record already.
size_t Endpoint::Impl::worth_reading(StrandHandle handle) const {
    const StrandPtr strand = find_strand(handle);
    if (!strand) return 1;
    const size_t left = strand->reader.payload_left();
    const size_t held = strand->channel ? limits::kChannelRecordBytesMax : 0;
    return left > held ? std::min<size_t>(left - held, limits::kReadWorthBytes) : 1;
}

void Endpoint::Impl::did_read(StrandHandle handle, size_t bytes, Instant now) {
    now_ = now;
    const StrandPtr strand = find_strand(handle);
    if (!strand || bytes == 0) return;
    if (strand->state == StrandState::attached) {
        strand->link->stats.last_heard = now;
        strand->link->stats.bytes_received += bytes;
    } else if ((strand->handshake_bytes += bytes) > limits::kHandshakeBytesMax) {
        return violated(strand, "too many bytes before the handshake was complete");
    }
    if (strand->state == StrandState::draining) return;
    if (strand->channel) return decrypt(strand, ByteSpan(strand->staging).first(bytes));
    Inbound inbound(*this, strand);
    if (strand->reading_direct) return strand->reader.direct_arrived(bytes, inbound);
    const Status status = strand->reader.consume(ByteSpan(strand->staging).first(bytes), inbound);
    if (!status) violated(strand, status.error().detail);
}

void Endpoint::Impl::decrypt(const StrandPtr& strand, ByteSpan cipher) {
    SecureChannel& channel = *strand->channel;
    if (const Status fed = channel.feed(cipher); !fed) return channel_failed(strand, fed.error());
    if (strand->state == StrandState::securing && channel.established()) {
        const std::optional<PeerId> expected =
            strand->dialer && strand->link ? strand->link->options.expected : std::nullopt;
        if (expected && channel.remote_id() != expected) {
            return lose(strand, LinkDownKind::identity,
                        "another peer answers, " + short_name(channel.remote_id().value_or(PeerId{})));
        }
        strand->state = StrandState::greeting;
        if (strand->dialer) greet(strand);
    }
    read_plain(strand);
}

// Until the channel has nothing more.
void Endpoint::Impl::read_plain(const StrandPtr& strand) {
    SecureChannel& channel = *strand->channel;
    Inbound inbound(*this, strand);
    while (alive(*strand) && channel.established()) {
        const MutableByteSpan direct = strand->reader.direct();
        if (direct.empty()) plain_.resize(limits::kReadStagingBytes);
        const Result<size_t> got = channel.read(direct.empty() ? MutableByteSpan(plain_) : direct);
        if (!got) return channel_failed(strand, got.error());
        if (*got == 0) break;
        if (!direct.empty()) {
            strand->reader.direct_arrived(*got, inbound);
        } else if (const Status status = strand->reader.consume(ByteSpan(plain_).first(*got), inbound);
                   !status) {
            return violated(strand, status.error().detail);
        }
    }
    if (!channel.to_network().empty()) wake(*strand);
}

void Endpoint::Impl::filled(const StrandPtr& strand, size_t bytes) {
    Inbound inbound(*this, strand);
    strand->reader.direct_arrived(bytes, inbound);
}

// An attached strand is redialled: whoever cuts or garbles the stream gains no more than that.
void Endpoint::Impl::channel_failed(const StrandPtr& strand, const Error& error) {
    if (strand->state == StrandState::attached) return lose(strand, LinkDownKind::closed, error.detail);
    if (strand->dialer)
        return lose(strand, error.code == Code::E_IDENTITY ? LinkDownKind::identity : LinkDownKind::protocol,
                    error.detail);
    strand->state = StrandState::draining;  // the channel's alert tells the other side why
    strand->deadline = now_ + limits::kDrainTimeout;
    wake(*strand);
}

bool Endpoint::Impl::on_attached_frame(const StrandPtr& strand, FrameType type, ByteSpan body) {
    const auto wrong = [&](const char* why) {
        violated(strand, why);
        return false;
    };
    Link& link = *strand->link;
    switch (type) {
        case FrameType::message: return on_message(strand, body);
        case FrameType::ping:
            link.heartbeat.pong_due = Pong{decode_ping(body).value_or(0), static_cast<uint64_t>(now_.ns)};
            wake(*strand);
            return true;
        case FrameType::pong: {
            const Pong pong = decode_pong(body).value_or(Pong{});
            const auto sent = link.heartbeat.answered(pong.number);
            if (!sent) return true;
            const Duration rtt = now_ - *sent;
            link.forward.add(*sent, pong.clock, now_);
            link.answered = now_;
            link.detour_pauses = 0;
            if (link.control_up() && !via_of(link)) {
                link.control().unanswered = 0;
                if (link.asks) end_race(link);
            }
            link.rtts.add(rtt);
            Duration& smoothed = link.stats.rtt_smoothed;
            smoothed = smoothed.ns == 0 ? rtt : Duration{(smoothed.ns * 7 + rtt.ns) / 8};
            link.stats.rtt_min = link.stats.rtt_min.ns == 0 ? rtt : std::min(link.stats.rtt_min, rtt);
            link.far = link.far || link.stats.rtt_min >= limits::kShortPathRtt;
            return true;
        }
        case FrameType::strands_wanted: {
            const auto count = decode_strands_wanted(body);
            if (!count) return wrong("an impossible number of strands");
            link.wanted_there = *count;
            fit_strands(link);
            return true;
        }
        case FrameType::ack:
        case FrameType::strand_lost: {
            const auto count = decode_count(body);
            return count && count->index < link.slots.size() ? on_count(strand, type, *count)
                                                             : wrong("a count of no strand");
        }
        case FrameType::hello:
        case FrameType::hello_reply:
        case FrameType::bulk: break;
    }
    return wrong("a frame where none of its type belongs");
}

bool Endpoint::Impl::on_message(const StrandPtr& strand, ByteSpan body) {
    const LinkPtr link = strand->link;
    const uint64_t number = message_number(body), expected = link->control().received + 1;
    if (number < expected) return true;  // it came another way
    if (number > expected) {
        violated(strand, "a message before the one before it");
        return false;
    }
    const ByteSpan message = body.subspan(kMessageNumberBytes);
    ++link->stats.messages_received;
    count_received(*link, 0, message.size());
    owner_.message(link->key, message, now_);
    return true;
}

void Endpoint::Impl::count_received(Link& link, uint8_t index, size_t bytes) {
    Slot& slot = link.slots[index];
    ++slot.received;
    slot.received_bytes_unacked += bytes;
    const bool due = slot.received - slot.received_acked >= limits::kAckFramesMax ||
                     slot.received_bytes_unacked >=
                         (index > 0 && link.far ? limits::kPartAckBytesMax : limits::kAckBytesMax);
    if (!due || slot.ack_due) return;
    slot.ack_due = true;
    wake_control(link);
}

bool Endpoint::Impl::on_count(const StrandPtr& strand, FrameType type, const StrandCount& count) {
    const LinkPtr link = strand->link;
    Slot& slot = link->slots[count.index];
    if (count.generation != slot.generation) return true;  // of a strand that is settled already
    bool possible = false;
    if (type == FrameType::strand_lost) {
        if (count.index == 0 && strand->index == 0) {
            violated(strand, "the loss of a control strand, told on it");
            return false;
        }
        if (const StrandPtr lost = slot.strand) {
            lose(lost, LinkDownKind::closed, "lost at the other side");
            if (!link->open || strand->state == StrandState::closed) return false;
        }
        possible = settle(*link, count.index, count.received);
    } else if (count.index == 0) {
        possible = link->messages.acknowledge(count.received);
    } else if (count.received <= slot.sent.taken()) {
        // A frame still pinned cannot have arrived; nobody's word makes us forget it.
        const uint64_t pinned = slot.strand ? slot.strand->out.first_pinned().value_or(slot.sent.taken() + 1)
                                            : slot.sent.taken() + 1;
        possible =
            slot.sent.acknowledge(std::max(std::min(count.received, pinned - 1), slot.sent.acknowledged()),
                                  [&](const OutPart& part) { part_arrived(*link, part); });
    }
    if (!possible) violated(strand, "an acknowledgement of what was never sent");
    return possible;
}

size_t Endpoint::Impl::write_buffers(StrandHandle handle, std::span<ByteSpan> out) {
    const StrandPtr strand = find_strand(handle);
    if (!strand) return 0;
    size_t count = 0;
    if (strand->channel) {
        count = encrypt(strand, out);
    } else {
        pull(strand);
        count = strand->out.front(out);
    }
    count = trim_to_rate(*strand, out.first(count));
    if (count == 0) strand->idle = true;
    return count;
}

// Moves frames through the channel until enough encrypted bytes wait.
size_t Endpoint::Impl::encrypt(const StrandPtr& strand, std::span<ByteSpan> out) {
    SecureChannel& channel = *strand->channel;
    const size_t enough = strand->link ? backlog_of(*strand->link) : limits::kBulkBacklogBytes;
    while (channel.established() && channel.to_network().size() < enough) {
        pull(strand);
        ByteSpan plain;
        if (strand->out.front({&plain, 1}) == 0) break;
        const Result<size_t> taken = channel.write(plain);
        if (!taken) {
            channel_failed(strand, taken.error());
            return 0;
        }
        if (*taken == 0) break;
        consumed(strand, *taken);
        if (strand->state == StrandState::closed) return 0;
    }
    if (strand->state == StrandState::closed || channel.to_network().empty()) return 0;
    out[0] = channel.to_network();
    return 1;
}

void Endpoint::Impl::did_write(StrandHandle handle, size_t bytes, Instant now) {
    now_ = now;
    const StrandPtr strand = find_strand(handle);
    if (!strand) return;
    if (strand->state == StrandState::attached) {
        strand->link->stats.bytes_sent += bytes;
        spend_rate(*strand->link, bytes);
        if (strand->index > 0) strand->link->pace.written_at = now_;
        if (strand->index > 0 && now_ - pace_looked_at_ >= pace_interval_) look_at_pace();
    }
    if (strand->channel) return strand->channel->sent(bytes);
    consumed(strand, bytes);
}

void Endpoint::Impl::consumed(const StrandPtr& strand, size_t bytes) {
    const LinkPtr link = strand->link;
    strand->out.consume(bytes, [&](OutFrame& frame) { unpin(*link, frame); });
}

void Endpoint::Impl::pull(const StrandPtr& strand) {
    if (!strand->pending.empty()) {
        Bytes& tail = strand->out.tail();
        tail.insert(tail.end(), strand->pending.begin(), strand->pending.end());
        strand->pending.clear();
        // A record of its own: none is read before all of it has come, and who waits for a reply has no
        // patience for what is said after it.
        if (strand->channel) return;
    }
    if (strand->state != StrandState::attached) return;
    Link& link = *strand->link;
    if (control_carrier(link) == strand.get()) pull_control(link, *strand);
    if (strand->index > 0) pull_bulk(strand);
}

void Endpoint::Impl::pull_control(Link& link, Strand& strand) {
    OutQueue& out = strand.out;
    const size_t enough = limits::kControlBacklogBytes + (strand.index > 0 ? backlog_of(link) : 0);
    if (out.unwritten() >= enough) return;
    if (std::exchange(link.control_lost_due, false))
        put_count(out.tail(), FrameType::strand_lost,
                  {0, link.control().generation, link.control().received});
    Heartbeat& heartbeat = link.heartbeat;
    if (heartbeat.pong_due) put_pong(out.tail(), *std::exchange(heartbeat.pong_due, std::nullopt));
    if (std::exchange(heartbeat.ping_due, false)) {
        const uint64_t number = ++heartbeat.last_number;
        heartbeat.pings[number % Heartbeat::kKept] = {number, now_};
        put_ping(out.tail(), number);
    }
    if (std::exchange(link.wanted_due, false)) put_strands_wanted(out.tail(), link.strands_spread());
    for (const uint8_t index : std::exchange(link.losses_due, {})) {
        const Slot& slot = link.slots[index];
        if (!slot.strand)
            put_count(out.tail(), FrameType::strand_lost, {index, slot.generation, slot.received});
    }
    for (uint8_t index = 0; index < link.slots.size(); ++index) {
        Slot& slot = link.slots[index];
        if (!std::exchange(slot.ack_due, false)) continue;
        put_count(out.tail(), FrameType::ack, {index, slot.generation, slot.received});
        slot.received_acked = slot.received;
        slot.received_bytes_unacked = 0;
    }
    while (link.messages.has_unsent() && out.unwritten() < enough) {
        const uint64_t number = link.messages.next();
        put_message(out.tail(), number, link.messages.take());
        ++link.stats.messages_sent;
    }
}

}  // namespace whim
