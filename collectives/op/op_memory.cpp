// The application's memory, chunk by chunk: read and written where it is when a chunk lies in one place, by
// way of a pooled buffer or a job's scratch when it spans tensors. Staging: what a uniform op would write
// over its own input waits elsewhere for the end.
#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "collectives/op/op.h"

namespace whim::op {

// Of all_gather only this peer's own part is there, of reduce_scatter's output too.
uint64_t Op::place_in(uint32_t c) const { return layout_.byte_offset({c}) - (gathers() ? own_part_at() : 0); }

uint64_t Op::place_out(uint32_t c) const {
    return layout_.byte_offset({c}) - (scatters() ? own_part_at() : 0);
}

uint64_t Op::own_part_at() const { return layout_.part(config_.self).begin * layout_.element_bytes; }

// One more input of a job: this peer's own.
void Op::give_input(Job& job, uint32_t c, float weight) const {
    const std::optional<ByteSpan> whole = config_.in.whole(place_in(c), chunk_bytes(c));
    if (!whole) {
        job.own = job.inputs.size();
        job.in_pieces = config_.in.pieces(place_in(c), chunk_bytes(c));
    }
    job.inputs.push_back({whole.value_or(ByteSpan()), weight});
}

// packed: holds the result beside the tensors that it spans, for those it is then sent to.
void Op::give_output(Job& job, uint32_t c, BufferRef& packed) {
    job.out = open_output(c, packed);
    if (packed) job.out_pieces = target_.pieces(place_out(c), chunk_bytes(c));
}

// packed: holds the bytes if they had to be put together.
ByteSpan Op::read_input(uint32_t c, BufferRef& packed) const {
    if (const auto whole = config_.in.whole(place_in(c), chunk_bytes(c))) return *whole;
    packed = pool_.take(chunk_bytes(c));
    gather(config_.in.pieces(place_in(c), chunk_bytes(c)), packed->bytes());
    return packed->bytes();
}

ByteSpan Op::read_output(uint32_t c, BufferRef& packed) const {
    if (const auto whole = target_.whole(place_out(c), chunk_bytes(c))) return *whole;
    packed = pool_.take(chunk_bytes(c));
    const std::vector<MutableByteSpan> pieces = target_.pieces(place_out(c), chunk_bytes(c));
    gather(std::vector<ByteSpan>(pieces.begin(), pieces.end()), packed->bytes());
    return packed->bytes();
}

void Op::write_output(uint32_t c, ByteSpan bytes) {
    scatter(bytes, target_.pieces(place_out(c), chunk_bytes(c)));
}

// For what is decoded here: the output itself, or a buffer that write_output() is then given.
MutableByteSpan Op::open_output(uint32_t c, BufferRef& packed) {
    if (const auto whole = target_.whole(place_out(c), chunk_bytes(c))) return *whole;
    packed = pool_.take(chunk_bytes(c));
    return packed->bytes();
}

// Goes through the output beside the input that it may be: see(input, output).
template <class See> void Op::walk_output(See see) const {
    walk(config_.in, scatters() ? own_part_at() : 0, config_.out, gathers() ? own_part_at() : 0,
         std::min(config_.in.size(), config_.out.size()), see);
}

// What is its own input is staged, tensor by tensor; the rest is written where it belongs.
void Op::stage() {
    uint64_t bytes = 0;
    walk_output([&](ByteSpan in, MutableByteSpan out) { bytes += in.data() == out.data() ? out.size() : 0; });
    if (bytes == 0) return;
    staging_ = pool_.take(bytes);
    MutableByteSpan left = staging_->bytes();
    OutSegments target;
    const uint64_t before = gathers() ? own_part_at() : 0;
    for (const MutableByteSpan piece : config_.out.pieces(0, before)) target.append(piece);
    walk_output([&](ByteSpan in, MutableByteSpan out) {
        if (in.data() != out.data()) return target.append(out);
        target.append(left.first(out.size()));
        left = left.subspan(out.size());
    });
    for (const MutableByteSpan piece : config_.out.pieces(target.size(), config_.out.size() - target.size()))
        target.append(piece);
    target_ = std::move(target);
}

std::vector<MutableByteSpan> Op::staged_places() const {
    std::vector<MutableByteSpan> places;
    walk_output([&](ByteSpan in, MutableByteSpan out) {
        if (in.data() == out.data()) places.push_back(out);
    });
    return places;
}

bool Op::is_staged(ByteSpan bytes) const {
    if (!staging_) return false;
    const MutableByteSpan all = staging_->bytes();
    return bytes.data() >= all.data() && bytes.data() + bytes.size() <= all.data() + all.size();
}

// A result that spans tensors, or was copied, for receivers to come: it need not be for each of them.
void Op::keep_packed(uint32_t c, BufferRef packed) {
    if (coded() || !packed) return;
    packed_results_.push_back({c, std::move(packed)});
    if (packed_results_.size() * layout_.chunk_elements * layout_.element_bytes > limits::kPackedBytes)
        packed_results_.pop_front();
}

void Op::drop_packed(uint32_t c) {
    std::erase_if(packed_results_, [&](const auto& packed) { return packed.first == c; });
}

BufferRef Op::packed_already(wire::BulkKind kind, uint32_t c) const {
    for (const auto& [chunk, packed] : packed_results_) {
        if (chunk == c && kind == wire::BulkKind::result) return packed;
    }
    const auto found = std::find_if(pins_.begin(), pins_.end(), [&](const Pin& pin) {
        return pin.buffer && pin.buffer != staging_ && pin.kind == kind && pin.chunk == c &&
               pin.attempt == attempt_;
    });
    return found == pins_.end() ? nullptr : found->buffer;
}

}  // namespace whim::op
