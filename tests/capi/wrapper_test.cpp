// whimbrel.hpp: handles that release themselves, and errors as exceptions.
#include "whimbrel/whimbrel.hpp"

extern "C" {
#include "harness.h"
}

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
        CHECK(!outsider.next_event());
        CHECK(outsider.info().incarnation == 0);
    }
    stop_run(&r);
    return 0;
}
