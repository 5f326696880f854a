// A few peers of one op, driven by hand: every message, frame and job waits here until a test moves it.
#pragma once

#include <cstring>
#include <deque>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "collectives/op/op.h"
#include "tests/unit/op/apart.h"

namespace whim::op {

class FewOps {
public:
    struct Setup {
        uint32_t peers = 3;
        uint64_t elements = 6;
        uint32_t chunk_elements = 1;
        Reduce reduce = Reduce::avg;
        bool gathers = false;  // all_gather of equal parts, with reduce copy
        uint32_t min_contributors = 1;
        bool in_place = false;
        uint64_t retain_bytes_max = 1u << 20;
        std::vector<float> weights = {};     // 1 each
        std::vector<bool> abstains = {};     // nobody
        std::vector<uint64_t> tensors = {};  // instead of in and out: lengths of tensors that lie apart
        std::vector<CodecPtr> codecs = {};   // each peer's; then chunk_elements fits them
        ReducerPtr reducer = nullptr;        // of Reduce::custom,
        bool finite = false;                 // which takes no NaN and no infinity
        std::shared_ptr<const plan::Plan> plan = nullptr;
        Duration grace = {};
        Plant plant = Plant::none;
        std::vector<double> byte_ns = {};  // each peer's, for any payload; 0
    };

    struct Peer final : OpHost {
        FewOps* world = nullptr;
        uint32_t rank = 0;
        std::vector<float> in, out;
        std::optional<Apart> apart;
        std::unique_ptr<Op> op;
        std::vector<Job> jobs;
        uint64_t next_job = 1, retained = 0;
        std::optional<Code> ended_with;
        std::string detail;
        uint32_t needed = 0;           // have to stay, when it asked last
        std::vector<uint32_t> blamed;  // whom it asked to leave out, and has not taken back
        std::vector<size_t> copies;    // of each payload whose bytes it was asked the worth of

        void send(Rank to, wire::Message message) override {
            world->messages.push_back({rank, to.value, std::move(message)});
        }
        void send_chunk(Rank to, const wire::BulkHeader& header, uint32_t) override {
            world->frames.push_back({rank, to.value, header});
        }
        void submit(Job job) override { jobs.push_back(std::move(job)); }
        uint64_t next_job_id() override { return next_job++; }
        bool reserve_retained(uint64_t bytes) override {
            if (retained + bytes > world->setup.retain_bytes_max) return false;
            retained += bytes;
            return true;
        }
        void release_retained(uint64_t bytes) override { retained -= bytes; }
        void ended(Code code, const std::string& text) override {
            ended_with = code;
            detail = text;
        }
        void request_exclusion(const std::vector<Rank>& ranks, const std::string&, uint32_t least) override {
            needed = least;
            for (const Rank r : ranks) world->leavers.push_back(r.value), blamed.push_back(r.value);
        }
        void withdraw_exclusions() override { blamed.clear(); }
        void diverged(const std::string&) override {}
        void violated(Rank from, const std::string&) override { world->violators.push_back(from.value); }
        std::string name(Rank r) override { return "peer " + std::to_string(r.value); }
        double byte_ns(const std::vector<Rank>& to) override {
            copies.push_back(to.size());
            return world->setup.byte_ns.empty() ? 0 : world->setup.byte_ns[rank];
        }
    };
    struct Message {
        uint32_t from, to;
        wire::Message what;
    };
    struct Frame {
        uint32_t from, to;
        wire::BulkHeader header;
        wire::BulkKind kind() const { return static_cast<wire::BulkKind>(header.kind); }
    };

    explicit FewOps(Setup s) : setup(std::move(s)), alive(setup.peers, true), evicted(setup.peers, false) {
        for (uint32_t r = 0; r < setup.peers; ++r) {
            peers.push_back(std::make_unique<Peer>());
            peers[r]->world = this;
            peers[r]->rank = r;
            peers[r]->in.resize(setup.elements);
            std::iota(peers[r]->in.begin(), peers[r]->in.end(), static_cast<float>(10 * r));
            peers[r]->out.assign(setup.elements, -1.0f);
        }
    }

    Peer& operator[](uint32_t rank) { return *peers[rank]; }

    // Members as this peer has them installed: all of them until install().
    void post(uint32_t rank) {
        Peer& p = *peers[rank];
        OpConfig config;
        config.id = {.round = {1}, .tag = 7};
        config.descriptor.dtype = Dtype::f32;
        config.descriptor.reduce = setup.reduce;
        config.descriptor.uniform = setup.reduce == Reduce::sum;
        config.descriptor.elements = setup.elements;
        config.descriptor.chunk_elements = setup.chunk_elements;
        const uint64_t part = setup.elements / setup.peers;
        if (setup.gathers) {
            config.descriptor.collective = Collective::all_gather;
            config.descriptor.parts.assign(setup.peers, part);
        }
        config.descriptor.min_contributors = setup.min_contributors;
        config.reducer = setup.reducer;
        config.descriptor.finite = setup.finite;
        config.plan = setup.plan;
        config.descriptor.plan = setup.plan ? 1 : 0;
        if (!setup.codecs.empty())
            config.coding = std::make_shared<Coding>(setup.codecs[rank], setup.reduce, false, config.id,
                                                     setup.peers, Plant::none, setup.reducer);
        config.self = {rank};
        config.alive.assign(setup.peers, true);
        config.in = std::as_bytes(setup.gathers ? std::span(p.in).first(part) : std::span(p.in));
        config.out = std::as_writable_bytes(std::span(setup.in_place ? p.in : p.out));
        if (!setup.tensors.empty()) {
            Prng prng(rank);
            p.apart.emplace(p.in, setup.tensors, setup.in_place, prng);
            config.in = p.apart->in();
            config.out = p.apart->out();
        }
        config.weight = setup.weights.empty() ? 1.0f : setup.weights[rank];
        config.abstains = !setup.abstains.empty() && setup.abstains[rank];
        config.grace = setup.grace;
        config.plant = setup.plant;
        config.window_bytes = config.eager_bytes = 1u << 20;
        p.op = std::make_unique<Op>(std::move(config), p, pool);
        p.op->start(now);
    }

    void install(uint32_t rank) { peers[rank]->op->install(alive, evicted, now); }

    // Moves everything but frames that hold() keeps, until nothing moves.
    template <class Hold> void settle(Hold hold) {
        for (bool moved = true; moved;) {
            moved = false;
            for (const auto& p : peers) {
                for (Job& job : std::exchange(p->jobs, {})) {
                    run_job(job);
                    p->op->job_done(job.id, now);
                    moved = true;
                }
            }
            for (Message& m : std::exchange(messages, {})) {
                if (!peers[m.to]->op) {
                    messages.push_back(std::move(m));
                    continue;
                }
                peers[m.to]->op->on_message({m.from}, m.what, now);
                moved = true;
            }
            for (Frame& f : std::exchange(frames, {})) {
                if (!peers[f.to]->op || hold(f)) {
                    frames.push_back(std::move(f));
                    continue;
                }
                deliver(f);
                moved = true;
            }
        }
    }
    void settle() {
        settle([](const Frame&) { return false; });
    }

    std::optional<ByteSpan> pin(const Frame& f) {
        return peers[f.from]->op->pin({f.to}, f.kind(), f.header.chunk, f.header.attempt);
    }
    void unpin(const Frame& f) {
        peers[f.from]->op->unpin({f.to}, f.kind(), f.header.chunk, f.header.attempt);
    }
    void deliver(const Frame& f) {
        const auto bytes = pin(f);
        if (!bytes) return;
        Arrival arrival{f.header, pool.take(bytes->size())};
        std::memcpy(arrival.buffer->bytes().data(), bytes->data(), bytes->size());
        unpin(f);
        peers[f.to]->op->on_chunk({f.from}, std::move(arrival), now);
    }

    Setup setup;
    Instant now{};
    std::vector<bool> alive, evicted;  // what install() installs
    std::vector<std::unique_ptr<Peer>> peers;
    std::vector<Message> messages;
    std::vector<Frame> frames;
    std::vector<uint32_t> violators, leavers;
    ChunkPool pool{1u << 20};
};

// Who makes the result of an op of one chunk.
inline uint32_t root_of_one_chunk(FewOps::Setup setup) {
    setup.abstains.clear();
    FewOps probe(std::move(setup));
    for (uint32_t r = 0; r < probe.setup.peers; ++r) probe.post(r);
    probe.settle([](const FewOps::Frame& f) { return f.kind() == wire::BulkKind::result; });
    return probe.frames.at(0).from;
}

}  // namespace whim::op
