// whimbrel.hpp: handles that release themselves, and errors as exceptions.
#include "whimbrel/whimbrel.hpp"

#include <atomic>
#include <chrono>
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
}

}  // namespace

int main() {
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
        CHECK(!outsider.next_event());
        CHECK(outsider.info().incarnation == 0);
    }
    stop_run(&r);
    return 0;
}
