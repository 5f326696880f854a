// A network of endpoints in one thread: byte streams cut at arbitrary sizes, delays, refusals, silence and
// resets at any byte, all drawn from one seed, with a time variable for a clock.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "transport/session/endpoint.h"

namespace whim::testing {

class MemoryNet {
public:
    explicit MemoryNet(uint64_t seed) : prng_(seed) {}

    // One process: its address, its endpoint, and what the endpoint asked of its driver.
    class Node final : public StrandDriver {
    public:
        Node(MemoryNet& net, Address address) : net_(net), address(std::move(address)) {}
        void dial(StrandHandle strand, const Address& to) override {
            net_.dials_.push_back({this, strand, to, net_.now + net_.latency});
        }
        void close(StrandHandle strand) override { net_.close(*this, strand, "closed by the other side"); }
        void wants_write(StrandHandle strand) override { writable.insert(strand); }
        std::optional<PathSample> sample(StrandHandle strand) override {
            return path ? path(strand) : std::nullopt;
        }
        void pace(StrandHandle strand, uint64_t bytes_per_second) override {
            paces[strand] = bytes_per_second;
        }
        void guide(StrandHandle strand, Congestion by) override { guided[strand] = by; }

    private:
        MemoryNet& net_;

    public:
        const Address address;
        Endpoint* endpoint = nullptr;
        bool listening = true;
        bool silent = false;  // neither refuses nor answers
        std::set<StrandHandle> writable;
        std::set<StrandHandle> stuck;                                 // takes nothing from this side for now
        std::set<StrandHandle> held;                                  // what this side wrote arrives later
        std::map<StrandHandle, uint64_t> paces;                       // as told last
        std::map<StrandHandle, Congestion> guided;                    // as told last
        std::map<StrandHandle, uint64_t> written;                     // bytes
        std::function<std::optional<PathSample>(StrandHandle)> path;  // what sample() answers
    };

    Node& add(const std::string& host);

    // Runs until nothing is left to do at or before `until`.
    void run_until(Instant until);
    void run_for(Duration d) { run_until(now + d); }

    // Breaks one live connection after a random number of the bytes under way; false: there is none.
    // The nth in order of age, or a random one.
    bool reset_one(std::optional<size_t> nth = std::nullopt);
    void reset_all();
    // The process dies: its connections end, what it was told is forgotten.
    void crash(Node& node);
    size_t live() const;

    Prng& prng() { return prng_; }

    // Null: every strand has its turn alone.
    std::function<void(size_t count, const std::function<void(size_t)>& task)> run_all;
    uint64_t sealed = 0, opened = 0;  // turns that strands had together

    Instant now = Instant{1'000'000'000};
    Duration latency = milliseconds(1);
    // Whether what is written while other bytes are under way takes as long as they did. Otherwise it comes
    // with them.
    bool each_write_waits = false;
    size_t window = 64u << 10;  // bytes under way in one direction
    size_t cut = 20'000;        // longest piece written or read at once
    uint64_t dials_made = 0;
    uint32_t shared_bytes_min = limits::kSharedBytesMin;  // of endpoints made from now on

private:
    struct Dial {
        Node* from;
        StrandHandle strand;
        Address to;
        Instant at;
    };
    struct Flow {  // one direction of a connection
        Node* to = nullptr;
        StrandHandle strand;
        std::deque<std::byte> bytes;
        Instant ready;                                  // when the bytes may arrive
        std::deque<std::pair<size_t, Instant>> writes;  // if each waits: their bytes, and when they may
        std::optional<Instant> ends;                    // closed once the bytes are through
        std::string why = "connection reset";
        bool done = false;
    };
    struct Pipe {
        Flow flow[2];  // towards the listener, towards the dialer
        bool open = true;
        bool held(int side) const {
            const Flow& back = flow[1 - side];
            return back.to && back.to->held.contains(back.strand);
        }
        std::optional<Instant> next_event() const {
            std::optional<Instant> at;
            for (int side = 0; side < 2; ++side) {
                const Flow& f = flow[side];
                if (f.done || held(side)) continue;
                if (!f.bytes.empty()) at = earlier(at, f.ready);
                else if (f.ends) at = earlier(at, *f.ends);
            }
            return at;
        }
    };

    // `from` closes its end: what it has not read is lost, what it has written arrives.
    void close(Node& from, StrandHandle strand, const char* why);

    void end(Pipe& pipe, int side, const char* why);
    bool step();
    void connect(const Dial& dial);
    bool takes(const Pipe& pipe, int side) const;
    void seal_together(Node& node);  // what it leads to is written by move()
    bool open_together(Node& node);
    bool move(Pipe& pipe, int side);  // writes into and reads from one direction

    Prng prng_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::vector<Dial> dials_;
    std::vector<std::unique_ptr<Pipe>> pipes_;
};

}  // namespace whim::testing
