// A coordinator and members in one thread with virtual time and instant links: the smallest world in which
// the two state machines of src/group meet. Links can be cut, processes killed or frozen, the coordinator
// restarted from its journal.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "group/coordinator.h"
#include "group/member.h"

namespace whim::group {

inline PeerId peer_id(uint8_t n) {
    PeerId id;
    id.bytes[0] = n;
    return id;
}

inline Digest digest_of(uint8_t n) {
    Digest d;
    d.bytes[0] = n;
    return d;
}

class World {
public:
    struct Peer {
        MemberConfig config;
        uint64_t boot = 0;
        std::unique_ptr<Member> member;
        bool frozen = false;
        bool connected = false;             // its link to the coordinator
        std::vector<MemberEffect> effects;  // all it ever emitted but the sends
        std::deque<wire::Message> inbox;    // what waits while it is frozen
    };

    CoordinatorConfig config;
    std::unique_ptr<Coordinator> coordinator;
    std::map<uint8_t, Peer> peers;
    std::vector<Bytes> journal;
    std::vector<std::string> log;
    std::set<std::pair<uint8_t, uint8_t>> cut;  // pairs that cannot talk
    std::map<uint8_t, std::string> shut;        // peers the coordinator cannot dial: why; "": silence
    std::map<uint8_t, uint8_t> stand_ins;       // who answers at a peer's address instead of it
    Instant now{1'000'000'000};
    uint64_t fencing = 0;

    World();
    World(World&&) noexcept;
    ~World();

    void start_coordinator();
    void kill_coordinator();
    Member& add(uint8_t n);
    void connect(uint8_t n);
    void disconnect(uint8_t n, const std::string& why);

    // SIGKILL: every connection closes at once, its port refuses.
    void kill(uint8_t n);

    void freeze(uint8_t n);
    void thaw(uint8_t n);

    template <class F> void with(uint8_t n, F&& call) {
        MemberOutbox out;
        call(out);
        carry_out(n, out);
    }
    void carry_out(uint8_t n, MemberOutbox& out);
    void perform(const CoordinatorOutbox& out);

    // Time passes in steps of 10 ms; everybody who lives is heard by everybody it is not cut from.
    void run(Duration span);

    // What the application does.
    void join(uint8_t n);
    Status begin(uint8_t n, uint64_t state_round);
    Status commit(uint8_t n, uint64_t round, uint8_t digest, bool diverged = false);

    // Peers 1..count admitted and in round 1.
    void found(uint8_t count);
    void commit_all(uint64_t round);

    MemberId id(uint8_t n) const { return {peers.at(n).config.id, peers.at(n).member->incarnation()}; }

    template <class T> std::vector<T> all(uint8_t n) const {
        std::vector<T> found;
        for (const MemberEffect& e : peers.at(n).effects)
            if (const auto* t = std::get_if<T>(&e)) found.push_back(*t);
        return found;
    }
    template <class T> std::optional<T> last(uint8_t n) const {
        const std::vector<T> found = all<T>(n);
        return found.empty() ? std::nullopt : std::optional<T>(found.back());
    }

    bool is_cut(uint8_t a, uint8_t b) const { return cut.contains({std::min(a, b), std::max(a, b)}); }
    bool coordinator_frozen = false;
    std::function<void(uint8_t, const MemberEffect&)> on_effect;  // for transcripts
    std::function<void(const std::string&)> on_log;
    std::vector<std::pair<uint8_t, wire::Message>> sent;  // to the coordinator, in order

private:
    void deliver();
    void answer_tests();  // the address of peer n is "rn"
    void link_members(uint8_t n);

    std::set<uint8_t> wants_link_;
    std::map<uint8_t, Instant> frozen_at_;
    std::deque<std::pair<uint8_t, wire::Message>> pending_;
    std::deque<TestAddress> tests_;
    std::set<std::pair<uint8_t, MemberId>> linked_;
    bool delivering_ = false;
};

}  // namespace whim::group
