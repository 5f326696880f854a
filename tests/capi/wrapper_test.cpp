// whimbrel.hpp: handles that release themselves, and errors as exceptions.
#include "whimbrel/whimbrel.hpp"

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

extern "C" {
#include "harness.h"
}

namespace {

// The words are those of the interruption, not of whatever failed before on this thread.
void check_interrupted_wait(whim_group_options options) {
    options.coordinators = "127.0.0.1:1";  // where nobody answers, for ever
    whimbrel::Group lost(options);
    whimbrel::Op joining = lost.join();
    std::atomic<bool> over{false};
    std::thread other([&] {
        while (!over) {
            lost.interrupt();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
    bool thrown = false;
    try {
        CHECK(!joining.wait(PATIENCE_MS));
    } catch (const whimbrel::Error& error) {
        thrown = error.result() == WHIM_E_INTERRUPTED && error.retryable() &&
                 std::string(error.what()).find("WHIM_E_INTERRUPTED: the wait was interrupted") == 0;
    }
    over = true;
    other.join();
    CHECK(thrown);
    CHECK(!joining.wait(0));
    thrown = false;
    try {
        joining.get(1);
    } catch (const whimbrel::Error& error) {
        thrown = error.result() == WHIM_IN_PROGRESS &&
                 std::string(error.what()).find("coordinator") != std::string::npos;
    }
    CHECK(thrown);  // and says what it waits for
}

// Whoever catches may free the buffers: an op that nobody else holds does not run on.
void check_time_out_of_a_temporary() {
    run r;
    start_run(&r, 2);
    float x[4] = {1, 2, 3, 4};
    whim_op* op = nullptr;
    CHECK_OK(whim_all_reduce(r.groups[0], x, x, 4, WHIM_F32, WHIM_AVG, nullptr, &op));
    bool thrown = false;
    try {
        whimbrel::Op(op).get(1);
    } catch (const whimbrel::Error& error) {
        thrown = error.result() == WHIM_IN_PROGRESS &&
                 std::string(error.what()).find("peer1") != std::string::npos;
    }
    CHECK(thrown);
    char waits_for[256] = "?";
    CHECK_OK(whim_group_waiting_for(r.groups[0], waits_for, sizeof waits_for));
    CHECK(waits_for[0] == '\0');
    stop_run(&r);
}

// The last handle of a group goes inside a callback of another: it ends all the same, soon after.
void check_destroyed_inside_a_callback(whim_group_options options) {
    options.coordinators = "127.0.0.1:1";
    options.listen = "127.0.0.1:0";
    auto doomed = std::make_shared<whimbrel::Group>(options);
    whimbrel::Op joining = doomed->join();  // ends with the group
    std::promise<void> ended;
    CHECK_OK(whim_op_on_complete(
        joining.handle(), [](whim_op*, void* told) { static_cast<std::promise<void>*>(told)->set_value(); },
        &ended));
    whimbrel::Group other(options);
    whimbrel::Op op = other.leave();  // which it cannot: that ends at once
    CHECK_OK(whim_op_on_complete(
        op.handle(),
        [](whim_op*, void* last) { static_cast<std::shared_ptr<whimbrel::Group>*>(last)->reset(); },
        &doomed));
    CHECK(ended.get_future().wait_for(std::chrono::milliseconds(PATIENCE_MS)) == std::future_status::ready);
}

// Two bytes for an element: its upper half.
struct Halves {
    size_t bytes_max(size_t count) const { return 2 * count; }
    size_t encode(const whim_encode_input& in, void* out) const {
        for (size_t i = 0; i < in.count; ++i)
            std::memcpy(static_cast<char*>(out) + 2 * i, reinterpret_cast<const char*>(in.values + i) + 2, 2);
        return 2 * in.count;
    }
    bool decode(const void* bytes, size_t bytes_len, float* out, size_t count) const {
        if (bytes_len != 2 * count) return false;
        for (size_t i = 0; i < count; ++i) {
            out[i] = 0;
            std::memcpy(reinterpret_cast<char*>(out + i) + 2, static_cast<const char*>(bytes) + 2 * i, 2);
            if (!std::isfinite(out[i])) throw std::runtime_error("not finite");  // as good as false
        }
        return true;
    }
};

void check_backup_workers() {
    whimbrel::BackupWorkers policy(3, 0.5);
    const uint64_t arrivals[] = {1000, 2000, 900000};
    for (double loss = 8; loss > 1; loss *= 0.8) {
        whim_backup_workers_step step = WHIM_BACKUP_WORKERS_STEP_INIT;
        step.contributors = policy.choose();
        step.arrivals_ns = arrivals;
        step.arrivals_len = policy.choose();
        step.closed_ns = arrivals[policy.choose() - 1];
        step.mean_norm2 = loss;
        step.variance = 0.5;
        step.loss = loss;
        policy.observe(step);
    }
    CHECK(policy.choose() < 3);
    policy.resize(1);
    CHECK(policy.choose() == 1);
    try {
        policy.observe(std::vector<double>(2));
        CHECK(false);
    } catch (const std::invalid_argument&) {}
    try {
        policy.observe(whim_backup_workers_step(WHIM_BACKUP_WORKERS_STEP_INIT));
        CHECK(false);
    } catch (const whimbrel::Error& error) { CHECK(error.result() == WHIM_E_INVALID); }
}

// Objects as codecs and reducers, with error feedback, in a round of one.
void check_objects() {
    run r;
    start_run(&r, 0);
    whim_codec halves = WHIM_CODEC_INIT;
    halves.name = "test-halves";
    CHECK(whimbrel::codec_conformance(halves, Halves{}).find("codec test-halves: all") == 0);
    whim_reducer scaled = WHIM_REDUCER_INIT;
    scaled.name = "test-scaled";
    scaled.flags = WHIM_REDUCER_ELEMENTWISE;
    const float factor = 3;
    const auto first = [factor, alive = std::make_shared<int>(0)](const whim_reduce_input& in, void* out) {
        for (size_t i = 0; i < in.count; ++i)
            static_cast<float*>(out)[i] = factor * static_cast<const float*>(in.inputs[0])[i];
    };
    CHECK(whimbrel::reducer_conformance(scaled, first).find("reducer test-scaled: all") == 0);
    try {
        const auto throws = [](const whim_reduce_input&, void*) { throw 7; };
        whimbrel::reducer_conformance(scaled, throws);
        CHECK(false);
    } catch (const whimbrel::Error& error) {
        CHECK(error.result() == WHIM_E_BROKEN_CONTRACT);
        CHECK(std::string(error.what()).find("accepts: it fails") != std::string::npos);
    }
    whimbrel::ErrorFeedback feedback(2);
    {
        whimbrel::Group group(peer_options(&r));
        group.add_codec(halves, Halves{});
        group.add_reducer(scaled, first);
        group.join().get(PATIENCE_MS);
        group.round_begin().get(PATIENCE_MS);
        float x[2] = {1, 2};
        feedback.apply(x, x);
        whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
        options.codec = "test-halves";
        options.reducer = "test-scaled";
        whimbrel::Op op = group.all_reduce(x, x, 2, WHIM_F32, WHIM_CUSTOM, &options);
        op.get(PATIENCE_MS);
        CHECK(x[0] == 3 && x[1] == 6);
        feedback.stage(group, op);
        feedback.commit();
    }
    check_backup_workers();
    float residual[2] = {9, 9};
    feedback.save(residual);
    CHECK(residual[0] == 0 && residual[1] == 0);
    stop_run(&r);
}

}  // namespace

int main() {
    check_objects();
    check_time_out_of_a_temporary();
    try {
        whimbrel::check(WHIM_E_TOKEN);  // of no call on this thread
        return 1;
    } catch (const whimbrel::Error& error) { CHECK(error.result() == WHIM_E_TOKEN); }
    run r;
    start_run(&r, 1);
    {
        whim_group_options options = peer_options(&r);
        whimbrel::Group outsider(options);
        try {
            outsider.round_begin().get(PATIENCE_MS);
            return 1;
        } catch (const whimbrel::Error& error) {
            CHECK(error.result() == WHIM_E_WRONG_STATE && !error.retryable());
            CHECK(std::string(error.what()).find("WHIM_E_WRONG_STATE") == 0);
        }
        options.run = "a name that is very much longer than the sixty-four bytes a name of a run may have";
        try {
            whimbrel::Group refused(options);
            return 1;
        } catch (const whimbrel::Error& error) { CHECK(error.result() == WHIM_E_INVALID); }
        float values[3] = {1, 2, 3};
        try {
            outsider.all_reduce({{values, values, 1}, {values + 1, values + 1, 2}}, WHIM_F32, WHIM_AVG)
                .get(PATIENCE_MS);
            return 1;
        } catch (const whimbrel::Error& error) { CHECK(error.result() == WHIM_E_STALE_ROUND); }
        check_interrupted_wait(peer_options(&r));
        check_destroyed_inside_a_callback(peer_options(&r));
        CHECK(!outsider.next_event());
        CHECK(outsider.info().incarnation == 0);
    }
    stop_run(&r);
    return 0;
}
