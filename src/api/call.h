// How a C function is carried out: nothing is thrown across, and what went wrong is kept for the thread to
// ask.
#pragma once

#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "runtime/values.h"
#include "whimbrel/status.h"

namespace whim::api {

// Keeps the error as this thread's last one and returns its code.
whim_result remember(const Error& error) noexcept;
const Error& last_error() noexcept;

template <class Call>  // () -> Status
whim_result carry_out(Call&& call) noexcept {
    try {
        const Status status = std::forward<Call>(call)();
        return status ? static_cast<whim_result>(WHIM_OK) : remember(status.error());
    } catch (const std::bad_alloc&) {
        return remember({Code::E_NO_MEMORY, {}});
    } catch (const std::system_error& problem) {  // such as no further thread
        return remember({Code::E_SYSTEM, problem.what()});
    } catch (const std::exception& problem) {
        return remember({Code::E_INTERNAL, problem.what()});
    } catch (...) { return remember({Code::E_INTERNAL, "an exception of no known kind"}); }
}

inline Error invalid(std::string detail) { return fail(Code::E_INVALID, std::move(detail)); }

}  // namespace whim::api
