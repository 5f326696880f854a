// Circuits against hostile members: two of them send any message and piece about any circuit, in any order,
// to a process that is an end of some circuits, dials others, and carries those between the two. Checked: no
// assert, bounded numbers, every pin matched, and nothing left once the links are gone.
//
// Input: operations of one byte, followed by the numbers they take.
#include <cstdint>
#include <vector>

#include "../unit/session/names.h"
#include "base/assert.h"
#include "transport/session/circuits.h"

namespace {

using namespace whim;
using namespace whim::testing;

class Hostile final : public StrandDriver, public EndpointOwner {
public:
    explicit Hostile(ByteSpan script) : script_(script) {
        circuits_.attach(endpoint_);
        circuits_.set_self(kSelf);
        for (const LinkKey& key : kOthers) {
            LinkOptions options;
            options.dial = key == kOthers[0];  // it dials one of them, through the other
            options.detours = true;
            options.local_instance = kSelf.incarnation;
            endpoint_.open_link(key, options, now_);
        }
    }
    void run() {
        for (int steps = 0; !script_.done() && script_.remaining() > 0 && steps < 300; ++steps) {
            step();
            settle();
            WHIM_ASSERT(circuits_.carried_now() <= limits::kCarriedCircuitsMax);
            WHIM_ASSERT(circuits_.ends_now() <= limits::kCircuitEndsMax);
        }
        for (const LinkKey& key : kOthers) {
            endpoint_.close_link(key, now_);
            circuits_.link_lost(key, "over");
        }
        settle();
        WHIM_ASSERT(circuits_.carried_now() == 0 && circuits_.ends_now() == 0 && pinned_.empty());
    }

    void dial(StrandHandle, const Address&) override {}
    void close(StrandHandle) override {}
    void wants_write(StrandHandle) override {}
    bool accept_link(const LinkKey&, Instant) override { return false; }
    void link_up(const LinkKey&, LinkSession, Instant) override {}
    void link_down(const LinkKey&, LinkDownKind, const std::string&, Instant) override {}
    void message(const LinkKey&, ByteSpan, Instant) override {}
    BulkSink bulk_begin(const LinkKey&, ByteSpan, uint32_t) override { return {}; }
    void bulk_end(const LinkKey&, uint64_t, bool, Instant) override {}
    std::optional<ByteSpan> bulk_pin(const LinkKey&, const BulkFrame&) override { return std::nullopt; }
    void bulk_unpin(const LinkKey&, const BulkFrame&) override {}

private:
    static constexpr LinkKey kSelf{PeerId{{1}}, {1}};
    static constexpr LinkKey kOthers[2] = {{PeerId{{2}}, {2}}, {PeerId{{3}}, {3}}};

    const LinkKey& other() { return kOthers[script_.u8() & 1]; }
    uint64_t circuit() {
        const uint8_t pick = script_.u8();
        return pick < 8 || seen_.empty() ? pick : seen_[pick % seen_.size()];
    }
    void say(wire::Message message) { circuits_.on_message(other(), message, now_); }

    void step() {
        switch (script_.u8() % 10) {
            case 0: {
                const LinkKey& from = other();
                const bool to_self = script_.u8() & 1;
                const uint64_t number = circuit();
                circuits_.on_message(from,
                                     wire::CircuitOpen{number, from, to_self ? kSelf : other(),
                                                       (script_.u8() & 1) != 0, script_.u16()},
                                     now_);
                break;
            }
            case 1: say(wire::CircuitAnswer{circuit(), (script_.u8() & 1) != 0, script_.u16(), "so"}); break;
            case 2: {
                const ByteSpan bytes = script_.raw(std::min<size_t>(script_.u8(), script_.remaining()));
                wire::CircuitData data{circuit(), {}};
                for (const std::byte b : bytes) data.bytes.push_back(static_cast<uint8_t>(b));
                say(std::move(data));
                break;
            }
            case 3: say(wire::CircuitCredit{circuit(), script_.u16()}); break;
            case 4: say(wire::CircuitClose{circuit(), "closed"}); break;
            case 5: {
                const wire::CircuitHeader header{wire::kCircuitHeaderKind, circuit(), script_.u16()};
                const BulkSink sink = circuits_.bulk_begin(other(), wire::encode(header), script_.u16());
                if (sink.into.empty()) break;
                WHIM_ASSERT(Circuits::owns(sink.token));
                arriving_.push_back(sink.token);
                break;
            }
            case 6:
                if (arriving_.empty()) break;
                circuits_.bulk_end(arriving_.back(), script_.u8() & 1);
                arriving_.pop_back();
                break;
            case 7: circuits_.link_lost(other(), "lost"); break;
            case 8: now_ = now_ + milliseconds(script_.u8() * 16); break;
            case 9:
                if (pinned_.empty()) break;
                circuits_.bulk_unpin(pinned_.back());
                pinned_.pop_back();
                break;
        }
    }
    void settle() {
        const bool over = script_.done() || script_.remaining() == 0;
        endpoint_.on_deadline(now_);
        circuits_.run(now_);
        for (CircuitFrame& frame : circuits_.take_outbox()) {
            if (auto* message = std::get_if<wire::Message>(&frame.what)) {
                if (const auto* open = std::get_if<wire::CircuitOpen>(message))
                    seen_.push_back(open->circuit);
                const Bytes bytes = wire::encode(*message);
                WHIM_ASSERT(wire::decode(bytes).ok() && bytes.size() <= limits::kMessageBytesMax);
            } else if (circuits_.bulk_pin(std::get<BulkFrame>(frame.what))) {
                pinned_.push_back(std::get<BulkFrame>(frame.what));
            }
        }
        while (over && !pinned_.empty()) circuits_.bulk_unpin(pinned_.back()), pinned_.pop_back();
    }

    ByteReader script_;
    Instant now_{1'000'000'000};
    std::vector<uint64_t> seen_, arriving_;
    std::vector<BulkFrame> pinned_;
    Circuits circuits_{CircuitsConfig{.seed = 1, .control_window_bytes = 300, .bulk_window_bytes = 5'000},
                       *this};
    Endpoint endpoint_{{kSelf.peer, "run", 1, false, &circuits_}, nullptr, *this, circuits_};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Hostile(std::as_bytes(std::span(data, size))).run();
    return 0;
}
