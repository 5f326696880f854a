// A coordinator as a process of the simulation: group::Coordinator behind an Endpoint of its own.
//
// It performs the outbox as the shell does: a record is appended to the store before anything after it is
// sent; a refused append means that somebody else leads, and ends it. It may be told to die between two
// effects.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "group/coordinator.h"
#include "tests/sim/host.h"
#include "tests/sim/network.h"
#include "tests/sim/store.h"
#include "transport/session/stand_in_channel.h"

namespace whim::sim {

struct CoordinatorSetup {
    PeerId id;
    group::CoordinatorConfig config;
    bool secure = false;
    uint64_t endpoint_seed = 0;
};

class CoordinatorProcess final : public Process, public EndpointOwner {
public:
    CoordinatorProcess(World& world, Network& network, Host& host, Store& store,
                       const CoordinatorSetup& setup);

    Endpoint& endpoint() override { return endpoint_; }
    void settle(Instant local) override;
    std::optional<Instant> deadline() const override;
    void on_deadline(Instant local) override;
    bool doomed() const override { return doomed_; }

    // Dies instead of performing the next effect but so many; with at_journal only journal records count, so
    // that it dies with a decision made and not yet on disk.
    void die_after_effects(uint64_t effects, bool at_journal) {
        effects_left_ = effects;
        at_journal_ = at_journal;
    }
    void spare() { effects_left_.reset(); }
    bool died_between() const { return halted_; }
    const group::Coordinator& coordinator() const { return *coordinator_; }

private:
    bool accept_link(const LinkKey& from, Instant now) override;
    void link_up(const LinkKey& key, LinkSession session, Instant now) override;
    void link_down(const LinkKey& key, LinkDownKind kind, const std::string& detail, Instant now) override;
    void message(const LinkKey& from, ByteSpan message, Instant now) override;
    BulkSink bulk_begin(const LinkKey&, ByteSpan, uint32_t) override { return {}; }
    void bulk_end(const LinkKey&, uint64_t, bool, Instant) override {}
    std::optional<ByteSpan> bulk_pin(const LinkKey&, const BulkFrame&) override { return std::nullopt; }
    void bulk_unpin(const LinkKey&, const BulkFrame&) override {}
    void address_answered(uint64_t test, const std::optional<PeerId>& who, const std::string& cause,
                          Instant now) override;
    void perform(const group::CoordinatorEffect& effect, Instant local);
    void drop_lost_links(Instant local);
    void close_refused_links(Instant local);

    World& world_;
    Host& host_;
    Store& store_;
    Port port_;
    SimChannelFactory channels_;
    Endpoint endpoint_;
    FencingToken token_;
    group::CoordinatorOutbox outbox_;
    std::optional<group::Coordinator> coordinator_;
    std::map<LinkKey, Instant> closing_;  // refused; closed once the refusal had time to be read
    std::map<LinkKey, Instant> down_;     // links that may be those of processes long gone
    std::optional<uint64_t> effects_left_;
    bool at_journal_ = false;
    bool halted_ = false;
    bool doomed_ = false;
};

}  // namespace whim::sim
