// The world for GossipOp: delivery, deaths and departures by seed, and the comparison with the reference.
#include "tests/unit/op/gossip_model.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <memory>

#include "base/prng.h"
#include "collectives/codec/parse.h"
#include "collectives/op/gossip_op.h"
#include "tests/unit/op/gossip_reference.h"

namespace whim::op {
namespace {

constexpr OpId kId = {.round = {1}, .tag = 3};
constexpr std::byte kUsedAgain{0x5a};

class World;

struct Peer final : OpHost {
    World* world = nullptr;
    uint32_t rank = 0;
    bool dead = false, posted = false, over = false, abstains = false;
    bool leaves = false, late = false;  // will; and then has, once it did
    bool left = false, stopped = false;
    Code code = Code::OK;
    std::string detail, violation;
    std::vector<double> input, result;
    Bytes in, out;
    std::unique_ptr<GossipOp> op;
    std::vector<std::pair<uint32_t, std::variant<wire::Message, Arrival>>> early;
    uint32_t deaths_seen = 0;
    std::vector<Job> jobs;
    uint64_t next_job = 1, retained = 0;

    void send(Rank to, wire::Message message) override;
    void send_chunk(Rank to, const wire::BulkHeader& header, uint32_t payload_bytes) override;
    void submit(Job job) override { jobs.push_back(std::move(job)); }
    uint64_t next_job_id() override { return next_job++; }
    bool reserve_retained(uint64_t bytes) override;
    void release_retained(uint64_t bytes) override { retained -= bytes; }
    void ended(Code code, const std::string& detail) override;
    void request_exclusion(const std::vector<Rank>&, const std::string&, uint32_t) override {
        violation = "asked the coordinator to leave somebody out";
    }
    void diverged(const std::string&) override { violation = "said that it diverged"; }
    void violated(Rank from, const std::string& what) override {
        violation = "peer " + std::to_string(from.value) + ": " + what;
    }
    std::string name(Rank r) override { return "peer " + std::to_string(r.value); }
};

class World {
public:
    explicit World(const GossipModelOptions& options)
        : options_(options), members_(options.graph.members), prng_(options.seed) {
        for (uint32_t r = 0; r < members_; ++r) {
            Peer& p = *peers_.emplace_back(std::make_unique<Peer>());
            p.world = this;
            p.rank = r;
            for (uint64_t i = 0; i < options.elements; ++i)
                p.input.push_back(prng_.unit_float() * 3.0f - 1.0f);
            p.in = gossip_bytes(options.dtype, p.input);
            p.input = gossip_values(options.dtype, p.in);
            p.out.assign(p.in.size(), std::byte{0x77});
        }
        if (!options.codec.empty())
            coding_ = std::make_shared<const Coding>(*parse_codec(options.codec), Reduce::avg, false, kId,
                                                     members_);
        for (uint32_t i = 0; i < options.leavers; ++i) any().leaves = true;
        for (uint32_t i = 0; i < options.late; ++i) any().late = true;
        for (uint32_t i = 0; i < options.abstainers; ++i) any().abstains = true;
    }

    GossipModelOutcome run() {
        uint32_t deaths = options_.deaths;
        for (uint32_t step = 0; step < 200'000; ++step) {
            if (deaths > 0 && prng_.chance(1, 30) && living() > 1) --deaths, kill();
            if (!advance() && deaths == 0) break;
        }
        return judge();
    }

    const GossipModelOptions& options() const { return options_; }
    void queue(uint32_t from, uint32_t to, wire::Message message) {
        if (!peers_[from]->dead) control_[{from, to}].push_back(std::move(message));
    }
    void queue_chunk(uint32_t from, uint32_t to, const wire::BulkHeader& header) {
        if (!peers_[from]->dead) bulk_.push_back({from, to, header});
    }

private:
    struct Frame {
        uint32_t from, to;
        wire::BulkHeader header;
        std::optional<ByteSpan> pinned = std::nullopt;
        Bytes as_pinned = {};
    };

    Peer& any() { return *peers_[prng_.below(members_)]; }
    uint32_t living() const {
        return static_cast<uint32_t>(
            std::count_if(peers_.begin(), peers_.end(), [](const auto& p) { return !p->dead; }));
    }

    void kill() {
        Peer* victim = &any();
        while (victim->dead) victim = &any();
        victim->dead = true;
        deaths_.push_back(victim->rank);
        trace("peer " + std::to_string(victim->rank) + " dies");
    }

    std::vector<bool> alive_for(const Peer& p) const {
        std::vector<bool> alive(members_, true);
        for (uint32_t i = 0; i < p.deaths_seen; ++i) alive[deaths_[i]] = false;
        return alive;
    }

    wire::GossipTerms terms() const {
        wire::GossipTerms t;
        t.graph = static_cast<uint8_t>(options_.graph.kind);
        t.chebyshev = options_.chebyshev;
        t.steps = options_.steps;
        t.first_step = options_.first_step;
        t.seed = options_.graph.seed;
        return t;
    }

    void post(Peer& p) {
        p.posted = true;
        GossipConfig config;
        config.id = kId;
        config.coding = coding_;
        config.descriptor.dtype = options_.dtype;
        config.descriptor.collective = Collective::neighbour_average;
        config.descriptor.elements = options_.elements;
        config.descriptor.chunk_elements = options_.chunk_elements;
        config.descriptor.gossip = terms();
        config.graph = options_.graph;
        config.self = {p.rank};
        config.alive = alive_for(p);
        config.in = p.in;
        config.out = options_.in_place ? p.in : p.out;
        config.abstains = p.abstains;
        if (p.late) config.give_up = Instant{1};
        config.held_bytes = options_.held_bytes;
        config.eager_bytes = options_.eager_bytes;
        config.plant = options_.plant;
        p.op = std::make_unique<GossipOp>(std::move(config), p, pool_);
        p.op->start({});
        for (auto& [from, item] : p.early) {
            if (auto* m = std::get_if<wire::Message>(&item)) p.op->on_message({from}, *m, {});
            else p.op->on_chunk({from}, std::move(std::get<Arrival>(item)), {});
        }
        p.early.clear();
        p.op->poke();
    }

    bool advance() {
        std::vector<std::pair<int, size_t>> moves;
        for (const auto& p : peers_) {
            if (p->dead) continue;
            if (!p->posted) moves.push_back({0, p->rank});
            if (p->deaths_seen < deaths_.size()) moves.push_back({1, p->rank});
            if (!p->jobs.empty()) moves.push_back({2, p->rank});
            if (p->posted && !p->over && (p->leaves || p->late) && prng_.chance(1, 8))
                moves.push_back({5, p->rank});
        }
        std::vector<std::pair<uint32_t, uint32_t>> pairs;
        for (const auto& [pair, messages] : control_) {
            if (!messages.empty()) pairs.push_back(pair);
        }
        for (size_t i = 0; i < pairs.size(); ++i) moves.push_back({3, i});
        for (size_t i = 0; i < std::min<size_t>(bulk_.size(), 16); ++i)
            moves.push_back({4, prng_.below(bulk_.size())});
        if (moves.empty()) return pending_departure();
        const auto [kind, index] = moves[prng_.below(moves.size())];
        if (kind == 0) post(*peers_[index]);
        else if (kind == 1) install_next(*peers_[index]);
        else if (kind == 2) finish_job(*peers_[index]);
        else if (kind == 3) deliver(pairs[index]);
        else if (kind == 4) deliver_chunk(index);
        else depart(*peers_[index]);
        return true;
    }

    bool pending_departure() {
        for (const auto& p : peers_) {
            if (p->dead || p->over || !(p->leaves || p->late)) continue;
            depart(*p);
            return true;
        }
        return false;
    }

    void depart(Peer& p) {
        trace("peer " + std::to_string(p.rank) + (p.leaves ? " leaves" : " runs out of time"));
        if (p.leaves) p.left = true, p.op->abandon(Code::E_CANCELLED, "it wants to", {});
        else p.stopped = true, p.op->on_deadline({1});
        p.leaves = p.late = false;
    }

    void install_next(Peer& p) {
        p.deaths_seen += 1 + static_cast<uint32_t>(prng_.below(deaths_.size() - p.deaths_seen));
        if (p.op) p.op->install(alive_for(p), std::vector<bool>(members_, false), {});
    }

    void finish_job(Peer& p) {
        const Job job = p.jobs.front();
        p.jobs.erase(p.jobs.begin());
        run_job(job);
        p.op->job_done(job.id, {});
    }

    // A dead peer's messages may still arrive until the receiver has installed its removal.
    bool cut(uint32_t from, uint32_t to) const { return peers_[to]->dead || !alive_for(*peers_[to])[from]; }

    void deliver(std::pair<uint32_t, uint32_t> pair) {
        std::deque<wire::Message>& messages = control_[pair];
        const wire::Message message = std::move(messages.front());
        messages.pop_front();
        Peer& to = *peers_[pair.second];
        if (cut(pair.first, pair.second)) return;
        if (peers_[pair.first]->dead && prng_.chance(1, 4)) return messages.clear();
        // As the engine has it: who has left by then counts for nothing, and says so again when asked.
        const auto* said = std::get_if<wire::OpFail>(&message);
        if (!to.posted && said)
            return static_cast<void>(
                std::erase_if(to.early, [&](const auto& entry) { return entry.first == pair.first; }));
        if (!to.posted) return static_cast<void>(to.early.push_back({pair.first, message}));
        if (to.over && to.op->closed()) {  // what the engine answers for an op whose record is gone
            if (std::holds_alternative<wire::OpPost>(message))
                queue(to.rank, pair.first, wire::OpFail{kId, static_cast<int32_t>(Code::E_EXCLUDED), "over"});
            return;
        }
        trace(std::to_string(pair.first) + " -> " + std::to_string(pair.second) + " " +
              std::string(wire::message_name(message)));
        to.op->on_message({pair.first}, message, {});
    }

    void trace(const std::string& what) const {
        if (options_.trace) std::fprintf(stderr, "%s\n", what.c_str());
    }

    void deliver_chunk(size_t index) {
        Frame& queued = bulk_[index];
        Peer& from = *peers_[queued.from];
        const uint32_t chunk = queued.header.chunk, step = queued.header.attempt;
        const auto kind = static_cast<wire::BulkKind>(queued.header.kind);
        if (!queued.pinned && !cut(queued.from, queued.to)) {
            queued.pinned = from.op->pin({queued.to}, kind, chunk, step);
            if (queued.pinned) queued.as_pinned.assign(queued.pinned->begin(), queued.pinned->end());
            if (queued.pinned && prng_.chance(1, 2)) return;
        }
        const Frame frame = std::move(queued);
        bulk_.erase(bulk_.begin() + static_cast<std::ptrdiff_t>(index));
        if (!frame.pinned) return;
        Peer& to = *peers_[frame.to];
        const bool lost = cut(frame.from, frame.to) || (from.dead && prng_.chance(1, 2));
        if (!std::equal(frame.pinned->begin(), frame.pinned->end(), frame.as_pinned.begin()))
            problem_ = "values were changed while a strand wrote them";
        Arrival arrival{frame.header, pool_.take(frame.pinned->size())};
        if (!frame.pinned->empty())
            std::memcpy(arrival.buffer->bytes().data(), frame.pinned->data(), frame.pinned->size());
        if (!from.dead) from.op->unpin({frame.to}, kind, chunk, step);
        if (lost) return;
        trace(std::to_string(frame.from) + " -> " + std::to_string(frame.to) + " step " +
              std::to_string(step) + " of chunk " + std::to_string(chunk));
        if (!to.posted) return ++frames_early_, static_cast<void>(to.early.push_back({frame.from, arrival}));
        if (to.over) return;
        to.op->on_chunk({frame.from}, std::move(arrival), {});
        check_held(to);
    }

    // What neighbours may have sent ahead has a bound, however slow this peer is.
    void check_held(const Peer& p) {
        const uint64_t chunk = coding_ ? coding_->contribution_bytes_max(options_.chunk_elements)
                                       : options_.chunk_elements * dtype_bytes(options_.dtype);
        const uint64_t payloads = gossip_frames_max(options_.graph, options_.steps);
        const uint64_t bound = std::max(options_.held_bytes, limits::kGossipAheadMin * payloads * chunk);
        if (p.op->held_bytes() > bound) problem_ = "peer " + std::to_string(p.rank) + " holds too much";
    }

    // A dead peer's op says where it stood: nothing of it was sent any more.
    void settle_the_dead() {
        for (const auto& p : peers_) {
            if (!p->dead || !p->op || p->over) continue;
            while (!p->jobs.empty()) finish_job(*p);
            if (!p->over) p->op->abandon(Code::E_EVICTED, "dead", {});
            while (!p->jobs.empty()) finish_job(*p);
        }
    }

    GossipMember reported(const Peer& p) const {
        GossipMember m;
        m.input = p.input;
        m.reported = p.over;
        if (!p.over) return m;
        const OpReportCard& card = p.op->card();
        for (const MixRun& run : p.op->gossip()->mixes) {
            ReportedMix mix;
            mix.step = run.step;
            mix.first = uint64_t{run.first} * options_.chunk_elements;
            const uint64_t end = uint64_t{run.first + run.count} * options_.chunk_elements;
            mix.count = std::min(end, options_.elements) - mix.first;
            for (uint32_t r = 0; r < members_; ++r) {
                if (card.sets[run.set][r]) mix.ranks.push_back(r);
            }
            m.mixes.push_back(std::move(mix));
        }
        return m;
    }

    // Who lacks a neighbour has a reason for it.
    std::string unreasoned(const Peer& p, const std::vector<GossipMember>& members, uint64_t& without) const {
        for (const ReportedMix& mix : members[p.rank].mixes) {
            const gossip::Graph graph = gossip::graph_at(options_.graph, options_.first_step + mix.step);
            for (const Rank r : graph.neighbours({p.rank})) {
                if (std::find(mix.ranks.begin(), mix.ranks.end(), r.value) != mix.ranks.end()) continue;
                const Peer& other = *peers_[r.value];
                ++without;
                if (other.dead || other.left || other.stopped || other.abstains) continue;
                return "peer " + std::to_string(p.rank) + " went on without peer " + std::to_string(r.value);
            }
        }
        return "";
    }

    std::string wrong_with(const Peer& p, const GossipOutcome& expected) const {
        const std::string who = "peer " + std::to_string(p.rank);
        if (!expected.problem.empty()) return who + " " + expected.problem;
        const bool cancelled = p.code == Code::E_CANCELLED;
        if (p.code != Code::OK && !(cancelled && p.left)) return who + " failed: " + p.detail;
        const uint32_t steps_min = p.op->gossip()->steps_min;
        if (p.code == Code::OK && !p.stopped && !p.abstains && steps_min != options_.steps)
            return who + " took " + std::to_string(steps_min) + " steps";
        for (uint64_t e = 0; e < options_.elements; ++e) {
            const bool final = p.code == Code::OK || expected.steps[e] == options_.steps;
            if (!expected.known[e]) return who + ": the reference does not know element " + std::to_string(e);
            if (final && std::memcmp(&p.result[e], &expected.values[e], sizeof(double)) != 0)
                return who + " has element " + std::to_string(e) + " otherwise than those it mixed make it";
            if (!final && options_.in_place && p.result[e] != p.input[e])
                return who + ": its input changed at element " + std::to_string(e);
            if (p.code == Code::OK && expected.steps[e] < steps_min)
                return who + " took fewer steps than it says";
        }
        if (!options_.in_place && p.in != Bytes(p.in.size(), kUsedAgain))
            return who + ": its input was touched";
        return "";
    }

    GossipModelOutcome judge() {
        GossipModelOutcome outcome;
        outcome.frames_early = frames_early_;
        for (const auto& p : peers_) {
            if (p->dead || (p->over && p->op->closed())) continue;
            outcome.problem += "peer " + std::to_string(p->rank) +
                               (p->over ? " does not close" : ": " + p->op->waiting_for()) + "\n";
        }
        if (!outcome.problem.empty()) return outcome;
        settle_the_dead();
        std::vector<GossipMember> members;
        for (const auto& p : peers_) members.push_back(reported(*p));
        GossipMath math{options_.dtype};
        if (coding_) math.codings.assign(members_, coding_);
        const std::vector<GossipOutcome> expected =
            gossip_reference(options_.graph, terms(), math, options_.elements, members);
        for (const auto& p : peers_) {
            outcome.inputs.push_back(p->input);
            outcome.results.push_back(p->over && p->code == Code::OK ? p->result : std::vector<double>{});
            std::string& problem = outcome.problem;
            if (!p->violation.empty()) problem = p->violation;
            if (p->dead || !problem.empty()) continue;
            problem = wrong_with(*p, expected[p->rank]);
            if (problem.empty()) problem = unreasoned(*p, members, outcome.steps_without);
            if (problem.empty() && p->retained > 0) problem = "memory is reserved that nothing needs";
        }
        if (!problem_.empty()) outcome.problem = problem_;
        return outcome;
    }

    GossipModelOptions options_;
    std::shared_ptr<const Coding> coding_;
    uint32_t members_;
    Prng prng_;
    ChunkPool pool_{1u << 16};
    std::vector<std::unique_ptr<Peer>> peers_;
    std::vector<uint32_t> deaths_;
    std::map<std::pair<uint32_t, uint32_t>, std::deque<wire::Message>> control_;
    std::vector<Frame> bulk_;
    uint64_t frames_early_ = 0;
    std::string problem_;
};

void Peer::send(Rank to, wire::Message message) { world->queue(rank, to.value, std::move(message)); }
void Peer::send_chunk(Rank to, const wire::BulkHeader& header, uint32_t) {
    world->queue_chunk(rank, to.value, header);
}
bool Peer::reserve_retained(uint64_t bytes) {
    if (retained + bytes > world->options().retain_bytes_max) return false;
    retained += bytes;
    return true;
}

// The application reuses its buffers at once.
void Peer::ended(Code c, const std::string& why) {
    if (over) violation = "ended twice";
    over = true;
    code = c;
    detail = why;
    const Dtype dtype = world->options().dtype;
    if (!world->options().in_place && gossip_values(dtype, in) != input) violation = "the input was changed";
    result = gossip_values(dtype, world->options().in_place ? in : out);
    std::fill(in.begin(), in.end(), kUsedAgain);
    std::fill(out.begin(), out.end(), kUsedAgain);
}

}  // namespace

GossipModelOutcome run_gossip_model(const GossipModelOptions& options) {
    World world(options);
    return world.run();
}

}  // namespace whim::op
