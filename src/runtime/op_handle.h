// One started thing as the application sees it: running until it is completed once, then fixed for ever.
//
// Board is what the ops of one group share: the mutex that guards their completion, the condition that
// waiting threads sleep on, and the queue of callbacks that one thread of the board makes. Ops keep their
// board alive, so they may outlive the group. No lock is held while a callback runs.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

#include "base/time.h"
#include "engine/engine.h"

namespace whim::runtime {

class OpHandle;

class Board {
public:
    Board();
    ~Board();
    Board(const Board&) = delete;

    // OK: one has completed, and index says which. IN_PROGRESS, E_INTERRUPTED, E_WOULD_DEADLOCK otherwise.
    // Null entries are skipped; all others belong to this board.
    Code wait_any(std::span<OpHandle* const> ops, Duration timeout, size_t& index);
    void interrupt();  // everybody who waits now, not later waits
    void close();      // makes the callbacks still queued, then ends the thread; no more can be registered

    static bool inside_callback();  // of any board, on this thread

private:
    friend class OpHandle;
    void run_callbacks();

    std::mutex mu_;
    std::condition_variable completed_, callback_ready_;
    std::deque<std::shared_ptr<OpHandle>> to_call_;  // guarded by mu_
    uint64_t interrupts_ = 0;                        // guarded by mu_
    bool closed_ = false;                            // guarded by mu_
    std::thread thread_;
};

// What the kinds of op are called by the C API (whim_op_kind).
enum class OpKind : uint32_t {
    join = 0,
    leave,
    round_begin,
    round_commit,
    record,
    all_reduce,
    broadcast,
    barrier,
    agree,
    all_gather,
    reduce_scatter,
    neighbour_average,
    pair_average
};

class OpHandle : public std::enable_shared_from_this<OpHandle> {
public:
    using Callback = std::function<void(OpHandle&)>;

    OpHandle(std::shared_ptr<Board> board, AppOp app, OpKind kind, Instant started);

    // The end, once, by the engine's thread. done.app must be this op's.
    void complete(AppDone done, Instant at);

    // The application's hand on it: keeps the op alive until released.
    void hold() { held_ = shared_from_this(); }
    void release() { held_.reset(); }

    Code poll() const;  // IN_PROGRESS or the result
    Status on_complete(Callback callback);
    const AppDone* done() const;  // null while it runs; fixed afterwards
    Duration elapsed(Instant now) const;

    const std::shared_ptr<Board>& board() const { return board_; }
    AppOp app() const { return app_; }
    OpKind kind() const { return kind_; }

    // Set by whoever starts it, before others see it.
    std::function<void()> cancel;  // asks the engine; harmless when done or the group is gone
    std::function<std::string()> waiting_for;

private:
    friend class Board;
    const std::shared_ptr<Board> board_;
    const AppOp app_;
    const OpKind kind_;
    const Instant started_;
    std::shared_ptr<OpHandle> held_;  // the application's; touched by hold and release only

    // Guarded by board_->mu_; done_ and ended_ do not change once is_done_.
    bool is_done_ = false;
    bool has_callback_ = false;
    Callback callback_;
    AppDone done_;
    Instant ended_;
};

}  // namespace whim::runtime
