// What the engine asks of an op that runs, whatever the op does: Op (op.h) is the results-first exchange,
// GossipOp (gossip_op.h) averages with neighbours. Both are pure and speak with the engine through OpHost.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/time.h"
#include "collectives/plan/layout.h"
#include "wire/messages.h"

namespace whim::op {

struct Arrival;
struct OpReportCard;
struct GossipCard;

// Each function as in op.h, where most are said in full.
class RunningOp {
public:
    virtual ~RunningOp() = default;

    virtual void start(Instant now) = 0;
    virtual void install(const std::vector<bool>& alive, const std::vector<bool>& evicted, Instant now) = 0;
    virtual void on_message(Rank from, const wire::Message& message, Instant now) = 0;
    virtual void on_chunk(Rank from, Arrival arrival, Instant now) = 0;
    virtual void job_done(uint64_t job_id, Instant now) = 0;
    virtual std::optional<ByteSpan> pin(Rank to, wire::BulkKind kind, uint32_t chunk, uint32_t attempt) = 0;
    virtual void unpin(Rank to, wire::BulkKind kind, uint32_t chunk, uint32_t attempt) = 0;
    virtual void abandon(Code code, const std::string& detail, Instant now) = 0;
    virtual void poke() = 0;
    virtual std::optional<Instant> deadline() const = 0;
    virtual void on_deadline(Instant now) = 0;

    virtual bool ended() const = 0;
    virtual bool closed() const = 0;
    virtual bool known_everywhere() const = 0;
    virtual bool all_posted() const = 0;
    virtual uint32_t attempt() const = 0;
    virtual const OpReportCard& card() const = 0;
    virtual const GossipCard* gossip() const { return nullptr; }  // complete once ended()
    virtual std::string waiting_for() const = 0;
    virtual bool takes(const wire::BulkHeader& header, uint64_t payload_bytes) const = 0;
    virtual bool wants(const wire::BulkHeader&) const { return true; }
    virtual bool dismiss_listeners() { return false; }  // of one that has ended
    virtual const std::vector<bool>& alive_ranks() const = 0;
    virtual Rank rank() const = 0;
    virtual const ChunkLayout& layout() const = 0;
};

}  // namespace whim::op
