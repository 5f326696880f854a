// The world of model.h: peers, what is on its way between them, and one random step after the other.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "collectives/codec/parse.h"
#include "collectives/op/bitmap.h"
#include "tests/unit/codec/custom_parts.h"
#include "tests/unit/op/apart.h"
#include "tests/unit/op/model.h"

namespace whim::op::model {

class World;

struct Peer final : OpHost {
    World* world = nullptr;
    uint32_t rank = 0;
    bool dead = false, excluded = false, posted = false, over = false, differs = false;
    Code code = Code::OK;
    std::string detail, violation;
    std::vector<float> input, in, out, result;
    std::vector<float> given;         // what in was
    std::span<float> source, target;  // what the op is given
    std::optional<Apart> apart;       // instead of them
    std::vector<float> output() {
        return apart ? apart->result() : std::vector(target.begin(), target.end());
    }
    std::unique_ptr<Op> op;
    std::vector<std::pair<uint32_t, std::variant<wire::Message, Arrival>>> early;
    std::map<uint32_t, uint64_t> early_bytes;  // of payload, by sender
    uint32_t decisions_seen = 0;
    std::vector<Job> jobs;
    uint64_t next_job = 1;
    uint64_t retained = 0;
    uint64_t packings = 0;

    void send(Rank to, wire::Message message) override;
    void send_chunk(Rank to, const wire::BulkHeader& header, uint32_t payload_bytes) override;
    void submit(Job job) override { jobs.push_back(std::move(job)); }
    uint64_t next_job_id() override { return next_job++; }
    bool reserve_retained(uint64_t bytes) override;
    void release_retained(uint64_t bytes) override { retained -= bytes; }
    void ended(Code code, const std::string& detail) override;
    void request_exclusion(const std::vector<Rank>& ranks, const std::string&, uint32_t) override;
    void diverged(const std::string&) override { differs = true; }
    void violated(Rank from, const std::string& what) override {
        violation = "peer " + std::to_string(from.value) + ": " + what;
    }
    std::string name(Rank r) override { return "peer " + std::to_string(r.value); }
    double byte_ns(const std::vector<Rank>&) override;  // anything: no result depends on it
};

struct Decision {
    uint32_t rank;
    bool evicts;
};

class World {
public:
    explicit World(const ModelOptions& options) : options_(options), prng_(options.seed) {
        if (!options_.codec.empty()) {
            codec_ = *parse_codec(options_.codec, {{"test-bytes", test::custom_codec()}});
            options_.chunk_elements = *coded_chunk_elements(*codec_, options_.reduce, scatters(),
                                                            options_.chunk_elements, options_.peers);
        }
        for (uint32_t r = 0; r < options.peers; ++r) {
            auto peer = std::make_unique<Peer>();
            peer->world = this;
            peer->rank = r;
            for (uint64_t i = 0; i < options.elements; ++i)
                peer->input.push_back(options.gaussian ? gaussian() : prng_.unit_float() * 3.0f - 1.0f);
            prepare(*peer);
            peers_.push_back(std::move(peer));
        }
    }

    ModelOutcome run() {
        deaths_ = options_.deaths;
        exclusions_ = options_.exclusions;
        for (uint32_t step = 0; step < 200'000; ++step) {
            if (deaths_ > 0 && prng_.chance(1, 60) && living() > 1) --deaths_, remove(true);
            if (exclusions_ > 0 && prng_.chance(1, 60) && living() > 2) --exclusions_, remove(false);
            now_ = now_ + microseconds(prng_.below(2'000));
            if (options_.removal && options_.removal->step == step)
                remove(*peers_[options_.removal->rank], options_.removal->evicts);
            ++steps_;
            if (!advance() && deaths_ == 0 && exclusions_ == 0 && !wait_for_deadline()) break;
        }
        return judge();
    }
    // As the coordinator would, of whoever asks first.
    void leave_out(const Peer& asker, const std::vector<Rank>& ranks) {
        for (const Rank rank : ranks) {
            Peer& victim = *peers_[rank.value];
            const bool enough = living() > options_.min_contributors + deaths_ + exclusions_;
            if (asker.dead || asker.excluded || victim.dead || victim.excluded || !enough) continue;
            victim.excluded = true;
            decisions_.push_back({rank.value, false});
            ++left_out_;
        }
    }

    const ModelOptions& options() const { return options_; }
    void queue(uint32_t from, uint32_t to, wire::Message message) {
        control_[{from, to}].push_back(std::move(message));
    }
    void queue_chunk(uint32_t from, uint32_t to, const wire::BulkHeader& header) {
        bulk_.push_back({.from = from, .to = to, .header = header});
    }

private:
    struct Frame {
        uint32_t from, to;
        wire::BulkHeader header;
        std::optional<ByteSpan> pinned = std::nullopt;  // a strand is writing it
        Bytes as_pinned = {};
    };

    // Nearly: how many of 64 coins fall one way, and a little besides.
    float gaussian() {
        const float heads = static_cast<float>(std::popcount(prng_.next()));
        return (heads - 32.0f + prng_.unit_float() - 0.5f) / 4.0f;
    }

    bool gathers() const { return options_.collective == Collective::all_gather; }
    bool scatters() const { return options_.collective == Collective::reduce_scatter; }
    ElementRange part_of(uint32_t rank) const {
        if (options_.parts.empty()) return {0, options_.elements};
        return ChunkLayout::of_parts(options_.parts, 4, 1).part({rank});
    }

    // Buffers as the application would give them; in place one holds the other.
    void prepare(Peer& p) {
        const ElementRange part = part_of(p.rank);
        p.in = p.input;
        p.out.assign(options_.elements, -77.0f);
        if (gathers()) {
            p.in.assign(p.input.begin() + static_cast<std::ptrdiff_t>(part.begin),
                        p.input.begin() + static_cast<std::ptrdiff_t>(part.end));
            if (options_.in_place)
                std::copy(p.in.begin(), p.in.end(), p.out.begin() + static_cast<std::ptrdiff_t>(part.begin));
        }
        if (scatters()) p.out.resize(part.count());
        p.given = p.in;
        p.source = p.in;
        p.target = p.out;
        if (options_.tensors)
            p.apart = apart_of(options_.seed, p.rank, p.input, options_.chunk_elements, options_.in_place);
        if (!options_.in_place) return;
        if (gathers()) p.source = std::span(p.out).subspan(part.begin, part.count());
        else
            p.target =
                std::span(p.in).subspan(scatters() ? part.begin : 0, scatters() ? part.count() : p.in.size());
    }

    uint32_t living() const {
        return static_cast<uint32_t>(std::count_if(peers_.begin(), peers_.end(),
                                                   [](const auto& p) { return !p->dead && !p->excluded; }));
    }

    void remove(bool evicts) {
        std::vector<uint32_t> candidates;
        for (const auto& p : peers_) {
            if (!p->dead && !p->excluded) candidates.push_back(p->rank);
        }
        remove(*peers_[candidates[prng_.below(candidates.size())]], evicts);
    }

    void remove(Peer& victim, bool evicts) {
        (evicts ? victim.dead : victim.excluded) = true;
        decisions_.push_back({victim.rank, evicts});
    }

    void post(Peer& p) {
        p.posted = true;
        OpConfig config;
        config.id = id();
        config.descriptor.dtype = options_.dtype;
        config.descriptor.collective = options_.collective;
        config.descriptor.parts = options_.parts;
        config.descriptor.reduce = options_.reduce;
        if (options_.reduce == Reduce::copy && !gathers()) config.descriptor.source = options_.source;
        config.descriptor.uniform = options_.uniform;
        config.descriptor.elements = options_.elements;
        config.descriptor.chunk_elements = options_.chunk_elements;
        config.descriptor.codec = options_.codec;
        config.plan = options_.plan;
        config.descriptor.plan = options_.plan ? 1 : 0;
        config.abstains = options_.abstainers > 0 && (p.rank * 7 + options_.seed) % 5 < options_.abstainers;
        if (codec_)
            config.coding = std::make_shared<Coding>(codec_, options_.reduce, scatters(), id(),
                                                     options_.peers, options_.plant, options_.reducer);
        config.reducer = options_.reducer;
        config.self = {p.rank};
        config.alive = alive_for(p);
        const bool left_out = !config.alive[p.rank];
        config.alive[p.rank] = true;
        config.in = p.apart ? p.apart->in() : InSegments(std::as_bytes(p.source));
        config.out = p.apart ? p.apart->out() : OutSegments(std::as_writable_bytes(p.target));
        config.weight = static_cast<float>(1 + p.rank % 3);
        config.grace = options_.grace;
        config.descriptor.min_contributors = options_.min_contributors;
        config.window_bytes = options_.window_bytes;
        config.eager_bytes = options_.eager_bytes;
        config.plant = options_.plant;
        p.op = std::make_unique<Op>(std::move(config), p, pool_);
        if (left_out) p.op->install(alive_for(p), evicted_for(p), now_);
        else p.op->start(now_);
        for (auto& [from, item] : p.early) {
            if (auto* m = std::get_if<wire::Message>(&item)) p.op->on_message({from}, *m, now_);
            else p.op->on_chunk({from}, std::move(std::get<Arrival>(item)), now_);
        }
        p.early.clear();
        p.op->poke();
    }

    OpId id() const { return {.round = {1}, .tag = options_.seed % 97}; }

    std::vector<bool> alive_for(const Peer& p) const {
        std::vector<bool> alive(options_.peers, true);
        for (uint32_t i = 0; i < p.decisions_seen; ++i) alive[decisions_[i].rank] = false;
        return alive;
    }
    std::vector<bool> evicted_for(const Peer& p) const {
        std::vector<bool> gone(options_.peers, false);
        for (uint32_t i = 0; i < p.decisions_seen; ++i)
            gone[decisions_[i].rank] = gone[decisions_[i].rank] || decisions_[i].evicts;
        return gone;
    }

    // One event at random; false when nothing can happen any more.
    bool advance() {
        std::vector<std::pair<int, size_t>> moves;
        for (const auto& p : peers_) {
            if (p->dead) continue;
            if (!p->posted) moves.push_back({0, p->rank});
            if (p->decisions_seen < decisions_.size()) moves.push_back({1, p->rank});
            if (!p->jobs.empty()) moves.push_back({2, p->rank});
            if (p->op && p->op->deadline() && *p->op->deadline() <= now_) moves.push_back({5, p->rank});
        }
        std::vector<std::pair<uint32_t, uint32_t>> pairs;
        for (const auto& [pair, messages] : control_) {
            if (!messages.empty()) pairs.push_back(pair);
        }
        for (size_t i = 0; i < pairs.size(); ++i) moves.push_back({3, i});
        for (size_t i = 0; i < std::min<size_t>(bulk_.size(), 16); ++i)
            moves.push_back({4, prng_.below(bulk_.size())});
        if (moves.empty()) return false;
        const auto [kind, index] = moves[prng_.below(moves.size())];
        if (kind == 0) post(*peers_[index]);
        else if (kind == 1) install_next(*peers_[index]);
        else if (kind == 2) finish_job(*peers_[index]);
        else if (kind == 3) deliver(pairs[index]);
        else if (kind == 5) peers_[index]->op->on_deadline(now_);
        else if (const Frame& f = bulk_[index]; prng_.chance(1, options_.crawls(f.from, f.to) ? 12 : 1))
            deliver_chunk(index);
        return true;
    }

    // When nothing else can happen: the next deadline comes, as often as any op may need.
    bool wait_for_deadline() {
        std::optional<Instant> next;
        for (const auto& p : peers_) {
            if (!p->dead && p->op) next = earlier(next, p->op->deadline());
        }
        if (!next || ++waits_ > 1000) return false;
        now_ = std::max(now_, *next);
        return true;
    }

    void install_next(Peer& p) {
        p.decisions_seen += 1 + static_cast<uint32_t>(prng_.below(decisions_.size() - p.decisions_seen));
        trace(p.rank, p.rank, "installs " + std::to_string(p.decisions_seen) + " decisions");
        if (p.op) p.op->install(alive_for(p), evicted_for(p), now_);
    }

    void finish_job(Peer& p) {
        const Job job = p.jobs.front();
        p.jobs.erase(p.jobs.begin());
        run_job(job);
        p.op->job_done(job.id, now_);
    }

    // A dead peer's messages may still arrive until the receiver has installed its removal.
    bool cut(uint32_t from, uint32_t to) const { return peers_[to]->dead || evicted_for(*peers_[to])[from]; }

    void deliver(std::pair<uint32_t, uint32_t> pair) {
        std::deque<wire::Message>& messages = control_[pair];
        const wire::Message message = std::move(messages.front());
        messages.pop_front();
        Peer& to = *peers_[pair.second];
        if (cut(pair.first, pair.second)) return;
        if (peers_[pair.first]->dead && prng_.chance(1, 4)) return messages.clear();  // the rest died with it
        if (!to.posted) return static_cast<void>(to.early.push_back({pair.first, message}));
        if (to.over && to.op->closed()) return answer_closed(to, pair.first, message);
        trace(pair.first, pair.second, std::string(wire::message_name(message)));
        to.op->on_message({pair.first}, message, now_);
    }

    void trace(uint32_t from, uint32_t to, const std::string& what) const {
        if (options_.trace)
            std::fprintf(stderr, "%u -> %u (v%u): %s\n", from, to,
                         peers_[to]->op ? peers_[to]->op->version() : 0, what.c_str());
    }

    // What the engine answers for an op whose record is gone.
    void answer_closed(Peer& p, uint32_t from, const wire::Message& message) {
        const OpId id = p.op->id();
        if (std::holds_alternative<wire::OpListen>(message))
            queue(p.rank, from, wire::OpFail{id, static_cast<int32_t>(Code::E_EXCLUDED), "gone"});
        if (!p.op->known_everywhere()) return;
        if (const auto* s = std::get_if<wire::OpStatus>(&message))
            queue(p.rank, from, wire::OpStable{id, s->attempt, s->version, {{0, 1u << 20}}});
        if (const auto* r = std::get_if<wire::OpReport>(&message))
            queue(p.rank, from, wire::OpDecide{id, p.op->attempt(), r->version, true, r->set});
    }

    // A frame is pinned, and some steps later its bytes, as they are then, are at the other side.
    void deliver_chunk(size_t index) {
        Frame& queued = bulk_[index];
        const auto kind = static_cast<wire::BulkKind>(queued.header.kind);
        Op* sender = peers_[queued.from]->dead ? nullptr : peers_[queued.from]->op.get();
        const bool forgotten =
            !queued.pinned && sender && sender->closed();  // its engine has no record of it
        if (!queued.pinned && peers_[queued.from]->op && !cut(queued.from, queued.to) && !forgotten) {
            queued.pinned =
                peers_[queued.from]->op->pin({queued.to}, kind, queued.header.chunk, queued.header.attempt);
            if (queued.pinned) queued.as_pinned.assign(queued.pinned->begin(), queued.pinned->end());
            if (queued.pinned && prng_.chance(1, 2)) return;
        }
        const Frame frame = std::move(queued);
        bulk_.erase(bulk_.begin() + static_cast<std::ptrdiff_t>(index));
        if (!frame.pinned) return;
        Peer& to = *peers_[frame.to];
        const bool lost = cut(frame.from, frame.to) || (sender == nullptr && prng_.chance(1, 2));
        Arrival arrival{frame.header, pool_.take(frame.pinned->size())};
        if (!lost && !frame.pinned->empty())
            std::memcpy(arrival.buffer->bytes().data(), frame.pinned->data(), frame.pinned->size());
        // Void results may be overwritten: of an earlier attempt, or at a peer that was left out.
        const bool counts = sender && kind == wire::BulkKind::result && !peers_[frame.from]->excluded &&
                            sender->attempt() == frame.header.attempt;
        if (counts && !std::equal(frame.pinned->begin(), frame.pinned->end(), frame.as_pinned.begin()))
            changed_ = "a result was changed while a strand wrote it";
        if (sender) sender->unpin({frame.to}, kind, frame.header.chunk, frame.header.attempt);
        if (lost) return;
        const uint32_t resent = to.posted ? to.op->card().chunks_resent : 0;
        if (!to.posted) {
            if ((to.early_bytes[frame.from] += frame.pinned->size()) > options_.eager_bytes)
                changed_ = "more than the eager quota was sent to who had not called the op";
            to.early.push_back({frame.from, std::move(arrival)});
        } else to.op->on_chunk({frame.from}, std::move(arrival), now_);
        const bool again = to.posted && to.op->card().chunks_resent > resent;
        trace(frame.from, frame.to,
              (frame.header.kind == 0   ? "contribution "
               : frame.header.kind == 1 ? "result "
                                        : "partial ") +
                  std::to_string(frame.header.chunk) + (again ? " (again)" : ""));
    }

    std::string changed_;
    Instant now_{};
    uint32_t deaths_ = 0, exclusions_ = 0, left_out_ = 0, waits_ = 0;
    ModelOutcome judge();
    std::string check_result(const Peer& p);
    uint32_t by_trees_ = 0, direct_ = 0;
    std::vector<float> tree_fold(const std::vector<bool>& set, const ElementRange& range,
                                 uint32_t part) const;
    const std::vector<float>& reference(const std::vector<bool>& set, const ElementRange& range,
                                        uint32_t chunk);
    std::vector<float> fold_of(const std::vector<bool>& set, const ElementRange& range, uint32_t chunk) const;
    bool source_is_gone() const {
        return options_.reduce == Reduce::copy && !gathers() &&
               (peers_[options_.source]->dead || peers_[options_.source]->excluded);
    }

    ModelOptions options_;
    Prng prng_;
    CodecPtr codec_;
    ChunkPool pool_{1u << 20};
    std::vector<std::unique_ptr<Peer>> peers_;
    std::map<std::pair<uint32_t, uint32_t>, std::deque<wire::Message>> control_;
    std::vector<Frame> bulk_;
    std::vector<Decision> decisions_;
    uint32_t steps_ = 0;
    std::map<std::pair<uint32_t, std::vector<bool>>, std::vector<float>> references_;  // all peers' are one
    friend struct Peer;
};

}  // namespace whim::op::model
