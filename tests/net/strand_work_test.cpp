// Strands that have their turns at once on the workers of a pool, over loopback sockets and TLS: what arrives
// is what was sent, whatever connections are lost; and the pool runs each task once, beside its jobs.
#include "net_peer.h"
#include "proxy.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <set>

#include "runtime/worker_pool.h"
#include "transport/asio/identity_file.h"
#include "transport/session/tls_channel.h"

namespace whim::testing {
namespace {

using runtime::WorkerPool;

constexpr uint32_t kStrands = 4;

// Counts what the pool is given, and what others than the I/O thread do of it. Always asked: whether a
// machine has cores to spare is not what is tested.
class Counting final : public Helpers {
public:
    bool free() override {
        (void)pool_.free();
        return true;
    }
    void share(size_t count, const std::function<void(size_t)>& task) override {
        tasks += count;
        pool_.share(count, [&, caller = std::this_thread::get_id()](size_t i) {
            helped += std::this_thread::get_id() != caller;
            task(i);
        });
    }
    std::atomic<uint64_t> tasks = 0, helped = 0;

private:
    WorkerPool pool_{3, [](uint64_t, std::exception_ptr) {}};
};

struct Process {
    Process() : identity(generate_identity()) {
        channels = std::move(TlsChannelFactory::create(identity).value());
        peer = std::make_unique<NetPeer>(identity.id(), channels.get());
        peer->share_work(helpers);
    }
    Identity identity;
    std::unique_ptr<TlsChannelFactory> channels;
    Counting helpers;
    std::unique_ptr<NetPeer> peer;
};

LinkOptions options_to(const Address& address) {
    LinkOptions options;
    options.addresses = {address};
    options.bulk_strands = kStrands;
    options.local_instance = {1};
    return options;
}

TEST(StrandWork, CarriesBulkBothWaysWhileStrandsAreLost) {
    Process a, b;
    const Address listens = *b.peer->listen({"127.0.0.1", 0});
    Proxy proxy(listens);
    const Address at = proxy.address();
    b.peer->accept = options_to(at);
    b.peer->accept->addresses.clear();
    b.peer->accept->dial = false;
    a.peer->data = noise(48 << 20);
    b.peer->data = noise(16 << 20);
    b.peer->got.resize(a.peer->data.size());
    a.peer->got.resize(b.peer->data.size());
    a.peer->run();
    b.peer->run();
    a.peer->call([&](Endpoint& e) { e.open_link(b.peer->key(), options_to(at), AsioDriver::now()); });
    ASSERT_TRUE(a.peer->wait([&] { return a.peer->events.size() == 1; }));
    ASSERT_TRUE(b.peer->wait([&] { return b.peer->events.size() == 1; }));
    for (int round = 0; round < 4; ++round) {
        a.peer->call([&](Endpoint&) { a.peer->frames.clear(), a.peer->got.assign(a.peer->got.size(), {}); });
        b.peer->call([&](Endpoint&) { b.peer->frames.clear(), b.peer->got.assign(b.peer->got.size(), {}); });
        a.peer->give(b.peer->key(), 1 << 20);
        b.peer->give(a.peer->key(), 300'000);
        if (round % 2) {
            a.peer->wait([&] { return a.peer->frames.size() > 10; });
            proxy.break_all();
        }
        const size_t there = (b.peer->data.size() + 299'999) / 300'000;
        ASSERT_TRUE(b.peer->wait([&] { return b.peer->frames.size() == a.peer->data.size() >> 20; }));
        ASSERT_TRUE(a.peer->wait([&] { return a.peer->frames.size() == there; }));
        EXPECT_TRUE(b.peer->call([&](Endpoint&) { return b.peer->got == a.peer->data; }));
        EXPECT_TRUE(a.peer->call([&](Endpoint&) { return a.peer->got == b.peer->data; }));
    }
    EXPECT_TRUE(a.peer->wait([&] { return a.peer->pinned == 0; }));
    EXPECT_TRUE(b.peer->wait([&] { return b.peer->pinned == 0; }));
    EXPECT_GT(a.helpers.tasks + b.helpers.tasks, 20u);
    EXPECT_GT(a.helpers.helped + b.helpers.helped, 0u);
}

TEST(WorkerPool, SharesEachTaskOnce) {
    WorkerPool pool(3, [](uint64_t, std::exception_ptr) {});
    for (size_t count = 0; count < 2'000; ++count) {
        std::vector<std::atomic<int>> runs(count % 17);
        pool.share(runs.size(), [&](size_t i) { ++runs[i]; });
        for (const auto& times : runs) ASSERT_EQ(times, 1);
    }
}

// What a job throws goes to whoever waits for it, and the worker goes on.
TEST(WorkerPool, TellsWhatAJobThrew) {
    ReducerParts parts;
    parts.name = "test-throws";
    parts.dtypes = 1u << static_cast<uint32_t>(Dtype::f32);
    parts.reduce = [](const Contributions&, MutableByteSpan) -> bool { throw std::bad_alloc(); };
    std::mutex mu;
    std::condition_variable done;
    std::vector<std::string> told;
    WorkerPool pool(1, [&](uint64_t id, std::exception_ptr thrown) {
        std::string what = std::to_string(id);
        try {
            if (thrown) std::rethrow_exception(thrown);
        } catch (const std::bad_alloc&) { what += " threw"; }
        const std::lock_guard lock(mu);
        told.push_back(what);
        done.notify_one();
    });
    std::vector<float> in = {1}, out = {0};
    op::Job job{.id = 1, .reduce = Reduce::custom};
    job.inputs.push_back({std::as_bytes(std::span(in)), 1.0f});
    job.ranks = {0};
    job.out = std::as_writable_bytes(std::span(out));
    job.outcome = std::make_shared<op::JobOutcome>();
    job.reducer = std::make_shared<CustomReducer>(parts);
    pool.submit(job);
    job.id = 2;
    job.reduce = Reduce::sum;
    job.reducer = nullptr;
    pool.submit(job);
    std::unique_lock lock(mu);
    ASSERT_TRUE(done.wait_for(lock, std::chrono::seconds(20), [&] { return told.size() == 2; }));
    EXPECT_EQ(told, (std::vector<std::string>{"1 threw", "2"}));
}

TEST(WorkerPool, ThatWasStoppedLeavesAllToTheCaller) {
    WorkerPool pool(2, [](uint64_t, std::exception_ptr) {});
    pool.stop();
    std::set<std::thread::id> threads;
    pool.share(5, [&](size_t) { threads.insert(std::this_thread::get_id()); });
    EXPECT_EQ(threads, std::set{std::this_thread::get_id()});
}

}  // namespace
}  // namespace whim::testing
