// How long agreement takes: the library's own ops, gossip and all-reduce, on a WAN in virtual time. Members
// sit in four regions, and each has one line that carries what it sends and one that carries what it
// receives, in order; what passes both arrives after half a round trip. Arithmetic takes no time. Results
// depend on the flags alone.
//   ./run bench gossip-time [--members 16] [--mib 4] [--mbit 200] [--slow 10] [--error 0.01] [--codec
//   none,int8]
// One JSON line for each way: the fewest steps after which at most `error` of the distance from the mean is
// left, what is left, the buffers that a member sends, and seconds until the last member is done (all) and
// until half of them are (half), with equal lines and with one line that is `slow` times slower (slow_all,
// slow_half). With a codec, which then is in the name, all that travels is encoded.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <iostream>
#include <memory>
#include <numeric>
#include <optional>
#include <queue>
#include <string>
#include <tuple>
#include <vector>

#include "base/limits.h"
#include "base/prng.h"
#include "collectives/codec/parse.h"
#include "collectives/op/gossip_op.h"
#include "stress/machine.h"
#include "stress/options.h"

namespace {

using namespace whim;
using namespace whim::op;
using gossip::GraphKind;

// Fewer elements than are meant, each of which counts as many: what is sent takes as long.
constexpr uint64_t kElements = 1u << 15;
constexpr uint32_t kChunks = 16;
constexpr uint32_t kRegions = 4;
constexpr int64_t kRttMs[kRegions][kRegions] = {
    {4, 90, 160, 220}, {90, 4, 70, 150}, {160, 70, 4, 110}, {220, 150, 110, 4}};

struct Wan {
    uint32_t members = 16;
    double bytes_per_s = 25e6;
    double bytes_per_element = 128;
    double slow = 1;  // the last member's line is so many times slower
};

class World;

struct Peer final : OpHost {
    World* world = nullptr;
    uint32_t rank = 0;
    std::vector<float> in, out;
    std::unique_ptr<RunningOp> op;
    uint64_t next_job = 1;
    std::optional<Instant> ended_at;

    void send(Rank to, wire::Message message) override;
    void send_chunk(Rank to, const wire::BulkHeader& header, uint32_t payload_bytes) override;
    void submit(Job job) override;
    uint64_t next_job_id() override { return next_job++; }
    bool reserve_retained(uint64_t) override { return true; }
    void release_retained(uint64_t) override {}
    void ended(Code code, const std::string& detail) override;
    void request_exclusion(const std::vector<Rank>&, const std::string&, uint32_t) override {}
    void diverged(const std::string&) override {}
    std::string name(Rank r) override { return "peer " + std::to_string(r.value); }
    void violated(Rank, const std::string& what) override { throw std::runtime_error(what); }
};

class World {
public:
    explicit World(const Wan& wan) : wan_(wan), up_(wan.members), down_(wan.members) {
        Prng random(1);
        for (uint32_t r = 0; r < wan.members; ++r) {
            Peer& p = *peers_.emplace_back(std::make_unique<Peer>());
            p.world = this;
            p.rank = r;
            for (uint64_t i = 0; i < kElements; ++i) p.in.push_back(random.unit_float() * 2 - 1);
            p.out = p.in;
        }
    }

    template <class Make> void run(const Make& make) {
        for (const auto& p : peers_) p->op = make(*p, pool_);
        for (const auto& p : peers_) p->op->start(now_);
        while (!events_.empty()) {
            const Event event = events_.top();
            events_.pop();
            now_ = event.at;
            event.what();
        }
    }

    void after(Duration delay, std::function<void()> what) {
        events_.push({now_ + delay, next_event_++, std::move(what)});
    }

    void message(uint32_t from, uint32_t to, wire::Message message) {
        after(one_way(from, to), [this, from, to, message = std::move(message)] {
            peers_[to]->op->on_message({from}, message, now_);
        });
    }

    void frame(uint32_t from, uint32_t to, const wire::BulkHeader& header, uint32_t bytes) {
        buffers_sent += bytes / static_cast<double>(kElements * sizeof(float)) / wan_.members;
        const Instant sent = up_[from] = std::max(up_[from], now_) + on_line(from, bytes);
        after(sent - now_, [this, from, to, header, bytes] {
            const auto kind = static_cast<wire::BulkKind>(header.kind);
            const auto pinned = peers_[from]->op->pin({to}, kind, header.chunk, header.attempt);
            if (!pinned) return;
            Arrival arrival{header, pool_.take(pinned->size())};
            if (!pinned->empty()) std::memcpy(arrival.buffer->bytes().data(), pinned->data(), pinned->size());
            peers_[from]->op->unpin({to}, kind, header.chunk, header.attempt);
            after(one_way(from, to), [this, from, to, bytes, arrival] {
                const Instant received = down_[to] = std::max(down_[to], now_) + on_line(to, bytes);
                after(received - now_, [this, from, to, arrival] {
                    if (!peers_[to]->op->ended()) peers_[to]->op->on_chunk({from}, arrival, now_);
                });
            });
        });
    }

    double seconds_until(double share) const {
        std::vector<double> ended;
        for (const auto& p : peers_) ended.push_back(p->ended_at.value().ns * 1e-9);
        std::sort(ended.begin(), ended.end());
        return ended[static_cast<size_t>(std::ceil(share * wan_.members)) - 1];
    }

    // What is left of the distance from the mean.
    double rest() const { return distance(&Peer::out) / distance(&Peer::in); }

    Instant now() const { return now_; }
    double buffers_sent = 0;

private:
    struct Event {
        Instant at;
        uint64_t number;
        std::function<void()> what;
        bool operator<(const Event& o) const { return std::tie(o.at, o.number) < std::tie(at, number); }
    };

    Duration one_way(uint32_t from, uint32_t to) const {
        return microseconds(kRttMs[from % kRegions][to % kRegions] * 500);
    }
    Duration on_line(uint32_t member, uint32_t bytes) const {
        const double slower = member + 1 == wan_.members ? wan_.slow : 1;
        const double meant = bytes / 4.0 * wan_.bytes_per_element;
        return nanoseconds(static_cast<int64_t>(meant / wan_.bytes_per_s * slower * 1e9));
    }
    double distance(std::vector<float> Peer::*values) const {
        double sum = 0;
        for (uint64_t i = 0; i < kElements; ++i) {
            double mean = 0;
            for (const auto& p : peers_) mean += ((*p).*values)[i] / static_cast<double>(wan_.members);
            for (const auto& p : peers_) sum += std::pow(((*p).*values)[i] - mean, 2);
        }
        return std::sqrt(sum);
    }

    Wan wan_;
    ChunkPool pool_{16u << 20};
    std::vector<std::unique_ptr<Peer>> peers_;
    std::vector<Instant> up_, down_;  // when each line is free
    std::priority_queue<Event> events_;
    uint64_t next_event_ = 0;
    Instant now_{};
};

void Peer::send(Rank to, wire::Message message) { world->message(rank, to.value, std::move(message)); }
void Peer::send_chunk(Rank to, const wire::BulkHeader& header, uint32_t payload_bytes) {
    world->frame(rank, to.value, header, payload_bytes);
}
void Peer::submit(Job job) {
    world->after({}, [this, job = std::move(job)] {
        run_job(job);
        op->job_done(job.id, world->now());
    });
}
void Peer::ended(Code code, const std::string& detail) {
    if (code != Code::OK) throw std::runtime_error(detail);
    ended_at = world->now();
}

constexpr OpId kId{.round = {1}, .tag = 1};

struct Way {
    GraphKind graph;
    bool chebyshev;
};

// codec: null for none.
std::shared_ptr<const Coding> coding_of(const CodecPtr& codec, uint32_t members) {
    if (!codec) return nullptr;
    return std::make_shared<const Coding>(codec, Reduce::avg, false, kId, members);
}

std::unique_ptr<RunningOp> make_all_reduce(Peer& p, ChunkPool& pool, uint32_t members,
                                           const CodecPtr& codec) {
    OpConfig config;
    config.id = kId;
    config.coding = coding_of(codec, members);
    if (codec) config.descriptor.codec = codec->text();
    config.descriptor.reduce = Reduce::avg;
    config.descriptor.elements = kElements;
    config.descriptor.chunk_elements = static_cast<uint32_t>(kElements / std::lcm(kChunks, members));
    config.self = {p.rank};
    config.alive.assign(members, true);
    config.in = std::as_bytes(std::span(p.in));
    config.out = std::as_writable_bytes(std::span(p.out));
    config.window_bytes = config.eager_bytes = 1u << 30;
    return std::make_unique<Op>(std::move(config), p, pool);
}

std::unique_ptr<RunningOp> make_gossip(Peer& p, ChunkPool& pool, uint32_t members, const Way& way,
                                       uint32_t steps, const CodecPtr& codec) {
    GossipConfig config;
    config.id = kId;
    config.coding = coding_of(codec, members);
    if (codec) config.descriptor.codec = codec->text();
    config.graph = {way.graph, members, way.graph == GraphKind::random_matching ? 1ull : 0ull, {}};
    config.descriptor.collective = Collective::neighbour_average;
    config.descriptor.elements = kElements;
    config.descriptor.chunk_elements = static_cast<uint32_t>(kElements / kChunks);
    config.descriptor.gossip.steps = steps;
    config.descriptor.gossip.chebyshev = way.chebyshev;
    config.self = {p.rank};
    config.alive.assign(members, true);
    config.in = std::as_bytes(std::span(p.in));
    config.out = std::as_writable_bytes(std::span(p.out));
    config.held_bytes = config.eager_bytes = 1u << 30;
    return std::make_unique<GossipOp>(std::move(config), p, pool);
}

template <class Make>
void report(const std::string& name, uint32_t steps, Wan wan, double slow, const Make& make) {
    World equal(wan);
    equal.run(make);
    wan.slow = slow;
    World uneven(wan);
    uneven.run(make);
    std::printf(
        "{\"bench\": \"gossip-time\", \"way\": \"%s\", \"n\": %u, \"steps\": %u, \"rest\": %.3g, "
        "\"buffers\": %.3g, \"all\": %.3f, \"half\": %.3f, \"slow_all\": %.3f, \"slow_half\": %.3f, "
        "\"commit\": \"%s\"}\n",
        name.c_str(), wan.members, steps, equal.rest(), equal.buffers_sent, equal.seconds_until(1),
        equal.seconds_until(0.5), uneven.seconds_until(1), uneven.seconds_until(0.5),
        stress::commit().c_str());
}

void all_ways(const Wan& wan, double slow, double error, const CodecPtr& codec, const std::string& suffix) {
    report("all-reduce" + suffix, 1, wan, slow,
           [&](Peer& p, ChunkPool& pool) { return make_all_reduce(p, pool, wan.members, codec); });
    constexpr Way kWays[] = {{GraphKind::complete, false},    {GraphKind::one_peer_exponential, false},
                             {GraphKind::exponential, false}, {GraphKind::exponential, true},
                             {GraphKind::hypercube, true},    {GraphKind::random_matching, false},
                             {GraphKind::ring, false},        {GraphKind::ring, true}};
    for (const Way& way : kWays) {
        const std::string name =
            std::string(gossip::kind_name(way.graph)) + (way.chebyshev ? ", Chebyshev" : "") + suffix;
        for (uint32_t steps = 1; steps <= limits::kGossipStepsMax; ++steps) {
            const auto make = [&](Peer& p, ChunkPool& pool) {
                return make_gossip(p, pool, wan.members, way, steps, codec);
            };
            World world(wan);
            world.run(make);
            if (steps > 1 && world.rest() > error && steps < limits::kGossipStepsMax) continue;
            if (steps == 1 || world.rest() <= error) report(name, steps, wan, slow, make);
            if (world.rest() <= error) break;
        }
    }
}

}  // namespace

int main(int argc, char** argv) try {
    const stress::Options options(argc, argv, {"members", "mib", "mbit", "slow", "error", "codec"});
    Wan wan;
    wan.members = static_cast<uint32_t>(options.number("members", 16));
    wan.bytes_per_s = static_cast<double>(options.number("mbit", 200)) * 1e6 / 8;
    wan.bytes_per_element = static_cast<double>(options.number("mib", 4) << 20) / kElements;
    const auto slow = static_cast<double>(options.number("slow", 10));
    const double error = std::stod(options.text("error", "0.01"));
    if (wan.members < 2 || wan.members > 64) throw std::runtime_error("--members: from 2 to 64");
    for (const std::string& text : stress::split(options.text("codec", "none,int8"))) {
        const bool plain = text == "none";
        Result<CodecPtr> codec = plain ? CodecPtr() : parse_codec(text);
        if (!codec.ok() || (!plain && (*codec)->sparse()))
            throw std::runtime_error("--codec " + text + ": a dense codec, or none");
        all_ways(wan, slow, error, *codec, plain ? "" : ", " + text);
    }
    return 0;
} catch (const std::exception& problem) {
    std::cerr << "bench gossip-time: " << problem.what() << "\n";
    return 2;
}
