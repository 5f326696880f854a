// The /metrics page: a snapshot as OpenMetrics text.
#include <optional>

#include <fmt/format.h>

#include "base/printable.h"
#include "coordinator/snapshot.h"

namespace whim::coordinator {
namespace {

// A label's value: one line of UTF-8, with backslash and quote escaped.
std::string label_value(const std::string& text) {
    std::string out;
    for (const char c : printable(text)) {
        if (c == '\\' || c == '"') out += '\\';
        out += c;
    }
    return out;
}

class Page {
public:
    void gauge(const char* name, const char* help, double value) {
        family(name, "gauge", help), line(name, "", value);
    }
    void counter(const char* name, const char* help, uint64_t value) {
        family(name, "counter", help);
        line(fmt::format("{}_total", name), "", static_cast<double>(value));
    }
    void family(const char* name, const char* type, const char* help) {
        text_ += fmt::format("# TYPE whimbrel_{} {}\n# HELP whimbrel_{} {}\n", name, type, name, help);
    }
    void line(const std::string& name, const std::string& labels, double value) {
        text_ += fmt::format("whimbrel_{}{} {}\n", name, labels.empty() ? "" : "{" + labels + "}", value);
    }
    std::string finish() { return std::move(text_) + "# EOF\n"; }

private:
    std::string text_;
};

void add_links(Page& page, const std::vector<LinkLine>& links) {
    const auto each = [&](const char* name, const char* type, const char* help, const char* suffix,
                          auto value) {
        page.family(name, type, help);
        for (const LinkLine& l : links) {
            const std::optional<double> known = value(l);
            if (!known) continue;
            page.line(fmt::format("{}{}", name, suffix),
                      fmt::format("from=\"{}\",to=\"{}\",from_name=\"{}\",to_name=\"{}\"", l.from, l.to,
                                  label_value(l.from_name), label_value(l.to_name)),
                      *known);
        }
    };
    const auto gauge = [&](const char* name, const char* help, auto value) {
        each(name, "gauge", help, "", value);
    };
    const auto seconds = [](int64_t us) -> std::optional<double> {
        if (us <= 0) return std::nullopt;
        return static_cast<double>(us) / 1e6;
    };
    gauge("link_up", "1 while the link works.",
          [](const LinkLine& l) { return std::optional(l.up ? 1.0 : 0.0); });
    gauge("link_relayed", "1 while a third member relays the link.",
          [](const LinkLine& l) { return std::optional(l.via.empty() ? 0.0 : 1.0); });
    gauge("link_rtt_seconds", "Round trip of heartbeats, smoothed.",
          [&](const LinkLine& l) { return seconds(l.rtt_us); });
    gauge("link_rtt_min_seconds", "The shortest round trip; what is beyond it queues on the way.",
          [&](const LinkLine& l) { return seconds(l.rtt_min_us); });
    gauge("link_rate_bytes_per_second", "Delivered in spans with enough to carry.", [](const LinkLine& l) {
        return l.rate == 0 ? std::nullopt : std::optional(static_cast<double>(l.rate));
    });
    gauge("link_retransmitted_ratio", "Share of the bytes sent that the system sent again.",
          [](const LinkLine& l) { return std::optional(l.retransmitted_ratio); });
    gauge("link_strands", "Connections used for bulk data.",
          [](const LinkLine& l) { return std::optional(static_cast<double>(l.strands)); });
    gauge("link_pace_bytes_per_second", "Bound on what bulk leaves at; absent: none.", [](const LinkLine& l) {
        return l.pace == 0 ? std::nullopt : std::optional(static_cast<double>(l.pace));
    });
    gauge("link_lossy", "1 while losses are taken for random.",
          [](const LinkLine& l) { return std::optional(l.lossy ? 1.0 : 0.0); });
    each("link_sent_bytes", "counter", "Sent since the link was opened.", "_total",
         [](const LinkLine& l) { return std::optional(static_cast<double>(l.bytes)); });
}

}  // namespace

std::string metrics_text(const Snapshot& s) {
    Page page;
    uint64_t members = 0, joining = 0, connected = 0;
    for (const MemberLine& m : s.members) {
        ++(m.in_view ? members : joining);
        connected += m.link_up;
    }
    page.gauge("members", "Members of the view.", static_cast<double>(members));
    page.gauge("members_joining", "Admitted peers that wait for the next round.",
               static_cast<double>(joining));
    page.gauge("members_connected", "Admitted peers with a link to the coordinator.",
               static_cast<double>(connected));
    page.gauge("epoch", "Number of the view.", static_cast<double>(s.epoch));
    page.gauge("fencing_token", "Fencing token of this coordinator.", static_cast<double>(s.fencing));
    page.gauge("round_committed", "Last committed round.", static_cast<double>(s.committed));
    page.gauge("round_open", "Round begun and not ended; 0: none.", static_cast<double>(s.open_round));
    page.gauge("uptime_seconds", "Since this coordinator started.", static_cast<double>(s.uptime_ms) / 1000);
    page.gauge("journal_healthy", "1 while the journal can be written.", s.journal_error.empty() ? 1 : 0);
    const Counters& c = s.counters;
    page.counter("admissions", "Peers admitted.", c.admissions);
    page.counter("refusals", "Requests to join that were refused.", c.refusals);
    page.counter("evictions", "Members evicted.", c.evictions);
    page.counter("leaves", "Members that left.", c.leaves);
    page.counter("rounds_begun", "Rounds begun.", c.rounds_begun);
    page.counter("rounds_committed", "Rounds committed.", c.rounds_committed);
    page.counter("rounds_aborted", "Rounds aborted.", c.rounds_aborted);
    page.counter("op_exclusions", "Members left out of single ops.", c.op_exclusions);
    page.counter("journal_records", "Records written to the journal.", c.journal_records);
    page.counter("journal_transactions", "Transactions that wrote them.", c.journal_transactions);
    page.counter("messages_received", "Messages from peers.", c.messages_received);
    page.counter("messages_malformed", "Messages that could not be read; their links were closed.",
                 c.messages_malformed);
    page.family("member_silent_seconds", "gauge", "Since the last sign of life of a member.");
    for (const MemberLine& m : s.members) {
        page.line("member_silent_seconds",
                  fmt::format("peer=\"{}\",incarnation=\"{}\",name=\"{}\"", m.peer.substr(0, 8),
                              m.incarnation, label_value(m.name)),
                  static_cast<double>(m.silent_ms) / 1000);
    }
    add_links(page, s.links);
    return page.finish();
}

}  // namespace whim::coordinator
