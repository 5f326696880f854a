/* For test_native.py: a codec that keeps the upper half of each float, one that forgets to look at the
 * length, and a reducer that takes the middle between the smallest and the largest value. */
#include <math.h>
#include <string.h>
#include <whimbrel/custom.h>

static size_t half_bytes_max(void* context, size_t count) {
    (void)context;
    return 2 * count;
}

static whim_result half_encode(void* context, const whim_encode_input* in, void* out, size_t out_size,
                               size_t* bytes) {
    size_t i;
    (void)context;
    (void)out_size;
    for (i = 0; i < in->count; i++) {
        uint32_t bits;
        memcpy(&bits, in->values + i, 4);
        const uint16_t upper = (uint16_t)(bits >> 16);
        memcpy((char*)out + 2 * i, &upper, 2);
    }
    *bytes = 2 * in->count;
    return WHIM_OK;
}

static whim_result careless_decode(void* context, const void* bytes, size_t bytes_len, float* out,
                                   size_t count) {
    size_t i;
    (void)context;
    for (i = 0; i < count; i++) {
        uint16_t upper = 0;
        if (2 * i + 2 <= bytes_len) memcpy(&upper, (const char*)bytes + 2 * i, 2);
        const uint32_t bits = (uint32_t)upper << 16;
        memcpy(out + i, &bits, 4);
        if (!isfinite(out[i])) return WHIM_E_PROTOCOL;
    }
    return WHIM_OK;
}

static whim_result half_decode(void* context, const void* bytes, size_t bytes_len, float* out, size_t count) {
    if (bytes_len != half_bytes_max(context, count)) return WHIM_E_PROTOCOL;
    return careless_decode(context, bytes, bytes_len, out, count);
}

static size_t fat_bytes_max(void* context, size_t count) {
    (void)context;
    return 6 * count;
}

static whim_result fat_encode(void* context, const whim_encode_input* in, void* out, size_t out_size,
                              size_t* bytes) {
    (void)context;
    memset(out, 0, out_size);
    memcpy(out, in->values, 4 * in->count);
    *bytes = 6 * in->count;
    return WHIM_OK;
}

static whim_result fat_decode(void* context, const void* bytes, size_t bytes_len, float* out, size_t count) {
    size_t i;
    if (bytes_len != fat_bytes_max(context, count)) return WHIM_E_PROTOCOL;
    memcpy(out, bytes, 4 * count);
    for (i = 0; i < count; i++)
        if (!isfinite(out[i])) return WHIM_E_PROTOCOL;
    return WHIM_OK;
}

static whim_result middle(void* context, const whim_reduce_input* in, void* out) {
    float* const result = out;
    size_t i;
    uint32_t k;
    (void)context;
    for (i = 0; i < in->count; i++) {
        float low = INFINITY, high = -INFINITY;
        for (k = 0; k < in->inputs_len; k++) {
            low = fminf(low, ((const float*)in->inputs[k])[i]);
            high = fmaxf(high, ((const float*)in->inputs[k])[i]);
        }
        result[i] = 0.5f * low + 0.5f * high;
    }
    return WHIM_OK;
}

const whim_codec upper_half = {.struct_size = sizeof(whim_codec),
                               .name = "test-half",
                               .bytes_max = half_bytes_max,
                               .encode = half_encode,
                               .decode = half_decode};
const whim_codec careless = {.struct_size = sizeof(whim_codec),
                             .name = "test-careless",
                             .bytes_max = half_bytes_max,
                             .encode = half_encode,
                             .decode = careless_decode};
const whim_codec fat = {.struct_size = sizeof(whim_codec),
                        .name = "test-fat",
                        .bytes_max = fat_bytes_max,
                        .encode = fat_encode,
                        .decode = fat_decode};
const whim_reducer middle_value = {.struct_size = sizeof(whim_reducer),
                                   .flags = WHIM_REDUCER_ELEMENTWISE,
                                   .name = "test-middle",
                                   .reduce = middle};
