// Who is let in, and how a member ends: the coordinator's first and last word to a process.
#include <algorithm>

#include <fmt/format.h>

#include "group/coordinator_core.h"
#include "wire/archive.h"

namespace whim::group {

// Whether a view can hold one more; the peer's own past process makes room for it.
Status CoordinatorCore::room_for(const ProcessKey& key, const wire::JoinRequest& request) const {
    Bytes encoded;
    wire::Writer writer(encoded);
    writer(wire::MemberInfo{
        {key.peer, {}}, request.name, request.region, request.addresses, request.outbound_only});
    size_t others = 0;
    for (const auto& [incarnation, a] : ledger_.living) {
        if (a.info.id.peer != key.peer) writer(a.info), ++others;
    }
    if (others >= limits::kMembersMax) {
        return fail(Code::E_REFUSED, fmt::format("the run is full: {} members", limits::kMembersMax));
    }
    if (encoded.size() > limits::kViewMembersBytesMax) {
        return fail(Code::E_REFUSED,
                    fmt::format("the run is full: names and addresses of {} members take {} bytes of at most "
                                "{}; fewer or shorter addresses help",
                                others + 1, encoded.size(), limits::kViewMembersBytesMax));
    }
    return {};
}

// What must hold for anybody, newcomer or not; the error is sent to the process as it stands.
Status CoordinatorCore::admissible(const ProcessKey& key, const wire::JoinRequest& request) const {
    if (request.run != config_.run) {
        return fail(Code::E_REFUSED,
                    fmt::format("this coordinator leads run {}, not {}", config_.run, request.run));
    }
    if (request.fencing_seen > fencing_) {
        return fail(Code::E_REFUSED,
                    fmt::format("this coordinator's fencing token {} is older than {}: another one leads",
                                fencing_.value, request.fencing_seen.value));
    }
    if (request.incarnation != Incarnation{}) return {};
    if (config_.admit) {
        if (Status admitted = config_.admit(key.peer, request.token); !admitted.ok()) return admitted;
    }
    const bool founded = !ledger_.living.empty() || ledger_.committed != Round{};
    if (founded && request.arithmetic_version != ledger_.arithmetic_version) {
        return fail(Code::E_REFUSED,
                    fmt::format("arithmetic version {} would compute other bits than the run's version {}",
                                request.arithmetic_version, ledger_.arithmetic_version));
    }
    if (founded && request.fingerprint != ledger_.fingerprint) {
        return fail(Code::E_REFUSED,
                    fmt::format("fingerprint of shapes and settings {:016x} differs from the run's {:016x}",
                                request.fingerprint, ledger_.fingerprint));
    }
    return room_for(key, request);
}

void CoordinatorCore::welcome(const Admission& admission, CoordinatorOutbox& out) {
    send(admission,
         wire::JoinReply{static_cast<int32_t>(Code::OK), admission.unreached, fencing_,
                         admission.info.id.incarnation, config_.options, ledger_.committed, ledger_.view},
         out);
}

void CoordinatorCore::reject(const ProcessKey& key, Incarnation incarnation, const Error& error,
                             CoordinatorOutbox& out) {
    wire::JoinReply reply;
    reply.code = static_cast<int32_t>(error.code);
    reply.detail = error.detail;
    reply.fencing = fencing_;
    reply.incarnation = incarnation;
    out.push_back(SendToPeer{key.peer, key.boot, std::move(reply)});
}

// It has begun a new session: what it took back in the old one may be lost, and what stands it says again.
void CoordinatorCore::forget_what_it_said(Incarnation reporter) {
    for (auto& [suspect, by] : reports_) by.erase(reporter);
    std::erase_if(reports_, [](const auto& entry) { return entry.second.empty(); });
    for (auto& [op, against] : complaints_) {
        for (auto& [id, complaint] : against) complaint.voices.erase(reporter);
    }
}

// "I am still that member."
void CoordinatorCore::rejoin(const ProcessKey& key, const wire::JoinRequest& request,
                             CoordinatorOutbox& out) {
    const MemberId id{key.peer, request.incarnation};
    const Admission* known = ledger_.find(id);
    if (known == nullptr && config_.plant == Plant::stale_incarnation && ledger_.removal(id) != nullptr) {
        Admission again;
        again.info.id = id;
        again.boot = key.boot;
        ledger_.view.members.push_back(again.info);
        std::sort(ledger_.view.members.begin(), ledger_.view.members.end(),
                  [](const auto& a, const auto& b) { return a.id.incarnation < b.id.incarnation; });
        ledger_.view.epoch = ledger_.view.epoch.next();
        known = &ledger_.living.emplace(id.incarnation, again).first->second;
        publish_view(out);
    }
    if (known != nullptr && known->boot == key.boot) {
        processes_[key].incarnation = request.incarnation;
        forget_what_it_said(request.incarnation);
        welcome(*known, out);
        return;
    }
    processes_[key].incarnation = {};
    const wire::Removal* removal = ledger_.removal(id);
    const Code code = removal != nullptr && removal->left ? Code::E_LEFT : Code::E_EVICTED;
    reject(
        key, request.incarnation,
        fail(code, removal != nullptr ? removal->reason : "this coordinator does not know " + short_name(id)),
        out);
}

void CoordinatorCore::join(const ProcessKey& key, const wire::JoinRequest& request, Instant now,
                           CoordinatorOutbox& out) {
    processes_[key].up = true;
    processes_[key].last_heard = now;
    if (const Status status = admissible(key, request); !status.ok())
        return refuse(key, request, status.error(), out);
    if (request.incarnation != Incarnation{}) return rejoin(key, request, out);

    std::vector<MemberId> replaced;
    for (const auto& [incarnation, a] : ledger_.living) {
        if (a.info.id.peer != key.peer) continue;
        if (a.boot == key.boot) return welcome(a, out);  // our first answer was lost
        replaced.push_back(a.info.id);
    }
    for (const MemberId& id : replaced)
        remove(id, false, "restarted: its process came back as a new one", out);

    if (arrivals_.contains(key)) return;  // answered when its test is over
    if (can_test(request)) begin_test(key, request, now, out);
    else admit(key, request, "", now, out);
}

void CoordinatorCore::refuse(const ProcessKey& key, const wire::JoinRequest& request, const Error& error,
                             CoordinatorOutbox& out) {
    out.push_back(
        LogLine{fmt::format("refused {} {}: {}", short_name(key.peer), request.name, error.detail)});
    reject(key, {}, error, out);
    forget_link(key, out);
}

// unreached: why it cannot be dialled; empty: it can, or says itself that it cannot.
void CoordinatorCore::admit(const ProcessKey& key, const wire::JoinRequest& request,
                            const std::string& unreached, Instant now, CoordinatorOutbox& out) {
    Admission admission;
    admission.info = {{key.peer, ledger_.last_incarnation.next()},
                      request.name,
                      request.region,
                      request.addresses,
                      request.outbound_only || !unreached.empty()};
    admission.boot = key.boot;
    admission.unreached = unreached;
    admission.fingerprint = request.fingerprint;
    admission.arithmetic_version = request.arithmetic_version;
    processes_[key].incarnation = admission.info.id.incarnation;
    const uint32_t grace_ms = config_.options.round_grace_ms;
    founders_until_ = now + (grace_ms > 0 ? milliseconds(grace_ms) : limits::kFounderGrace);
    decide(entry::Admitted{admission}, out);
    out.push_back(LogLine{fmt::format("admitted {}; it waits for the next round", label(admission))});
    welcome(admission, out);
}

// The one way out, for the living and the dead: journal, tell the others, tell the process itself if it
// listens.
void CoordinatorCore::remove(const MemberId& id, bool left, const std::string& reason,
                             CoordinatorOutbox& out) {
    const Admission gone = *ledger_.find(id);
    const bool was_member = ledger_.in_view(id.incarnation);
    const std::string text = reason.empty() ? "left" : reason.substr(0, limits::kRemovalBytesMax);
    decide(entry::Removed{{id, was_member ? ledger_.view.epoch.next() : Epoch{}, left, text}}, out);
    out.push_back(LogLine{fmt::format("{} {}: {}", left ? "left" : "evicted", label(gone), text)});
    ready_.erase(id.incarnation);
    late_since_.erase(id.incarnation);
    reports_.erase(id.incarnation);
    probing_.erase(id.incarnation);
    links_.forget(id.incarnation);
    for (auto& [suspect, by] : reports_) by.erase(id.incarnation);
    std::erase_if(reports_, [](const auto& r) { return r.second.empty(); });
    if (was_member) publish_view(out);

    const ProcessKey key{id.peer, gone.boot};
    const auto process = processes_.find(key);
    if (process == processes_.end()) return;
    process->second.incarnation = {};
    if (!process->second.up) return forget_link(key, out);
    reject(key, id.incarnation, fail(left ? Code::E_LEFT : Code::E_EVICTED, text), out);
}

void CoordinatorCore::forget_link(const ProcessKey& key, CoordinatorOutbox& out) {
    forget_arrival(key, out);
    out.push_back(DropPeer{key.peer, key.boot});
    processes_.erase(key);
}

}  // namespace whim::group
