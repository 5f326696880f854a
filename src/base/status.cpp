// Names and texts of result codes, made from status_list.h.
#include "base/status.h"

namespace whim {

std::string_view code_name(Code code) {
    switch (code) {
#define WHIM_X(name, value, retryable, text)                                                                 \
    case Code::name: return #name;
        WHIM_STATUS_LIST(WHIM_X)
#undef WHIM_X
    }
    return "E_INTERNAL";
}

std::string_view code_text(Code code) {
    switch (code) {
#define WHIM_X(name, value, retryable, text)                                                                 \
    case Code::name: return text;
        WHIM_STATUS_LIST(WHIM_X)
#undef WHIM_X
    }
    return "unknown code";
}

bool code_is_retryable(Code code) {
    switch (code) {
#define WHIM_X(name, value, retryable, text)                                                                 \
    case Code::name: return retryable != 0;
        WHIM_STATUS_LIST(WHIM_X)
#undef WHIM_X
    }
    return false;
}

std::optional<Code> code_from_int(int32_t value) {
    switch (value) {
#define WHIM_X(name, number, retryable, text)                                                                \
    case number: return Code::name;
        WHIM_STATUS_LIST(WHIM_X)
#undef WHIM_X
    }
    return std::nullopt;
}

}  // namespace whim
