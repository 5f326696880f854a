// One endpoint against a hostile other side that may do anything in any order: connect, say hello, feed bytes
// to any strand, hang up, let time pass; while the owner sends. Checked: no assert, pins balanced and sinks
// ended at the end.
//
// Input: operations of one byte, some followed by a length byte and that many bytes.
#include <cstdint>
#include <span>

#include "../unit/session/bench.h"
#include "base/assert.h"
#include "base/limits.h"

namespace {

using namespace whim;
using namespace whim::testing;

class Hostile {
public:
    explicit Hostile(ByteSpan script) : script_(script) {}

    void run() {
        LinkOptions options;
        options.addresses = {{"far", 1}};
        options.local_instance = {1};
        bench_.bulk_strands = 2;
        bench_.endpoint.open_link(kDialled, options, bench_.now);
        for (int steps = 0; !script_.done() && script_.remaining() > 0 && steps < kStepsMax; ++steps) step();
        bench_.endpoint.close_link(kDialled, bench_.now);
        bench_.endpoint.close_link(kFar, bench_.now);
        WHIM_ASSERT(bench_.pinned == 0);
        WHIM_ASSERT(bench_.sinks.empty());
    }

private:
    static constexpr int kStepsMax = 200;
    static constexpr uint32_t kUnit = 20;
    static constexpr LinkKey kDialled{PeerId{{9}}, {1}};

    void step() {
        const uint8_t op = script_.u8();
        const StrandHandle strand = pick(op >> 4);
        switch (op & 15) {
            case 0: strands_.push_back(bench_.arrive()); break;
            case 1: attach(0); break;
            case 2: attach(1 + (op >> 4) % 2); break;
            case 3: feed(strand, script_.raw(std::min<size_t>(script_.u8(), script_.remaining()))); break;
            case 4: frame(strand); break;
            case 5: bench_.drain(strand); break;
            case 6: bench_.endpoint.send_message(op & 16 ? kFar : kDialled, Bytes(op), bench_.now); break;
            case 7:
                bench_.endpoint.send_bulk(op & 16 ? kFar : kDialled, {Bytes(3), 100u * op, op}, bench_.now);
                break;
            case 8: bench_.run_until(bench_.now + milliseconds(op)); break;
            case 9: bench_.run_until(bench_.now + milliseconds(20 * op)); break;
            case 10: hang_up(strand); break;
            case 11: answer_dial(op & 16); break;
            case 12: bench_.accept = op & 16; break;
            case 13: partial_write(strand); break;
            case 14: reply(strand); break;
            case 15: bench_.endpoint.close_link(kFar, bench_.now); break;
        }
    }

    StrandHandle pick(size_t back) const {
        return strands_.empty() ? StrandHandle{} : strands_[strands_.size() - 1 - back % strands_.size()];
    }
    bool live(StrandHandle strand) const {
        return strand != StrandHandle{} && !bench_.closed.contains(strand);
    }
    void feed(StrandHandle strand, ByteSpan bytes) {
        if (live(strand)) bench_.feed(strand, bytes);
    }
    // A hello that fits, for strand `index` of the link kFar.
    void attach(uint8_t index) {
        Hello hello = hello_of();
        hello.bulk_strands = 2;
        hello.index = index;
        hello.generation = ++generation_;
        if (index > 0) hello.theirs = theirs_;
        hello.received = script_.u8() % 4;
        strands_.push_back(bench_.arrive());
        const auto answer = bench_.greet(strands_.back(), hello);
        if (answer && answer->status == HelloStatus::ok) theirs_ = answer->mine;
    }
    // A frame with a good prefix and small numbers, to reach what lies behind the first checks.
    void frame(StrandHandle strand) {
        Bytes bytes;
        const uint8_t type = 1 + script_.u8() % 8;
        const uint8_t a = script_.u8();
        const uint8_t b = script_.u8();
        switch (static_cast<FrameType>(type)) {
            case FrameType::ack:
            case FrameType::strand_lost:
                put_count(bytes, static_cast<FrameType>(type), {uint8_t(a % 3), b, a / 3u});
                break;
            case FrameType::ping: put_ping(bytes, a); break;
            case FrameType::pong: put_pong(bytes, {a, b}); break;
            case FrameType::bulk: part(bytes, a, b); break;
            case FrameType::message:
                put_message(bytes, 1 + a % 4, script_.raw(std::min<size_t>(b, script_.remaining())));
                break;
            default:
                put_frame(bytes, static_cast<FrameType>(type),
                          script_.raw(std::min<size_t>(a, script_.remaining())));
                break;
        }
        feed(strand, bytes);
    }
    // Mostly one of the first frames, and a part that lies within it: whole frames come of several.
    void part(Bytes& bytes, uint8_t a, uint8_t b) {
        if (a >= 0xf0) return put_prefix(bytes, {FrameType::bulk, a, 20u * b});
        PartHeader header;
        header.number = a & 7;
        header.frame_bytes = kUnit * (header.number % 4);
        header.offset = kUnit * (b & 3);
        uint32_t payload = kUnit * (b >> 2 & 3);
        const bool spoil = b >= 0xf0;
        const uint32_t left = header.frame_bytes - std::min(header.frame_bytes, header.offset);
        if (!spoil) payload = std::min(payload, left);
        if (b >> 4 == 0xe) header.offset = PartHeader::kGivenUp, payload = 0;
        if (spoil && a & 64) header.number += 2 * limits::kFramesAheadMax;
        if (spoil && a & 32) header.frame_bytes += b;
        put_part(bytes, header, Bytes(a >> 3 & 3), payload);
        if (a < 0xc0) bytes.resize(bytes.size() + payload);  // else it is fed later, or never
    }
    void hang_up(StrandHandle strand) {
        if (!live(strand)) return;
        bench_.closed.insert(strand);
        bench_.endpoint.closed(strand, "hung up", bench_.now);
    }
    void answer_dial(bool connects) {
        if (answered_ == bench_.dialed.size()) return;
        const StrandHandle strand = bench_.dialed[answered_++];
        if (!live(strand)) return;
        if (connects) {
            strands_.push_back(strand);
            bench_.endpoint.dialed(strand, bench_.now);
        } else {
            bench_.closed.insert(strand);
            bench_.endpoint.dial_failed(strand, DialError::refused, "refused", bench_.now);
        }
    }
    // An answer to our hello that fits, but for what the script spoils.
    void reply(StrandHandle strand) {
        if (!live(strand)) return;
        const Bytes said = bench_.drain(strand);
        if (said.size() < kFramePrefixBytes) return;
        const auto hello = decode_hello(ByteSpan(said).subspan(kFramePrefixBytes));
        if (!hello) return;
        HelloReply answer;
        answer.status = static_cast<HelloStatus>(script_.u8() % 8 < 3 ? script_.u8() % 6 : 0);
        answer.version = kProtocolVersionMax;
        answer.from = peer_id(1);
        answer.bulk_strands = script_.u8() % 3;
        answer.mine = hello->theirs.known() ? hello->theirs : SessionNonce{55, 1};
        answer.theirs = hello->mine;
        answer.received = script_.u8() % 3;
        Bytes bytes;
        put_hello_reply(bytes, answer);
        feed(strand, bytes);
    }
    void partial_write(StrandHandle strand) {
        ByteSpan pieces[3];
        const size_t count = bench_.endpoint.write_buffers(strand, pieces);
        size_t bytes = 0;
        for (size_t i = 0; i < count; ++i) bytes += pieces[i].size();
        if (bytes > 0)
            bench_.endpoint.did_write(strand, bytes / 2 + 1 > bytes ? bytes : bytes / 2 + 1, bench_.now);
    }

    ByteReader script_;
    Bench bench_;
    std::vector<StrandHandle> strands_;
    size_t answered_ = 0;
    uint32_t generation_ = 0;
    SessionNonce theirs_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Hostile(std::as_bytes(std::span(data, size))).run();
    return 0;
}
