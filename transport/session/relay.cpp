// Opening, forwarding and ending circuits that are carried for others.
#include "transport/session/relay.h"

#include <algorithm>

namespace whim {

Relay::Circuit* Relay::find(const LinkKey& from, uint64_t circuit) {
    const auto found = legs_.find({from, circuit});
    return found == legs_.end() ? nullptr : found->second.get();
}

// What the next circuit may have in each direction: half of all memory is kept for the least windows of as
// many as may come, the other half goes to who comes first, an eighth of what is left to each.
uint32_t Relay::window_left() const {
    const uint64_t least = bytes_max_ / (4ull * limits::kCarriedCircuitsMax);
    const uint64_t kept = 2 * least * (limits::kCarriedCircuitsMax - carried());
    const uint64_t free = bytes_max_ - std::min(bytes_max_, reserved_bytes_ + kept);
    return static_cast<uint32_t>(std::min<uint64_t>(std::max(least, free / 16), UINT32_MAX));
}

void Relay::open(const LinkKey& from, const wire::CircuitOpen& message, uint32_t window_bytes_max) {
    const auto refuse = [&](std::string why) {
        ++counters_.refused;
        outbox_.push_back({from, wire::CircuitAnswer{message.circuit, false, 0, std::move(why)}});
    };
    if (message.from != from || message.to == from) return refuse("not a circuit of its sender");
    if (legs_.contains({from, message.circuit}) || legs_.contains({message.to, message.circuit}))
        return refuse("a circuit of this number exists");
    if (const std::string why = why_not_(message.to); !why.empty()) return refuse(why);
    if (carried() >= limits::kCarriedCircuitsMax) return refuse("it carries as many circuits as it can");
    const uint32_t window = std::min({message.window_bytes, window_bytes_max, window_left()});
    const auto circuit = std::make_shared<Circuit>();
    circuit->id = message.circuit;
    circuit->bulk = message.bulk;
    circuit->ends = {from, message.to};
    circuit->window_bytes = window;
    reserved_bytes_ += 2ull * window;
    legs_[{from, message.circuit}] = legs_[{message.to, message.circuit}] = circuit;
    wire::CircuitOpen onward = message;
    onward.window_bytes = window;
    outbox_.push_back({message.to, std::move(onward)});
}

void Relay::on(const LinkKey& from, const wire::CircuitAnswer& message) {
    Circuit* circuit = find(from, message.circuit);
    if (circuit == nullptr || circuit->accepted || from != circuit->ends[1]) return;
    const LinkKey opener = circuit->ends[0];
    wire::CircuitAnswer onward = message;
    if (message.accepted) {
        ++counters_.carried;
        circuit->accepted = true;
        const uint32_t window = std::min(message.window_bytes, circuit->window_bytes);
        reserved_bytes_ -= 2ull * (circuit->window_bytes - window);
        onward.window_bytes = circuit->window_bytes = window;
    } else {
        forget(*circuit);
    }
    outbox_.push_back({opener, std::move(onward)});
}

bool Relay::within_window(Circuit& circuit, size_t side, uint64_t offset, uint64_t bytes) {
    const Way& way = circuit.ways[side];
    const uint64_t room = way.taken + circuit.window_bytes;
    // The sum too: pieces that overlap would else be many.
    const bool fits =
        circuit.accepted && offset <= room && bytes <= room - offset && bytes <= room - way.sent;
    if (!fits) {
        ++counters_.overrun;
        const LinkKey from = circuit.ends[side];
        const uint64_t id = circuit.id;
        close(from, id, "more was sent than was granted", "the other end sent more than was granted");
    }
    return fits;
}

void Relay::on(const LinkKey& from, const wire::CircuitData& message) {
    Circuit* circuit = find(from, message.circuit);
    if (circuit == nullptr || circuit->bulk) return;
    const size_t side = side_of(*circuit, from);
    Way& way = circuit->ways[side];
    if (!within_window(*circuit, side, way.sent, message.bytes.size())) return;
    way.sent += message.bytes.size();
    outbox_.push_back({circuit->ends[1 - side], message});
}

bool Relay::takes(const LinkKey& from, const wire::CircuitHeader& header, uint32_t bytes) {
    Circuit* circuit = find(from, header.circuit);
    if (circuit == nullptr || !circuit->bulk) return false;
    return within_window(*circuit, side_of(*circuit, from), header.offset, bytes);
}

void Relay::forward(const LinkKey& from, const wire::CircuitHeader& header,
                    std::shared_ptr<const Bytes> bytes) {
    Circuit* circuit = find(from, header.circuit);
    if (circuit == nullptr) return;  // closed while the piece was on its way
    const size_t side = side_of(*circuit, from);
    Way& way = circuit->ways[side];
    if (!within_window(*circuit, side, header.offset, bytes->size())) return;  // others came meanwhile
    if (way.pieces.size() >= limits::kCircuitPiecesMax) {
        ++counters_.overrun;
        return close(from, header.circuit, "too many pieces", "the other end sent too many pieces");
    }
    const uint64_t end = header.offset + bytes->size();
    way.sent += bytes->size();
    BulkFrame frame{wire::encode(header), static_cast<uint32_t>(bytes->size()),
                    pieces_.keep(std::move(bytes))};
    way.pieces.emplace(end, frame.cookie);
    outbox_.push_back({circuit->ends[1 - side], std::move(frame)});
}

void Relay::on(const LinkKey& from, const wire::CircuitCredit& message) {
    Circuit* circuit = find(from, message.circuit);
    if (circuit == nullptr) return;
    const size_t taker = side_of(*circuit, from);
    Way& way = circuit->ways[1 - taker];
    if (message.taken > way.sent)
        return close(from, message.circuit, "more was taken than was sent",
                     "the other end took what never was");
    way.taken = std::max(way.taken, message.taken);
    const auto untaken = way.pieces.upper_bound(way.taken);
    for (auto piece = way.pieces.begin(); piece != untaken; ++piece) pieces_.release(piece->second);
    way.pieces.erase(way.pieces.begin(), untaken);
    outbox_.push_back({circuit->ends[1 - taker], message});
}

void Relay::on(const LinkKey& from, const wire::CircuitClose& message) {
    close(from, message.circuit, "", message.detail.empty() ? "closed by the other end" : message.detail);
}

// An end that gets no text is not told.
void Relay::close(const LinkKey& from, uint64_t id, const std::string& to_from, const std::string& to_other) {
    Circuit* circuit = find(from, id);
    if (circuit == nullptr) return;
    const LinkKey other = circuit->ends[1 - side_of(*circuit, from)];
    forget(*circuit);
    if (!to_from.empty()) outbox_.push_back({from, wire::CircuitClose{id, to_from}});
    outbox_.push_back({other, wire::CircuitClose{id, to_other}});
}

void Relay::forget(Circuit& circuit) {
    reserved_bytes_ -= 2ull * circuit.window_bytes;
    for (const Way& way : circuit.ways) {
        for (const auto& [end, number] : way.pieces) pieces_.release(number);
    }
    const Leg first{circuit.ends[0], circuit.id}, second{circuit.ends[1], circuit.id};
    legs_.erase(first);
    legs_.erase(second);  // the last reference
}

// Both ends are told: the one behind the lost link too, for its session may go on where this end's view of
// the strands did not.
void Relay::link_lost(const LinkKey& link, const std::string& why) {
    std::vector<uint64_t> gone;
    for (auto it = legs_.lower_bound({link, 0}); it != legs_.end() && it->first.first == link; ++it)
        gone.push_back(it->first.second);
    for (const uint64_t id : gone) {
        ++counters_.lost;
        close(link, id, why, why);
    }
}

}  // namespace whim
