// The ledger as a fold of its entries, and their encoding.
#include "group/ledger.h"

#include <algorithm>

#include "wire/archive.h"

namespace whim::group {
namespace {

constexpr uint8_t kJournalVersion = 2;  // 1: exclusions of old rounds were kept where nothing was committed

template <size_t I = 0> Result<Entry> decode_as(size_t type, ByteSpan body) {
    if constexpr (I == std::variant_size_v<Entry>) {
        return fail(Code::E_STORE, "journal entry of unknown type " + std::to_string(type));
    } else {
        if (type != I) return decode_as<I + 1>(type, body);
        wire::Reader reader(body);
        std::variant_alternative_t<I, Entry> value;
        reader(value);
        if (!reader.done())
            return fail(Code::E_STORE, "journal entry of type " + std::to_string(type) + " is malformed");
        return Entry(std::move(value));
    }
}

}  // namespace

Bytes encode_entry(const Entry& entry) {
    Bytes out;
    ByteWriter header(out);
    header.u8(kJournalVersion);
    header.u8(static_cast<uint8_t>(entry.index()));
    wire::Writer writer(out);
    std::visit([&](const auto& value) { writer(value); }, entry);
    return out;
}

Result<Entry> decode_entry(ByteSpan bytes) {
    if (bytes.size() < 2) return fail(Code::E_STORE, "journal entry is cut short");
    const auto version = static_cast<uint8_t>(bytes[0]);
    if (version != kJournalVersion) {
        return fail(Code::E_STORE, "journal version " + std::to_string(version) +
                                       ", this program reads version " + std::to_string(kJournalVersion));
    }
    return decode_as(static_cast<size_t>(bytes[1]), bytes.subspan(2));
}

Status Ledger::apply(const Entry& entry) {
    return std::visit([&](const auto& e) { return apply_one(e); }, entry);
}

const Admission* Ledger::find(const MemberId& id) const {
    const auto it = living.find(id.incarnation);
    return it != living.end() && it->second.info.id == id ? &it->second : nullptr;
}

bool Ledger::in_view(Incarnation incarnation) const {
    const auto it =
        std::lower_bound(view.members.begin(), view.members.end(), incarnation,
                         [](const wire::MemberInfo& m, Incarnation i) { return m.id.incarnation < i; });
    return it != view.members.end() && it->id.incarnation == incarnation;
}

const wire::Removal* Ledger::removal(const MemberId& id) const {
    const auto it =
        std::find_if(past.rbegin(), past.rend(), [&](const Past& p) { return p.removal.member == id; });
    return it == past.rend() ? nullptr : &it->removal;
}

const entry::RoundClosed* Ledger::outcome(Round round) const {
    const auto it = std::find_if(closed.rbegin(), closed.rend(),
                                 [&](const entry::RoundClosed& c) { return c.outcome.round == round; });
    return it == closed.rend() ? nullptr : &*it;
}

// Two rounds after the commit of the next nobody needs to hear of them; where nothing is committed, members
// forget them after limits::kRoundsOpsKept.
bool Ledger::ops_may_be_open(Round round) const {
    return round.value + 2 >= committed.value && round.value + limits::kRoundsOpsKept >= last_round.value;
}

wire::View Ledger::grown_view(const std::vector<MemberId>& joined) const {
    wire::View next = view;
    std::erase_if(next.exclusions, [&](const wire::OpExclusion& x) { return !ops_may_be_open(x.op.round); });
    next.removed.clear();
    for (const Past& p : past) {
        if (p.was_member && ops_may_be_open(p.round)) next.removed.push_back(p.removal);
    }
    for (const MemberId& id : joined) {
        const auto it = living.find(id.incarnation);
        if (it != living.end() && !in_view(id.incarnation)) next.members.push_back(it->second.info);
    }
    std::sort(next.members.begin(), next.members.end(),
              [](const auto& a, const auto& b) { return a.id.incarnation < b.id.incarnation; });
    if (!(next == view)) next.epoch = view.epoch.next();
    return next;
}

Status Ledger::apply_one(const entry::Opened& e) {
    if (!run.empty() && run != e.run)
        return fail(Code::E_STORE, "the journal belongs to run " + run + ", not " + e.run);
    if (e.fencing <= fencing) return fail(Code::E_STORE, "a fencing token came twice");
    run = e.run;
    fencing = e.fencing;
    return {};
}

Status Ledger::apply_one(const entry::Admitted& e) {
    const Incarnation incarnation = e.admission.info.id.incarnation;
    if (incarnation <= last_incarnation) return fail(Code::E_STORE, "an incarnation was given twice");
    if (living.empty() && committed == Round{}) {
        fingerprint = e.admission.fingerprint;
        arithmetic_version = e.admission.arithmetic_version;
    }
    last_incarnation = incarnation;
    living.emplace(incarnation, e.admission);
    return {};
}

Status Ledger::apply_one(const entry::Removed& e) {
    const MemberId& id = e.removal.member;
    if (find(id) == nullptr) return fail(Code::E_STORE, "removal of unknown member " + short_name(id));
    const bool was_member = in_view(id.incarnation);
    living.erase(id.incarnation);
    past.push_back({e.removal, last_round, was_member});
    if (past.size() > limits::kRemovedKeptMax) past.pop_front();
    if (!was_member) return {};
    view.epoch = e.removal.epoch;
    std::erase_if(view.members, [&](const wire::MemberInfo& m) { return m.id == id; });
    view.removed.push_back(e.removal);
    if (view.removed.size() > limits::kRemovedKeptMax) view.removed.erase(view.removed.begin());
    return {};
}

Status Ledger::apply_one(const entry::OpsExcluded& e) {
    if (e.exclusions.empty()) return fail(Code::E_STORE, "an exclusion of nobody");
    view.epoch = e.exclusions.front().epoch;
    view.exclusions.insert(view.exclusions.end(), e.exclusions.begin(), e.exclusions.end());
    return {};
}

Status Ledger::apply_one(const entry::RoundBegun& e) {
    if (open || e.round <= last_round)
        return fail(Code::E_STORE, "round " + std::to_string(e.round.value) + " begun out of order");
    for (const MemberId& id : e.participants) {
        if (find(id) == nullptr) return fail(Code::E_STORE, "unknown participant " + short_name(id));
    }
    view = grown_view(e.joined);
    if (view.epoch != e.epoch)
        return fail(Code::E_STORE, "round " + std::to_string(e.round.value) + " has another view");
    last_round = e.round;
    open = e;
    return {};
}

Status Ledger::apply_one(const entry::RoundClosed& e) {
    if (!open || open->round != e.outcome.round) {
        return fail(Code::E_STORE, "round " + std::to_string(e.outcome.round.value) + " ended out of order");
    }
    open.reset();
    closed.push_back(e);
    if (closed.size() > limits::kRoundRecordsKept) closed.pop_front();
    if (e.outcome.committed) {
        committed = e.outcome.round;
        last_commit = e;
    }
    return {};
}

Status Ledger::apply_one(const entry::Condensed& e) {
    if (fencing != FencingToken{}) return fail(Code::E_STORE, "a condensed journal in the middle of another");
    run = e.run;
    fencing = e.fencing;
    fingerprint = e.fingerprint;
    arithmetic_version = e.arithmetic_version;
    last_incarnation = e.last_incarnation;
    view = e.view;
    for (const Admission& a : e.living) living.emplace(a.info.id.incarnation, a);
    past.assign(e.past.begin(), e.past.end());
    last_round = e.last_round;
    committed = e.committed;
    if (!e.open.empty()) open = e.open.front();
    return {};
}

Status Ledger::apply_one(const entry::Remembered& e) {
    const Round round = e.closed.outcome.round;
    if (round > last_round || (!closed.empty() && round <= closed.back().outcome.round)) {
        return fail(Code::E_STORE, "round " + std::to_string(round.value) + " is remembered out of order");
    }
    closed.push_back(e.closed);
    if (closed.size() > limits::kRoundRecordsKept) closed.pop_front();
    if (e.closed.outcome.committed && round == committed) last_commit = e.closed;
    return {};
}

std::vector<Entry> Ledger::condensed() const {
    entry::Condensed c{run,        fencing,   fingerprint, arithmetic_version, last_incarnation, view, {}, {},
                       last_round, committed, {}};
    for (const auto& [incarnation, a] : living) c.living.push_back(a);
    c.past.assign(past.begin(), past.end());
    if (open) c.open.push_back(*open);
    std::vector<Entry> entries{std::move(c)};
    // After many aborts the last commit is older than what is remembered, and forgotten again there.
    if (committed != Round{} && outcome(committed) == nullptr)
        entries.push_back(entry::Remembered{last_commit});
    for (const entry::RoundClosed& one : closed) entries.push_back(entry::Remembered{one});
    return entries;
}

}  // namespace whim::group
