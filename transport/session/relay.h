// The third member's part of circuits: it joins a leg to the member that opened one with a leg to the member
// it is for, and forwards between them what it cannot read.
//
// It never asks for memory beyond the windows of the circuits it has accepted: an end that sends more than
// its other end has granted loses its circuit. The more it carries, the smaller the windows that it grants to
// new ones, so that there is room for kCarriedCircuitsMax. Pure; what it wants sent is appended to the
// outbox.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "transport/session/circuit_outbox.h"

namespace whim {

class Relay {
public:
    struct Counters {
        uint64_t carried = 0;  // circuits, accepted by their far end
        uint64_t refused = 0;  // by this relay
        uint64_t lost = 0;     // because one of their links was
        uint64_t overrun = 0;  // an end sent more than it was granted
    };

    // why_not: the reason why a link is of no use to carry a circuit; empty when it is.
    // bytes_max: of the windows of all circuits, both directions.
    Relay(std::function<std::string(const LinkKey&)> why_not, uint64_t bytes_max, PieceStore& pieces,
          std::vector<CircuitFrame>& outbox)
        : why_not_(std::move(why_not)), bytes_max_(bytes_max), pieces_(pieces), outbox_(outbox) {}

    void open(const LinkKey& from, const wire::CircuitOpen& message, uint32_t window_bytes_max);
    void on(const LinkKey& from, const wire::CircuitAnswer& message);
    void on(const LinkKey& from, const wire::CircuitData& message);
    void on(const LinkKey& from, const wire::CircuitCredit& message);
    void on(const LinkKey& from, const wire::CircuitClose& message);

    // Whether a piece may come; then it does, by forward().
    bool takes(const LinkKey& from, const wire::CircuitHeader& header, uint32_t bytes);
    void forward(const LinkKey& from, const wire::CircuitHeader& header, std::shared_ptr<const Bytes> bytes);

    void link_lost(const LinkKey& link, const std::string& why);
    size_t carried() const { return legs_.size() / 2; }
    const Counters& counters() const { return counters_; }

private:
    struct Way {                                   // from one end to the other
        uint64_t sent = 0;                         // bytes forwarded
        uint64_t taken = 0;                        // by the other end
        std::multimap<uint64_t, uint64_t> pieces;  // not taken yet: number in the store, by end
    };
    struct Circuit {
        uint64_t id = 0;
        bool bulk = false;
        bool accepted = false;
        std::array<LinkKey, 2> ends;  // who opened it, whom it is for
        std::array<Way, 2> ways;      // by the end that sends
        uint32_t window_bytes = 0;    // of each way
    };
    using Leg = std::pair<LinkKey, uint64_t>;

    Circuit* find(const LinkKey& from, uint64_t circuit);
    uint32_t window_left() const;
    static size_t side_of(const Circuit& circuit, const LinkKey& end) {
        return circuit.ends[0] == end ? 0 : 1;
    }
    bool within_window(Circuit& circuit, size_t side, uint64_t offset, uint64_t bytes);
    void close(const LinkKey& from, uint64_t circuit, const std::string& to_from,
               const std::string& to_other);
    void forget(Circuit& circuit);

    const std::function<std::string(const LinkKey&)> why_not_;
    const uint64_t bytes_max_;
    PieceStore& pieces_;
    std::vector<CircuitFrame>& outbox_;
    std::map<Leg, std::shared_ptr<Circuit>> legs_;  // two of each circuit
    uint64_t reserved_bytes_ = 0;
    Counters counters_;
};

}  // namespace whim
