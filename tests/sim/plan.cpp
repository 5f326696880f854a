// Drawing a plan from a seed.
#include "tests/sim/plan.h"

#include <algorithm>

namespace whim::sim {
namespace {

constexpr uint64_t kActivityMax = 400;  // deliveries while ops are open, in which most faults fall

Duration between_ms(Prng& prng, int64_t low, int64_t high) {
    return microseconds(prng.between(low * 1000, high * 1000));
}

void draw_limits(Prng& prng, Plan& plan) {
    constexpr uint32_t kChunks[] = {64, 64, 64, 128, 256, 1024};
    plan.chunk_bytes = kChunks[prng.below(std::size(kChunks))];
    if (prng.chance(1, 3)) plan.window_bytes = plan.chunk_bytes * (1 + prng.below(4));
    if (prng.chance(1, 3)) plan.eager_bytes = plan.chunk_bytes * prng.below(4);
    if (prng.chance(1, 3)) plan.eager_large_bytes = plan.chunk_bytes * prng.below(16);
    if (prng.chance(1, 4)) plan.retain_bytes_max = plan.chunk_bytes * prng.below(20);
    plan.bulk_strands = static_cast<uint32_t>(prng.below(4));  // 0: tuned
    if (prng.chance(1, 3)) plan.circuit_window_bytes = 50 + static_cast<uint32_t>(prng.below(2'000));
    if (prng.chance(1, 2)) plan.job_delay_max = between_ms(prng, 0, 20);
}

void draw_network(Prng& prng, Plan& plan) {
    plan.secure = prng.chance(1, 3);
    plan.delay_min = microseconds(prng.between(50, 5'000));
    plan.delay_max = plan.delay_min + between_ms(prng, 0, prng.chance(1, 4) ? 80 : 10);
    plan.jitter_max = prng.chance(1, 2) ? Duration{} : between_ms(prng, 0, 10);
    if (prng.chance(1, 4)) plan.bytes_per_second_min = 200'000;
    if (prng.chance(1, 4)) plan.in_flight_max = 600 + static_cast<uint32_t>(prng.below(4000));
    if (prng.chance(1, 5)) plan.piece_max = 40 + static_cast<uint32_t>(prng.below(400));
    if (prng.chance(1, 3)) plan.drift_ppm_max = 5000;
}

// Payloads that the session layer does not copy: buffers stay pinned while a slow path takes them in pieces.
void draw_large_chunks(Prng& prng, Plan& plan) {
    plan.chunk_bytes = 5'000 + static_cast<uint32_t>(prng.below(11'000));
    plan.style.elements_max = 8'000;
    plan.style.ops_max = 2;
    plan.window_bytes = prng.chance(1, 2) ? 1 << 20 : plan.chunk_bytes * (1 + prng.below(4));
    plan.eager_bytes = plan.chunk_bytes * prng.below(4);
    plan.retain_bytes_max = prng.chance(1, 2) ? 64 << 20 : plan.chunk_bytes * (2 + prng.below(20));
    plan.bytes_per_second_min = 100'000 + prng.below(400'000);
    plan.in_flight_max = 1'500 + static_cast<uint32_t>(prng.below(8'000));
    plan.inner_training = plan.inner_training + milliseconds(300);
}

// Helps to write a profile in a few lines.
class Drawer {
public:
    Drawer(Prng& prng, Plan& plan) : prng_(prng), plan_(plan) {}

    HostId peer() { return static_cast<HostId>(prng_.below(plan_.peers)); }
    HostId coordinator() const { return plan_.peers + plan_.late_peers; }

    Fault& add(FaultKind kind) {
        Fault fault;
        fault.kind = kind;
        if (prng_.chance(3, 4)) fault.at_activity = 1 + prng_.below(kActivityMax);
        else fault.at = Instant{prng_.between(0, plan_.calm_at.ns * 2 / 3)};
        fault.a = peer();
        do fault.b = peer();
        while (fault.b == fault.a && plan_.peers > 1);
        fault.lasts = between_ms(prng_, 50, 4000);
        plan_.faults.push_back(fault);
        return plan_.faults.back();
    }
    // A peer dies in one of the ways there are, and returns or not.
    Fault& death(FaultKind kind = FaultKind::kill) {
        Fault& fault = add(kind == FaultKind::kill && prng_.chance(1, 5) ? FaultKind::kill_machine : kind);
        fault.returns = prng_.chance(1, 2);
        fault.keeps_disk = prng_.chance(2, 3);
        fault.steps = prng_.chance(1, 2) ? 0 : 1 + prng_.below(20);
        return fault;
    }
    Fault& coordinator_fault(FaultKind kind) {
        Fault& fault = add(kind);
        fault.a = coordinator();
        fault.steps = prng_.below(12);
        return fault;
    }

private:
    Prng& prng_;
    Plan& plan_;
};

// Some of those that die are not heard by one of the others any more, while the rest hear their last words.
void draw_last_words(Prng& prng, Plan& plan) {
    const std::vector<Fault> faults = plan.faults;
    for (const Fault& death : faults) {
        if (death.kind != FaultKind::kill && death.kind != FaultKind::kill_machine) continue;
        if (!prng.chance(1, 3)) continue;
        Fault unheard;
        unheard.kind = FaultKind::block_one_way;
        unheard.at = death.at;
        unheard.at_activity = death.at_activity - std::min(death.at_activity, prng.below(30));
        unheard.a = death.a;
        unheard.b = (death.a + 1 + static_cast<HostId>(prng.below(plan.peers - 1))) % plan.peers;
        unheard.lasts = between_ms(prng, 200, 4000);
        plan.faults.push_back(unheard);
    }
}

void draw_faults(Prng& prng, Plan& plan) {
    Drawer draw(prng, plan);
    switch (plan.profile) {
        case Profile::quiet: break;
        case Profile::one_death: draw.death(); break;
        case Profile::double_death:
            if (prng.chance(1, 2)) {
                draw.death(FaultKind::kill_two);
            } else {
                draw.death();
                draw.death(FaultKind::kill_mourner);
            }
            break;
        case Profile::outage: {
            const Fault& away = draw.coordinator_fault(
                prng.chance(1, 2) ? FaultKind::coordinator_kill : FaultKind::coordinator_die_between);
            const uint64_t from = away.at_activity > 0 ? away.at_activity : 1 + prng.below(kActivityMax);
            for (uint64_t i = 0; i < 1 + prng.below(2); ++i) {
                Fault& death = draw.death();
                death.at.reset();
                death.at_activity = from + prng.below(60);
            }
            break;
        }
        case Profile::partition: {
            constexpr FaultKind kKinds[] = {FaultKind::block_one_way, FaultKind::block_both,
                                            FaultKind::isolate};
            for (uint64_t i = 0; i < 1 + prng.below(3); ++i) {
                Fault& fault = draw.add(kKinds[prng.below(std::size(kKinds))]);
                fault.lasts = between_ms(prng, 200, 8000);
                if (prng.chance(1, 4)) fault.b = draw.coordinator();
            }
            break;
        }
        case Profile::churn:
            for (uint64_t i = 0; i < 2 + prng.below(3); ++i) draw.death().returns = prng.chance(3, 4);
            for (uint64_t i = 0; i < plan.late_peers; ++i)
                draw.add(FaultKind::join).a = static_cast<HostId>(plan.peers + i);
            plan.style.leaves = 4;
            break;
        case Profile::exclusion: {
            plan.style.grace = 60;
            plan.style.late_post = 20;
            plan.style.late_post_max = milliseconds(1500);
            plan.style.cancel = static_cast<uint32_t>(prng.below(6));
            plan.style.budget = static_cast<uint32_t>(prng.below(6));
            if (prng.chance(1, 2)) draw.add(FaultKind::slow);
            if (prng.chance(1, 3)) draw.add(FaultKind::freeze).lasts = between_ms(prng, 100, 1500);
            if (prng.chance(1, 2)) draw.death(FaultKind::kill_listener);
            if (prng.chance(1, 3)) draw.death();
            break;
        }
        case Profile::restart:
            for (uint64_t i = 0; i < 1 + prng.below(2); ++i) {
                Fault& fault = draw.death();
                fault.returns = true;
                fault.lasts = prng.chance(1, 2) ? between_ms(prng, 0, 50) : between_ms(prng, 50, 3000);
            }
            break;
        case Profile::links: {
            constexpr FaultKind kKinds[] = {FaultKind::cut_strand, FaultKind::cut_strand, FaultKind::cut_host,
                                            FaultKind::clog};
            for (uint64_t i = 0; i < 2 + prng.below(6); ++i) {
                Fault& fault = draw.add(kKinds[prng.below(std::size(kKinds))]);
                fault.lasts = between_ms(prng, 5, 700);
                if (prng.chance(1, 6)) fault.b = draw.coordinator();
            }
            if (prng.chance(1, 3)) draw.death();
            break;
        }
        case Profile::freeze:
            for (uint64_t i = 0; i < 1 + prng.below(2); ++i)
                draw.add(FaultKind::freeze).lasts = between_ms(prng, 100, 6000);
            if (prng.chance(1, 3)) draw.coordinator_fault(FaultKind::coordinator_freeze);
            break;
        case Profile::leaders:
            draw.coordinator_fault(FaultKind::coordinator_takeover).lasts = between_ms(prng, 500, 6000);
            if (prng.chance(1, 2)) {
                Fault& takeover = plan.faults.back();
                const bool two = plan.peers > 2 && prng.chance(3, 4);
                if (two) takeover.steps |= 1;
                const Fault away = takeover;
                Fault& death = draw.death(two ? FaultKind::kill_two : FaultKind::kill);
                // Whoever does not hear the old leader misses a view: the new one's takes both at once.
                if (two) death.at = away.at, death.at_activity = away.at_activity + prng.below(20);
            }
            if (prng.chance(1, 3)) draw.coordinator_fault(FaultKind::coordinator_kill);
            break;
        // Nothing else goes wrong, so that waiting has one cause; what all send is small beside what lines
        // carry.
        case Profile::crawl:
            plan.peers = 3 + static_cast<uint32_t>(prng.below(4));
            plan.crawler = draw.peer();
            plan.crawl_bytes_per_second = 2'000 + prng.below(2'000);
            plan.style = {.ops_max = 2,
                          .elements_max = 12'000,
                          .grace = 100,
                          .min_contributors = 60,
                          .zero_weights = 0,
                          .non_finite = prng.chance(1, 3) ? 20u : 0u,
                          .late_post = prng.chance(1, 2) ? 30u : 0u,
                          .late_post_max = milliseconds(1000)};
            plan.chunk_bytes = 1'024;
            plan.window_bytes = prng.chance(1, 2) ? 1 << 20 : plan.chunk_bytes * (4 + prng.below(16));
            plan.eager_bytes = plan.chunk_bytes * prng.below(4);
            plan.retain_bytes_max = prng.chance(2, 3) ? 64 << 20 : plan.chunk_bytes * prng.below(60);
            plan.bytes_per_second_min = 1'000'000;
            plan.in_flight_max = 256 << 10;
            plan.piece_max = 64 << 10;
            break;
        case Profile::relay: {
            if (prng.chance(1, 3)) plan.outbound_only = 2 + static_cast<uint32_t>(prng.below(plan.peers - 2));
            const uint64_t cuts = plan.outbound_only > 0 ? prng.below(2) : 1 + prng.below(2);
            for (uint64_t i = 0; i < cuts; ++i) {
                Fault& fault = draw.add(FaultKind::cut_pair);
                fault.at_activity = 0;
                fault.at = Instant{prng.between(milliseconds(800).ns, seconds(4).ns)};
                fault.lasts = between_ms(prng, 5'500, 9'000);
                fault.steps = prng.below(3);  // 0: from a to b only; 2: and acknowledged
            }
            constexpr FaultKind kRelays[] = {FaultKind::kill_relay, FaultKind::freeze_relay,
                                             FaultKind::cut_relay};
            for (uint64_t i = 0; i < prng.below(3); ++i) {
                Fault& fault = draw.add(kRelays[prng.below(std::size(kRelays))]);
                fault.at_activity = 0;
                fault.at = Instant{prng.between(seconds(2).ns, seconds(8).ns)};
                fault.lasts = between_ms(prng, 500, 4'000);
                fault.returns =
                    prng.chance(2, 3) || plan.outbound_only > 0;  // two that cannot meet never commit
            }
            break;
        }
        case Profile::storm: {
            constexpr FaultKind kKinds[] = {
                FaultKind::kill,          FaultKind::kill_two, FaultKind::kill_mourner,
                FaultKind::kill_listener, FaultKind::freeze,   FaultKind::slow,
                FaultKind::cut_strand,    FaultKind::cut_host, FaultKind::clog,
                FaultKind::block_one_way, FaultKind::isolate};
            for (uint64_t i = 0; i < 2 + prng.below(4); ++i)
                draw.death(kKinds[prng.below(std::size(kKinds))]);
            if (prng.chance(1, 2)) draw.coordinator_fault(FaultKind::coordinator_die_between);
            if (prng.chance(1, 4)) draw.coordinator_fault(FaultKind::coordinator_takeover);
            plan.style.grace = 30;
            plan.style.leaves = 2;
            break;
        }
    }
}

}  // namespace

std::string_view profile_name(Profile profile) {
    switch (profile) {
#define WHIM_X(name, what)                                                                                   \
    case Profile::name: return #name;
        WHIM_SIM_PROFILES(WHIM_X)
#undef WHIM_X
    }
    return "";
}

std::string_view profile_what(Profile profile) {
    switch (profile) {
#define WHIM_X(name, what)                                                                                   \
    case Profile::name: return what;
        WHIM_SIM_PROFILES(WHIM_X)
#undef WHIM_X
    }
    return "";
}

std::optional<Profile> profile_from(std::string_view name) {
    for (uint32_t i = 0; i < kProfileCount; ++i) {
        if (profile_name(static_cast<Profile>(i)) == name) return static_cast<Profile>(i);
    }
    return std::nullopt;
}

bool Plan::has(FaultKind kind) const {
    return std::any_of(faults.begin(), faults.end(), [&](const Fault& f) { return f.kind == kind; });
}

uint32_t Plan::deaths() const {
    uint32_t count = 0;
    for (const Fault& f : faults) {
        count += f.kind == FaultKind::kill_two ? 2 : 0;
        count += f.kind == FaultKind::kill || f.kind == FaultKind::kill_machine ||
                 f.kind == FaultKind::kill_mourner || f.kind == FaultKind::kill_listener ||
                 f.kind == FaultKind::kill_relay;
    }
    return count;
}

bool Plan::has_deaths() const { return deaths() > 0; }

Plan plan_of(uint64_t seed, std::optional<Profile> profile) {
    Prng prng(mix64(seed ^ mix64(0x91a4)));
    Plan plan;
    // The last came later: the others' seeds stay what they were.
    plan.profile = profile          ? *profile
                   : seed % 17 == 0 ? Profile::crawl
                                    : static_cast<Profile>(seed % (kProfileCount - 1));
    constexpr uint32_t kPeers[] = {2, 3, 3, 4, 4, 5, 6};
    plan.peers = kPeers[prng.below(std::size(kPeers))];
    if (plan.profile == Profile::double_death && plan.peers < 4) plan.peers = 4;
    if (plan.profile == Profile::relay) plan.peers = std::max(plan.peers, 3u);
    if (plan.profile == Profile::churn) plan.late_peers = 1 + static_cast<uint32_t>(prng.below(2));
    if (plan.profile == Profile::leaders || plan.profile == Profile::storm) plan.coordinators = 2;
    plan.calm_at = Instant{prng.between(seconds(4).ns, seconds(9).ns)};
    if (plan.profile == Profile::quiet) plan.calm_at = Instant{seconds(2).ns};
    if (plan.profile == Profile::relay) plan.calm_at = plan.calm_at + seconds(7);
    plan.options.suspect_after_ms = static_cast<uint32_t>(prng.between(600, 2000));
    if (prng.chance(1, 3)) plan.options.round_grace_ms = static_cast<uint32_t>(prng.between(100, 1500));
    plan.inner_training = between_ms(prng, 0, 600);
    draw_limits(prng, plan);
    draw_network(prng, plan);
    if (prng.chance(1, 8)) draw_large_chunks(prng, plan);
    draw_faults(prng, plan);
    draw_last_words(prng, plan);
    if (prng.chance(1, 2)) plan.decoy = static_cast<Plan::Decoy>(prng.below(4));
    if (plan.outbound_only == 0 && prng.chance(1, 6))
        plan.shut_out = static_cast<HostId>(prng.below(plan.peers + plan.late_peers));
    // Least windows of 256 bytes to 1 KiB; what the first circuits get is 64 times as much.
    if (plan.circuit_window_bytes == 0 && prng.chance(1, 2))
        plan.carried_bytes_max = (1 + prng.below(4)) << 20;
    constexpr uint32_t kParts[] = {64, 500, 4000, 0};
    plan.part_bytes = kParts[prng.below(std::size(kParts))];
    plan.claims_paces = prng.chance(1, 2) && !plan.crawler;  // it would claim to carry the most
    constexpr uint32_t kShared[] = {0, 1, 500};
    if (plan.secure) plan.shared_bytes_min = kShared[prng.below(std::size(kShared))];
    return plan;
}

}  // namespace whim::sim
