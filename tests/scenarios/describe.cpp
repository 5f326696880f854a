// Lines of transcripts. Members are named by their incarnation, which is all that differs between them here.
#include "describe.h"

#include <fmt/format.h>

namespace whim::group {
namespace {

std::string name(const MemberId& id) { return fmt::format("r{}#{}", id.peer.bytes[0], id.incarnation.value); }

std::string names(const std::vector<MemberId>& ids) {
    std::string text;
    for (const MemberId& id : ids) text += (text.empty() ? "" : " ") + name(id);
    return text.empty() ? "nobody" : text;
}

std::string reasons(const std::vector<wire::MemberReason>& all) {
    std::string text;
    for (const wire::MemberReason& r : all) text += fmt::format("; without {}: {}", name(r.member), r.reason);
    return text;
}

std::string end_of(const Status& status) {
    return status.ok() ? "OK" : fmt::format("{}: {}", code_name(status.error().code), status.error().detail);
}

std::string line(const InstallView& e) {
    std::vector<MemberId> members;
    for (const wire::MemberInfo& m : e.view.members) members.push_back(m.id);
    std::string text = fmt::format("view {}: {}", e.view.epoch.value, names(members));
    for (const wire::Removal& r : e.view.removed) {
        text += fmt::format("; {} {}: {}", name(r.member), r.left ? "left" : "evicted", r.reason);
    }
    for (const wire::OpExclusion& x : e.view.exclusions) {
        text += fmt::format("; op {} without {}: {}", to_string(x.op), name(x.member), x.reason);
    }
    return text;
}

std::string line(const RoundBegan& e) {
    std::string text = fmt::format("round {} began: {}", e.start.round.value, names(e.start.participants));
    if (!e.start.joined.empty()) text += "; joined: " + names(e.start.joined);
    if (!e.start.healing.empty())
        text += fmt::format("; {} heals {}", name(e.start.donor), names(e.start.healing));
    return text + reasons(e.start.excluded);
}

std::string line(const RoundEnded& e) {
    if (!e.outcome.committed) return fmt::format("round {} ended: {}", e.outcome.round.value, end_of(e.mine));
    return fmt::format("round {} committed by {}: {}", e.outcome.round.value, names(e.outcome.contributors),
                       end_of(e.mine));
}

std::string line(const SendToCoordinator&) { return {}; }
std::string line(const JoinEnded& e) { return "join ended: " + end_of(e.status); }
std::string line(const RoundRefused& e) { return fmt::format("round_begin ended: {}", end_of(e.error)); }
std::string line(const RecordFound& e) {
    if (!e.record) return "no such record";
    return fmt::format("record of round {}: {} votes", e.record->round.value, e.record->votes.size());
}
std::string line(const Evicted& e) {
    return fmt::format("out: {}: {}", code_name(e.error.code), e.error.detail);
}
std::string line(const CoordinatorChanged& e) {
    if (!e.connected) return "coordinator lost: " + e.detail;
    return fmt::format("coordinator with fencing token {}", e.fencing.value);
}
std::string line(const NotReached& e) { return "not reached: " + e.text; }
std::string line(const Waiting& e) { return "waits: " + e.text; }

}  // namespace

std::string describe(const MemberEffect& effect) {
    return std::visit([](const auto& e) { return line(e); }, effect);
}

}  // namespace whim::group
