// Streams of one host that have their turn at once: what their strands encrypt and decrypt is done in any
// order.
#include <algorithm>

#include "tests/sim/network.h"

namespace whim::sim {
namespace {

std::vector<size_t> any_order(size_t count, Prng& prng) {
    std::vector<size_t> order(count);
    for (size_t i = 0; i < count; ++i) order[i] = i;
    for (size_t left = count; left > 1; --left) std::swap(order[left - 1], order[prng.below(left)]);
    return order;
}

}  // namespace

// What is encrypted is written when each has its turn.
void Network::seal_together(HostId host, Endpoint& endpoint, Instant local) {
    std::vector<StrandHandle> strands;
    for (const auto& [id, c] : connections_) {
        for (int index = 0; index < 2; ++index) {
            const Side& side = c.sides[index];
            const bool mine = side.host == host && side.life == hosts_[host]->life();
            const bool ready = side.state == SideState::open && side.wants_write;
            if (mine && ready && side.flight_bytes < path(host, c.sides[1 - index].host).in_flight_max)
                strands.push_back(side.handle);
        }
    }
    std::vector<Sealing> work = endpoint.begin_sealing(strands, local);
    for (const size_t i : any_order(work.size(), prng_)) work[i].run();
    endpoint.end_sealing(work, local);
    turns_together_ += work.size();
}

void Network::open_together(HostId host, Endpoint& endpoint, Instant local) {
    std::map<StrandHandle, std::pair<uint64_t, int>> streams;
    std::vector<StrandHandle> strands;
    for (const auto& [id, c] : connections_) {
        for (int index = 0; index < 2; ++index) {
            const Side& from = c.sides[index];
            const Side& to = c.sides[1 - index];
            const bool mine = to.host == host && to.life == hosts_[host]->life();
            if (!mine || to.state != SideState::open || !has_arrived(from) || blocked(from.host, host))
                continue;
            streams.emplace(to.handle, std::pair(id, index));
            strands.push_back(to.handle);
        }
    }
    std::vector<Opening> work = endpoint.begin_opening(strands, local);
    for (const size_t i : any_order(work.size(), prng_)) {
        const auto [id, index] = streams.at(work[i].handle());
        bool more = true;
        for (uint64_t reads = 1 + prng_.below(4); more && reads > 0; --reads) {
            Connection& c = *find(id);
            more = has_arrived(c.sides[index]) && work[i].arrived(take(c, index, work[i].buffer()));
        }
    }
    endpoint.end_opening(work, local);
    turns_together_ += work.size();
}

}  // namespace whim::sim
