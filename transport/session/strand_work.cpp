// Loops over one channel, and who may take part: where the work of a strand is worth another thread.
#include "transport/session/strand_work.h"

#include <algorithm>
#include <functional>

#include "base/limits.h"
#include "transport/session/endpoint_impl.h"

namespace whim {
namespace {

bool overlap(MutableByteSpan a, MutableByteSpan b) {
    const std::less<> before;
    return before(a.data(), b.data() + b.size()) && before(b.data(), a.data() + a.size());
}

template <class Work> bool has(const std::vector<Work>& all, const StrandPtr& strand) {
    return std::any_of(all.begin(), all.end(), [&](const Work& one) { return one.strand() == strand; });
}

}  // namespace

StrandHandle Sealing::handle() const { return strand_->handle; }
StrandHandle Opening::handle() const { return strand_->handle; }

ByteSpan Sealing::run() {
    SecureChannel& channel = *strand_->channel;
    while (channel.to_network().size() < enough_) {
        const ByteSpan plain = strand_->out.after(taken_);
        if (plain.empty()) break;
        const Result<size_t> taken = channel.write(plain);
        if (!taken) error_ = taken.error();
        if (!taken || *taken == 0) break;
        taken_ += *taken;
    }
    return channel.to_network();
}

Opening::Opening(StrandPtr strand) : strand_(std::move(strand)), into_(strand_->reader.direct()) {}

MutableByteSpan Opening::buffer() const {
    return MutableByteSpan(strand_->staging).first(limits::kReadStagingBytes);
}

bool Opening::arrived(size_t bytes) {
    SecureChannel& channel = *strand_->channel;
    read_ += bytes;
    if (const Status fed = channel.feed(ByteSpan(strand_->staging).first(bytes)); !fed) error_ = fed.error();
    while (!error_ && filled_ < into_.size()) {
        const Result<size_t> got = channel.read(into_.subspan(filled_));
        if (!got) error_ = got.error();
        else if (*got == 0) return true;
        else filled_ += *got;
    }
    return false;
}

// Those that have a batch to encrypt and no bound but the other side's; none unless there are two.
std::vector<Sealing> Endpoint::Impl::begin_sealing(std::span<const StrandHandle> handles) {
    std::vector<StrandPtr> pulled;
    if (handles.size() < 2) return {};
    for (const StrandHandle handle : handles) {
        const StrandPtr strand = find_strand(handle);
        const bool bulk = strand && strand->state == StrandState::attached && strand->index > 0;
        if (!bulk || !strand->channel || !strand->pending.empty()) continue;
        const Link& link = *strand->link;
        if (limiter_.limited() || link.limiter.limited() || copies_over(link)) continue;
        pull(strand);
        pulled.push_back(strand);
    }
    std::vector<Sealing> work;
    for (const StrandPtr& strand : pulled) {
        if (strand->state != StrandState::attached || has(work, strand)) continue;
        const size_t waits = strand->out.unwritten() + strand->channel->to_network().size();
        if (waits >= config_.shared_bytes_min) work.emplace_back(strand, backlog_of(*strand->link));
    }
    if (work.size() < 2) work.clear();
    return work;
}

void Endpoint::Impl::end_sealing(std::span<const Sealing> work, Instant now) {
    now_ = now;
    for (const Sealing& one : work) {
        const StrandPtr& strand = one.strand();
        if (strand->state == StrandState::closed) continue;  // by what another one led to: it let go of all
        if (one.error()) channel_failed(strand, *one.error());
        else consumed(strand, one.taken());
    }
}

// Those in the middle of a payload. Two that fill the same place have the same part, sent twice: one at a
// time.
std::vector<Opening> Endpoint::Impl::begin_opening(std::span<const StrandHandle> handles) {
    std::vector<Opening> work;
    for (const StrandHandle handle : handles) {
        const StrandPtr strand = find_strand(handle);
        const bool bulk = strand && strand->state == StrandState::attached && strand->index > 0;
        if (!bulk || !strand->channel || has(work, strand)) continue;
        const MutableByteSpan into = strand->reader.direct();
        const bool taken = std::any_of(work.begin(), work.end(),
                                       [&](const Opening& other) { return overlap(into, other.into()); });
        if (taken || into.size() < config_.shared_bytes_min) continue;
        if (strand->staging.size() < limits::kReadStagingBytes)
            strand->staging.resize(limits::kReadStagingBytes);
        work.emplace_back(strand);
    }
    if (work.size() < 2) work.clear();
    return work;
}

void Endpoint::Impl::end_opening(std::span<const Opening> work, Instant now) {
    now_ = now;
    for (const Opening& one : work) {
        const StrandPtr& strand = one.strand();
        if (strand->state != StrandState::attached) continue;  // by what another one led to
        if (one.read() == 0) continue;
        strand->link->stats.last_heard = now;
        strand->link->stats.bytes_received += one.read();
        if (one.filled() > 0) filled(strand, one.filled());
        if (strand->state != StrandState::attached) continue;
        if (one.error()) channel_failed(strand, *one.error());
        else read_plain(strand);
    }
}

}  // namespace whim
