// status.h and version.h: names and texts from the list, and the last error.
#include "whimbrel/status.h"

#include "api/structs.h"
#include "whimbrel/version.h"

using namespace whim::api;

extern "C" {

const char* whim_result_name(whim_result result) {
    switch (result) {
#define WHIM_X(name, value, retryable, text)                                                                 \
    case value: return "WHIM_" #name;
        WHIM_STATUS_LIST(WHIM_X)
#undef WHIM_X
    }
    return "WHIM_E_UNKNOWN";
}

const char* whim_result_text(whim_result result) {
    switch (result) {
#define WHIM_X(name, value, retryable, text)                                                                 \
    case value: return text;
        WHIM_STATUS_LIST(WHIM_X)
#undef WHIM_X
    }
    return "this library knows no such result";
}

int whim_result_is_retryable(whim_result result) {
    switch (result) {
#define WHIM_X(name, value, retryable, text)                                                                 \
    case value: return retryable;
        WHIM_STATUS_LIST(WHIM_X)
#undef WHIM_X
    }
    return 0;
}

whim_result whim_last_error(whim_error* error) {
    return carry_out([&] { return write_last_error(error); });
}

uint32_t whim_version(void) { return WHIM_VERSION; }

#define WHIM_QUOTE_(x) #x
#define WHIM_QUOTE(x) WHIM_QUOTE_(x)
const char* whim_version_text(void) {
    return WHIM_QUOTE(WHIM_VERSION_MAJOR) "." WHIM_QUOTE(WHIM_VERSION_MINOR) "." WHIM_QUOTE(
        WHIM_VERSION_PATCH);
}

}  // extern "C"
