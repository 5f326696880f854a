// custom.h: the application's tables as the core's descriptions; registered, or tried.
#include "whimbrel/custom.h"

#include <cfloat>
#include <memory>

#include "api/handles.h"
#include "api/structs.h"
#include "collectives/codec/conformance.h"
#include "collectives/codec/custom_codec.h"
#include "collectives/reducer/conformance.h"

using namespace whim;
using namespace whim::api;

namespace whim::api {
namespace {

template <class Map> Status add_to(Map& map, std::string name, typename Map::mapped_type thing) {
    if (map.size() >= limits::kCustomMax)
        return invalid(fmt::format("there are {} already", limits::kCustomMax));
    const auto [place, fresh] = map.try_emplace(std::move(name), std::move(thing));
    return fresh ? Status{} : Status(invalid(fmt::format("'{}' is registered already", place->first)));
}

}  // namespace

Status Customs::add(std::string name, CodecPtr codec) {
    const std::lock_guard lock(mu_);
    return add_to(codecs_, std::move(name), std::move(codec));
}

Status Customs::add(std::string name, ReducerPtr reducer) {
    const std::lock_guard lock(mu_);
    return add_to(reducers_, std::move(name), std::move(reducer));
}

Status set_codec(PostOptions& post, const Customs& customs, const char* text) {
    if (!text || std::string_view(text) == "none") return {};
    Result<CodecPtr> codec = customs.codec(text);
    if (post.dtype != Dtype::f32 || post.reduce == Reduce::min || post.reduce == Reduce::max)
        return !codec.ok() && codec.error().code == Code::E_INVALID
                   ? Status(codec.error())
                   : fail(Code::E_UNSUPPORTED,
                          fmt::format("codec {} with {} of {}: codecs are for sum, avg, broadcast and "
                                      "reducers of f32",
                                      text, reduce_name(post.reduce), dtype_name(post.dtype)));
    if (codec.ok()) post.codec = std::move(*codec);
    else if (codec.error().code == Code::E_MISMATCH) post.missing = codec.error().detail;
    else return codec.error();
    return {};
}

Status codec_holds(const PostOptions& post) {
    if (!post.codec || post.non_finite != NonFinitePolicy::allow) return {};
    return fail(Code::E_UNSUPPORTED,
                fmt::format("codec {} with WHIM_NON_FINITE_ALLOW: it holds no NaN and no infinity",
                            post.codec->text()));
}

Result<CodecPtr> Customs::codec(std::string_view text) const {
    const std::lock_guard lock(mu_);
    return parse_codec(text, codecs_);
}

Result<ReducerPtr> Customs::reducer(std::string_view text) const {
    const std::lock_guard lock(mu_);
    return find_reducer(text, reducers_);
}

}  // namespace whim::api

namespace {

// A table whose context is given back when nothing uses it any more, once it has been taken on.
template <class Table> struct Owned {
    Table table;
    bool taken_on = false;
    explicit Owned(const Table& table) : table(table) {}
    Owned(const Owned&) = delete;
    ~Owned() {
        if (taken_on && table.release) table.release(table.context);
    }
};

std::string text_of(const char* text) { return text ? text : ""; }

Result<CodecParts> parts_of(const std::shared_ptr<const Owned<whim_codec>>& owned) {
    const whim_codec& table = owned->table;
    CodecParts parts;
    parts.name = text_of(table.name);
    parts.parameters = text_of(table.parameters);
    if (table.flags > (WHIM_CODEC_SPARSE | WHIM_CODEC_WHOLE))
        return invalid(fmt::format("codec {}: flags {:#x} are unknown", parts.name, table.flags));
    const bool whole = (table.flags & WHIM_CODEC_WHOLE) != 0;
    if (whole && table.cut_elements > 0)
        return invalid(fmt::format("codec {}: cut_elements with WHIM_CODEC_WHOLE", parts.name));
    parts.sparse = (table.flags & WHIM_CODEC_SPARSE) != 0;
    parts.cut_elements = whole ? Codec::kUncut : table.cut_elements == 0 ? 16 : table.cut_elements;
    parts.magnitude_max = table.magnitude_max == 0 ? FLT_MAX : table.magnitude_max;
    if (table.bytes_max)
        parts.bytes_max = [owned](size_t count) {
            return owned->table.bytes_max(owned->table.context, count);
        };
    if (table.encode)
        parts.encode = [owned](const Values& in, MutableByteSpan out) -> std::optional<size_t> {
            const whim_encode_input input = {sizeof(whim_encode_input), 0,        in.values.data(),
                                             in.values.size(),          in.first, in.dither.seed,
                                             in.dither.stream};
            size_t bytes = 0;
            const whim_result made =
                owned->table.encode(owned->table.context, &input, out.data(), out.size(), &bytes);
            return made == WHIM_OK ? std::optional(bytes) : std::nullopt;
        };
    if (table.decode)
        parts.decode = [owned](ByteSpan bytes, std::span<float> out) {
            return owned->table.decode(owned->table.context, bytes.data(), bytes.size(), out.data(),
                                       out.size()) == WHIM_OK;
        };
    if (table.accumulate)
        parts.accumulate = [owned](ByteSpan bytes, float weight, std::span<float> acc) {
            return owned->table.accumulate(owned->table.context, bytes.data(), bytes.size(), weight,
                                           acc.data(), acc.size()) == WHIM_OK;
        };
    if (const Status good = check_codec(parts); !good) return good.error();
    return parts;
}

Result<ReducerParts> parts_of(const std::shared_ptr<const Owned<whim_reducer>>& owned) {
    const whim_reducer& table = owned->table;
    ReducerParts parts;
    parts.name = text_of(table.name);
    parts.parameters = text_of(table.parameters);
    if (table.flags > (WHIM_REDUCER_ELEMENTWISE | WHIM_REDUCER_UNIFORM))
        return invalid(fmt::format("reducer {}: flags {:#x} are unknown", parts.name, table.flags));
    parts.dtypes = table.dtypes == 0 ? 1u << WHIM_F32 : table.dtypes;
    parts.elementwise = (table.flags & WHIM_REDUCER_ELEMENTWISE) != 0;
    parts.uniform = (table.flags & WHIM_REDUCER_UNIFORM) != 0;
    parts.min_contributors = std::max(1u, table.min_contributors);
    if (table.reduce)
        parts.reduce = [owned](const Contributions& in, MutableByteSpan out) {
            std::vector<const void*> inputs;
            std::vector<float> weights;
            for (const FoldInput& input : in.inputs) {
                inputs.push_back(input.bytes.data());
                weights.push_back(input.weight);
            }
            const whim_reduce_input input = {sizeof(whim_reduce_input),
                                             static_cast<uint32_t>(in.dtype),
                                             out.size() / dtype_bytes(in.dtype),
                                             inputs.data(),
                                             weights.data(),
                                             in.ranks.data(),
                                             static_cast<uint32_t>(inputs.size()),
                                             0};
            return owned->table.reduce(owned->table.context, &input, out.data()) == WHIM_OK;
        };
    if (const Status good = check_reducer(parts); !good) return good.error();
    return parts;
}

// The caller's table, in this library's form.
template <class Table>
Result<std::shared_ptr<Owned<Table>>> read_table(const Table* given, const char* what) {
    if (!given) return invalid(fmt::format("{} is NULL", what));
    Table table;
    if (const Status read = read_options(given, table, what); !read) return read.error();
    return std::make_shared<Owned<Table>>(table);
}

template <class Thing, class Table> Status add(whim_group* group, const Table* given, const char* what) {
    if (!group) return invalid("group is NULL");
    auto owned = read_table(given, what);
    if (!owned) return owned.error();
    auto parts = parts_of(*owned);
    if (!parts) return parts.error();
    std::string name = parts->name;
    std::shared_ptr<const Thing> thing = std::make_shared<Thing>(std::move(*parts));
    if (const Status added = group->customs.add(std::move(name), std::move(thing)); !added) return added;
    (*owned)->taken_on = true;
    return {};
}

template <class Table, class Try>
Status try_out(const Table* given, const char* what, char* report, size_t report_size, Try try_parts) {
    if (!report != (report_size == 0)) return invalid("report and report_size: both or none");
    auto owned = read_table(given, what);
    if (!owned) return owned.error();
    auto parts = parts_of(*owned);
    if (!parts) return parts.error();
    const auto result = try_parts(*parts);
    if (report) copy_lines(report, report_size, result.text);
    return result.good ? Status{} : Status(fail(Code::E_BROKEN_CONTRACT, result.text));
}

}  // namespace

extern "C" {

whim_result whim_group_add_codec(whim_group* group, const whim_codec* codec) {
    return carry_out([&] { return add<CustomCodec>(group, codec, "codec"); });
}

whim_result whim_group_add_reducer(whim_group* group, const whim_reducer* reducer) {
    return carry_out([&] { return add<CustomReducer>(group, reducer, "reducer"); });
}

whim_result whim_codec_conformance(const whim_codec* codec, char* report, size_t report_size) {
    return carry_out([&] { return try_out(codec, "codec", report, report_size, codec_conformance); });
}

whim_result whim_reducer_conformance(const whim_reducer* reducer, char* report, size_t report_size) {
    return carry_out([&] { return try_out(reducer, "reducer", report, report_size, reducer_conformance); });
}

}  // extern "C"
