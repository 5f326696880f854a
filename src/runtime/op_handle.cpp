// Completion, waiting and callbacks under one leaf mutex per group.
#include "runtime/op_handle.h"

#include <algorithm>
#include <chrono>

#include "runtime/system.h"

namespace whim::runtime {
namespace {

thread_local bool inside_callback_now = false;

}  // namespace

Board::Board() : thread_([this] { run_callbacks(); }) {}

Board::~Board() { close(); }

bool Board::inside_callback() { return inside_callback_now; }

Code Board::wait_any(std::span<OpHandle* const> ops, Duration timeout, size_t& index) {
    const auto any_done = [&] {
        const auto hit =
            std::find_if(ops.begin(), ops.end(), [](const OpHandle* op) { return op && op->is_done_; });
        index = static_cast<size_t>(hit - ops.begin());
        return hit != ops.end();
    };
    std::unique_lock lock(mu_);
    if (any_done()) return Code::OK;
    if (timeout.ns <= 0) return Code::IN_PROGRESS;
    if (inside_callback()) return Code::E_WOULD_DEADLOCK;
    const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(timeout.ns);
    const uint64_t interrupts_before = interrupts_;
    const auto woken = [&] { return any_done() || interrupts_ != interrupts_before; };
    if (!completed_.wait_until(lock, until, woken)) return Code::IN_PROGRESS;
    return any_done() ? Code::OK : Code::E_INTERRUPTED;
}

void Board::interrupt() {
    const std::lock_guard lock(mu_);
    ++interrupts_;
    completed_.notify_all();
}

void Board::close() {
    {
        const std::lock_guard lock(mu_);
        closed_ = true;
        callback_ready_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
}

void Board::run_callbacks() {
    begin_thread("whim-callbacks");
    inside_callback_now = true;
    std::unique_lock lock(mu_);
    for (;;) {
        callback_ready_.wait(lock, [this] { return closed_ || !to_call_.empty(); });
        if (to_call_.empty()) return;
        auto op = std::move(to_call_.front());
        to_call_.pop_front();
        auto callback = std::move(op->callback_);
        lock.unlock();
        callback(*op);
        callback = nullptr;
        op.reset();
        lock.lock();
    }
}

OpHandle::OpHandle(std::shared_ptr<Board> board, AppOp app, OpKind kind, Instant started)
    : board_(std::move(board)), app_(app), kind_(kind), started_(started) {}

void OpHandle::complete(AppDone done, Instant at) {
    WHIM_ASSERT(done.app == app_);
    {
        const std::lock_guard lock(board_->mu_);
        WHIM_ASSERT(!is_done_);
        done_ = std::move(done);
        ended_ = at;
        is_done_ = true;
        if (callback_) {
            board_->to_call_.push_back(shared_from_this());
            board_->callback_ready_.notify_one();
        }
    }
    board_->completed_.notify_all();  // unlocked: who wakes takes the lock at once
}

Code OpHandle::poll() const {
    const AppDone* end = done();
    return end ? end->code : Code::IN_PROGRESS;
}

const AppDone* OpHandle::done() const {
    const std::lock_guard lock(board_->mu_);
    return is_done_ ? &done_ : nullptr;
}

Status OpHandle::on_complete(Callback callback) {
    const std::lock_guard lock(board_->mu_);
    if (has_callback_) return fail(Code::E_WRONG_STATE, "the op has a callback already");
    if (board_->closed_) return fail(Code::E_WRONG_STATE, "the group is being destroyed");
    has_callback_ = true;
    callback_ = std::move(callback);
    if (!is_done_) return {};
    board_->to_call_.push_back(shared_from_this());
    board_->callback_ready_.notify_one();
    return {};
}

Duration OpHandle::elapsed(Instant now) const {
    const std::lock_guard lock(board_->mu_);
    return (is_done_ ? ended_ : now) - started_;
}

}  // namespace whim::runtime
