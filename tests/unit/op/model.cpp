// What peers do in the world of model.h, and running one.
#include "tests/unit/op/model_world.h"

namespace whim::op {
namespace model {

void Peer::send(Rank to, wire::Message message) { world->queue(rank, to.value, std::move(message)); }
void Peer::send_chunk(Rank to, const wire::BulkHeader& header, uint32_t) {
    world->queue_chunk(rank, to.value, header);
}

void Peer::request_exclusion(const std::vector<Rank>& ranks, const std::string&) {
    world->leave_out(*this, ranks);
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

ModelOutcome run_model(const ModelOptions& options) {
    model::World world(options);
    return world.run();
}

}  // namespace whim::op
