// What a group knows of the application's codecs and reducers.
#pragma once

#include <mutex>
#include <string_view>

#include "collectives/codec/parse.h"
#include "collectives/reducer/custom_reducer.h"
#include "runtime/runtime.h"

namespace whim::api {

// Things are only added, so what was handed out stays right. Threads may share one.
class Customs {
public:
    // E_INVALID when the name is taken, or there are too many.
    Status add(std::string name, CodecPtr codec);
    Status add(std::string name, ReducerPtr reducer);

    // As parse_codec and find_reducer.
    Result<CodecPtr> codec(std::string_view text) const;
    Result<ReducerPtr> reducer(std::string_view text) const;

private:
    mutable std::mutex mu_;    // leaf
    CustomCodecs codecs_;      // guarded by mu_
    CustomReducers reducers_;  // guarded by mu_
};

// The codec of an op, whose buffers and reduction are known. NULL and "none": none, and elements travel
// without a copy. One of the application that this peer lacks is told to all members (post.missing), for the
// op to end.
Status set_codec(PostOptions& post, const Customs& customs, const char* text);

// Whether it holds what the op may be given: post.non_finite is known.
Status codec_holds(const PostOptions& post);

}  // namespace whim::api
