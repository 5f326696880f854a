// What a coordinator must never forget, and the journal entries it is the sum of.
//
// Every decision is one entry; apply() is the only way the ledger changes, live and when a journal is read
// back, so a restarted coordinator stands exactly where the last durable entry left it. Pure.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "wire/messages.h"

namespace whim::group {

// One admitted process, in the view or waiting for the next round.
struct Admission {
    wire::MemberInfo info;
    uint64_t boot = 0;
    uint64_t fingerprint = 0;
    uint32_t arithmetic_version = 0;
    std::string unreached;  // why the coordinator could not dial it; empty: it could, or need not
    template <class A> void fields(A& a) {
        a(info), a(boot), a(fingerprint), a(arithmetic_version), a.text(unreached, limits::kReasonBytesMax);
    }
};

namespace entry {

struct Opened {  // a coordinator started on this journal
    std::string run;
    FencingToken fencing;
    template <class A> void fields(A& a) { a.text(run, limits::kNameBytesMax), a(fencing); }
};
struct Admitted {
    Admission admission;
    template <class A> void fields(A& a) { a(admission); }
};
struct Removed {  // from the view, or from those waiting (then the epoch is 0)
    wire::Removal removal;
    template <class A> void fields(A& a) { a(removal); }
};
struct OpsExcluded {
    std::vector<wire::OpExclusion> exclusions;
    template <class A> void fields(A& a) { a.list(exclusions, limits::kOpExclusionsMax, 72); }
};
struct RoundBegun {
    Round round;
    Epoch epoch;  // of the view the round begins with
    std::vector<MemberId> participants, joined, healing;
    MemberId donor;
    std::vector<wire::MemberReason> excluded;
    std::vector<uint64_t> line_rates;
    std::vector<wire::LinkFigure> links;
    template <class A> void fields(A& a) {
        a(round), a(epoch), a.list(participants, limits::kMembersMax, 40),
            a.list(joined, limits::kMembersMax, 40);
        a.list(healing, limits::kMembersMax, 40), a(donor), a.list(excluded, limits::kMembersMax, 44);
        a.list(line_rates, limits::kMembersMax, 8), a.list(links, limits::kLinkFiguresMax, 4);
    }
};
struct RoundClosed {
    wire::RoundOutcome outcome;
    wire::RoundRecord record;  // empty but for the round when aborted
    template <class A> void fields(A& a) { outcome.ending(a), a(record); }
};

// What the journal up to here comes to; only ever at its beginning, followed by Remembered.
struct Condensed {
    struct Past {
        wire::Removal removal;
        Round round;
        bool was_member = false;
        template <class A> void fields(A& a) { a(removal), a(round), a(was_member); }
    };
    std::string run;
    FencingToken fencing;
    uint64_t fingerprint = 0;
    uint32_t arithmetic_version = 0;
    Incarnation last_incarnation;
    wire::View view;
    std::vector<Admission> living;
    std::vector<Past> past;
    Round last_round, committed;
    std::vector<RoundBegun> open;  // none or one
    template <class A> void fields(A& a) {
        a.text(run, limits::kNameBytesMax), a(fencing), a(fingerprint), a(arithmetic_version);
        a(last_incarnation), a(view), a.list(living, limits::kMembersMax, 77);
        a.list(past, limits::kRemovedKeptMax, 62), a(last_round), a(committed), a.list(open, 1, 76);
    }
};
struct Remembered {  // an outcome from before, oldest first
    RoundClosed closed;
    template <class A> void fields(A& a) { a(closed); }
};

}  // namespace entry

using Entry = std::variant<entry::Opened, entry::Admitted, entry::Removed, entry::OpsExcluded,
                           entry::RoundBegun, entry::RoundClosed, entry::Condensed, entry::Remembered>;

Bytes encode_entry(const Entry& entry);      // journal version, type, fields
Result<Entry> decode_entry(ByteSpan bytes);  // E_STORE

struct Ledger {
    std::string run;
    FencingToken fencing;      // of the last coordinator that opened the journal
    uint64_t fingerprint = 0;  // of the first member; counts while somebody or some lineage is left
    uint32_t arithmetic_version = 0;
    Incarnation last_incarnation;  // given; never reused
    wire::View view;
    std::map<Incarnation, Admission> living;  // members and those waiting, in rank order
    using Past = entry::Condensed::Past;
    std::deque<Past> past;  // the last removals, oldest first
    Round last_round;       // highest ever begun
    std::optional<entry::RoundBegun> open;
    Round committed;
    std::deque<entry::RoundClosed> closed;  // the last outcomes, oldest first
    entry::RoundClosed last_commit;         // of round `committed`

    // E_STORE when the entry cannot follow what came before.
    Status apply(const Entry& entry);
    std::vector<Entry> condensed() const;  // a journal that comes to this ledger, as short as can be

    const Admission* find(const MemberId& id) const;  // living
    bool in_view(Incarnation incarnation) const;
    const wire::Removal* removal(const MemberId& id) const;  // nullptr: never admitted, or too long ago
    const entry::RoundClosed* outcome(Round round) const;    // nullptr: not ended, or too long ago
    bool ops_may_be_open(Round round) const;
    // The view with these members added and everything forgotten that no open op can need. Epoch + 1 if
    // changed.
    wire::View grown_view(const std::vector<MemberId>& joined) const;

private:
    Status apply_one(const entry::Opened& e);
    Status apply_one(const entry::Admitted& e);
    Status apply_one(const entry::Removed& e);
    Status apply_one(const entry::OpsExcluded& e);
    Status apply_one(const entry::RoundBegun& e);
    Status apply_one(const entry::RoundClosed& e);
    Status apply_one(const entry::Condensed& e);
    Status apply_one(const entry::Remembered& e);
};

}  // namespace whim::group
