// What peers do in the world of model.h, and running one.
#include "tests/unit/op/model_world.h"

namespace whim::op {
namespace model {

void Peer::send(Rank to, wire::Message message) { world->queue(rank, to.value, std::move(message)); }
void Peer::send_chunk(Rank to, const wire::BulkHeader& header, uint32_t) {
    world->queue_chunk(rank, to.value, header);
}

void Peer::request_exclusion(const std::vector<Rank>& ranks, const std::string&, uint32_t) {
    world->leave_out(*this, ranks);
}

double Peer::byte_ns(const std::vector<Rank>&) {
    return mix64(world->options().seed * 1000 + rank * 100 + packings++) % 2 == 0 ? 0 : 1e3;
}
bool Peer::reserve_retained(uint64_t bytes) {
    if (retained + bytes > world->options().retain_bytes_max) return false;
    retained += bytes;
    return true;
}

void Peer::ended(Code c, const std::string& d) {
    over = true;
    code = c;
    detail = d;
    result = output();
    if (c != Code::OK) return;  // else the application uses its buffer again
    if (apart) apart->fill(1e9f);
    else std::fill(target.begin(), target.end(), 1e9f);
}

}  // namespace model

ModelOptions draw_small(Prng& prng, uint64_t seed, uint32_t peers_min, uint32_t peers_max) {
    ModelOptions o;
    o.seed = seed;
    o.peers = static_cast<uint32_t>(prng.between(peers_min, peers_max));
    o.elements = prng.chance(1, 8) ? prng.below(3) : prng.below(60);
    o.chunk_elements = static_cast<uint32_t>(prng.between(1, 5));
    o.uniform = prng.chance(1, 3);
    o.reduce = prng.chance(1, 3) ? Reduce::sum : prng.chance(1, 4) ? Reduce::max : Reduce::avg;
    if (o.reduce == Reduce::sum) o.uniform = true;
    o.in_place = prng.chance(1, 2);
    return o;
}

ModelOutcome run_model(const ModelOptions& options) {
    model::World world(options);
    return world.run();
}

}  // namespace whim::op
