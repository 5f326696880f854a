// An engine whose coordinator and fellow members are hostile: they say any message and send any payload, in
// any order, while the application begins rounds and posts ops, links come and go, and time passes. Checked:
// no assert, each call answered once, no input touched, no output written after its op was answered.
//
// Input: operations of one byte, followed by what they take. This peer is number 2; peer n is admitted as n.
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/assert.h"
#include "collectives/codec/parse.h"
#include "collectives/plan/layout.h"
#include "engine/engine.h"
#include "message_maker.h"
#include "transport/session/frame.h"
#include "wire/version.h"

namespace {

using namespace whim;
using namespace whim::testing;

constexpr uint8_t kSelf = 2, kPeers = 5;
constexpr uint8_t kCoordinator = 0;  // as the number of a far end
constexpr uint32_t kChunkBytes = 16;

struct Strand {
    uint8_t who = kCoordinator;  // is at the other end
    uint8_t index = 0;
    bool attached = false;
    Bytes said;  // by the engine, not read yet
};

// What a far end knows of its link.
struct Far {
    SessionNonce mine, theirs;
    uint64_t received[2] = {0, 0};  // numbered frames, by strand
    uint32_t generation = 0;
    uint64_t messages_said = 0, frames_said = 0;
};

struct Posted {
    Bytes in, out;
    bool in_place = false;
    std::optional<Bytes> answered_with;
};

class Hostile final : public StrandDriver {
public:
    explicit Hostile(ByteSpan script) : script_(script) {
        engine_.join(next_app(), now_);
        pass(milliseconds(1));
    }
    void run() {
        for (int steps = 0; !script_.done() && script_.remaining() > 0 && steps < kStepsMax; ++steps) {
            step();
            settle();
        }
        for (const auto& [app, posted] : posted_) {
            WHIM_ASSERT(posted.in_place || posted.in == input(posted.in.size()));
            WHIM_ASSERT(!posted.answered_with || *posted.answered_with == posted.out);
        }
    }

    void dial(StrandHandle strand, const Address& to) override { dialed_.push_back({strand, to.port}); }
    void close(StrandHandle strand) override { strands_.erase(strand); }
    void wants_write(StrandHandle) override {}

private:
    static constexpr int kStepsMax = 200;
    static constexpr uint16_t kCoordinatorPort = 100;

    static EngineConfig config() {
        EngineConfig config;
        config.id = peer_id(kSelf);
        config.boot = 1;
        config.run = "run";
        config.coordinators = {{{"host", kCoordinatorPort}}};
        config.bulk_strands = 1;
        config.chunk_bytes = kChunkBytes;
        config.eager_bytes = 64;
        config.eager_large_bytes = 256;
        config.retain_bytes_max = 256;
        return config;
    }
    static Bytes input(size_t bytes) { return Bytes(bytes, std::byte{1}); }
    AppOp next_app() { return {++apps_}; }
    uint8_t other() { return script_.u8() % (kPeers + 1); }  // the coordinator among them

    void step() {
        switch (script_.u8() % 15) {
            case 0: say(kCoordinator, maker_.make()); break;
            case 1: say(other(), maker_.make()); break;
            case 2: say(kCoordinator, decision()); break;
            case 3: send_any_payload(); break;
            case 4: send_fitting_payload(); break;
            case 5: repeat_post(); break;
            case 6: begin_or_commit(); break;
            case 7: post(); break;
            case 8: end_something(); break;
            case 9: pass(milliseconds(script_.u8())); break;
            case 10: pass(milliseconds(40 * script_.u8())); break;
            case 11: call(other()); break;
            case 12: hang_up(); break;
            case 13: send_garbage(); break;
            case 14: acknowledge(); break;
        }
    }

    // ---- the application ----
    void begin_or_commit() {
        const uint8_t how = script_.u8();
        if (how & 1) return engine_.round_begin(next_app(), {how >> 1 & 1u}, now_);
        engine_.round_commit(next_app(), {1 + (how >> 1 & 1u)}, wire::Vote{}, now_);
    }
    void post() {
        const uint8_t how = script_.u8(), shape = script_.u8();
        const AppOp app = next_app();
        Posted& posted = posted_[app];
        PostOptions options;
        options.tag = how & 1;
        options.reduce = static_cast<Reduce>((how >> 1) % kReduceCount);
        options.dtype = shape & 1 ? Dtype::f32 : Dtype::u8;
        options.source = shape >> 1 & 3;
        options.uniform = shape & 8;
        options.min_contributors = 1 + (shape >> 4 & 1);
        options.grace = milliseconds(shape & 32 ? 100 : 0);
        options.budget = milliseconds(shape & 64 ? 1000 : 0);
        posted.in_place = shape & 128;
        const uint8_t size = script_.u8();
        if ((size & 32) && options.dtype == Dtype::f32) options.codec = *parse_codec("bf16");
        posted.in = posted.out = input(4 * (size % 32));
        if (size >> 6 == 1 || size >> 6 == 2) return post_parts(app, how, size >> 6 == 1, std::move(options));
        options.out = posted.out;
        options.in = posted.in_place ? ByteSpan(posted.out) : ByteSpan(posted.in);
        if (size >> 6 == 3 && options.reduce != Reduce::copy) {  // as two tensors, the second half first
            const size_t half = 4 * (options.in.size() / 8), rest = options.in.size() - half;
            options.tensors = {{options.in.last(rest), options.out.last(rest)},
                               {options.in.first(half), options.out.first(half)}};
            options.in = {}, options.out = {};
        }
        engine_.post(app, {1 + (how >> 5 & 1u)}, options, now_);
    }
    // Equal parts: the larger buffer holds one of each member.
    void post_parts(AppOp app, uint8_t how, bool gathers, PostOptions options) {
        Posted& posted = posted_[app];
        posted.in_place = false;
        options.collective = gathers ? Collective::all_gather : Collective::reduce_scatter;
        if (gathers) options.reduce = Reduce::copy;
        const size_t each = posted.in.size();
        Bytes& larger = gathers ? posted.out : posted.in;
        larger = input(kPeers * each);
        options.in = ByteSpan(posted.in).first(each);
        options.out = MutableByteSpan(posted.out).first(each);
        engine_.post(app, {1 + (how >> 5 & 1u)}, options, now_);
    }
    void end_something() {
        const uint8_t how = script_.u8();
        switch (how & 3) {
            case 0:
            case 1: engine_.cancel({1 + (how >> 2) % apps_}, now_); break;
            case 2: engine_.record(next_app(), {how >> 2 & 3u}, now_); break;
            case 3:
                if (how & 4) engine_.leave(next_app(), "enough", now_);
                else engine_.join(next_app(), now_);
                break;
        }
    }

    // ---- the others ----
    // A decision that is taken: the members are those of a mask, and this peer is mostly one.
    std::optional<wire::Message> decision() {
        const uint8_t kind = script_.u8(), mask = script_.u8();
        wire::View view;
        view.epoch = {++epoch_};
        std::vector<MemberId> ids;
        for (uint8_t n = 1; n <= kPeers; ++n) {
            if (n == kSelf ? (mask & 0xc0) == 0xc0 : !(mask >> (n - 1) & 1)) continue;
            ids.push_back({peer_id(n), {n}});
            view.members.push_back({ids.back(), "run", "", {{"host", n}}, false});
        }
        const Round round{1 + (kind >> 4 & 1u)};
        switch (kind & 3) {
            case 0: return wire::JoinReply{0, "", {1}, {kSelf}, wire::RunOptions{}, {0}, view};
            case 1: return wire::ViewUpdate{{1}, view};
            case 2:
                return wire::RoundStart{
                    {1},
                    round,
                    {round.value - 1},
                    view,
                    ids,
                    {},
                    {},
                    {},
                    {},
                    kind & 8 ? std::vector<uint64_t>(ids.size(), kind) : std::vector<uint64_t>{},
                    std::vector<wire::LinkFigure>(kind & 16 ? ids.size() * ids.size() : 0, {kind, kind})};
            default: return wire::RoundOutcome{{1}, round, (kind & 4) != 0, "", {}, ids, {}, false};
        }
    }
    StrandHandle strand_of(uint8_t who, uint8_t index) const {
        for (const auto& [handle, strand] : strands_) {
            if (strand.who == who && strand.index == index && strand.attached) return handle;
        }
        return {};
    }
    void say(uint8_t who, const std::optional<wire::Message>& message) {
        if (!message) return;
        Bytes bytes;
        const StrandHandle strand = strand_of(who, 0);
        if (strand == StrandHandle{}) return;
        put_message(bytes, ++far_[who].messages_said, wire::encode(*message));
        feed(strand, bytes);
    }
    void send_payload(uint8_t who, const wire::BulkHeader& header, size_t payload_bytes, uint8_t fill) {
        const Bytes encoded = wire::encode(header);
        Bytes bytes;
        const StrandHandle strand = strand_of(who, 1);
        if (strand == StrandHandle{}) return;
        const auto payload = static_cast<uint32_t>(payload_bytes);
        put_part(bytes, {++far_[who].frames_said, payload, 0}, encoded, payload);
        bytes.resize(bytes.size() + payload_bytes, static_cast<std::byte>(fill));
        feed(strand, bytes);
    }
    void send_any_payload() {
        const uint8_t who = other();
        wire::BulkHeader header;
        maker_(header);
        send_payload(who, header, script_.u8(), 3);
    }
    // Of the op that this peer called last.
    void send_fitting_payload() {
        const uint8_t who = other(), how = script_.u8(), members = script_.u8();
        if (!last_post_ || last_post_->descriptor.chunk_elements == 0) return;
        const wire::OpDescriptor& d = last_post_->descriptor;
        wire::BulkHeader header;
        header.kind = how & 1;
        header.op = last_post_->op;
        header.attempt = how >> 1 & 1;
        header.version = how >> 2 & 1;
        header.chunk = how >> 3;
        const ChunkLayout layout = d.parts.empty() ? ChunkLayout{d.elements, 1, d.chunk_elements}
                                                   : ChunkLayout::of_parts(d.parts, 1, d.chunk_elements);
        const uint64_t count = header.chunk < layout.chunks() ? layout.range({header.chunk}).count() : 0;
        if (header.kind == 1) header.contributors = {members};
        send_payload(who, header, count * (d.codec.empty() ? dtype_bytes(d.dtype) : 2), members);
    }
    void repeat_post() {
        const uint8_t who = other();
        if (last_post_) say(who, *last_post_);
    }
    void acknowledge() {
        const uint8_t who = other(), chunks = script_.u8();
        const uint32_t first = chunks & 7, count = chunks >> 3;
        if (last_post_) say(who, wire::OpAck{last_post_->op, 0, {{first, count}}});
    }
    void call(uint8_t who) {
        Far& far = far_[who];
        const bool bulk = script_.u8() & 1;
        Hello hello = hello_to(kSelf);
        hello.from = peer_id(who);
        hello.from_instance = {who};
        hello.index = bulk;
        hello.generation = ++far.generation;
        hello.mine = far.mine = {who + 1u, 1};
        hello.theirs = far.theirs;
        hello.received = far.received[hello.index];
        Bytes bytes;
        put_hello(bytes, hello);
        const StrandHandle handle = engine_.endpoint().accepted({"host", who}, now_);
        strands_[handle] = {who, hello.index, false, {}};
        feed(handle, bytes);
    }
    static Hello hello_to(uint8_t instance) {
        Hello hello;
        hello.version_min = kProtocolVersionMin;
        hello.version_max = kProtocolVersionMax;
        hello.run_name = "run";
        hello.to_instance = {instance};
        hello.bulk_strands = 1;
        return hello;
    }
    void hang_up() {
        if (strands_.empty()) return;
        const auto strand = std::next(strands_.begin(), script_.u8() % strands_.size());
        const StrandHandle handle = strand->first;
        strands_.erase(strand);
        engine_.endpoint().closed(handle, "hung up", now_);
    }
    void send_garbage() {
        const uint8_t who = other(), bulk = script_.u8() & 1;
        feed(strand_of(who, bulk), script_.raw(std::min<size_t>(script_.u8(), script_.remaining())));
    }

    // ---- the network ----
    void feed(StrandHandle strand, ByteSpan bytes) {
        while (!bytes.empty() && strands_.contains(strand)) {
            const MutableByteSpan into = engine_.endpoint().read_buffer(strand);
            const size_t count = std::min(into.size(), bytes.size());
            std::copy_n(bytes.begin(), count, into.begin());
            bytes = bytes.subspan(count);
            engine_.endpoint().did_read(strand, count, now_);
        }
    }
    void pass(Duration time) {
        const Instant until = now_ + time;
        for (int at_once = 0; engine_.deadline() && *engine_.deadline() <= until; ++at_once) {
            if (*engine_.deadline() > now_) at_once = 0, now_ = *engine_.deadline();
            WHIM_ASSERT(at_once < 100);  // a deadline that nothing meets
            engine_.on_deadline(now_);
            settle();
        }
        now_ = until;
    }
    // Until nobody has anything to do or to say.
    void settle() {
        for (bool again = true; again;) {
            again = false;
            for (const auto& [handle, port] : std::exchange(dialed_, {})) again = true, connect(handle, port);
            for (const StrandHandle handle : handles()) again = listen(handle) || again;
            for (EngineEffect& effect : engine_.take_effects()) again = true, perform(effect);
        }
    }
    std::vector<StrandHandle> handles() const {
        std::vector<StrandHandle> all;
        for (const auto& [handle, strand] : strands_) all.push_back(handle);
        return all;
    }
    void connect(StrandHandle handle, uint16_t port) {
        const bool there = port == kCoordinatorPort || (port >= 1 && port <= kPeers && port != kSelf);
        if (!there) return engine_.endpoint().dial_failed(handle, DialError::refused, "nobody there", now_);
        const uint8_t who = port == kCoordinatorPort ? kCoordinator : static_cast<uint8_t>(port);
        strands_[handle] = {who, 0, false, {}};
        engine_.endpoint().dialed(handle, now_);
    }
    // Takes what the engine writes; true: there was something.
    bool listen(StrandHandle handle) {
        ByteSpan pieces[4];
        size_t bytes = 0;
        if (!strands_.contains(handle)) return false;
        const size_t count = engine_.endpoint().write_buffers(handle, pieces);
        for (size_t i = 0; i < count; ++i) {
            Bytes& said = strands_.at(handle).said;
            said.insert(said.end(), pieces[i].begin(), pieces[i].end());
            bytes += pieces[i].size();
        }
        if (bytes == 0) return false;
        engine_.endpoint().did_write(handle, bytes, now_);
        while (strands_.contains(handle) && hear_frame(handle)) {}
        return true;
    }
    bool hear_frame(StrandHandle handle) {
        Bytes& said = strands_.at(handle).said;
        if (said.size() < kFramePrefixBytes) return false;
        const Result<FramePrefix> prefix = decode_prefix(said);
        WHIM_ASSERT(prefix.ok());
        const size_t bytes = kFramePrefixBytes + prefix->header_bytes + prefix->payload_bytes;
        if (said.size() < bytes) return false;
        const Bytes body(said.begin() + kFramePrefixBytes, said.begin() + static_cast<ptrdiff_t>(bytes));
        said.erase(said.begin(), said.begin() + static_cast<ptrdiff_t>(bytes));
        hear(handle, prefix->type, body);
        return true;
    }
    void hear(StrandHandle handle, FrameType type, ByteSpan body) {
        Strand& strand = strands_.at(handle);
        Far& far = far_[strand.who];
        switch (type) {
            case FrameType::hello: return answer(handle, *decode_hello(body));
            case FrameType::hello_reply: {
                const HelloReply reply = *decode_hello_reply(body);
                strand.attached = reply.status == HelloStatus::ok;
                if (!strand.attached) far.theirs = {};
                else if (std::exchange(far.theirs, reply.mine) != reply.mine)
                    far.received[0] = far.received[1] = far.messages_said = far.frames_said = 0;
                return;
            }
            case FrameType::ping: {
                Bytes pong;
                put_pong(pong, {*decode_ping(body), 0});
                return feed(handle, pong);
            }
            case FrameType::message: {
                far.received[0] = std::max(far.received[0], message_number(body));
                const Result<wire::Message> message = wire::decode(body.subspan(kMessageNumberBytes));
                WHIM_ASSERT(message.ok());
                if (const auto* post = std::get_if<wire::OpPost>(&*message)) last_post_ = *post;
                return;
            }
            case FrameType::bulk: ++far.received[1]; return;
            case FrameType::pong:
            case FrameType::ack:
            case FrameType::strand_lost:
            case FrameType::strands_wanted: return;
        }
    }
    void answer(StrandHandle handle, const Hello& hello) {
        Strand& strand = strands_.at(handle);
        Far& far = far_[strand.who];
        if (!hello.theirs.known()) far = {{strand.who + 1u, ++sessions_}, hello.mine, {0, 0}, 0, 0, 0};
        strand.index = hello.index & 1;
        strand.attached = true;
        HelloReply reply;
        reply.version = kProtocolVersionMax;
        reply.from = peer_id(strand.who == kCoordinator ? 0x77 : strand.who);
        reply.bulk_strands = 1;
        reply.mine = far.mine;
        reply.theirs = hello.mine;
        reply.received = far.received[strand.index];
        Bytes bytes;
        put_hello_reply(bytes, reply);
        feed(handle, bytes);
    }
    void perform(EngineEffect& effect) {
        if (const auto* job = std::get_if<op::Job>(&effect)) {
            op::run_job(*job);
            engine_.job_done(job->id, now_);
        } else if (const auto* done = std::get_if<AppDone>(&effect)) {
            WHIM_ASSERT(answered_.insert(done->app).second);
            const auto posted = posted_.find(done->app);
            if (posted != posted_.end()) posted->second.answered_with = posted->second.out;
        }
    }

    ByteReader script_;
    MessageMaker maker_{script_};
    Instant now_{1'000'000'000};
    std::vector<std::pair<StrandHandle, uint16_t>> dialed_;
    std::map<StrandHandle, Strand> strands_;
    std::map<uint8_t, Far> far_;
    uint64_t sessions_ = 0, epoch_ = 0, apps_ = 0;
    std::optional<wire::OpPost> last_post_;
    std::map<AppOp, Posted> posted_;
    std::set<AppOp> answered_;
    Engine engine_{config(), nullptr, *this, [] {}};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Hostile(std::as_bytes(std::span(data, size))).run();
    return 0;
}
