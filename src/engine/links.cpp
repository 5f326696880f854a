// What arrives over links: which op or state machine it is for, and where payloads go.
#include <algorithm>
#include <cmath>

#include "base/assert.h"
#include "engine/impl.h"
#include "engine/link_text.h"

namespace whim {
namespace {

// The frame's cookie: record (29 bits), attempt (11), kind (2), chunk (22).
constexpr uint32_t kChunkBits = 22;
constexpr uint32_t kKindBits = 2;
constexpr uint32_t kAttemptBits = 11;
static_assert(limits::kChunksPerOpMax <= 1u << kChunkBits);
static_assert(limits::kMembersMax < 1u << kAttemptBits);
static_assert(limits::kOpNumbers == uint64_t{1} << (64 - kChunkBits - kKindBits - kAttemptBits));

uint64_t make_cookie(uint64_t record, const wire::BulkHeader& header) {
    return (((record << kAttemptBits | header.attempt) << kKindBits | header.kind) << kChunkBits) |
           header.chunk;
}

struct Cookie {
    explicit Cookie(uint64_t word)
        : record(word >> (kChunkBits + kKindBits + kAttemptBits)),
          attempt(static_cast<uint32_t>(word >> (kChunkBits + kKindBits)) & ((1u << kAttemptBits) - 1)),
          kind(static_cast<wire::BulkKind>((word >> kChunkBits) & ((1u << kKindBits) - 1))),
          chunk(static_cast<uint32_t>(word) & ((1u << kChunkBits) - 1)) {}
    uint64_t record;
    uint32_t attempt;
    wire::BulkKind kind;
    uint32_t chunk;
};

// The op a peer-to-peer message is about; null for messages between peer and coordinator.
const OpId* op_of(const wire::Message& message) {
    return std::visit(
        [](const auto& m) -> const OpId* {
            if constexpr (std::is_same_v<std::decay_t<decltype(m)>, wire::OpExcludeRequest>) return nullptr;
            else if constexpr (requires { m.op; }) return &m.op;
            else return nullptr;
        },
        message);
}

wire::SuspectKind suspect_kind(LinkDownKind kind) {
    switch (kind) {
        case LinkDownKind::closed:
        case LinkDownKind::unreachable:
        case LinkDownKind::rejected: return wire::SuspectKind::closed;
        case LinkDownKind::refused: return wire::SuspectKind::refused;
        case LinkDownKind::identity:
        case LinkDownKind::version:
        case LinkDownKind::protocol: return wire::SuspectKind::protocol;
    }
    return wire::SuspectKind::closed;
}

// What a coordinator that will not speak with this peer says to a join; nullopt: it may answer yet.
std::optional<Code> refusal_code(LinkDownKind kind) {
    switch (kind) {
        case LinkDownKind::rejected: return Code::E_REFUSED;
        case LinkDownKind::identity: return Code::E_IDENTITY;
        case LinkDownKind::version: return Code::E_VERSION;
        case LinkDownKind::closed:
        case LinkDownKind::refused:
        case LinkDownKind::unreachable:
        case LinkDownKind::protocol: return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

LinkKey Engine::Impl::coordinator_key(uint32_t index) {
    LinkKey key;
    key.peer.bytes.back() = static_cast<uint8_t>(index);
    return key;
}

std::optional<uint32_t> Engine::Impl::coordinator_index(const LinkKey& key) const {
    for (uint32_t i = 0; i < config_.coordinators.size(); ++i) {
        if (key == coordinator_key(i)) return i;
    }
    return std::nullopt;
}

void Engine::Impl::open_coordinators() {
    if (coordinators_open_) return;
    coordinators_open_ = true;
    for (uint32_t i = 0; i < config_.coordinators.size(); ++i) {
        LinkOptions options;
        options.addresses = config_.coordinators[i];
        options.bulk_strands = 0;
        if (i < config_.coordinator_pins.size()) options.expected = config_.coordinator_pins[i];
        options.local_instance = {config_.boot};
        endpoint_.open_link(coordinator_key(i), std::move(options), now_);
    }
}

bool Engine::Impl::accept_link(const LinkKey&, Instant) {
    return false;
}  // views open links; others wait for one

bool Engine::Impl::shares_open_op(const MemberId& member) const {
    return std::any_of(records_.begin(), records_.end(), [&](const auto& entry) {
        const OpRecord& record = *entry.second;
        return !record.answered && record.rank_of(member);
    });
}

void Engine::Impl::link_up(const LinkKey& key, LinkSession session, Instant now) {
    Step step(*this, now);
    group::MemberOutbox out;
    if (const auto index = coordinator_index(key))
        member_.coordinator_up(*index, session == LinkSession::fresh, now, out);
    else {
        if (session == LinkSession::fresh) circuits_.link_lost(key, "the session with its relay began anew");
        member_.peer_link_up(key, now, out);
        event(EventKind::peer_back, key, op_name(key) + " is connected");
        // What a lost session held is gone, and ops between the two would wait for it for ever.
        const bool again = !had_session_.insert(key).second && session == LinkSession::fresh;
        if (again && shares_open_op(key)) violations_.try_emplace(key, "lost its session and what was in it");
    }
    run_member(out);
}

void Engine::Impl::link_down(const LinkKey& key, LinkDownKind kind, const std::string& detail, Instant now) {
    Step step(*this, now);
    group::MemberOutbox out;
    const auto index = coordinator_index(key);
    const std::string text = link_text(config_.name.empty() ? "this peer" : config_.name,
                                       index ? "the coordinator" : op_name(key), kind, detail);
    if (index) {
        member_.coordinator_down(*index, text, now, out);
        if (const auto code = refusal_code(kind))
            member_.coordinator_refuses(*index, fail(*code, text), now, out);
    } else {
        circuits_.link_lost(key, "its relay's link is lost: " + text);
        member_.peer_link_down(key, suspect_kind(kind), text, now, out);
        event(EventKind::peer_suspected, key, text);
    }
    run_member(out);
}

// A peer of the view that sends what no correct program sends: its link is closed, and the coordinator told.
void Engine::Impl::misbehaved(const LinkKey& from, const std::string& what) {
    group::MemberOutbox out;
    member_.peer_link_down(from, wire::SuspectKind::protocol, what, now_, out);
    event(EventKind::peer_suspected, from, op_name(from) + " broke the protocol: " + what);
    run_member(out);
    close_link(from);
}

void Engine::Impl::close_link(const LinkKey& key) {
    endpoint_.close_link(key, now_);
    circuits_.link_lost(key, "its relay's link was closed");
}

void Engine::Impl::link_routed(const LinkKey& key, const std::optional<LinkKey>& via, const std::string& why,
                               Instant now) {
    Step step(*this, now);
    // What it carried for others would run in circles, were their links to run through this one in turn.
    if (via) circuits_.link_lost(key, "its relay's link runs through another member itself");
    ++(via ? totals_.links_relayed : totals_.links_direct_again);
    event(EventKind::peer_routed, key,
          via ? op_name(key) + " is reached through " + op_name(*via) + ": " + why
              : op_name(key) + " is reached directly again: " + why);
}

void Engine::Impl::message(const LinkKey& from, ByteSpan bytes, Instant now) {
    Step step(*this, now);
    Result<wire::Message> decoded = wire::decode(bytes);
    const std::optional<uint32_t> coordinator = coordinator_index(from);
    if (coordinator) {
        if (!decoded.ok()) return;  // a coordinator of another version; its own replies will say so
        group::MemberOutbox out;
        member_.on_message(*coordinator, *decoded, now, out);
        return run_member(out);
    }
    if (!decoded.ok()) return misbehaved(from, decoded.error().detail);
    if (circuits_.on_message(from, *decoded, now)) return;
    const OpId* op = op_of(*decoded);
    if (op == nullptr)
        return misbehaved(from, "sent " + std::string(wire::message_name(*decoded)) + " to a peer");
    const OpId id = *op;
    op_message(from, id, std::move(*decoded), bytes.size());
}

void Engine::Impl::op_message(const MemberId& from, const OpId& id, wire::Message message,
                              uint64_t encoded_bytes) {
    const auto found = by_id_.find(id);
    OpRecord* record = found == by_id_.end() ? nullptr : records_.at(found->second).get();
    if (record != nullptr && record->op) {
        const std::optional<Rank> rank = record->rank_of(from);
        if (!rank) return;  // a member that joined later knows nothing about this op
        record->op->on_message(*rank, message, now_);
        return;
    }
    if (const auto finished = finished_.find(id); finished != finished_.end()) {
        return answer_for_finished(from, id, finished->second, message);
    }
    early(from, id, std::move(message), encoded_bytes);
}

// Nothing is known of the op here any more: whoever still runs it was left behind.
void Engine::Impl::say_long_over(const MemberId& from, const OpId& id,
                                 const std::variant<wire::Message, op::Arrival>& item) {
    const auto* message = std::get_if<wire::Message>(&item);
    const bool asks = message && (std::holds_alternative<wire::OpPost>(*message) ||
                                  std::holds_alternative<wire::OpListen>(*message) ||
                                  std::holds_alternative<wire::OpStatus>(*message) ||
                                  std::holds_alternative<wire::OpReport>(*message));
    if (!asks) return;
    op_send(from, wire::OpFail{id, static_cast<int32_t>(Code::E_STALE_ROUND),
                               "op " + to_string(id) + " is long over; this peer was left behind"});
}

// Keeps what comes for an op this peer has not posted (yet), within the eager quota of each sender.
void Engine::Impl::early(const MemberId& from, const OpId& id, std::variant<wire::Message, op::Arrival> item,
                         uint64_t bytes) {
    if (!births_.empty() && id.round < births_.begin()->first) return say_long_over(from, id, item);
    if (leaves_gossip(item)) return forget_early(from, id);
    const uint64_t quota = config_.eager_bytes + config_.chunk_bytes;
    uint64_t ops = 0;
    uint64_t message_bytes = 0;
    uint64_t large = 0;  // what exceeds the quota of the others: one at a time may
    for (const auto& [other, entry] : early_) {
        const auto share = entry.by_sender.find(from);
        if (share == entry.by_sender.end()) continue;
        ops += other != id;
        message_bytes += share->second.message_bytes;
        if (other != id && share->second.payload_bytes > quota) large += share->second.payload_bytes - quota;
    }
    if (ops >= limits::kOpsUnpostedMax) return misbehaved(from, "too many ops posted ahead");
    Early& entry = early_[id];
    Early::Share& share = entry.by_sender[from];
    const bool payload = std::holds_alternative<op::Arrival>(item);
    (payload ? share.payload_bytes : share.message_bytes) += bytes;
    // Twice: of an op that its sender gave up, nothing may have told us yet.
    const uint64_t room = config_.eager_large_bytes * 2 - std::min(config_.eager_large_bytes * 2, large);
    const bool over = payload ? share.payload_bytes > quota + room && config_.plant != Plant::ignore_grants
                              : message_bytes + bytes > limits::kEarlyMessageBytesMax;
    if (over) return misbehaved(from, "more than the eager quota for op " + to_string(id));
    entry.items.push_back({from, std::move(item)});
    totals_.early_bytes_max = std::max(totals_.early_bytes_max, share.payload_bytes);
}

BulkSink Engine::Impl::bulk_begin(const LinkKey& from, ByteSpan header_bytes, uint32_t payload_bytes) {
    if (wire::is_circuit_header(header_bytes))
        return coordinator_index(from) ? BulkSink{} : circuits_.bulk_begin(from, header_bytes, payload_bytes);
    Result<wire::BulkHeader> header = wire::decode_bulk_header(header_bytes);
    if (!header.ok() || coordinator_index(from)) return {};
    if (!std::isfinite(header->weight) || header->weight < 0.0f) return {};  // no API takes such a weight
    const auto found = by_id_.find(header->op);
    if (found == by_id_.end()) {
        if (finished_.contains(header->op)) return {};
        if (payload_bytes > config_.eager_bytes + config_.chunk_bytes)
            return {};  // nobody eager sends so much
    } else if (const op::RunningOp* op = records_.at(found->second)->op.get()) {
        if (op->ended() && config_.plant != Plant::write_after_completion) return {};
        if (!op->takes(*header, payload_bytes) || !op->wants(*header)) return {};
    }
    const uint64_t token = next_token_++;
    op::BufferRef buffer = pool_.take(payload_bytes);
    const BulkSink sink{buffer->bytes(), token};
    incoming_.emplace(token, Incoming{from, {std::move(*header), std::move(buffer)}});
    return sink;
}

void Engine::Impl::bulk_end(const LinkKey& from, uint64_t token, bool whole, Instant now) {
    Step step(*this, now);
    if (Circuits::owns(token)) return circuits_.bulk_end(token, whole);
    const auto found = incoming_.find(token);
    if (found == incoming_.end()) return;
    Incoming incoming = std::move(found->second);
    incoming_.erase(found);
    if (!whole) return;
    const OpId id = incoming.arrival.header.op;
    const uint64_t bytes = incoming.arrival.buffer->bytes().size();
    totals_.payload_bytes_received += bytes;
    const auto record = by_id_.find(id);
    if (record != by_id_.end() && records_.at(record->second)->op) {
        OpRecord& open = *records_.at(record->second);
        const std::optional<Rank> rank = open.rank_of(from);
        if (rank) open.op->on_chunk(*rank, std::move(incoming.arrival), now);
    } else if (!finished_.contains(id)) {
        early(from, id, std::move(incoming.arrival), bytes);
    }
}

std::optional<ByteSpan> Engine::Impl::bulk_pin(const LinkKey& to, const BulkFrame& frame) {
    if (wire::is_circuit_header(frame.header)) return circuits_.bulk_pin(frame);
    const Cookie cookie(frame.cookie);
    const auto found = records_.find(cookie.record);
    if (found == records_.end() || !found->second->op) return std::nullopt;
    const std::optional<Rank> rank = found->second->rank_of(to);
    if (!rank) return std::nullopt;
    const std::optional<ByteSpan> bytes =
        found->second->op->pin(*rank, cookie.kind, cookie.chunk, cookie.attempt);
    if (bytes && !frame.begun) totals_.payload_bytes_sent += bytes->size();
    return bytes;
}

void Engine::Impl::bulk_unpin(const LinkKey& to, const BulkFrame& frame) {
    if (wire::is_circuit_header(frame.header)) return circuits_.bulk_unpin(frame);
    Step step(*this, now_);
    const Cookie cookie(frame.cookie);
    const auto found = records_.find(cookie.record);
    WHIM_ASSERT(found != records_.end() && found->second->op);  // a pinned op is not closed
    const Rank rank = *found->second->rank_of(to);
    found->second->op->unpin(rank, cookie.kind, cookie.chunk, cookie.attempt);
}

void Engine::Impl::op_send_chunk(const MemberId& to, uint64_t record, const wire::BulkHeader& header,
                                 uint32_t payload_bytes) {
    BulkFrame frame;
    frame.header = wire::encode(header);
    frame.payload_bytes = payload_bytes;
    frame.cookie = make_cookie(record, header);
    frame.flow = record;
    frame.share = records_.at(record)->options.share;
    frame.priority = records_.at(record)->options.priority;
    outgoing_.push_back({to, std::move(frame)});
}

std::vector<std::pair<MemberId, LinkStats>> Engine::Impl::links() const {
    std::vector<std::pair<MemberId, LinkStats>> all;
    for (const LinkKey& key : endpoint_.links()) {
        if (const auto stats = endpoint_.stats(key)) all.push_back({key, *stats});
    }
    return all;
}

}  // namespace whim
