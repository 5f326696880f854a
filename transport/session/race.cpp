// Which of a peer's addresses: those known to work go first, the quickest before the others, and the rest in
// the order advertised. One more is dialled each limits::kAttemptDelay, or as soon as one fails; the first
// that is connected leads, alone says hello, and wins when it is answered. Only then are the others
// forgotten. The race is lost once every address has failed; until then those that failed are dialled again,
// after pauses, so that an address that swallows dials holds up nobody.
//
// A race is among direct addresses only. A path through a third member is sought beside it (detour.cpp);
// while a link has one, each address has one chance in a race, as a hello lets go of the path that works.
// Where the last hello was in vain, it is first asked who is there. So it is where the control strand is
// there and nobody answers on it: then a race goes on beside it.
#include <algorithm>

#include "base/limits.h"
#include "transport/session/endpoint_impl.h"

namespace whim {

std::vector<size_t> Endpoint::Impl::best_first(const Link& link) {
    std::vector<size_t> order(link.options.addresses.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    const auto time_of = [&](size_t i) { return link.connect_times[i].value_or(Duration{INT64_MAX}); };
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return time_of(a) < time_of(b); });
    return order;
}

void Endpoint::Impl::begin_race(const LinkPtr& link) {
    const std::vector<size_t> order = best_first(*link);
    link->untried.assign(order.begin(), order.end());
    link->failures.clear();
    link->retries = 0;
    link->silence = false;
    link->asks = link->control_up() && !via_of(*link);
    link->control().dialed_at = now_;
    send_racer(link);
}

void Endpoint::Impl::send_racer(const LinkPtr& link) {
    link->next_racer.reset();
    if (link->untried.empty()) return;
    const size_t address = link->untried.front();
    link->untried.pop_front();
    link->racers.push_back(dial_address(link, 0, address));
    if (!link->untried.empty())
        link->next_racer = now_ + std::max(limits::kAttemptDelay, pause_of_next(*link));
}

// None for an address that has not failed in this race.
Duration Endpoint::Impl::pause_of_next(Link& link) {
    const auto failed = [&](const Link::Failure& f) { return f.address == link.untried.front(); };
    const bool again = std::any_of(link.failures.begin(), link.failures.end(), failed);
    return again ? backoff(++link.retries) : Duration{};
}

// Two hellos of one session would displace each other, so the rest waits until this one is answered.
void Endpoint::Impl::lead_race(const StrandPtr& strand) {
    const LinkPtr link = strand->link;
    link->next_racer.reset();
    const std::vector<StrandPtr> racers = link->racers;
    for (auto racer = racers.rbegin(); racer != racers.rend(); ++racer) {
        if (*racer == strand) continue;
        link->untried.push_front((*racer)->address);
        drop(*racer, Driver::tell);
    }
}

// Somebody else may answer there at once, race after race, which without TLS only a hello shows. Each would
// cost the path that works, or a detour its greeting.
bool Endpoint::Impl::asks_first(const Link& link, const Strand& racer) {
    if (link.asks) return true;
    const bool greets = link.detour && link.detour->state == StrandState::greeting;
    return link.in_vain.contains(racer.address) && (greets || via_of(link));
}

// The right peer: it is dialled again, now with a hello.
void Endpoint::Impl::found(const StrandPtr& racer) {
    const LinkPtr link = racer->link;
    drop(racer, Driver::tell);
    if (link->control_up() && !via_of(*link) && !silent(*link)) return end_race(*link);
    link->asks = false;
    link->in_vain.erase(racer->address);
    link->untried.push_front(racer->address);
    send_racer(link);
}

void Endpoint::Impl::win_race(const LinkPtr& link, const Strand& strand) {
    link->in_vain.erase(strand.address);
    link->good_address = strand.address;
    link->connect_times[strand.address] = now_ - strand.begun;
    std::erase_if(link->racers, [&](const StrandPtr& racer) { return racer.get() == &strand; });
    end_race(*link);
}

void Endpoint::Impl::end_race(Link& link) {
    link.untried.clear();
    link.next_racer.reset();
    link.failures.clear();
    link.asks = false;
    for (const StrandPtr& racer : std::vector<StrandPtr>(link.racers)) drop(racer, Driver::tell);
}

// A detour says hello instead. The leader has had its chance; the others wait until the link has its path.
void Endpoint::Impl::depose(const LinkPtr& link, const StrandPtr& leader) {
    drop(leader, Driver::tell);
    const std::string detail = leader->where + ": " + silence_of(*leader);
    if (!race_lost(link, *leader, LinkDownKind::unreachable, detail)) {
        link->next_racer = now_ + direct_pause(*link);
        return;
    }
    link->failure_detail = failures_of(*link).substr(0, limits::kReasonBytesMax);
    end_race(*link);
    link->control().next_dial = now_ + direct_pause(*link);
}

// The link has found a way through a third member: those that failed in this race are left alone.
void Endpoint::Impl::calm_race(Link& link) {
    const auto failed = [&](size_t address) {
        return std::any_of(link.failures.begin(), link.failures.end(),
                           [&](const Link::Failure& failure) { return failure.address == address; });
    };
    std::erase_if(link.untried, failed);
    if (link.untried.empty()) link.next_racer.reset();
    for (const StrandPtr& racer : std::vector<StrandPtr>(link.racers)) {
        if (failed(racer->address)) drop(racer, Driver::tell);
    }
}

// And has lost it: an address that says nothing may keep the race open for seconds, and the others may work
// by now.
void Endpoint::Impl::stir_race(Link& link) {
    const auto races = [&](size_t address) {
        return std::any_of(link.racers.begin(), link.racers.end(),
                           [&](const StrandPtr& racer) { return racer->address == address; });
    };
    for (const Link::Failure& failure : link.failures) {
        const bool waits =
            std::find(link.untried.begin(), link.untried.end(), failure.address) != link.untried.end();
        if (!waits && !races(failure.address)) link.untried.push_back(failure.address);
    }
    const bool led = std::any_of(link.racers.begin(), link.racers.end(), [](const StrandPtr& racer) {
        return racer->state == StrandState::greeting;
    });
    if (!led && !link.untried.empty() && !link.next_racer) link.next_racer = now_ + pause_of_next(link);
}

// True when no address is left that could win.
bool Endpoint::Impl::race_lost(const LinkPtr& link, const Strand& strand, LinkDownKind kind,
                               const std::string& detail) {
    link->connect_times[strand.address].reset();
    std::erase_if(link->failures, [&](const Link::Failure& f) { return f.address == strand.address; });
    link->failures.push_back({strand.address, kind, detail});
    const bool said_hello = strand.generation > 0;
    if (said_hello) link->in_vain.insert(strand.address);
    if (link->failures.size() == link->options.addresses.size()) return true;
    if (!via_of(*link)) link->untried.push_back(strand.address);
    if (!link->untried.empty()) link->next_racer = now_ + pause_of_next(*link);
    return false;
}

std::string Endpoint::Impl::failures_of(const Link& link) {
    std::string text;
    for (const Link::Failure& failure : link.failures) text += (text.empty() ? "" : "; ") + failure.detail;
    return text;
}

// That of the address that used to work, or else "refused" only when every address refused.
LinkDownKind Endpoint::Impl::race_verdict(const Link& link) {
    LinkDownKind verdict = LinkDownKind::refused;
    for (const Link::Failure& failure : link.failures) {
        if (failure.address == link.good_address) return failure.kind;
        if (verdict == LinkDownKind::refused) verdict = failure.kind;
    }
    return verdict;
}

}  // namespace whim
