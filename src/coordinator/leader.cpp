// Leader: journal first, then the wire.
#include "coordinator/leader.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/limits.h"
#include "coordinator/link_lines.h"
#include "group/ledger.h"

namespace whim::coordinator {
namespace {

// Strangers twice: those that must go are closed by the next deadline.
constexpr size_t kLinksMax = limits::kMembersMax + 2 * limits::kStrangerLinksMax;

LinkKey key_of(const PeerId& peer, uint64_t boot) { return {peer, {boot}}; }

std::string standing_of(const group::MemberStatus& m, int64_t silent_ms, uint64_t open_round) {
    if (!m.link_up)
        return fmt::format("not connected, last heard {:.1f} s ago", static_cast<double>(silent_ms) / 1000);
    if (silent_ms > 1000) return fmt::format("silent for {:.1f} s", static_cast<double>(silent_ms) / 1000);
    if (!m.suspected_by.empty()) return fmt::format("{} members cannot reach it", m.suspected_by.size());
    if (!m.in_view) return m.ready ? "waits to join with the next round" : "admitted, not ready yet";
    if (m.ready) return "ready for the next round";
    if (m.voted && open_round != 0) return fmt::format("has voted on round {}", open_round);
    if (m.participates) return fmt::format("works on round {}", open_round);
    return open_round != 0 ? fmt::format("left out of round {}", open_round) : "between rounds";
}

}  // namespace

Leader::Leader(group::Coordinator coordinator, std::string run, Journal& journal, Log log)
    : coordinator_(std::move(coordinator)), journal_(journal), log_(std::move(log)), run_(std::move(run)) {}

Result<std::unique_ptr<Leader>> Leader::create(group::CoordinatorConfig config, Journal& journal, Log log,
                                               Instant now) {
    const Result<std::vector<Bytes>> records = journal.load();
    if (!records.ok()) return records.error();
    group::CoordinatorOutbox out;
    const std::string run = config.run;
    Result<group::Coordinator> restored =
        group::Coordinator::restore(std::move(config), journal.fencing(), *records, now, out);
    if (!restored.ok()) {
        return fail(restored.error().code, journal.directory() + ": " + restored.error().detail);
    }
    std::unique_ptr<Leader> leader(new Leader(std::move(*restored), run, journal, std::move(log)));
    leader->opening_ = std::move(out);
    leader->started_ = now;
    return leader;
}

void Leader::attach(Endpoint& endpoint, Instant now) {
    endpoint_ = &endpoint;
    perform(std::exchange(opening_, {}), now);
}

void Leader::count(const Bytes& record) {
    const Result<group::Entry> entry = group::decode_entry(record);
    if (!entry.ok()) return;
    ++counters_.journal_records;
    if (std::holds_alternative<group::entry::Admitted>(*entry)) ++counters_.admissions;
    if (std::holds_alternative<group::entry::RoundBegun>(*entry)) ++counters_.rounds_begun;
    if (const auto* e = std::get_if<group::entry::OpsExcluded>(&*entry))
        counters_.op_exclusions += e->exclusions.size();
    if (const auto* e = std::get_if<group::entry::Removed>(&*entry))
        ++(e->removal.left ? counters_.leaves : counters_.evictions);
    if (const auto* e = std::get_if<group::entry::RoundClosed>(&*entry)) {
        ++(e->outcome.committed ? counters_.rounds_committed : counters_.rounds_aborted);
    }
}

void Leader::perform(const group::CoordinatorOutbox& out, Instant now) {
    if (!journal_status_.ok()) return;
    std::vector<Bytes> records;
    for (const group::CoordinatorEffect& effect : out) {
        if (const auto* journal = std::get_if<group::Journal>(&effect)) records.push_back(journal->record);
    }
    if (!records.empty()) {
        journal_status_ = journal_.append(records);
        if (!journal_status_.ok()) {
            log_("the journal failed; this coordinator stops leading: " + journal_status_.error().detail);
            return;
        }
        ++counters_.journal_transactions;
        for (const Bytes& record : records) count(record);
        if (journal_.worth_condensing()) condense();
    }
    for (const group::CoordinatorEffect& effect : out) {
        if (const auto* line = std::get_if<group::LogLine>(&effect)) log_(line->text);
        if (const auto* drop = std::get_if<group::DropPeer>(&effect)) {
            const LinkKey key = key_of(drop->peer, drop->boot);
            const auto stats = endpoint_->stats(key);
            if (stats && stats->up) closing_.try_emplace(key, now + limits::kLastWordsTime);
            else endpoint_->close_link(key, now), refused_.erase(key), strangers_.gone(key);
        }
        if (const auto* send = std::get_if<group::SendToPeer>(&effect)) transmit(*send, now);
        if (const auto* test = std::get_if<group::TestAddress>(&effect))
            endpoint_->test_address(test->test, test->to, now);
        if (const auto* end = std::get_if<group::EndTest>(&effect)) endpoint_->end_test(end->test);
    }
}

// Everything decided so far is on disk, so the ledger and the journal say the same.
void Leader::condense() {
    const Status status = journal_.replace(coordinator_.condensed());
    log_(status.ok() ? "the journal was condensed"
                     : "the journal stays as long as it is: " + status.error().detail);
}

void Leader::transmit(const group::SendToPeer& send, Instant now) {
    const LinkKey key = key_of(send.peer, send.boot);
    if (const auto* reply = std::get_if<wire::JoinReply>(&send.message)) {
        const bool accepted = reply->code == static_cast<int32_t>(Code::OK);
        if (accepted) closing_.erase(key), refused_.erase(key), strangers_.gone(key);  // refused before
        if (!accepted && reply->incarnation == Incarnation{}) ++counters_.refusals;
        if (!accepted && endpoint_->has_link(key)) {
            note_stranger(key, now);
            // An evicted member asks anew, once; whoever goes on asking may do so on a fresh link.
            if (!refused_.insert(key).second) closing_.try_emplace(key, now + limits::kLastWordsTime);
        }
    }
    if (!endpoint_->has_link(key)) return;
    Bytes bytes = wire::encode(send.message);
    if (bytes.size() <= limits::kMessageBytesMax) {
        endpoint_->send_message(key, std::move(bytes), now);
        return;
    }
    log_(fmt::format("closed the link of {}: a {} of {} bytes is larger than {}", short_name(send.peer),
                     wire::message_name(send.message), bytes.size(), limits::kMessageBytesMax));
    closing_[key] = now;
}

// Closed by the next deadline, which is now: we may be inside a callback of that link.
void Leader::note_stranger(const LinkKey& key, Instant now) {
    if (const auto too_many = strangers_.arrived(key, now)) closing_[*too_many] = now;
}

bool Leader::accept_link(const LinkKey& from, Instant now) {
    if (!journal_status_.ok() || from.incarnation == Incarnation{} || endpoint_->links().size() >= kLinksMax)
        return false;
    LinkOptions options;
    options.dial = false;
    options.bulk_strands = 0;
    options.expected = from.peer;
    if (!coordinator_.knows(from.peer, from.incarnation.value)) note_stranger(from, now);
    endpoint_->open_link(from, std::move(options), now);
    return true;
}

void Leader::link_up(const LinkKey& key, LinkSession, Instant now) {
    closing_.erase(key);  // that was of the link before
    group::CoordinatorOutbox out;
    coordinator_.link_up(key.peer, key.incarnation.value, now, out);
    perform(out, now);
}

void Leader::link_down(const LinkKey& key, LinkDownKind kind, const std::string& detail, Instant now) {
    refused_.erase(key);
    group::CoordinatorOutbox out;
    const std::string text = std::string(link_down_name(kind)) + (detail.empty() ? "" : ": " + detail);
    coordinator_.link_down(key.peer, key.incarnation.value, text, now, out);
    perform(out, now);
}

// Who was refused for good is not heard again on this link: each request would cost a step over all members.
void Leader::message(const LinkKey& from, ByteSpan message, Instant now) {
    if (closing_.contains(from)) return;
    const Result<wire::Message> decoded = wire::decode(message);
    if (!decoded.ok()) {
        ++counters_.messages_malformed;
        log_(fmt::format("closed the link of {}: {}", short_name(from.peer), decoded.error().detail));
        closing_.try_emplace(from, now);  // not from inside its own callback
        return;
    }
    ++counters_.messages_received;
    group::CoordinatorOutbox out;
    coordinator_.on_message(from.peer, from.incarnation.value, *decoded, now, out);
    perform(out, now);
    // Whose token was good and whose addresses are tried, which is bounded by itself, makes way for nobody.
    if (coordinator_.tests(from.peer, from.incarnation.value)) strangers_.gone(from);
}

// Links to coordinators carry no bulk frames; one that comes anyway is thrown away.
BulkSink Leader::bulk_begin(const LinkKey&, ByteSpan, uint32_t) { return {}; }
void Leader::bulk_end(const LinkKey&, uint64_t, bool, Instant) {}
std::optional<ByteSpan> Leader::bulk_pin(const LinkKey&, const BulkFrame&) { return std::nullopt; }
void Leader::bulk_unpin(const LinkKey&, const BulkFrame&) {}

void Leader::address_answered(uint64_t test, const std::optional<PeerId>& who, const std::string& cause,
                              Instant now) {
    group::CoordinatorOutbox out;
    coordinator_.address_answered(test, who, cause, now, out);
    perform(out, now);
}

std::optional<Instant> Leader::deadline() const {
    if (!journal_status_.ok()) return std::nullopt;
    std::optional<Instant> at = earlier(coordinator_.deadline(), strangers_.deadline());
    for (const auto& [key, when] : closing_) at = earlier(at, when);
    return at;
}

void Leader::close_due(Instant now) {
    for (const LinkKey& key : strangers_.overdue(now)) closing_.try_emplace(key, now);
    std::vector<LinkKey> due;
    for (const auto& [key, when] : closing_) {
        if (when <= now) due.push_back(key);
    }
    for (const LinkKey& key : due) {
        if (closing_.erase(key) == 0) continue;  // admitted, by what the end of another one led to
        strangers_.gone(key);
        endpoint_->close_link(key, now);
        link_down(key, LinkDownKind::closed, "closed by the coordinator", now);
    }
}

void Leader::on_deadline(Instant now) {
    close_due(now);
    for (const LinkKey& key : endpoint_->links()) {
        const auto stats = endpoint_->stats(key);
        if (stats) coordinator_.peer_heard(key.peer, key.incarnation.value, stats->last_heard);
    }
    group::CoordinatorOutbox out;
    coordinator_.on_deadline(now, out);
    perform(out, now);
}

void Leader::evict(const MemberId& member, const std::string& reason, Instant now) {
    group::CoordinatorOutbox out;
    coordinator_.evict(member, reason, now, out);
    perform(out, now);
}

void Leader::abort_round(const std::string& reason, Instant now) {
    group::CoordinatorOutbox out;
    coordinator_.abort_round(reason, now, out);
    perform(out, now);
}

Snapshot Leader::snapshot(Instant now) const {
    Snapshot s;
    s.run = run_;
    s.fencing = coordinator_.fencing().value;
    s.uptime_ms = (now - started_).ms();
    s.journal_error = journal_status_.ok() ? "" : journal_status_.error().detail;
    s.epoch = coordinator_.view().epoch.value;
    s.committed = coordinator_.committed().value;
    if (const auto digest = coordinator_.committed_digest()) s.committed_digest = to_hex(*digest);
    s.open_round = coordinator_.open_round().value;
    s.waiting_for = coordinator_.waiting_for();
    s.counters = counters_;
    const std::vector<group::MemberStatus> members = coordinator_.members();
    add_links(s, coordinator_.links(), members, now);
    for (const group::MemberStatus& m : members) {
        MemberLine line;
        line.peer = to_hex(m.info.id.peer);
        line.incarnation = m.info.id.incarnation.value;
        line.name = m.info.name;
        line.region = m.info.region;
        for (const Address& a : m.info.addresses) line.addresses.push_back(to_string(a));
        line.outbound_only = m.info.outbound_only;
        line.unreached = m.unreached;
        line.in_view = m.in_view;
        line.link_up = m.link_up;
        Instant heard = m.last_heard;
        if (const auto stats = endpoint_->stats(key_of(m.info.id.peer, m.boot))) {
            heard = std::max(heard, stats->last_heard);
            line.rtt_us = stats->rtt_smoothed.ns / 1000;
        }
        line.silent_ms = std::max<int64_t>(0, (now - heard).ms());
        line.ready = m.ready;
        line.participates = m.participates;
        line.voted = m.voted && s.open_round != 0;
        line.holds_state = m.holds_state;
        for (const MemberId& by : m.suspected_by) line.suspected_by.push_back(short_name(by));
        line.standing = standing_of(m, line.silent_ms, s.open_round);
        s.members.push_back(std::move(line));
    }
    for (const wire::Removal& r : coordinator_.view().removed) {
        s.removed.push_back({short_name(r.member), r.epoch.value, r.left, r.reason});
    }
    return s;
}

}  // namespace whim::coordinator
