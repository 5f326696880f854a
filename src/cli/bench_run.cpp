// Meeting, and figures that all peers know in the end: each op is one that an application could call.
#include "cli/bench_run.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

#include "base/printable.h"
#include "wire/address.h"
#include "wire/invite.h"

namespace whim::cli {
namespace {

constexpr uint32_t kPatienceMs = 600'000;  // of one op, over whatever links there are
constexpr uint32_t kNewsMs = 5000;         // between two words on what is waited for
constexpr uint64_t kInviteSeconds = 86'400;
constexpr uint64_t kFingerprint =
    0x626e656863;  // a training run refuses a bench's peers, and the other way round
constexpr auto kLastLeaves = std::chrono::seconds(10);

template <class T> T value_of(Result<T> result, const char* what) {
    if (!result.ok()) throw std::runtime_error(what + result.error().detail);
    return std::move(*result);
}

// Waits for ever, saying now and then what for.
void wait_for(const whimbrel::Group& group, whimbrel::Op& op) {
    while (!op.wait(kNewsMs)) {
        char text[WHIM_TEXT_MAX] = "";
        whimbrel::check(whim_group_waiting_for(group.handle(), text, sizeof text));
        std::fprintf(stderr, "%s\n", printable(text).c_str());
    }
}

}  // namespace

std::string BenchRun::start_coordinator(const BenchOptions& options) {
    char directory[] = "/tmp/whimbrel-bench-XXXXXX";
    if (mkdtemp(directory) == nullptr) throw std::runtime_error("no scratch directory in /tmp");
    directory_.path = directory;
    coordinator::ServerOptions server;
    server.run = "bench";
    server.data_dir = directory_.path;
    server.listen = value_of(parse_address(options.coordinator), "--coordinator: ");
    server.tls = options.security == "tls";
    server.run_options.replicas_min = options.peers;
    server.log = [](const std::string&) {};
    coordinator_ = value_of(coordinator::CoordinatorServer::start(std::move(server)), "");
    const std::string invite = value_of(coordinator_->invite(kInviteSeconds), "");
    std::fprintf(stderr, "the others run the same with --invite %s\n", invite.c_str());
    return invite;
}

BenchRun::Directory::~Directory() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
}

BenchRun::BenchRun(const BenchOptions& options) {
    if (options.invite.empty() == options.coordinator.empty())
        throw std::runtime_error("give --invite, or --coordinator on one of the machines");
    if (std::getenv("WHIMBREL_LOG") == nullptr) whimbrel::check(whim_log_set_filter("error"));
    const std::string invite = options.coordinator.empty() ? options.invite : start_coordinator(options);
    tls_ = value_of(wire::decode_invite(invite), "--invite: ").tls;
    whim_group_options group = WHIM_GROUP_OPTIONS_INIT;
    group.invite = invite.c_str();
    group.security = tls_ ? WHIM_SECURITY_TLS : WHIM_SECURITY_NONE;
    group.fingerprint = kFingerprint;
    group.listen = options.listen.c_str();
    group.rate_limit = options.rate_limit;
    group.link_rate_limit = options.link_rate_limit;
    if (!options.name.empty()) group.name = options.name.c_str();
    if (!options.advertise.empty()) group.advertise = options.advertise.c_str();
    group_ = std::make_unique<whimbrel::Group>(group);
    auto join = group_->join();
    wait_for(*group_, join);
    meet(options.peers);
}

BenchRun::~BenchRun() {
    group_.reset();
    coordinator_.reset();
}

// A round without somebody is committed by those who are in it, and the next one is begun.
void BenchRun::meet(uint32_t peers) {
    while (!begin_round(peers)) {
        std::fprintf(stderr, "%zu of %u peers are here\n", names_.size(), peers);
        auto commit = group_->round_commit();
        wait_for(*group_, commit);
        std::this_thread::sleep_for(std::chrono::seconds(1));
    }
}

bool BenchRun::begin_round(uint32_t peers) {
    auto begin = group_->round_begin();
    wait_for(*group_, begin);
    const whim_round_info info = begin.round_info();
    if (info.world_size > peers)
        throw std::runtime_error(
            fmt::format("{} peers are here, more than --peers {}", info.world_size, peers));
    round_ = info.round;
    rank_ = info.rank;
    names_.clear();
    for (uint32_t rank = 0; rank < info.world_size; ++rank) {
        const whim_member member = begin.round_member(WHIM_ROUND_PARTICIPANTS, rank);
        names_.push_back(printable(member.name));
    }
    return info.world_size == peers;
}

void BenchRun::next_round() {
    const auto expected = static_cast<uint32_t>(peers());
    group_->round_commit().get(kPatienceMs);
    if (!begin_round(expected)) throw std::runtime_error("a peer is gone");
}

void BenchRun::barrier() { group_->barrier().get(kPatienceMs); }

std::vector<double> BenchRun::reduce(const std::vector<double>& mine, whim_reduce how) {
    std::vector<double> all(mine.size());
    group_->all_reduce(mine.data(), all.data(), mine.size(), WHIM_F64, how).get(kPatienceMs);
    return all;
}

std::vector<double> BenchRun::sum(const std::vector<double>& mine) { return reduce(mine, WHIM_SUM); }
std::vector<double> BenchRun::max(const std::vector<double>& mine) { return reduce(mine, WHIM_MAX); }

std::vector<whim_link_info> BenchRun::links() const {
    whim_view* raw = nullptr;
    whimbrel::check(whim_group_view(group_->handle(), &raw));
    const std::unique_ptr<whim_view, void (*)(whim_view*)> view(raw, &whim_view_release);
    std::vector<whim_link_info> all;
    for (uint32_t rank = 0; rank < whim_view_size(raw); ++rank) {
        whim_link_info link = WHIM_LINK_INFO_INIT;
        whimbrel::check(whim_view_get_link(raw, rank, &link));
        all.push_back(link);
    }
    if (all.size() != peers()) throw std::runtime_error("a peer is gone");
    return all;
}

void BenchRun::finish() {
    group_->round_commit().get(kPatienceMs);
    group_->leave("the bench is over").get(kPatienceMs);
    const auto patience = std::chrono::steady_clock::now() + kLastLeaves;
    while (coordinator_ && std::chrono::steady_clock::now() < patience) {
        const auto snapshot = coordinator_->snapshot();
        if (!snapshot || snapshot->members.empty()) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
}

std::string machine() {
    std::string processor = "unknown processor";
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        if (line.rfind("model name", 0) == 0) processor = line.substr(line.find(':') + 2);
    }
    return fmt::format("{}, {} cores", processor, std::thread::hardware_concurrency());
}

}  // namespace whim::cli
