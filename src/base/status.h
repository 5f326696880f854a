// Result codes and Result<T>: how fallible functions of the core report the world's errors.
// Three kinds of error: the caller's (a code), the world's (Result), ours (WHIM_ASSERT).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "whimbrel/status_list.h"

namespace whim {

// One value per line of status_list.h, e.g. Code::E_INVALID. Numeric values are the C API's.
enum class Code : int32_t {
#define WHIM_X(name, value, retryable, text) name = value,
    WHIM_STATUS_LIST(WHIM_X)
#undef WHIM_X
};

std::string_view code_name(Code code);  // "E_INVALID"; "E_INTERNAL" for an unknown value
std::string_view code_text(Code code);  // the list's sentence
bool code_is_retryable(Code code);
std::optional<Code> code_from_int(int32_t value);

struct Error {
    Code code = Code::E_INTERNAL;
    std::string detail;  // names what is wrong, where, and what to do
};

// A value or an Error. Access is checked.
template <class T> class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
    explicit operator bool() const { return state_.index() == 0; }
    bool ok() const { return state_.index() == 0; }
    T& value() {
        WHIM_ASSERT(ok());
        return std::get<0>(state_);
    }
    const T& value() const {
        WHIM_ASSERT(ok());
        return std::get<0>(state_);
    }
    T& operator*() { return value(); }
    const T& operator*() const { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    const Error& error() const {
        WHIM_ASSERT(!ok());
        return std::get<1>(state_);
    }

private:
    std::variant<T, Error> state_;
};

// Success or an Error.
class [[nodiscard]] Status {
public:
    Status() = default;
    Status(Error error) : error_(std::move(error)) {}
    explicit operator bool() const { return !error_; }
    bool ok() const { return !error_; }
    const Error& error() const {
        WHIM_ASSERT(error_.has_value());
        return *error_;
    }

private:
    std::optional<Error> error_;
};

inline Error fail(Code code, std::string detail) { return Error{code, std::move(detail)}; }

}  // namespace whim
