// The coordinator between its links and its journal: what Endpoint delivers goes into group::Coordinator, and
// what that decides is written down first and sent afterwards.
//
// All journal records of one step go to disk in one transaction. If the journal fails, nothing more is
// published: the leader stands still for good and says why, and another process may resume from the disk.
// Single-threaded; knows no sockets and reads no clock.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "coordinator/journal.h"
#include "coordinator/snapshot.h"
#include "coordinator/strangers.h"
#include "group/coordinator.h"
#include "transport/session/endpoint.h"

namespace whim::coordinator {

class Leader final : public EndpointOwner {
public:
    using Log = std::function<void(const std::string&)>;

    // Resumes what the journal holds. The endpoint is given before anything is fed into it.
    static Result<std::unique_ptr<Leader>> create(group::CoordinatorConfig config, Journal& journal, Log log,
                                                  Instant now);
    void attach(Endpoint& endpoint, Instant now);

    // EndpointOwner.
    bool accept_link(const LinkKey& from, Instant now) override;
    void link_up(const LinkKey& key, LinkSession session, Instant now) override;
    void link_down(const LinkKey& key, LinkDownKind kind, const std::string& detail, Instant now) override;
    void message(const LinkKey& from, ByteSpan message, Instant now) override;
    BulkSink bulk_begin(const LinkKey& from, ByteSpan header, uint32_t payload_bytes) override;
    void bulk_end(const LinkKey& from, uint64_t token, bool whole, Instant now) override;
    std::optional<ByteSpan> bulk_pin(const LinkKey& to, const BulkFrame& frame) override;
    void bulk_unpin(const LinkKey& to, const BulkFrame& frame) override;
    void address_answered(uint64_t test, const std::optional<PeerId>& who, const std::string& cause,
                          Instant now) override;

    std::optional<Instant> deadline() const;
    void on_deadline(Instant now);

    // Operator's orders.
    void evict(const MemberId& member, const std::string& reason, Instant now);
    void abort_round(const std::string& reason, Instant now);

    const Status& journal_status() const { return journal_status_; }
    Snapshot snapshot(Instant now) const;

private:
    Leader(group::Coordinator coordinator, std::string run, Journal& journal, Log log);
    void perform(const group::CoordinatorOutbox& out, Instant now);
    void count(const Bytes& record);
    void condense();
    void transmit(const group::SendToPeer& send, Instant now);
    void note_stranger(const LinkKey& key, Instant now);
    void close_due(Instant now);

    group::Coordinator coordinator_;
    group::CoordinatorOutbox opening_;  // of the restore; published by attach()
    Journal& journal_;
    Log log_;
    Endpoint* endpoint_ = nullptr;
    Status journal_status_;
    std::map<LinkKey, Instant> closing_;  // links to drop once their last message has had time to leave
    std::set<LinkKey> refused_;           // links that were told no, and nothing better since
    Strangers strangers_;
    Counters counters_;
    std::string run_;
    Instant started_;
};

}  // namespace whim::coordinator
