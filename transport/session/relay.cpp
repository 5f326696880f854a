// Opening, forwarding and ending circuits that are carried for others.
#include "transport/session/relay.h"

#include <algorithm>

namespace whim {

Relay::Circuit* Relay::find(const LinkKey& from, uint64_t circuit) {
    const auto found = legs_.find({from, circuit});
    return found == legs_.end() ? nullptr : found->second.get();
}

void Relay::open(const LinkKey& from, const wire::CircuitOpen& message, uint32_t window_bytes_max) {
    const uint64_t reserved = 2ull * window_bytes_max;
    const auto refuse = [&](std::string why) {
        ++counters_.refused;
        outbox_.push_back({from, wire::CircuitAnswer{message.circuit, false, 0, std::move(why)}});
    };
    if (message.from != from || message.to == from) return refuse("not a circuit of its sender");
    if (legs_.contains({from, message.circuit}) || legs_.contains({message.to, message.circuit}))
        return refuse("a circuit of this number exists");
    if (const std::string why = why_not_(message.to); !why.empty()) return refuse(why);
    if (carried() >= limits::kCarriedCircuitsMax || reserved_bytes_ + reserved > limits::kCarriedBytesMax)
        return refuse("it carries as many circuits as it can");
    const auto circuit = std::make_shared<Circuit>();
    circuit->id = message.circuit;
    circuit->bulk = message.bulk;
    circuit->ends = {from, message.to};
    circuit->ways[1].window_bytes = std::min(message.window_bytes, window_bytes_max);
    circuit->reserved_bytes = reserved;
    reserved_bytes_ += reserved;
    legs_[{from, message.circuit}] = legs_[{message.to, message.circuit}] = circuit;
    wire::CircuitOpen onward = message;
    onward.window_bytes = circuit->ways[1].window_bytes;
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
        Way& way = circuit->ways[0];
        way.window_bytes = std::min(message.window_bytes, static_cast<uint32_t>(circuit->reserved_bytes / 2));
        onward.window_bytes = way.window_bytes;
    } else {
        forget(*circuit);
    }
    outbox_.push_back({opener, std::move(onward)});
}

bool Relay::within_window(Circuit& circuit, size_t side, uint64_t offset, uint64_t bytes) {
    const Way& way = circuit.ways[side];
    const uint64_t room = way.taken + way.window_bytes;
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
    const uint64_t end = header.offset + bytes->size();
    way.sent += bytes->size();
    BulkFrame frame{wire::encode(header), static_cast<uint32_t>(bytes->size()),
                    pieces_.keep(std::move(bytes))};
    way.pieces.push_back({end, frame.cookie});
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
    std::erase_if(way.pieces, [&](const Way::Piece& piece) {
        if (piece.end > way.taken) return false;
        pieces_.release(piece.number);
        return true;
    });
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
    reserved_bytes_ -= circuit.reserved_bytes;
    for (const Way& way : circuit.ways) {
        for (const Way::Piece& piece : way.pieces) pieces_.release(piece.number);
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
