// Chunk by chunk, as the op cut it.
#include "engine/sent.h"

#include <algorithm>

#include "collectives/plan/layout.h"

namespace whim {
namespace {

// Where this peer is among the contributors.
std::vector<ContributorRun> own_runs(const OpInfo& info) {
    std::vector<bool> own;
    for (const ContributorSet& set : info.contributors)
        own.push_back(std::find(set.members.begin(), set.members.end(), info.birth.at(info.rank)) !=
                      set.members.end());
    std::vector<ContributorRun> runs;
    for (const ContributorRun& run : info.runs) {
        if (own.at(run.set)) runs.push_back(run);
    }
    return runs;
}

// Encoded and decoded again.
Status pass_through(const OpInfo& info, const CodecPtr& codec, std::span<const float> input,
                    std::span<float> out) {
    const wire::OpDescriptor& d = info.descriptor;
    const op::Coding coding(codec, Reduce::copy, false, info.op, static_cast<uint32_t>(info.birth.size()));
    const ChunkLayout layout = d.parts.empty() ? ChunkLayout{d.elements, 4, d.chunk_elements}
                                               : ChunkLayout::of_parts(d.parts, 4, d.chunk_elements);
    Bytes bytes;
    for (uint32_t c = 0; c < layout.chunks(); ++c) {
        const ElementRange range = layout.range({c});
        bytes.resize(coding.contribution_bytes_max(range.count()));
        const auto made = coding.contribute(input.subspan(range.begin, range.count()),
                                            uint64_t{c} * d.chunk_elements, {info.rank}, bytes);
        if (!made.ok()) return made.error();
        const Status opened =
            codec->decode(ByteSpan(bytes).first(*made), out.subspan(range.begin, range.count()));
        if (!opened.ok()) return opened;
    }
    return {};
}

}  // namespace

Status sent_of(const OpInfo& info, const CodecPtr& codec, std::span<const float> input,
               std::span<float> sent) {
    const wire::OpDescriptor& d = info.descriptor;
    if (d.collective != Collective::all_reduce || d.reduce == Reduce::copy || d.dtype != Dtype::f32)
        return fail(Code::E_UNSUPPORTED, "an all-reduce of f32 is needed");
    if (d.elements != input.size() || input.size() != sent.size())
        return fail(Code::E_INVALID, "the op had " + std::to_string(d.elements) + " elements, not " +
                                         std::to_string(input.size()));
    std::optional<size_t> refused;
    if (codec) refused = codec->first_refused({.values = input});
    else refused = first_non_finite(Dtype::f32, std::as_bytes(input));
    if (refused)
        return fail(Code::E_NON_FINITE, "element " + std::to_string(*refused) +
                                            " of what was given is not finite, or more than the codec holds");
    std::vector<float> made(codec ? input.size() : 0);
    if (codec) {
        if (const Status through = pass_through(info, codec, input, made); !through.ok()) return through;
    }
    std::fill(sent.begin(), sent.end(), 0.0f);
    const std::span<const float> from = codec ? std::span<const float>(made) : input;
    for (const ContributorRun& run : own_runs(info)) {
        const auto part = from.subspan(run.first, run.count);
        std::copy(part.begin(), part.end(), sent.begin() + static_cast<std::ptrdiff_t>(run.first));
    }
    return {};
}

}  // namespace whim
