// Guards around the application's function.
#include "collectives/reducer/custom_reducer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/custom_name.h"
#include "base/limits.h"

namespace whim {
namespace {

constexpr size_t kGuardBytes = 16;
constexpr auto kGuardByte = std::byte{0xa5};

}  // namespace

Status check_reducer(const ReducerParts& parts) {
    if (const Status name = check_custom_name(parts.name, parts.parameters); !name.ok()) return name;
    const auto wrong = [&](std::string what) {
        return fail(Code::E_INVALID, fmt::format("reducer {}: {}", parts.name, what));
    };
    if (!parts.reduce) return wrong("reduce is needed");
    if (parts.dtypes == 0 || parts.dtypes >> kDtypeCount != 0)
        return wrong(fmt::format("dtypes {:#x}: 1 << whim_dtype for each that it takes", parts.dtypes));
    if (parts.min_contributors < 1 || parts.min_contributors > limits::kMembersMax)
        return wrong(
            fmt::format("min_contributors {}: from 1 to {}", parts.min_contributors, limits::kMembersMax));
    return {};
}

std::string CustomReducer::text() const { return custom_text(parts_.name, parts_.parameters); }

Status CustomReducer::reduce(const Contributions& in, MutableByteSpan out,
                             std::vector<std::byte>& room) const {
    WHIM_ASSERT(in.inputs.size() >= parts_.min_contributors && in.inputs.size() == in.ranks.size());
    for (const FoldInput& input : in.inputs) WHIM_ASSERT(input.bytes.size() == out.size());
    if (out.empty()) return {};
    if (room.size() < out.size() + kGuardBytes) room.resize(out.size() + kGuardBytes);
    const MutableByteSpan made = MutableByteSpan(room).first(out.size());
    const MutableByteSpan guard = MutableByteSpan(room).subspan(out.size(), kGuardBytes);
    std::fill(guard.begin(), guard.end(), kGuardByte);
    const bool good = parts_.reduce(in, made);
    const auto broke = [&](std::string_view how) {
        return fail(Code::E_BROKEN_CONTRACT,
                    fmt::format("reducer {} {} with {} elements of {} contributors", text(), how,
                                out.size() / dtype_bytes(in.dtype), in.inputs.size()));
    };
    if (std::any_of(guard.begin(), guard.end(), [](std::byte b) { return b != kGuardByte; }))
        return broke("wrote beyond its result");
    if (!good) return broke("failed");
    std::copy(made.begin(), made.end(), out.begin());
    return {};
}

Result<ReducerPtr> find_reducer(std::string_view text, const CustomReducers& custom) {
    const std::string_view name = text.substr(0, text.find(':'));
    if (text.size() > limits::kReducerTextBytesMax || !is_custom_name(name))
        return fail(Code::E_INVALID, fmt::format("'{}' is no reducer's name: it holds no hyphen, or is too "
                                                 "long",
                                                 text.substr(0, limits::kReducerTextBytesMax)));
    const auto found = custom.find(name);
    if (found == custom.end())
        return fail(Code::E_MISMATCH, fmt::format("no reducer is registered as '{}'", name));
    if (text == name || text == found->second->text()) return found->second;
    return fail(Code::E_MISMATCH,
                fmt::format("what is registered as '{}' is '{}'", name, found->second->text()));
}

}  // namespace whim
