// One op of gossip at one peer: k steps of averaging with the neighbours of a graph.
//
// Each chunk takes its steps by itself: a step of it begins once the values of that very step of every
// neighbour are here, or the neighbour is gone. Nobody else is waited for, and nothing is decided together:
//   - a neighbour is gone once a view without it is installed, it has said that it leaves the op, or this
//   peer
//     has left it out; what it delivered whole before still counts in the steps it is for, but for the last
//     one of who left, which it has seldom taken itself; in all others its weight stays with this peer;
//   - a peer that ends before its last step says so to its neighbours (OpFail), who then go on without it;
//   - what is sent to a neighbour stays here until it is known to need it no more: it has sent values of a
//     later step of the chunk, is done with the chunk (OpGrant), or is gone.
// Chunks are taken in ascending order within a window; nobody is sent a chunk beyond the neighbour's, so that
// what waits here has a bound (gossip_frames_max() payloads a chunk), and the lowest chunk always goes on.
// With a codec, neighbours get what their peer's values are encoded to, and it takes itself for the same in
// the differences that it adds (kernels/mix.h): what one end of an edge gains the other loses, whatever the
// codec lost, and what it lost of a peer's own values stays there. A chunk is encoded once in each step.
// Pure and single-threaded, like Op; speaks with the same host.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "collectives/op/gossip_rows.h"
#include "collectives/op/mix_record.h"
#include "collectives/op/op.h"

namespace whim::op {

struct GossipConfig {
    OpId id;
    wire::OpDescriptor descriptor;                   // of a float
    std::shared_ptr<const Coding> coding = nullptr;  // of f32, with a codec that is not sparse
    gossip::GraphSpec graph;                         // valid; what descriptor.gossip says
    Rank self;
    std::vector<bool> alive;  // by birth rank
    ByteSpan in;
    MutableByteSpan out;             // as long as in, and apart from it or the same
    bool abstains = false;           // mixes nobody and gives nothing: ends with its own values
    Duration grace{};                // > 0: leave out neighbours that keep a step waiting for so long
    std::optional<Instant> give_up;  // then the op ends with what has been mixed
    uint64_t held_bytes = 0;         // that neighbours may have sent ahead, together
    uint64_t eager_bytes = 0;        // sent to a neighbour that has not called the op
    Plant plant = Plant::none;
};

// What the op has to say about itself once it ended.
struct GossipCard {
    std::vector<MixRun> mixes;           // of sets in OpReportCard::sets, which are without this peer
    uint32_t steps = 0;                  // asked for
    uint32_t steps_min = 0;              // that every chunk has taken
    std::vector<Rank> neighbours, lost;  // lost: gone before the op was done
};

class GossipOp final : public RunningOp {
public:
    GossipOp(GossipConfig config, OpHost& host, ChunkPool& pool);

    void start(Instant now) override;
    void install(const std::vector<bool>& alive, const std::vector<bool>& evicted, Instant now) override;
    void on_message(Rank from, const wire::Message& message, Instant now) override;
    void on_chunk(Rank from, Arrival arrival, Instant now) override;
    void job_done(uint64_t job_id, Instant now) override;
    // attempt is the step.
    std::optional<ByteSpan> pin(Rank to, wire::BulkKind kind, uint32_t chunk, uint32_t attempt) override;
    void unpin(Rank to, wire::BulkKind kind, uint32_t chunk, uint32_t attempt) override;
    void abandon(Code code, const std::string& detail, Instant now) override;
    void poke() override { settle(); }
    std::optional<Instant> deadline() const override;
    void on_deadline(Instant now) override;

    bool ended() const override { return ended_; }
    bool closed() const override { return ended_ && jobs_.empty() && pins_.empty() && held_.empty(); }
    bool known_everywhere() const override { return false; }  // nobody has what this peer has
    bool all_posted() const override;
    uint32_t attempt() const override { return 0; }
    const OpReportCard& card() const override { return card_; }
    const GossipCard* gossip() const override { return &gossip_card_; }
    std::string waiting_for() const override;
    bool takes(const wire::BulkHeader& header, uint64_t payload_bytes) const override;
    const std::vector<bool>& alive_ranks() const override { return alive_; }
    Rank rank() const override { return config_.self; }
    const ChunkLayout& layout() const override { return layout_; }

    uint64_t held_bytes() const;  // that neighbours have sent ahead; for tests

private:
    using ChunkStep = std::pair<uint32_t, uint32_t>;
    struct Neighbour {
        bool open = true;   // else gone
        bool lost = false;  // gone before this peer had taken its last step
        bool posted = false;
        uint32_t window = 1, done = 0;  // it takes chunks below done + window
        uint64_t sent_bytes = 0;
        std::set<ChunkStep> unsent;
        Instant heard;  // last sign of it, or of work for it
    };
    struct Chunk {              // under way
        uint32_t step = 0;      // steps taken
        BufferRef now, before;  // values after that many, and one fewer where Chebyshev wants them
        BufferRef sent;         // what neighbours got of now; null without a codec, and where nobody is left
        bool busy = false;      // a job takes the next step, or encodes for it
        std::map<std::pair<uint32_t, uint32_t>, BufferRef> given;  // by (step, rank)
    };
    struct Held {  // values of a step that some neighbour may still need
        BufferRef values;
        std::set<uint32_t> to;
    };
    struct RunningJob {
        uint32_t chunk = 0;
        bool copies = false;                            // the input to the output
        bool encodes = false;                           // to out
        std::vector<BufferRef> inputs = {};             // kept until the job is done
        std::vector<uint32_t> ranks = {};               // whose they are
        BufferRef out = nullptr;                        // null: the application's memory
        std::shared_ptr<JobOutcome> outcome = nullptr;  // with a codec
    };
    struct Pin {
        uint32_t to = 0, chunk = 0, step = 0;
        BufferRef buffer;
    };

    // gossip_op.cpp
    void on_post(Rank from, const wire::OpPost& post);
    void on_fail(Rank from, const wire::OpFail& said);
    void forget_last_given(uint32_t rank);
    void close(uint32_t rank);
    void fail(Code code, const std::string& detail);
    void fail_for_all(Code code, const std::string& detail);
    void stop(const std::string& why);
    void say_leaving(Code code, const std::string& why);
    void say_done(uint32_t rank);
    void forget_neighbours();
    void settle();
    bool keep_for_others();
    void end();
    bool awaits(uint32_t rank) const;
    void say_waiting(Instant now);
    std::string lost_in_words() const;

    // gossip_step.cpp
    void go_on();
    void go_on_with(uint32_t chunk);
    void begin_step(uint32_t chunk);
    void encode(uint32_t chunk);
    void encoded(const RunningJob& job);
    bool accept(const RunningJob& job);
    void offer(uint32_t chunk, uint32_t step, const BufferRef& values);
    void pump(uint32_t rank);
    std::map<ChunkStep, Held>::iterator drop(std::map<ChunkStep, Held>::iterator held, uint32_t rank);
    void advance(uint32_t chunk);
    std::optional<uint32_t> missing(const Chunk& chunk) const;
    void mix(uint32_t index, Chunk& chunk);
    void mixed(const RunningJob& job);
    uint64_t payload_bytes_max() const;
    std::string place_name(uint32_t chunk) const;
    void step_taken(uint32_t index, Chunk& chunk, const std::vector<uint32_t>& ranks, BufferRef values);
    void finish(uint32_t chunk);
    bool write_rest();
    uint32_t done_below() const;  // all chunks below are done
    bool complete() const { return next_ == layout_.chunks() && chunks_.empty(); }
    bool running() const { return started_ && !stopping_ && !ending_ && !ended_; }
    MutableByteSpan output(uint32_t chunk) const;

    GossipConfig config_;
    OpHost& host_;
    ChunkPool& pool_;
    GossipRows rows_;
    ChunkLayout layout_;
    bool accelerated_ = false;  // some step has a coefficient
    uint32_t window_ = 1;       // chunks under way
    Instant now_{};             // of the call being served
    std::vector<bool> alive_;
    std::map<uint32_t, Neighbour> neighbours_;
    std::map<uint32_t, Chunk> chunks_;  // under way
    uint32_t next_ = 0;                 // the first that is not begun
    uint32_t said_done_ = 0;
    Instant said_waiting_{};  // or when the op began
    std::map<ChunkStep, Held> held_;
    MixRecord record_;
    std::map<uint64_t, RunningJob> jobs_;
    std::vector<Pin> pins_;

    bool started_ = false;
    bool stopping_ = false;  // takes no step any more: ends with what it has
    bool ending_ = false, ended_ = false;
    Code end_code_ = Code::OK;
    std::string end_detail_;
    std::optional<uint64_t> retained_bytes_;  // of the group's budget, once nothing but sending is left
    uint32_t final_ = 0;
    uint32_t steps_min_ = UINT32_MAX;  // of chunks that take no further step
    OpReportCard card_;
    GossipCard gossip_card_;
};

}  // namespace whim::op
