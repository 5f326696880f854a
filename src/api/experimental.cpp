// experimental.h: DiLoCo's outer step and digests, over collectives/outer and src/state.
#include "whimbrel/experimental.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <span>

#include "api/structs.h"
#include "collectives/outer/diloco.h"
#include "runtime/float_env.h"
#include "state/digest.h"

using namespace whim;
using namespace whim::api;

struct whim_diloco {
    Diloco algorithm;
};

namespace {

Status check_settings(float outer_lr, float outer_momentum) {
    if (!std::isfinite(outer_lr) || outer_lr <= 0) return invalid("outer_lr must be positive and finite");
    if (!(outer_momentum >= 0 && outer_momentum < 1)) return invalid("outer_momentum must be in [0, 1)");
    return {};
}

OuterSettings settings_of(float outer_lr, float outer_momentum) {
    return {.rule = outer_momentum > 0 ? OuterRule::nesterov : OuterRule::sgd,
            .eta = outer_lr,
            .mu = outer_momentum};
}

Status check_provisional(const Diloco& algorithm, bool wanted) {
    if (algorithm.provisional() == wanted) return {};
    return fail(Code::E_WRONG_STATE, wanted ? "no result is provisional: apply one first"
                                            : "a result is provisional: commit or abort it first");
}

void copy_digest(const Digest& from, uint8_t* to) {
    static_assert(sizeof from == WHIM_DIGEST_SIZE);
    std::memcpy(to, &from, WHIM_DIGEST_SIZE);
}

// call(Diloco&) -> Status, on a handle that is not NULL.
template <class Handle, class Call> whim_result with(Handle* diloco, Call&& call) noexcept {
    return carry_out([&]() -> Status {
        if (!diloco) return invalid("diloco is NULL");
        return call(diloco->algorithm);
    });
}

}  // namespace

extern "C" {

whim_result whim_diloco_create(const float* initial, size_t count, float outer_lr, float outer_momentum,
                               whim_diloco** diloco) {
    return carry_out([&]() -> Status {
        if (!diloco || (!initial && count > 0)) return invalid("initial or diloco is NULL");
        if (const Status good = check_settings(outer_lr, outer_momentum); !good) return good;
        *diloco = new whim_diloco{Diloco({initial, count}, settings_of(outer_lr, outer_momentum))};
        return {};
    });
}

void whim_diloco_destroy(whim_diloco* diloco) { delete diloco; }

whim_result whim_diloco_contribute(const whim_diloco* diloco, const float* live, float* out) {
    return with(diloco, [&](const Diloco& algorithm) -> Status {
        if (!live || !out) return invalid("live or out is NULL");
        const UsualFloats usual;
        algorithm.contribute({live, algorithm.size()}, {out, algorithm.size()});
        return {};
    });
}

whim_result whim_diloco_apply(whim_diloco* diloco, const float* mean) {
    return with(diloco, [&](Diloco& algorithm) -> Status {
        if (!mean) return invalid("mean is NULL");
        if (const Status good = check_provisional(algorithm, false); !good) return good;
        const UsualFloats usual;
        algorithm.apply({mean, algorithm.size()});
        return {};
    });
}

whim_result whim_diloco_commit(whim_diloco* diloco) {
    return with(diloco, [](Diloco& algorithm) -> Status {
        if (const Status good = check_provisional(algorithm, true); !good) return good;
        algorithm.commit();
        return {};
    });
}

whim_result whim_diloco_abort(whim_diloco* diloco) {
    return with(diloco, [](Diloco& algorithm) -> Status {
        if (const Status good = check_provisional(algorithm, true); !good) return good;
        algorithm.abort();
        return {};
    });
}

whim_result whim_diloco_get_state(whim_diloco* diloco, whim_diloco_state* state) {
    return with(diloco, [&](Diloco& algorithm) -> Status {
        const Diloco::State newest = algorithm.newest();
        whim_diloco_state value = WHIM_DILOCO_STATE_INIT;
        value.provisional = algorithm.provisional() ? 1 : 0;
        value.anchor =
            const_cast<float*>(newest.anchor.data());  // the handle is not const: healing writes here
        value.count = newest.anchor.size();
        value.momentum = newest.momentum.empty() ? nullptr : const_cast<float*>(newest.momentum.data());
        value.momentum_count = newest.momentum.size();
        value.steps = newest.steps;
        return write_info(state, value, "state");
    });
}

whim_result whim_diloco_heal(whim_diloco* diloco, uint64_t steps) {
    return with(diloco, [&](Diloco& algorithm) -> Status {
        if (const Status good = check_provisional(algorithm, false); !good) return good;
        algorithm.begin_heal();
        algorithm.finish_heal(steps);
        return {};
    });
}

whim_result whim_diloco_digest(const whim_diloco* diloco, uint8_t digest[WHIM_DIGEST_SIZE]) {
    return with(diloco, [&](const Diloco& algorithm) -> Status {
        if (!digest) return invalid("digest is NULL");
        const Diloco::State state = algorithm.newest();
        StateDigest hash;
        hash.add("anchor", Dtype::f32, std::as_bytes(state.anchor));
        hash.add("momentum", Dtype::f32, std::as_bytes(state.momentum));
        hash.add(fmt::format("after {} steps", state.steps), Dtype::f32, {});
        copy_digest(hash.finish(), digest);
        return {};
    });
}

whim_result whim_digest(const void* bytes, size_t count, uint8_t digest[WHIM_DIGEST_SIZE]) {
    return carry_out([&]() -> Status {
        if (!digest || (!bytes && count > 0)) return invalid("bytes or digest is NULL");
        copy_digest(digest_of(ByteSpan{static_cast<const std::byte*>(bytes), count}), digest);
        return {};
    });
}

}  // extern "C"
