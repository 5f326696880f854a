// The shell around one engine: threads, time, sockets. One Runtime is one group of the C API.
//
// The I/O thread owns engine and sockets; application threads post commands to it and never touch either.
// Reductions run on the worker pool (small ones inline), callbacks on the board's thread. shutdown() stops
// the threads in that order and only then completes what is still open, so a buffer is free when its op has
// completed.
#pragma once

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "engine/engine.h"
#include "runtime/event_queue.h"
#include "runtime/op_handle.h"
#include "runtime/peer_options.h"
#include "runtime/worker_pool.h"
#include "transport/asio/driver.h"

namespace whim::runtime {

class Runtime : public std::enable_shared_from_this<Runtime> {
public:
    // Reads or makes the key, binds the port, starts the threads. Contacts nobody.
    static Result<std::shared_ptr<Runtime>> create(PeerOptions options);
    ~Runtime();

    // Ends everything at once; idempotent. Not from a callback.
    void shutdown();

    using Handle = std::shared_ptr<OpHandle>;
    Result<Handle> join();
    Result<Handle> leave(std::string reason);
    Result<Handle> round_begin(Round state_round);
    Result<Handle> round_commit(Round round, wire::Vote vote);  // round 0: begun last
    Result<Handle> record(Round round);
    Result<Handle> post(OpKind kind, Round birth, PostOptions options);  // birth 0: begun last

    Status limit_rate(uint64_t all_links, uint64_t each_link);  // E_LEFT once it has ended

    // What question(engine) answers on the I/O thread; nullopt once shut down.
    template <class Question>
    auto ask(Question question) -> std::optional<decltype(question(std::declval<const Engine&>()))>;

    EventQueue& events() { return *events_; }
    Board& board() { return *board_; }
    const PeerOptions& options() const { return options_; }  // advertise as it came out
    const PeerId& id() const { return id_; }
    const Address& listening() const { return listening_; }
    size_t ops_open();
    bool coordinator_connected() const { return coordinator_connected_; }
    std::optional<std::string> waiting_for();  // of the oldest op that waits for something

private:
    explicit Runtime(PeerOptions options);
    Status open();
    Status choose_identity();
    void choose_advertised();

    using Command = std::function<void(Engine&, AppOp, Instant)>;
    Result<Handle> start(OpKind kind, Command command);
    Round begun_or(Round named);
    Status enqueue(std::function<void()> on_io_thread);  // E_LEFT, or what broke, once it has ended

    // On the I/O thread.
    void run_io();
    void step();  // after all that was fed to the engine: performs effects, sets the timer
    void perform(EngineEffect effect);
    void run_or_submit(op::Job job);
    void complete(AppDone done);
    void publish(EngineEvent event);
    void set_timer();

    void complete_all(const Error& why);

    // Fixed after create().
    PeerOptions options_;
    PeerId id_;
    Address listening_;
    std::unique_ptr<ChannelFactory> channels_;  // null: security none
    std::shared_ptr<Board> board_;
    std::unique_ptr<EventQueue> events_;

    // I/O thread only, while it runs.
    std::unique_ptr<asio::io_context> io_;
    std::unique_ptr<asio::steady_timer> timer_;
    std::optional<Instant> timer_at_;
    std::unique_ptr<AsioDriver> driver_;
    std::unique_ptr<Engine> engine_;
    op::Scratch scratch_;
    size_t encoded_bytes_ = 0;  // by jobs of this step that were run at once

    std::atomic<bool> coordinator_connected_ = false;

    std::mutex mu_;                 // leaf
    std::optional<Error> ended_;    // guarded by mu_: why nothing more is accepted
    AppOp last_app_;                // guarded by mu_
    Round begun_;                   // guarded by mu_: what the application knows to have begun
    std::map<AppOp, Handle> open_;  // guarded by mu_

    std::unique_ptr<WorkerPool> workers_;
    std::thread io_thread_;
};

template <class Question>
auto Runtime::ask(Question question) -> std::optional<decltype(question(std::declval<const Engine&>()))> {
    using Answer = decltype(question(std::declval<const Engine&>()));
    auto promise = std::make_shared<std::promise<Answer>>();
    auto answer = promise->get_future();
    if (!enqueue([this, promise, question] { promise->set_value(question(std::as_const(*engine_))); }))
        return std::nullopt;
    promise.reset();
    // An I/O thread that has failed answers no more, and what was queued for it is dropped only later.
    const auto over = [this] {
        const std::lock_guard lock(mu_);
        return ended_.has_value();
    };
    while (answer.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready) {
        if (over()) return std::nullopt;
    }
    try {
        return answer.get();
    } catch (const std::future_error&) {  // shut down in between: the command was dropped
        return std::nullopt;
    }
}

}  // namespace whim::runtime
