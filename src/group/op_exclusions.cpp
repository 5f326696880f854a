// Who is left out of an op. Whoever gives it up for itself is let go at once. About others one voice says
// little: a peer whose own line is slow may find any of them slow. So where two could speak against a member,
// two must, or nobody else has for so long that there is no second voice. Whoever has the most against it
// goes first. What one says that is itself left out counts no longer, nor what it takes back because the op
// has ended at it all the same.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "group/coordinator_core.h"

namespace whim::group {
namespace {

// Whoever takes one thing back says the others again, and has said them all the time.
constexpr Duration kSaidAgainBy = milliseconds(100);
constexpr Duration kTakenBackBy = limits::kSecondVoiceWait / 2;  // a view there and the answer back

}  // namespace

bool CoordinatorCore::stands_in(const OpId& op, const MemberId& id) const {
    return ledger_.find(id) != nullptr &&
           std::none_of(ledger_.view.exclusions.begin(), ledger_.view.exclusions.end(),
                        [&](const wire::OpExclusion& x) { return x.op == op && x.member == id; });
}

void CoordinatorCore::exclude(const Admission& from, const wire::OpExcludeRequest& request, Instant now,
                              CoordinatorOutbox& out) {
    const std::vector<MemberId>* born = born_in(request.op.round);
    if (born == nullptr || std::find(born->begin(), born->end(), from.info.id) == born->end()) return;
    if (const auto found = complaints_.find(request.op);
        request.members.empty() && found != complaints_.end()) {
        for (auto& [id, complaint] : found->second) {
            const auto voice = complaint.voices.find(from.info.id.incarnation);
            if (voice != complaint.voices.end() && !voice->second.withdrawn) voice->second.withdrawn = now;
        }
    }
    for (const MemberId& id : request.members) {
        if (!stands_in(request.op, from.info.id)) return;
        if (std::find(born->begin(), born->end(), id) == born->end() || !stands_in(request.op, id)) continue;
        if (id == from.info.id) leave_out(request, id, WhoAsks::itself, out);
        else if (complaints_.size() < limits::kOpExclusionsMax) {
            auto& voices = complaints_[request.op][id].voices;
            const auto voice = voices.try_emplace(from.info.id.incarnation, Voice{now, request, {}}).first;
            voice->second.request = request;  // said again, by what it knows now
            voice->second.withdrawn.reset();
        }
    }
}

// Late in each step, when it is known who lives.
void CoordinatorCore::hear_complaints(Instant now, CoordinatorOutbox& out) {
    for (auto& [op, against] : complaints_) {
        while (const MemberId* id = next_to_leave(op, against, now)) {
            if (!room_for_exclusion(WhoAsks::another, out)) return;  // heard again when there is
            const auto found = against.find(*id);
            wire::OpExcludeRequest request;
            uint32_t needed = 0;
            for (const auto& [from, voice] : found->second.voices) {
                if (voice.withdrawn) continue;
                request = voice.request;
                needed = std::max(needed, request.min_contributors);
            }
            request.min_contributors = needed;
            if (leave_out(request, found->first, WhoAsks::another, out))
                last_left_out_[op] = {now, found->first};
            against.erase(found);
        }
    }
    std::erase_if(last_left_out_,
                  [&](const auto& entry) { return now >= entry.second.first + kTakenBackBy; });
    std::erase_if(complaints_, [](const auto& entry) { return entry.second.empty(); });
}

// What is said of others just after somebody has been left out may be from before: they waited for it.
// Whoever has heard of that takes it back. Those that were accused together go together.
bool CoordinatorCore::may_be_stale(const OpId& op, const Complaint& complaint, Instant now) {
    const auto last = last_left_out_.find(op);
    if (last == last_left_out_.end() || now >= last->second.first + kTakenBackBy) return false;
    const bool together =
        std::all_of(complaint.voices.begin(), complaint.voices.end(), [&](const auto& voice) {
            const std::vector<MemberId>& named = voice.second.request.members;
            return std::find(named.begin(), named.end(), last->second.second) != named.end();
        });
    if (!together) wake_at(last->second.first + kTakenBackBy);
    return !together;
}

// Of those with enough against them the one with most, then the one accused first; nullptr when there is none
// yet.
const MemberId* CoordinatorCore::next_to_leave(const OpId& op, std::map<MemberId, Complaint>& against,
                                               Instant now) {
    const std::vector<MemberId>* born = born_in(op.round);
    const MemberId* next = nullptr;
    size_t most = 0;
    Instant accused{};
    for (auto& [id, complaint] : against) {
        std::erase_if(complaint.voices, [&](const auto& voice) {
            const auto from = ledger_.living.find(voice.first);
            const std::optional<Instant> withdrawn = voice.second.withdrawn;
            if (withdrawn && now - *withdrawn >= kSaidAgainBy) return true;
            return from == ledger_.living.end() || !stands_in(op, from->second.info.id);
        });
        if (born == nullptr || !stands_in(op, id)) complaint.voices.clear();
    }
    std::erase_if(against, [](const auto& entry) { return entry.second.voices.empty(); });
    if (born == nullptr) return nullptr;
    const auto standing =
        std::count_if(born->begin(), born->end(), [&](const MemberId& id) { return stands_in(op, id); });
    for (const auto& [id, complaint] : against) {
        if (may_be_stale(op, complaint, now)) continue;
        size_t count = 0;
        Instant since = now;
        for (const auto& [from, voice] : complaint.voices) {
            if (voice.withdrawn) continue;
            since = std::min(since, voice.since);
            ++count;
        }
        if (count == 0) {
            wake_at(now + kSaidAgainBy);  // to forget it
            continue;
        }
        const Instant alone_until = since + limits::kSecondVoiceWait;
        if (standing >= 3 && count < 2 && now < alone_until) {
            wake_at(alone_until);
            continue;
        }
        const bool first = count > most || (count == most && since < accused);
        if (first) next = &id, most = count, accused = since;
    }
    return next;
}

// Said once, until there is room again: when a round begins, ops of old ones are forgotten.
bool CoordinatorCore::room_for_exclusion(WhoAsks who, CoordinatorOutbox& out) {
    const bool itself = who == WhoAsks::itself;
    const uint32_t room = limits::kOpExclusionsMax - (itself ? 0 : limits::kOpExclusionsOwn);
    if (ledger_.view.exclusions.size() < room) {
        if (!itself) told_of_room_ = false;
        return true;
    }
    if (itself || !std::exchange(told_of_room_, true))
        out.push_back(LogLine{fmt::format("nobody else is left out of ops: {} exclusions are open",
                                          ledger_.view.exclusions.size())});
    return false;
}

bool CoordinatorCore::leave_out(const wire::OpExcludeRequest& request, const MemberId& id, WhoAsks who,
                                CoordinatorOutbox& out) {
    const std::vector<MemberId>& born = *born_in(request.op.round);
    const auto remaining = std::count_if(born.begin(), born.end(), [&](const MemberId& other) {
        return other != id && stands_in(request.op, other);
    });
    // Whoever gives an op up for itself is let go even where others may not be left out any more.
    if (!room_for_exclusion(who, out)) return false;
    if (who != WhoAsks::itself && remaining < std::max<int64_t>(1, request.min_contributors)) {
        out.push_back(
            LogLine{fmt::format("{} is not left out of op {}: {} contributors would remain of at least {}",
                                label(id), to_string(request.op), remaining, request.min_contributors)});
        return false;
    }
    out.push_back(LogLine{
        fmt::format("{} is left out of op {}: {}", label(id), to_string(request.op), request.reason)});
    entry::OpsExcluded decision;
    decision.exclusions.push_back(
        {request.op, id, ledger_.view.epoch.next(), request.reason.substr(0, limits::kRemovalBytesMax)});
    decide(std::move(decision), out);
    publish_view(out);
    return true;
}

}  // namespace whim::group
