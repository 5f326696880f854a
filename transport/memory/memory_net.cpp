// How bytes, dials and ends move through the network of memory_net.h.
#include "transport/memory/memory_net.h"

#include <algorithm>

namespace whim::testing {

MemoryNet::Node& MemoryNet::add(const std::string& host) {
    return *nodes_.emplace_back(std::make_unique<Node>(*this, Address{host, 1}));
}

void MemoryNet::run_until(Instant until) {
    for (;;) {
        while (step()) {}
        std::optional<Instant> next;
        for (const auto& node : nodes_) {
            if (node->endpoint) next = earlier(next, node->endpoint->deadline());
        }
        for (const Dial& dial : dials_) next = earlier(next, dial.at);
        for (const auto& pipe : pipes_) next = earlier(next, pipe->next_event());
        if (!next || *next > until) break;
        now = std::max(now, *next);
    }
    now = until;
}

bool MemoryNet::reset_one(std::optional<size_t> nth) {
    std::vector<Pipe*> live;
    for (const auto& pipe : pipes_) {
        if (pipe->open) live.push_back(pipe.get());
    }
    if (live.empty()) return false;
    Pipe& pipe = *live.at(nth ? *nth : prng_.below(live.size()));
    for (Flow& flow : pipe.flow) {
        flow.bytes.resize(prng_.below(flow.bytes.size() + 1));
        flow.ends = now;
    }
    pipe.open = false;
    return true;
}

void MemoryNet::reset_all() {
    while (reset_one()) {}
}

void MemoryNet::crash(Node& node) {
    node.endpoint = nullptr;
    node.writable.clear();
    std::erase_if(dials_, [&](const Dial& dial) { return dial.from == &node; });
    for (const auto& pipe : pipes_) {
        for (int side = 0; side < 2; ++side) {
            if (pipe->flow[side].to == &node) end(*pipe, side, "connection reset");
        }
    }
}

size_t MemoryNet::live() const {
    size_t count = 0;
    for (const auto& pipe : pipes_) count += pipe->open;
    return count;
}

void MemoryNet::close(Node& from, StrandHandle strand, const char* why) {
    std::erase_if(dials_, [&](const Dial& d) { return d.from == &from && d.strand == strand; });
    from.writable.erase(strand);
    for (const auto& pipe : pipes_) {
        for (int side = 0; side < 2; ++side) {
            if (pipe->flow[side].to == &from && pipe->flow[side].strand == strand) end(*pipe, side, why);
        }
    }
}

void MemoryNet::end(Pipe& pipe, int side, const char* why) {
    pipe.open = false;
    pipe.flow[side].done = true;
    pipe.flow[side].bytes.clear();
    Flow& other = pipe.flow[1 - side];
    if (other.ends) return;
    other.ends = now + latency;
    other.why = why;
}

bool MemoryNet::step() {
    bool worked = false;
    for (size_t i = 0; i < nodes_.size(); ++i) {
        Node& node = *nodes_[i];
        if (!node.endpoint) continue;
        const auto at = node.endpoint->deadline();
        if (at && *at <= now) {
            node.endpoint->on_deadline(now);
            worked = true;
        }
    }
    for (size_t i = 0; i < dials_.size();) {
        if (dials_[i].at > now) {
            ++i;
            continue;
        }
        const Dial dial = dials_[i];
        dials_.erase(dials_.begin() + static_cast<ptrdiff_t>(i));
        connect(dial);
        worked = true;
    }
    for (size_t i = 0; i < nodes_.size() && run_all; ++i) {
        if (nodes_[i]->endpoint) seal_together(*nodes_[i]);
        if (nodes_[i]->endpoint) worked |= open_together(*nodes_[i]);
    }
    for (size_t i = 0; i < pipes_.size(); ++i) {
        for (int side = 0; side < 2; ++side) worked |= move(*pipes_[i], side);
    }
    std::erase_if(pipes_, [](const auto& pipe) { return pipe->flow[0].done && pipe->flow[1].done; });
    return worked;
}

void MemoryNet::connect(const Dial& dial) {
    ++dials_made;
    for (const auto& node : nodes_) {
        if (node->address != dial.to) continue;
        if (node->silent) return;
        if (!node->listening || !node->endpoint) break;
        Pipe& pipe = *pipes_.emplace_back(std::make_unique<Pipe>());
        pipe.flow[0].to = node.get();
        pipe.flow[1].to = dial.from;
        pipe.flow[1].strand = dial.strand;
        pipe.flow[0].strand = node->endpoint->accepted(dial.from->address, now);
        return dial.from->endpoint->dialed(dial.strand, now);
    }
    dial.from->endpoint->dial_failed(dial.strand, DialError::refused, "connection refused", now);
}

bool MemoryNet::takes(const Pipe& pipe, int side) const {
    const Flow& back = pipe.flow[1 - side];
    return pipe.open && back.to->writable.contains(back.strand) && !back.to->stuck.contains(back.strand) &&
           pipe.flow[side].bytes.size() < window;
}

void MemoryNet::seal_together(Node& node) {
    std::vector<StrandHandle> strands;
    for (const auto& pipe : pipes_) {
        for (int side = 0; side < 2; ++side) {
            const Flow& back = pipe->flow[1 - side];
            if (back.to == &node && takes(*pipe, side)) strands.push_back(back.strand);
        }
    }
    std::vector<Sealing> work = node.endpoint->begin_sealing(strands, now);
    if (work.empty()) return;
    run_all(work.size(), [&](size_t i) { work[i].run(); });
    node.endpoint->end_sealing(work, now);
    sealed += work.size();
}

bool MemoryNet::open_together(Node& node) {
    std::map<StrandHandle, Flow*> flows;
    std::vector<StrandHandle> strands;
    for (const auto& pipe : pipes_) {
        for (int side = 0; side < 2; ++side) {
            Flow& flow = pipe->flow[side];
            const bool ready = !flow.done && !flow.bytes.empty() && flow.ready <= now;
            if (flow.to != &node || !ready || pipe->held(side)) continue;
            flows.emplace(flow.strand, &flow);
            strands.push_back(flow.strand);
        }
    }
    std::vector<Opening> work = node.endpoint->begin_opening(strands, now);
    if (work.empty()) return false;
    std::vector<std::vector<size_t>> cuts(work.size());
    for (auto& some : cuts) {
        some.resize(1 + prng_.below(4));
        for (size_t& bytes : some) bytes = 1 + prng_.below(cut);
    }
    run_all(work.size(), [&](size_t i) {
        std::deque<std::byte>& bytes = flows.at(work[i].handle())->bytes;
        for (const size_t most : cuts[i]) {
            const MutableByteSpan into = work[i].buffer();
            const size_t n = std::min({into.size(), bytes.size(), most});
            if (n == 0) return;
            std::copy_n(bytes.begin(), n, into.begin());
            bytes.erase(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(n));
            if (!work[i].arrived(n)) return;
        }
    });
    node.endpoint->end_opening(work, now);
    opened += work.size();
    return true;
}

bool MemoryNet::move(Pipe& pipe, int side) {
    Flow& flow = pipe.flow[side];
    Flow& back = pipe.flow[1 - side];
    bool worked = false;
    Node* writer = back.to;
    if (takes(pipe, side)) {
        worked = true;
        ByteSpan pieces[4];
        const size_t count = writer->endpoint->write_buffers(back.strand, pieces);
        if (count == 0) writer->writable.erase(back.strand);
        size_t room = std::min(window - flow.bytes.size(), 1 + prng_.below(cut));
        size_t written = 0;
        for (size_t i = 0; i < count && room > 0; ++i) {
            const size_t n = std::min(room, pieces[i].size());
            flow.bytes.insert(flow.bytes.end(), pieces[i].begin(),
                              pieces[i].begin() + static_cast<ptrdiff_t>(n));
            room -= n;
            written += n;
        }
        if (flow.bytes.size() == written) flow.ready = now + latency;
        if (each_write_waits && written > 0) {
            const Instant before = flow.writes.empty() ? now : flow.writes.back().second;
            flow.writes.emplace_back(written, std::max(before, now + latency));
        }
        writer->written[back.strand] += written;
        if (written > 0) writer->endpoint->did_write(back.strand, written, now);
    }
    if (!flow.done && !flow.bytes.empty() && flow.ready <= now && !pipe.held(side)) {
        worked = true;
        const MutableByteSpan into = flow.to->endpoint->read_buffer(flow.strand);
        const size_t most = flow.writes.empty() ? flow.bytes.size() : flow.writes.front().first;
        const size_t n = std::min({into.size(), most, static_cast<size_t>(1 + prng_.below(cut))});
        std::copy_n(flow.bytes.begin(), n, into.begin());
        flow.bytes.erase(flow.bytes.begin(), flow.bytes.begin() + static_cast<ptrdiff_t>(n));
        if (!flow.writes.empty() && (flow.writes.front().first -= n) == 0) {
            flow.writes.pop_front();
            if (!flow.writes.empty()) flow.ready = flow.writes.front().second;
        }
        flow.to->endpoint->did_read(flow.strand, n, now);
    } else if (!flow.done && flow.bytes.empty() && flow.ends && *flow.ends <= now) {
        worked = true;
        flow.done = true;
        flow.to->writable.erase(flow.strand);
        pipe.open = false;
        flow.to->endpoint->closed(flow.strand, flow.why, now);
        if (!back.done && !back.ends) back.ends = now;
    }
    return worked;
}
}  // namespace whim::testing
