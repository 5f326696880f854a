// The commands of transcripts.
#include "script.h"

#include <fmt/format.h>

#include <sstream>

#include "describe.h"
#include "tests/unit/group/group_world.h"

namespace whim::group {
namespace {

class Stage {
public:
    Stage() {
        world_.on_log = [this](const std::string& text) { say("coordinator: " + text); };
        world_.on_effect = [this](uint8_t n, const MemberEffect& effect) {
            say(fmt::format("r{}: {}", n, describe(effect)));
        };
    }

    void command(const std::string& line) {
        std::istringstream in(line);
        std::string verb;
        in >> verb;
        std::vector<std::string> words;
        for (std::string word; in >> word;) words.push_back(word);
        const auto number = [&](size_t i) { return i < words.size() ? std::stoull(words[i]) : 0; };
        const auto peer = [&](size_t i) { return static_cast<uint8_t>(number(i)); };
        World& w = world_;
        if (verb == "coordinator") {
            if (words.at(0) != "start") w.kill_coordinator();
            if (words.at(0) != "kill") w.start_coordinator();
        } else if (verb == "found") {
            w.found(peer(0));
        } else if (verb == "add") {
            for (size_t i = 0; i < words.size(); ++i) w.add(peer(i));
        } else if (verb == "join") {
            for (size_t i = 0; i < words.size(); ++i) w.join(peer(i));
        } else if (verb == "leave") {
            w.with(peer(0), [&](MemberOutbox& out) { w.peers[peer(0)].member->leave("done", w.now, out); });
        } else if (verb == "begin") {
            answer(w.begin(peer(0), number(1)));
        } else if (verb == "commit") {
            const bool diverged = words.back() == "diverged";
            const size_t peers = words.size() - (diverged ? 3 : 2);
            for (size_t i = 0; i < peers; ++i)
                answer(w.commit(peer(i), number(peers), peer(peers + 1), diverged));
        } else if (verb == "kill") {
            w.kill(peer(0));
        } else if (verb == "restart") {
            w.add(peer(0));
        } else if (verb == "freeze") {
            w.freeze(peer(0));
        } else if (verb == "thaw") {
            w.thaw(peer(0));
        } else if (verb == "cut") {
            w.cut.insert({std::min(peer(0), peer(1)), std::max(peer(0), peer(1))});
        } else if (verb == "shut") {
            std::string why;
            for (size_t i = 1; i < words.size(); ++i) why += (i > 1 ? " " : "") + words[i];
            w.shut[peer(0)] = why;
        } else if (verb == "stand_in") {
            w.stand_ins[peer(0)] = peer(1);
        } else if (verb == "require_reachable") {
            w.peers[peer(0)].config.require_reachable = true;
            w.peers[peer(0)].member = std::make_unique<Member>(w.peers[peer(0)].config);
            w.connect(peer(0));
        } else if (verb == "disconnect") {
            w.disconnect(peer(0), "connection reset");
        } else if (verb == "connect") {
            w.connect(peer(0));
        } else if (verb == "exclude") {
            exclude(peer(0), words);
        } else if (verb == "abort" || verb == "evict") {
            CoordinatorOutbox out;
            if (verb == "abort") w.coordinator->abort_round(words.at(0), w.now, out);
            else w.coordinator->evict(w.id(peer(0)), "by the operator", w.now, out);
            w.perform(out);
        } else if (verb == "record") {
            w.with(peer(0),
                   [&](MemberOutbox& out) { w.peers[peer(0)].member->record(1, {number(1)}, w.now, out); });
        } else if (verb == "option") {
            option(words.at(0), static_cast<uint32_t>(number(1)));
        } else if (verb == "run") {
            w.run(milliseconds(static_cast<int64_t>(number(0))));
        } else if (verb == "state") {
            state();
        } else {
            say("unknown command");
        }
    }

    std::string take() { return std::exchange(text_, {}); }

private:
    void say(const std::string& what) {
        text_ += fmt::format("{:>7} ms  {}\n", (world_.now - Instant{1'000'000'000}).ms(), what);
    }
    void answer(const Status& status) {
        if (!status.ok())
            say(fmt::format("refused: {}: {}", code_name(status.error().code), status.error().detail));
    }
    void option(const std::string& name, uint32_t value) {
        wire::RunOptions& options = world_.config.options;
        if (name == "replicas_min") options.replicas_min = value;
        else if (name == "round_grace_ms") options.round_grace_ms = value;
        else if (name == "suspect_after_ms") options.suspect_after_ms = value;
        else say("unknown option");
    }
    void exclude(uint8_t asker, const std::vector<std::string>& words) {
        wire::OpExcludeRequest request;
        const size_t slash = words.at(1).find('/');
        request.op.round = {std::stoull(words[1].substr(0, slash))};
        request.op.tag = std::stoull(words[1].substr(slash + 1));
        for (size_t i = 2; i < words.size(); ++i)
            request.members.push_back(world_.id(static_cast<uint8_t>(std::stoul(words[i]))));
        request.birth_count = static_cast<uint32_t>(world_.peers.size());
        request.min_contributors = 2;
        request.reason = "too slow";
        world_.with(
            asker, [&](MemberOutbox& out) { world_.peers[asker].member->exclude(request, world_.now, out); });
    }
    void state() {
        const Coordinator& c = *world_.coordinator;
        say(fmt::format("epoch {}, committed {}, open {}, fencing {}{}", c.view().epoch.value,
                        c.committed().value, c.open_round().value, c.fencing().value,
                        c.waiting_for().empty() ? "" : ", " + c.waiting_for()));
        for (const MemberStatus& m : c.members()) {
            say(fmt::format("  {}#{} {}{}{}{}", m.info.name, m.info.id.incarnation.value,
                            m.in_view ? "in the view" : "waiting", m.link_up ? "" : ", not connected",
                            m.ready ? ", ready" : "",
                            fmt::format("{}{}", m.holds_state ? ", holds the state" : "",
                                        m.info.outbound_only ? ", outbound only" : "")));
        }
        for (const auto& [n, peer] : world_.peers) {
            if (peer.member && !peer.member->waiting_for().empty())
                say(fmt::format("  r{} {}", n, peer.member->waiting_for()));
        }
    }

    World world_;
    std::string text_;
};

}  // namespace

std::string play(const std::string& script) {
    std::istringstream in(script);
    std::string text;
    Stage stage;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("> ")) {
            text += line + "\n";
            stage.command(line.substr(2));
            text += stage.take();
        } else if (line.starts_with("#") || line.empty()) {
            text += line + "\n";
        }
    }
    return text;
}

}  // namespace whim::group
