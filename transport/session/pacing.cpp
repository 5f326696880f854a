// Bounds on rates: bulk strands that have used up their share wait, and are woken when there is more.
#include <algorithm>

#include "transport/session/endpoint_impl.h"

namespace whim {

void Endpoint::Impl::limit_rate(uint64_t all_links, uint64_t each_link) {
    limiter_.set(all_links, now_);
    rate_each_ = each_link;
    for (const auto& [key, link] : links_) link->limiter.set(each_link, now_);
    for (const StrandHandle handle : std::exchange(paced_, {})) {
        if (const StrandPtr strand = find_strand(handle)) wake(*strand);
    }
}

size_t Endpoint::Impl::trim_to_rate(Strand& strand, std::span<ByteSpan> pieces) {
    const bool bulk = strand.state == StrandState::attached && strand.index > 0;
    if (!bulk || (!limiter_.limited() && !strand.link->limiter.limited())) return pieces.size();
    uint64_t wanted = 0;
    for (const ByteSpan piece : pieces) wanted += piece.size();
    uint64_t left = std::min(limiter_.allowance(now_, wanted), strand.link->limiter.allowance(now_, wanted));
    size_t count = 0;
    for (ByteSpan& piece : pieces) {
        if (left == 0) break;
        piece = piece.first(std::min<uint64_t>(piece.size(), left));
        left -= piece.size();
        ++count;
    }
    if (count == 0 && !pieces.empty()) paced_.insert(strand.handle);
    return count;
}

void Endpoint::Impl::spend_rate(Link& link, size_t bytes) {
    limiter_.spend(bytes);
    link.limiter.spend(bytes);
}

std::optional<Instant> Endpoint::Impl::next_paced() const {
    std::optional<Instant> at;
    for (const StrandHandle handle : paced_) {
        const StrandPtr strand = find_strand(handle);
        if (!strand || !strand->link) return now_;  // gone: forgotten with the next deadline
        at = earlier(at, std::max(limiter_.next(), strand->link->limiter.next()));
    }
    return at;
}

void Endpoint::Impl::run_paced() {
    std::vector<StrandHandle> due;
    for (const StrandHandle handle : paced_) {
        const StrandPtr strand = find_strand(handle);
        const bool waits =
            strand && strand->link && std::max(limiter_.next(), strand->link->limiter.next()) > now_;
        if (!waits) due.push_back(handle);
    }
    for (const StrandHandle handle : due) {
        paced_.erase(handle);
        if (const StrandPtr strand = find_strand(handle)) wake(*strand);
    }
}

}  // namespace whim
