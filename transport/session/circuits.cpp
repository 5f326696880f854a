// Ends of circuits: what the endpoint and the links say, and the moving of bytes between the two.
#include "transport/session/circuits.h"

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace whim {

Circuits::Circuits(CircuitsConfig config, StrandDriver& connections)
    : config_(config), connections_(connections), prng_(mix64(config.seed)),
      relay_([this](const LinkKey& link) { return endpoint_->why_no_relay(link, now_); },
             config.carried_bytes_max, pieces_, outbox_) {}

Circuits::End* Circuits::find(uint64_t circuit) {
    const auto found = ends_.find(circuit);
    return found == ends_.end() ? nullptr : &found->second;
}

Circuits::End* Circuits::find(const LinkKey& relay, uint64_t circuit) {
    End* end = find(circuit);
    return end != nullptr && end->relay == relay ? end : nullptr;
}

void Circuits::dial_through(StrandHandle strand, const LinkKey& relay, const LinkKey& to, bool bulk) {
    uint64_t circuit = prng_.next();
    while (ends_.contains(circuit)) circuit = prng_.next();
    End& end = ends_[circuit];
    end.relay = relay;
    end.bulk = bulk;
    end.strand = strand;
    end.window_bytes = window_of(bulk);
    by_strand_[strand] = circuit;
    outbox_.push_back({relay, wire::CircuitOpen{circuit, self_, to, bulk, end.window_bytes}});
}

void Circuits::close(StrandHandle strand) {
    const auto found = by_strand_.find(strand);
    if (found == by_strand_.end()) return connections_.close(strand);
    const uint64_t circuit = found->second;
    const End& end = ends_.at(circuit);
    if (!end.closed) outbox_.push_back({end.relay, wire::CircuitClose{circuit, ""}});
    forget(circuit);
}

void Circuits::wants_write(StrandHandle strand) {
    const auto found = by_strand_.find(strand);
    if (found == by_strand_.end()) return connections_.wants_write(strand);
    ends_.at(found->second).wants_write = true;
    due_.insert(found->second);
}

void Circuits::forget(uint64_t circuit) {
    const End& end = ends_.at(circuit);
    for (const Sent& piece : end.unacknowledged) pieces_.release(piece.number);
    for (const auto& [offset, bytes] : end.arrived) held_bytes_[end.relay] -= bytes.size();
    if (const auto held = held_bytes_.find(end.relay); held != held_bytes_.end() && held->second == 0)
        held_bytes_.erase(held);
    by_strand_.erase(end.strand);
    due_.erase(circuit);
    ends_.erase(circuit);
}

bool Circuits::on_message(const LinkKey& from, const wire::Message& message, Instant now) {
    now_ = now;
    if (const auto* open_one = std::get_if<wire::CircuitOpen>(&message)) {
        if (open_one->to == self_) take_up(from, *open_one);
        else relay_.open(from, *open_one, window_of(open_one->bulk));
    } else if (const auto* answer = std::get_if<wire::CircuitAnswer>(&message)) {
        End* end = find(from, answer->circuit);
        if (end == nullptr) return relay_.on(from, *answer), true;
        if (end->state != EndState::opening || end->answer) return true;
        end->answer = *answer;
        due_.insert(answer->circuit);
    } else if (const auto* data = std::get_if<wire::CircuitData>(&message)) {
        End* end = find(from, data->circuit);
        if (end == nullptr) return relay_.on(from, *data), true;
        const auto bytes = std::as_bytes(std::span(data->bytes));
        if (!end->bulk) arrived(data->circuit, *end, end->appended, Bytes(bytes.begin(), bytes.end()));
    } else if (const auto* credit = std::get_if<wire::CircuitCredit>(&message)) {
        End* end = find(from, credit->circuit);
        if (end == nullptr) return relay_.on(from, *credit), true;
        credited(credit->circuit, *end, credit->taken);
    } else if (const auto* closed = std::get_if<wire::CircuitClose>(&message)) {
        End* end = find(from, closed->circuit);
        if (end == nullptr) return relay_.on(from, *closed), true;
        if (!end->closed) end->closed = closed->detail;
        due_.insert(closed->circuit);
    } else {
        return false;
    }
    return true;
}

void Circuits::take_up(const LinkKey& from, const wire::CircuitOpen& message) {
    const bool refused = ends_.contains(message.circuit) || ends_.size() >= limits::kCircuitEndsMax;
    if (refused) {
        const char* why = "it has as many circuits as it can";
        outbox_.push_back({from, wire::CircuitAnswer{message.circuit, false, 0, why}});
        return;
    }
    End& end = ends_[message.circuit];
    end.relay = from;
    end.bulk = message.bulk;
    end.state = EndState::arriving;
    end.window_bytes = std::min(message.window_bytes, window_of(message.bulk));
    due_.insert(message.circuit);
}

void Circuits::arrived(uint64_t circuit, End& end, uint64_t offset, Bytes bytes) {
    const uint64_t room = end.taken + end.window_bytes;
    const uint64_t size = bytes.size();
    if (end.closed || bytes.empty()) return;
    // The other end has nothing to say before this one has, and that begins with its answer.
    if (end.state == EndState::opening) return broken(circuit, "bytes came before the answer");
    const bool granted =
        offset <= room && size <= room - offset && end.appended <= room && size <= room - end.appended;
    if (!granted) return broken(circuit, "more was sent than was granted");
    uint64_t& held = held_bytes_[end.relay];
    if (end.arrived.size() >= limits::kCircuitPiecesMax || held + size > limits::kCircuitHeldBytesMax)
        return broken(circuit, "more came out of order than this peer holds");
    if (end.bulk && config_.plant == Plant::circuit_in_arrival_order) offset = end.appended;
    end.appended += size;
    if (end.arrived.emplace(offset, std::move(bytes)).second) held += size;
    due_.insert(circuit);
}

void Circuits::credited(uint64_t circuit, End& end, uint64_t taken) {
    if (taken > end.sent) return broken(circuit, "more was taken than was sent");
    end.far_taken = std::max(end.far_taken, taken);
    while (!end.unacknowledged.empty() && end.unacknowledged.front().end <= end.far_taken) {
        pieces_.release(end.unacknowledged.front().number);
        end.unacknowledged.pop_front();
    }
    due_.insert(circuit);
}

void Circuits::drop_first(End& end) {
    held_bytes_[end.relay] -= end.arrived.begin()->second.size();
    end.arrived.erase(end.arrived.begin());
}

// The relay or the other end does not keep to the rules: the strand is lost, and so is the circuit.
void Circuits::broken(uint64_t circuit, const std::string& what) {
    End& end = ends_.at(circuit);
    ++counters_.overrun;
    outbox_.push_back({end.relay, wire::CircuitClose{circuit, what}});
    while (!end.arrived.empty()) drop_first(end);
    end.closed = what;
    due_.insert(circuit);
}

BulkSink Circuits::bulk_begin(const LinkKey& from, ByteSpan header_bytes, uint32_t payload_bytes) {
    const Result<wire::CircuitHeader> header = wire::decode_circuit_header(header_bytes);
    if (!header.ok() || payload_bytes == 0) return {};
    const End* end = find(from, header->circuit);
    if (end == nullptr && !relay_.takes(from, *header, payload_bytes)) return {};
    if (end != nullptr && (!end->bulk || end->closed)) return {};
    // An end checks the window when the piece is whole; until then one of a frame's size is all it can cost.
    if (end != nullptr && payload_bytes > end->window_bytes) return {};
    const uint64_t token = ++last_token_ | kTokenMark;
    Arriving& piece = arriving_[token];
    piece = {from, *header, std::make_shared<Bytes>(payload_bytes)};
    return {*piece.bytes, token};
}

void Circuits::bulk_end(uint64_t token, bool whole) {
    const auto found = arriving_.find(token);
    if (found == arriving_.end()) return;
    const Arriving piece = std::move(found->second);
    arriving_.erase(found);
    if (!whole) return;
    End* end = find(piece.from, piece.header.circuit);
    if (end == nullptr) return relay_.forward(piece.from, piece.header, piece.bytes);
    arrived(piece.header.circuit, *end, piece.header.offset, std::move(*piece.bytes));
}

void Circuits::link_lost(const LinkKey& link, const std::string& why) {
    for (auto& [circuit, end] : ends_) {
        if (end.relay != link || end.closed) continue;
        outbox_.push_back({link, wire::CircuitClose{circuit, why}});  // heard if the session goes on
        end.closed = why;
        due_.insert(circuit);
    }
    if (config_.plant != Plant::circuit_outlives_link) relay_.link_lost(link, why);
}

void Circuits::run(Instant now) {
    now_ = now;
    while (!due_.empty()) serve(*due_.begin());
}

void Circuits::serve(uint64_t circuit) {
    due_.erase(circuit);
    settle_dial(circuit);
    deliver(circuit);
    end_closed(circuit);
    fill(circuit);
}

void Circuits::settle_dial(uint64_t circuit) {
    End* end = find(circuit);
    if (end == nullptr || end->closed) return;
    if (end->state == EndState::arriving) {
        end->state = EndState::open;
        const StrandHandle strand = endpoint_->accepted_through(end->relay, now_);
        if ((end = find(circuit)) == nullptr) return;
        end->strand = strand;
        by_strand_[strand] = circuit;
        outbox_.push_back({end->relay, wire::CircuitAnswer{circuit, true, end->window_bytes, ""}});
    } else if (end->state == EndState::opening && end->answer) {
        const wire::CircuitAnswer answer = *end->answer;
        const StrandHandle strand = end->strand;
        if (!answer.accepted) {
            ++counters_.refused;
            forget(circuit);
            return endpoint_->dial_failed(strand, DialError::unreachable, answer.detail, now_);
        }
        ++counters_.opened;
        end->state = EndState::open;
        end->window_bytes = std::min(end->window_bytes, answer.window_bytes);
        endpoint_->dialed(strand, now_);
    }
}

// Gives the endpoint what has arrived in order, and grants as much again.
void Circuits::deliver(uint64_t circuit) {
    for (;;) {
        End* end = find(circuit);
        if (end == nullptr || end->state != EndState::open || end->arrived.empty()) break;
        auto head = end->arrived.begin();
        if (head->first > end->taken) break;
        const uint64_t skip = end->taken - head->first;
        if (skip >= head->second.size()) {
            drop_first(*end);
            continue;
        }
        const StrandHandle strand = end->strand;
        const MutableByteSpan into = endpoint_->read_buffer(strand);
        const size_t count = std::min<size_t>(into.size(), head->second.size() - skip);
        WHIM_ASSERT(count > 0);
        std::copy_n(head->second.begin() + static_cast<std::ptrdiff_t>(skip), count, into.begin());
        end->taken += count;
        if (skip + count == head->second.size()) drop_first(*end);
        endpoint_->did_read(strand, count, now_);
    }
    End* end = find(circuit);
    if (end == nullptr || end->closed) return;
    const bool own = config_.plant == Plant::circuit_credits_its_own;
    const uint32_t window = own ? window_of(end->bulk) : end->window_bytes;
    if (end->taken - end->taken_told < std::max(window / 4, 1u)) return;
    end->taken_told = end->taken;
    outbox_.push_back({end->relay, wire::CircuitCredit{circuit, end->taken}});
}

void Circuits::end_closed(uint64_t circuit) {
    End* end = find(circuit);
    if (end == nullptr || !end->closed) return;
    const std::string why = *end->closed;
    const StrandHandle strand = end->strand;
    const EndState state = end->state;
    forget(circuit);
    ++counters_.lost;
    if (state == EndState::opening) endpoint_->dial_failed(strand, DialError::unreachable, why, now_);
    else if (state == EndState::open) endpoint_->closed(strand, why, now_);
}

// Takes what the strand wants written, up to the window.
void Circuits::fill(uint64_t circuit) {
    for (;;) {
        End* end = find(circuit);
        if (end == nullptr || end->state != EndState::open || !end->wants_write) return;
        const uint64_t window_end = end->far_taken + end->window_bytes;
        uint64_t room = window_end - std::min(end->sent, window_end);
        if (config_.plant == Plant::circuit_ignores_credit) room = limits::kCircuitDataBytesMax;
        room =
            std::min<uint64_t>(room, end->bulk ? limits::kCircuitPieceBytes : limits::kCircuitDataBytesMax);
        if (room == 0) return;  // credit makes it due again
        const StrandHandle strand = end->strand;
        std::array<ByteSpan, 4> pieces;
        const size_t count = endpoint_->write_buffers(strand, pieces);
        if ((end = find(circuit)) == nullptr) return;
        if (count == 0) {
            end->wants_write = false;
            return;
        }
        Bytes piece;
        for (size_t i = 0; i < count && piece.size() < room; ++i) {
            const ByteSpan part = pieces[i].first(std::min<size_t>(pieces[i].size(), room - piece.size()));
            piece.insert(piece.end(), part.begin(), part.end());
        }
        const size_t written = piece.size();
        send_piece(circuit, *end, std::move(piece));
        endpoint_->did_write(strand, written, now_);
    }
}

void Circuits::send_piece(uint64_t circuit, End& end, Bytes piece) {
    const uint64_t offset = end.sent;
    end.sent += piece.size();
    if (!end.bulk) {
        wire::CircuitData data{circuit, std::vector<uint8_t>(piece.size())};
        std::memcpy(data.bytes.data(), piece.data(), piece.size());
        outbox_.push_back({end.relay, std::move(data)});
        return;
    }
    const uint32_t bytes = static_cast<uint32_t>(piece.size());
    const uint64_t number = pieces_.keep(std::make_shared<const Bytes>(std::move(piece)));
    end.unacknowledged.push_back({end.sent, number});
    outbox_.push_back(
        {end.relay, BulkFrame{wire::encode(wire::CircuitHeader{wire::kCircuitHeaderKind, circuit, offset}),
                              bytes, number}});
}

}  // namespace whim
