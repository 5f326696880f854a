// Statements are a verb with its own function; the first that is wrong ends the reading.
#include "collectives/plan/link_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/limits.h"
#include "base/rate_units.h"

namespace whim::plan {
namespace {

using Words = std::vector<std::string_view>;

struct TimeUnit {
    std::string_view name;
    double factor;  // microseconds
};

// A number and one of the units; what is above `most` is no sensible quantity.
template <class Unit, size_t N>
std::optional<double> quantity(std::string_view text, const std::array<Unit, N>& units, double most) {
    double number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
    if (error != std::errc{}) return std::nullopt;
    const std::string_view name(rest, static_cast<size_t>(end - rest));
    for (const Unit& unit : units) {
        if (name != unit.name && !(name.empty() && number == 0)) continue;
        const double value = number * unit.factor;
        if (value >= 0 && value <= most) return value;
        break;
    }
    return std::nullopt;
}

std::optional<uint64_t> rate_of(std::string_view text) {
    constexpr auto kMost = static_cast<double>(limits::kPlanRateMax);
    if (text == "unlimited") return limits::kPlanRateMax;
    const auto rate = quantity(text, kRateUnits, kMost);
    return rate && *rate >= 1 ? std::optional(static_cast<uint64_t>(*rate)) : std::nullopt;
}

std::optional<uint32_t> microseconds_of(std::string_view text) {
    constexpr std::array<TimeUnit, 4> kUnits = {{{"s", 1e6}, {"ms", 1e3}, {"us", 1}, {"ns", 1e-3}}};
    const auto us = quantity(text, kUnits, 4e9);
    return us ? std::optional(static_cast<uint32_t>(*us + 0.5)) : std::nullopt;
}

Words words_of(std::string_view line) {
    line = line.substr(0, line.find('#'));
    constexpr std::string_view kBlanks = " \t\r";
    Words words;
    for (size_t at = line.find_first_not_of(kBlanks); at != line.npos;
         at = line.find_first_not_of(kBlanks, at)) {
        const size_t end = std::min(line.find_first_of(kBlanks, at), line.size());
        words.push_back(line.substr(at, end - at));
        at = end;
    }
    return words;
}

Error wrong(std::string what) { return fail(Code::E_INVALID, std::move(what)); }

class Reading {
public:
    Status line(std::string_view text) {
        const Words words = words_of(text);
        if (words.empty()) return {};
        if (words[0] == "host") return host(words);
        if (words[0] == "link" || words[0] == "oneway" || words[0] == "cut") return link(words);
        for (const std::string_view other : {"congestion", "sysctl", "seed", "mtu", "subnet"})
            if (words[0] == other) return {};
        return wrong(fmt::format("unknown statement '{}'", words[0]));
    }

    Result<NamedLinks> take() {
        if (hosts_.size() < 2) return wrong("fewer than two hosts");
        begin_links();
        const auto n = static_cast<uint32_t>(hosts_.size());
        for (uint32_t a = 0; a < n; ++a)
            for (uint32_t b = 0; b < n; ++b) {
                if (a == b) continue;
                const uint64_t both = uint64_t{delay_us_[a * n + b]} + delay_us_[b * n + a];
                links_->pair(a, b).rtt_us = static_cast<uint32_t>(std::min<uint64_t>(both, UINT32_MAX));
            }
        return NamedLinks{std::move(hosts_), std::move(regions_), std::move(*links_)};
    }

private:
    Status host(const Words& words) {
        if (links_) return wrong("hosts come before the links");
        if (words.size() < 2) return wrong("usage: host NAME [KEY=VALUE...]");
        if (hosts_.size() == limits::kMembersMax)
            return wrong(fmt::format("more than {} hosts", limits::kMembersMax));
        if (words[1] == "*" || words[1].find(',') != words[1].npos || words[1].size() > limits::kNameBytesMax)
            return wrong(fmt::format("'{}' is no host's name", words[1]));
        if (std::find(hosts_.begin(), hosts_.end(), words[1]) != hosts_.end())
            return wrong(fmt::format("there are two hosts '{}'", words[1]));
        Links::Member member;
        for (size_t i = 2; i < words.size(); ++i)
            if (Status status = set(member, words[i]); !status.ok()) return status;
        hosts_.emplace_back(words[1]);
        members_.push_back(member);
        return {};
    }

    Status set(Links::Member& member, std::string_view word) {
        const size_t equals = word.find('=');
        const std::string_view key = word.substr(0, equals);
        const std::string_view value = equals == word.npos ? "" : word.substr(equals + 1);
        if (key == "up" || key == "down") {
            const auto rate = rate_of(value);
            if (!rate) return wrong(fmt::format("'{}' is no rate, such as 100mbit or 1gbit", value));
            (key == "up" ? member.up : member.down) = *rate;
        } else if (key == "region") {
            const auto known = std::find(regions_.begin(), regions_.end(), value);
            member.region = static_cast<uint32_t>(known - regions_.begin());
            if (known == regions_.end()) regions_.emplace_back(value);
        } else if (key != "up_queue" && key != "down_queue") {
            return wrong(fmt::format("a host has no '{}'; it has region, up and down", key));
        }
        return {};
    }

    void begin_links() {
        if (links_) return;
        links_.emplace(static_cast<uint32_t>(hosts_.size()));
        for (uint32_t v = 0; v < hosts_.size(); ++v) links_->member(v) = members_[v];
        delay_us_.resize(hosts_.size() * hosts_.size());
    }

    Status link(const Words& words) {
        const bool cuts = words[0] == "cut";
        if (hosts_.size() < 2) return wrong("hosts come before the links");
        if (cuts ? words.size() != 3 : words.size() < 4)
            return wrong(fmt::format("usage: {} A B{}", words[0], cuts ? "" : " KEY=VALUE..."));
        begin_links();
        const auto from = named(words[1]), to = named(words[2]);
        if (from.empty() || to.empty())
            return wrong(fmt::format("no host '{}'", words[from.empty() ? 1 : 2]));
        for (size_t i = cuts ? 2 : 3; i < words.size(); ++i)
            for (const uint32_t a : from)
                for (const uint32_t b : to) {
                    if (a == b) continue;
                    if (Status status = change(a, b, cuts ? "cut" : words[i], words[0] != "oneway");
                        !status.ok())
                        return status;
                }
        return {};
    }

    Status change(uint32_t a, uint32_t b, std::string_view word, bool both) {
        const size_t n = hosts_.size(), equals = word.find('=');
        const std::string_view key = word.substr(0, equals);
        const std::string_view value = equals == word.npos ? "" : word.substr(equals + 1);
        if (key == "cut") {
            links_->pair(a, b).cut = links_->pair(b, a).cut = true;
        } else if (key == "rate") {
            const auto rate = rate_of(value);
            if (!rate) return wrong(fmt::format("'{}' is no rate, such as 100mbit or 1gbit", value));
            links_->pair(a, b).rate = *rate;
            if (both) links_->pair(b, a).rate = *rate;
        } else if (key == "rtt" || key == "delay") {
            const auto us = microseconds_of(value);
            if (!us) return wrong(fmt::format("'{}' is no time, such as 80ms or 1.5s", value));
            const uint32_t one_way = key == "rtt" ? *us - *us / 2 : *us;
            delay_us_[a * n + b] = one_way;
            if (both) delay_us_[b * n + a] = key == "rtt" ? *us / 2 : *us;
        } else {
            for (const std::string_view other : {"jitter", "jitter_period", "loss", "burst", "queue"})
                if (key == other) return {};
            return wrong(fmt::format("a link has no '{}'; it has rtt, delay and rate", key));
        }
        return {};
    }

    std::vector<uint32_t> named(std::string_view names) const {
        std::vector<uint32_t> found;
        while (true) {
            const size_t comma = names.find(',');
            const std::string_view name = names.substr(0, comma);
            for (uint32_t v = 0; v < hosts_.size(); ++v) {
                const uint32_t region = members_[v].region;
                if (name == "*" || name == hosts_[v] || (region != 0 && regions_[region] == name))
                    found.push_back(v);
            }
            if (comma == names.npos) break;
            names.remove_prefix(comma + 1);
        }
        return found;
    }

    std::vector<std::string> hosts_, regions_{""};
    std::vector<Links::Member> members_;
    std::optional<Links> links_;
    std::vector<uint32_t> delay_us_;
};

}  // namespace

Result<NamedLinks> parse_links(std::string_view text) {
    if (text.size() > limits::kPlanTextBytesMax) return wrong("the text is too long");
    Reading reading;
    size_t number = 0;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        ++number;
        if (Status status = reading.line(text.substr(0, end)); !status.ok())
            return wrong(fmt::format("line {}: {}", number, status.error().detail));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return reading.take();
}

}  // namespace whim::plan
