// Newcomers whose addresses are being tested, between their request and their admission.
#include <fmt/format.h>

#include "group/coordinator_core.h"

namespace whim::group {
namespace {

constexpr const char* kHint =
    "let others in at that port, advertise an address that they reach, or say outbound_only";

// Cut so that the advice is always whole.
std::string explain(const std::string& label, const std::string& failures, const char* consequence) {
    const std::string head = fmt::format("coordinator -> {} ", label);
    const std::string tail = fmt::format(". {}: {}", consequence, kHint);
    const size_t room = limits::kReasonBytesMax - head.size() - tail.size();
    return head + (failures.size() <= room ? failures : failures.substr(0, room - 3) + "...") + tail;
}

}  // namespace

size_t CoordinatorCore::open_tests() const {
    size_t open = 0;
    for (const auto& [key, arrival] : arrivals_) open += arrival.test.unanswered().size();
    return open;
}

bool CoordinatorCore::can_test(const wire::JoinRequest& request) const {
    return config_.dial_back && !request.outbound_only &&
           open_tests() + request.addresses.size() <= limits::kReachTestsMax;
}

void CoordinatorCore::begin_test(const ProcessKey& key, const wire::JoinRequest& request, Instant now,
                                 CoordinatorOutbox& out) {
    std::vector<uint64_t> numbers;
    for (const Address& address : request.addresses) {
        numbers.push_back(next_test_++);
        out.push_back(TestAddress{numbers.back(), address});
    }
    arrivals_.insert_or_assign(key, Arrival{request, DialBack(request.addresses, std::move(numbers), now)});
}

void CoordinatorCore::forget_arrival(const ProcessKey& key, CoordinatorOutbox& out) {
    const auto arrival = arrivals_.find(key);
    if (arrival == arrivals_.end()) return;
    for (const uint64_t test : arrival->second.test.unanswered()) out.push_back(EndTest{test});
    arrivals_.erase(arrival);
}

void CoordinatorCore::judge_arrivals(Instant now, CoordinatorOutbox& out) {
    std::vector<ProcessKey> over;
    for (const auto& [key, arrival] : arrivals_) {
        if (overslept_ || arrival.test.over(now)) over.push_back(key);
        else wake_at(arrival.test.until());
    }
    for (const ProcessKey& key : over) {
        Arrival arrival = arrivals_.at(key);
        forget_arrival(key, out);
        if (!overslept_) admit_tested(key, std::move(arrival), now, out);
        else begin_test(key, arrival.request, now, out), wake_at(arrivals_.at(key).test.until());
    }
    overslept_ = false;
}

void CoordinatorCore::admit_tested(const ProcessKey& key, Arrival arrival, Instant now,
                                   CoordinatorOutbox& out) {
    wire::JoinRequest& request = arrival.request;
    // Others may have been admitted meanwhile: the first one decides what all must have in common.
    if (const Status status = admissible(key, request); !status.ok())
        return refuse(key, request, status.error(), out);
    DialBack::Verdict verdict = arrival.test.verdict();
    request.addresses = std::move(verdict.order);
    if (verdict.reached) return admit(key, request, "", now, out);
    const std::string label = request.name.empty() ? short_name(key.peer) : request.name;
    if (request.require_reachable) {
        const std::string why =
            explain(label, verdict.failures, "It is refused, as it requires to be reachable");
        return refuse(key, request, fail(Code::E_UNREACHABLE, why), out);
    }
    const std::string why = explain(label, verdict.failures, "It goes on as outbound-only");
    out.push_back(LogLine{"WARNING: " + why});
    admit(key, request, why, now, out);
}

}  // namespace whim::group
