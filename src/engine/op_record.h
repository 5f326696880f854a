// One op in the engine's table: the pure op, who its birth ranks are, and what the application gave for it.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "collectives/op/op.h"
#include "collectives/plan/graph.h"
#include "engine/engine.h"

namespace whim {

class OpRecord;

// What a record needs from the engine. Ranks have become members here.
class OpRecordOwner {
public:
    virtual ~OpRecordOwner() = default;
    virtual void op_send(const MemberId& to, wire::Message message) = 0;
    virtual void op_send_chunk(const MemberId& to, uint64_t record, const wire::BulkHeader& header,
                               uint32_t payload_bytes) = 0;
    virtual void op_submit(uint64_t record, op::Job job) = 0;
    virtual uint64_t op_next_job() = 0;
    virtual bool op_reserve_retained(uint64_t bytes) = 0;
    virtual void op_dismiss_listeners() = 0;  // of ops that have ended
    virtual void op_release_retained(uint64_t bytes) = 0;
    virtual void op_ended(OpRecord& record, Code code, const std::string& detail) = 0;
    virtual void op_request_exclusion(const OpRecord& record, const std::vector<MemberId>& members,
                                      uint32_t needed, const std::string& reason) = 0;
    virtual void op_withdraw_exclusions(const OpRecord& record) = 0;
    virtual void op_diverged(const std::string& reason) = 0;
    virtual std::string op_name(const MemberId& member) = 0;
    virtual void op_violated(const MemberId& from, const std::string& what) = 0;
    virtual double op_byte_ns(const OpRecord& record, const std::vector<Rank>& to) = 0;
};

class OpRecord final : public op::OpHost {
public:
    OpRecord(OpRecordOwner& owner, uint64_t number, AppOp app, OpId id, PostOptions options,
             std::vector<MemberId> birth)
        : owner_(owner), number(number), app(app), id(id), options(std::move(options)),
          birth(std::move(birth)) {}

    std::optional<Rank> rank_of(const MemberId& member) const;
    bool gossips() const { return collective_gossips(descriptor.collective); }

    void send(Rank to, wire::Message message) override {
        owner_.op_send(birth[to.value], std::move(message));
    }
    void send_chunk(Rank to, const wire::BulkHeader& header, uint32_t payload_bytes) override {
        owner_.op_send_chunk(birth[to.value], number, header, payload_bytes);
    }
    void submit(op::Job job) override { owner_.op_submit(number, std::move(job)); }
    uint64_t next_job_id() override { return owner_.op_next_job(); }
    bool reserve_retained(uint64_t bytes) override { return owner_.op_reserve_retained(bytes); }
    void dismiss_listeners_elsewhere() override { owner_.op_dismiss_listeners(); }
    void release_retained(uint64_t bytes) override { owner_.op_release_retained(bytes); }
    void ended(Code code, const std::string& detail) override { owner_.op_ended(*this, code, detail); }
    void request_exclusion(const std::vector<Rank>& ranks, const std::string& reason,
                           uint32_t needed) override;
    void withdraw_exclusions() override { owner_.op_withdraw_exclusions(*this); }
    void diverged(const std::string& reason) override { owner_.op_diverged(reason); }
    std::string name(Rank rank) override { return owner_.op_name(birth[rank.value]); }
    void violated(Rank from, const std::string& what) override {
        owner_.op_violated(birth[from.value], what);
    }
    double byte_ns(const std::vector<Rank>& to) override { return owner_.op_byte_ns(*this, to); }

private:
    OpRecordOwner& owner_;

public:
    const uint64_t number;
    const AppOp app;
    const OpId id;
    PostOptions options;  // spans are as long as the buffers once it is posted
    op::InSegments in;    // the same as the op sees them, with or without tensors
    op::OutSegments out;
    const std::vector<MemberId> birth;  // birth rank order
    wire::OpDescriptor descriptor;
    std::shared_ptr<const op::Coding> coding;  // null: elements travel as they are
    std::shared_ptr<const plan::Plan> trees;   // null: the direct plan
    gossip::GraphSpec graph;                   // of those that gossip
    std::unique_ptr<op::RunningOp> op;         // null while the input is scanned
    uint32_t scans = 0;                        // jobs that still read the input
    std::optional<uint64_t> refused_element;   // the first that they found so far
    std::optional<Error> end_after_scan;       // cancelled while a worker still reads the input
    bool answered = false;                     // its AppDone is out
    bool paused_said = false;
    std::string note;  // said with a successful end (a non-finite element)
    Instant posted;
    std::optional<Instant> give_up;  // end of the caller's budget
};

}  // namespace whim
