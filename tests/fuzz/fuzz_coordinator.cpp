// A coordinator against hostile members: processes that come, go, and say anything in any order, while time
// passes and the operator gives orders. Checked: no assert; every record that was journalled is read again,
// and a coordinator restored from the journal, or from what it condenses to, has the same view.
//
// Input: operations of one byte, followed by what they take.
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "group/coordinator.h"
#include "message_maker.h"

namespace {

using namespace whim;
using namespace whim::testing;
using namespace whim::group;

class Hostile {
public:
    explicit Hostile(ByteSpan script) : script_(script) {
        config_.run = "run";
        config_.admit = [](const PeerId&, const std::string& token) {
            return token.size() == 1 ? Status(fail(Code::E_TOKEN, "not a good one")) : Status();
        };
        config_.dial_back = script_.u8() & 1;
        config_.options.replicas_min = 1 + script_.u8() % 3;
        coordinator_.emplace(restored({1}, {}, out_));
        settle();
    }
    void run() {
        for (int steps = 0; !script_.done() && script_.remaining() > 0 && steps < kStepsMax; ++steps) {
            step();
            settle();
        }
        const wire::View view = coordinator_->view();
        for (const auto& records : {journal_, coordinator_->condensed()}) {
            CoordinatorOutbox out;
            WHIM_ASSERT(restored({2}, records, out).view() == view);
        }
    }

private:
    static constexpr int kStepsMax = 200;

    Coordinator restored(FencingToken fencing, const std::vector<Bytes>& records, CoordinatorOutbox& out) {
        Result<Coordinator> coordinator = Coordinator::restore(config_, fencing, records, now_, out);
        WHIM_ASSERT(coordinator.ok());
        return std::move(*coordinator);
    }
    PeerId some_peer() { return peer_id(1 + script_.u8() % 5); }
    uint64_t some_boot() { return 1 + script_.u8() % 2; }

    void step() {
        switch (script_.u8() % 7) {
            case 0:
            case 1: of_a_link(); break;
            case 2: pass(milliseconds(script_.u8())); break;
            case 3: pass(milliseconds(40 * script_.u8())); break;
            case 4: answer_test(); break;
            case 5: order(); break;
            case 6: join(); break;
        }
    }
    void of_a_link() {
        const uint8_t what = script_.u8();
        const PeerId peer = some_peer();
        const uint64_t boot = some_boot();
        switch (what % 8) {
            case 0: return coordinator_->link_up(peer, boot, now_, out_);
            case 1: return coordinator_->link_down(peer, boot, "closed", now_, out_);
            case 2: return coordinator_->peer_heard(peer, boot, now_);
            default: break;
        }
        if (const auto message = maker_.make()) coordinator_->on_message(peer, boot, *message, now_, out_);
    }
    // As a correct program would.
    void join() {
        const PeerId peer = some_peer();
        const uint64_t boot = some_boot();
        wire::JoinRequest request;
        request.run = "run";
        request.addresses = {{"host", 1}};
        request.arithmetic_version = 1;
        coordinator_->link_up(peer, boot, now_, out_);
        coordinator_->on_message(peer, boot, request, now_, out_);
    }
    void pass(Duration time) {
        const Instant until = now_ + time;
        while (coordinator_->deadline() && *coordinator_->deadline() <= until) {
            now_ = std::max(now_, *coordinator_->deadline());
            coordinator_->on_deadline(now_, out_);
        }
        now_ = until;
    }
    void answer_test() {
        if (tests_.empty()) return;
        const uint8_t how = script_.u8();
        const TestAddress test = tests_[how % tests_.size()];  // also one that is over
        const std::optional<PeerId> who = how & 0x80 ? std::nullopt : std::optional(some_peer());
        coordinator_->address_answered(test.test, who, "refused", now_, out_);
    }
    void order() {
        const uint8_t how = script_.u8();
        MemberId member;
        maker_(member);
        if (how & 1) coordinator_->evict(member, "an order", now_, out_);
        else coordinator_->abort_round("an order", now_, out_);
    }
    void settle() {
        for (const CoordinatorEffect& effect : out_) {
            if (const auto* journal = std::get_if<Journal>(&effect)) journal_.push_back(journal->record);
            if (const auto* test = std::get_if<TestAddress>(&effect)) tests_.push_back(*test);
            const auto* send = std::get_if<SendToPeer>(&effect);
            if (send == nullptr) continue;
            const Bytes bytes = wire::encode(send->message);
            WHIM_ASSERT(wire::decode(bytes).ok() && bytes.size() <= limits::kMessageBytesMax);
        }
        out_.clear();
        (void)coordinator_->members();  // what pages ask for at any time
        (void)coordinator_->waiting_for();
    }

    ByteReader script_;
    MessageMaker maker_{script_};
    CoordinatorConfig config_;
    Instant now_{1'000'000'000};
    CoordinatorOutbox out_;
    std::vector<Bytes> journal_;
    std::vector<TestAddress> tests_;
    std::optional<Coordinator> coordinator_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Hostile(std::as_bytes(std::span(data, size))).run();
    return 0;
}
