// Coordinator: restoring, dispatch of inputs, journalling of decisions, and what waits are told.
#include "group/coordinator.h"

#include <algorithm>

#include <fmt/format.h>

#include "group/coordinator_core.h"

namespace whim::group {
namespace {

// Of a committed round among the last limits::kRoundRecordsKept; else nullptr.
const wire::RoundRecord* record_of(const Ledger& ledger, Round round) {
    const entry::RoundClosed* closed = ledger.outcome(round);
    return closed != nullptr && closed->outcome.committed ? &closed->record : nullptr;
}

}  // namespace

CoordinatorCore::CoordinatorCore(CoordinatorConfig config, FencingToken fencing, Ledger ledger, Instant now)
    : config_(std::move(config)), fencing_(fencing), ledger_(std::move(ledger)) {
    const Duration grace = milliseconds(config_.options.suspect_after_ms) * 2;
    judge_from_ = ledger_.living.empty() ? now : now + std::max(grace, limits::kRestartGraceMin);
    founders_until_ = now;
    heard_at_ = now;
    for (const auto& [incarnation, a] : ledger_.living) {
        processes_[{a.info.id.peer, a.boot}] = {false,       now,   now, "not connected since the restart",
                                                incarnation, false, now};
    }
}

void CoordinatorCore::decide(Entry entry, CoordinatorOutbox& out) {
    const Status applied = ledger_.apply(entry);
    WHIM_ASSERT(applied.ok());  // decisions are ours; only a journal can hold an impossible one
    out.push_back(Journal{encode_entry(entry)});
}

void CoordinatorCore::send(const Admission& to, wire::Message message, CoordinatorOutbox& out) {
    out.emplace_back(std::in_place_type<SendToPeer>,
                     SendToPeer{to.info.id.peer, to.boot, std::move(message)});
}

void CoordinatorCore::send_to_members(const wire::Message& message, CoordinatorOutbox& out) {
    for (const auto& [incarnation, a] : ledger_.living) {
        if (ledger_.in_view(incarnation)) send(a, message, out);
    }
}

void CoordinatorCore::publish_view(CoordinatorOutbox& out) {
    send_to_members(wire::ViewUpdate{fencing_, ledger_.view}, out);
}

std::string CoordinatorCore::label(const Admission& a) const {
    return a.info.name.empty() ? short_name(a.info.id)
                               : fmt::format("{} ({})", a.info.name, short_name(a.info.id));
}

std::string CoordinatorCore::label(const MemberId& id) const {
    const Admission* a = ledger_.find(id);
    return a == nullptr ? short_name(id) : label(*a);
}

const CoordinatorCore::Process* CoordinatorCore::process_of(const Admission& a) const {
    const auto it = processes_.find({a.info.id.peer, a.boot});
    return it == processes_.end() ? nullptr : &it->second;
}

void CoordinatorCore::arrive(Instant now) {
    if (!deadline_ || now <= *deadline_ + limits::kFreezeGap) return;
    hold_judgement(now);  // we slept through our own deadline
    overslept_ = true;
    deadline_.reset();
}

void CoordinatorCore::step(Instant now, CoordinatorOutbox& out) {
    deadline_.reset();
    judge_arrivals(now, out);
    judge(now, out);
    hear_complaints(now, out);
    waiting_.clear();
    try_commit(now, out);
    try_start(now, out);
    give_notice(now, out);
    if (!ledger_.living.empty()) wake_at(heard_at_ + milliseconds(config_.options.suspect_after_ms));
    if (deadline_) deadline_ = std::max(*deadline_, now);
}

void CoordinatorCore::link_up(const PeerId& peer, uint64_t boot, Instant now, CoordinatorOutbox& out) {
    arrive(now);
    Process& process = processes_[{peer, boot}];
    process.up = true;
    process.last_heard = now;
    probing_.erase(process.incarnation);
    step(now, out);
}

void CoordinatorCore::link_down(const PeerId& peer, uint64_t boot, const std::string& detail, Instant now,
                                CoordinatorOutbox& out) {
    arrive(now);
    const auto it = processes_.find({peer, boot});
    if (it == processes_.end()) return;
    if (it->second.up) it->second.down_since = now;
    it->second.up = false;
    it->second.down_detail = detail;
    if (it->second.incarnation == Incarnation{}) forget_link(it->first, out);
    step(now, out);
}

void CoordinatorCore::on_deadline(Instant now, CoordinatorOutbox& out) {
    arrive(now);
    heard_at_ = now;
    step(now, out);
}

void CoordinatorCore::address_answered(uint64_t test, const std::optional<PeerId>& who,
                                       const std::string& cause, Instant now, CoordinatorOutbox& out) {
    arrive(now);
    for (auto& [key, arrival] : arrivals_) {
        if (overslept_ || !arrival.test.asks(test)) continue;
        const bool reached = who && (*who == key.peer || config_.plant == Plant::accept_any_answer);
        arrival.test.answered(test, reached, who ? "another peer answers, " + short_name(*who) : cause, now);
    }
    step(now, out);
}

void CoordinatorCore::peer_heard(const PeerId& peer, uint64_t boot, Instant last_heard) {
    const auto it = processes_.find({peer, boot});
    if (it != processes_.end()) it->second.last_heard = std::max(it->second.last_heard, last_heard);
}

void CoordinatorCore::on_message(const PeerId& peer, uint64_t boot, const wire::Message& message, Instant now,
                                 CoordinatorOutbox& out) {
    const ProcessKey key{peer, boot};
    // Nothing follows from it, so no step does: many members say it often.
    if (const auto* m = std::get_if<wire::LinkReport>(&message)) return hear_of_links(key, *m, now);
    arrive(now);
    const auto speaker = processes_.find(key);
    if (speaker != processes_.end()) speaker->second.last_heard = std::max(speaker->second.last_heard, now);
    if (const auto* request = std::get_if<wire::JoinRequest>(&message)) {
        join(key, *request, now, out);
        step(now, out);
        return;
    }
    if (speaker == processes_.end()) return;
    // Whoever is out has been told, or will be when it introduces itself on a fresh link; until then it is
    // not heard.
    const auto it = ledger_.living.find(speaker->second.incarnation);
    if (it == ledger_.living.end()) return;
    const Admission from = it->second;
    if (const auto* m = std::get_if<wire::RoundReady>(&message)) ready(from, *m, now, out);
    if (const auto* m = std::get_if<wire::CommitVote>(&message)) vote(from, *m, now, out);
    if (const auto* m = std::get_if<wire::SuspectReport>(&message)) suspect(from, *m, now);
    if (const auto* m = std::get_if<wire::ProbeReply>(&message)) probe_reply(from, *m);
    if (const auto* m = std::get_if<wire::OpExcludeRequest>(&message)) exclude(from, *m, now, out);
    if (const auto* m = std::get_if<wire::LeaveRequest>(&message)) remove(from.info.id, true, m->reason, out);
    if (const auto* m = std::get_if<wire::RecordQuery>(&message)) query_record(from, *m, out);
    step(now, out);
}

void CoordinatorCore::hear_of_links(const ProcessKey& key, const wire::LinkReport& report, Instant now) {
    const auto speaker = processes_.find(key);
    if (speaker == processes_.end() || !ledger_.in_view(speaker->second.incarnation)) return;
    const Incarnation from = speaker->second.incarnation;
    for (const wire::LinkReading& reading : report.links) {
        if (reading.to != from && ledger_.in_view(reading.to)) links_.note(from, reading, now);
    }
}

void CoordinatorCore::query_record(const Admission& from, const wire::RecordQuery& query,
                                   CoordinatorOutbox& out) {
    wire::RecordReply reply{query.nonce, false, {}};
    if (const wire::RoundRecord* record = record_of(ledger_, query.round)) {
        reply.found = true;
        reply.record = *record;
        // What a message cannot carry is left out: first the reports about ops, then the last ranks' bytes.
        std::vector<wire::Vote>& votes = reply.record.votes;
        constexpr size_t kRoom = limits::kMessageBytesMax - 64;
        size_t size = wire::encode_record(reply.record).size();
        if (size > kRoom) {
            for (wire::Vote& v : votes) v.ops.clear();
            size = wire::encode_record(reply.record).size();
        }
        for (auto v = votes.rbegin(); v != votes.rend() && size > kRoom; ++v) {
            size -= v->bytes.size();
            v->bytes.clear();
        }
    }
    send(from, std::move(reply), out);
}

void CoordinatorCore::give_notice(Instant now, CoordinatorOutbox& out) {
    if (waiting_.empty()) notice_sent_.clear();
    if (waiting_.empty() || waiting_ == notice_sent_) {
        notice_at_.reset();
        return;
    }
    if (!notice_at_) notice_at_ = now + limits::kNoticeInterval;
    if (now < *notice_at_) return wake_at(*notice_at_);
    notice_at_.reset();
    notice_sent_ = waiting_;
    out.push_back(LogLine{waiting_});
    const wire::WaitNotice notice{fencing_, ledger_.open ? ledger_.open->round : ledger_.last_round.next(),
                                  waiting_};
    for (const auto& [incarnation, a] : ledger_.living) {
        if (ready_.contains(incarnation) || votes_.contains(incarnation)) send(a, notice, out);
    }
}

void CoordinatorCore::evict(const MemberId& member, const std::string& reason, Instant now,
                            CoordinatorOutbox& out) {
    arrive(now);
    if (ledger_.find(member) != nullptr) remove(member, false, reason, out);
    step(now, out);
}

void CoordinatorCore::abort_round(const std::string& reason, Instant now, CoordinatorOutbox& out) {
    arrive(now);
    if (ledger_.open) {
        CommitAnswer answer;
        answer.kind = CommitAnswer::Kind::abort;
        answer.reason = reason;
        close_round(answer, out);
    }
    step(now, out);
}

std::vector<MemberStatus> CoordinatorCore::members() const {
    std::vector<MemberStatus> all;
    for (const auto& [incarnation, a] : ledger_.living) {
        MemberStatus s;
        s.info = a.info;
        s.boot = a.boot;
        s.in_view = ledger_.in_view(incarnation);
        if (const Process* p = process_of(a)) s.link_up = p->up, s.last_heard = p->last_heard;
        s.ready = ready_.contains(incarnation);
        s.participates = participates(a.info.id);
        s.voted = votes_.contains(incarnation);
        s.holds_state = holds_state(a.info.id);
        s.unreached = a.unreached;
        if (const auto it = reports_.find(incarnation); it != reports_.end()) {
            for (const auto& [by, standing] : it->second)
                s.suspected_by.push_back(ledger_.living.at(by).info.id);
        }
        all.push_back(std::move(s));
    }
    return all;
}

bool CoordinatorCore::tests(const PeerId& peer, uint64_t boot) const {
    return arrivals_.contains({peer, boot});
}

bool CoordinatorCore::knows(const PeerId& peer, uint64_t boot) const {
    const auto it = processes_.find({peer, boot});
    return it != processes_.end() && it->second.incarnation != Incarnation{};
}

Coordinator::Coordinator(std::unique_ptr<CoordinatorCore> core) : core_(std::move(core)) {}
Coordinator::Coordinator(Coordinator&&) noexcept = default;
Coordinator& Coordinator::operator=(Coordinator&&) noexcept = default;
Coordinator::~Coordinator() = default;

Result<Coordinator> Coordinator::restore(CoordinatorConfig config, FencingToken fencing,
                                         const std::vector<Bytes>& records, Instant now,
                                         CoordinatorOutbox& out) {
    Ledger ledger;
    for (size_t i = 0; i < records.size(); ++i) {
        const Result<Entry> entry = decode_entry(records[i]);
        const Status applied = entry.ok() ? ledger.apply(*entry) : Status(entry.error());
        if (!applied.ok())
            return fail(applied.error().code,
                        fmt::format("journal record {}: {}", i + 1, applied.error().detail));
    }
    const entry::Opened opened{config.run, fencing};
    if (Status applied = ledger.apply(opened); !applied.ok()) return applied.error();
    out.push_back(Journal{encode_entry(opened)});
    out.push_back(LogLine{fmt::format(
        "run {}: leading with fencing token {}, epoch {}, {} members, committed round {}", config.run,
        fencing.value, ledger.view.epoch.value, ledger.view.members.size(), ledger.committed.value)});
    return Coordinator(std::make_unique<CoordinatorCore>(std::move(config), fencing, std::move(ledger), now));
}

void Coordinator::link_up(const PeerId& peer, uint64_t boot, Instant now, CoordinatorOutbox& out) {
    core_->link_up(peer, boot, now, out);
}
void Coordinator::link_down(const PeerId& peer, uint64_t boot, const std::string& detail, Instant now,
                            CoordinatorOutbox& out) {
    core_->link_down(peer, boot, detail, now, out);
}
void Coordinator::peer_heard(const PeerId& peer, uint64_t boot, Instant last_heard) {
    core_->peer_heard(peer, boot, last_heard);
}
void Coordinator::on_message(const PeerId& peer, uint64_t boot, const wire::Message& message, Instant now,
                             CoordinatorOutbox& out) {
    core_->on_message(peer, boot, message, now, out);
}
void Coordinator::address_answered(uint64_t test, const std::optional<PeerId>& who, const std::string& cause,
                                   Instant now, CoordinatorOutbox& out) {
    core_->address_answered(test, who, cause, now, out);
}
std::optional<Instant> Coordinator::deadline() const { return core_->deadline(); }
void Coordinator::on_deadline(Instant now, CoordinatorOutbox& out) { core_->on_deadline(now, out); }
void Coordinator::evict(const MemberId& member, const std::string& reason, Instant now,
                        CoordinatorOutbox& out) {
    core_->evict(member, reason, now, out);
}
void Coordinator::abort_round(const std::string& reason, Instant now, CoordinatorOutbox& out) {
    core_->abort_round(reason, now, out);
}
std::vector<Bytes> Coordinator::condensed() const {
    std::vector<Bytes> records;
    for (const Entry& entry : core_->ledger().condensed()) records.push_back(encode_entry(entry));
    return records;
}
const wire::View& Coordinator::view() const { return core_->ledger().view; }
FencingToken Coordinator::fencing() const { return core_->fencing(); }
Round Coordinator::committed() const { return core_->ledger().committed; }
Round Coordinator::open_round() const { return core_->ledger().open ? core_->ledger().open->round : Round{}; }
std::optional<wire::RoundRecord> Coordinator::record(Round round) const {
    const wire::RoundRecord* record = record_of(core_->ledger(), round);
    return record ? std::optional(*record) : std::nullopt;
}
std::optional<Digest> Coordinator::committed_digest() const {
    const wire::RoundRecord* record = record_of(core_->ledger(), committed());
    return record ? std::optional(record->digest) : std::nullopt;
}
std::vector<MemberStatus> Coordinator::members() const { return core_->members(); }
bool Coordinator::knows(const PeerId& peer, uint64_t boot) const { return core_->knows(peer, boot); }
bool Coordinator::tests(const PeerId& peer, uint64_t boot) const { return core_->tests(peer, boot); }
const LinkMatrix& Coordinator::links() const { return core_->links(); }
std::string Coordinator::waiting_for() const { return core_->waiting_for(); }

}  // namespace whim::group
