/* A codec as an application would make it, for the C tests: half of each float, its upper 16 bits. */
#ifndef TESTS_CAPI_CUSTOM_PARTS_H
#define TESTS_CAPI_CUSTOM_PARTS_H

#include <math.h>

#include "harness.h"

static size_t halves_bytes_max(void* context, size_t count) {
    (void)context;
    return 2 * count;
}

static whim_result halves_encode(void* context, const whim_encode_input* in, void* out, size_t out_size,
                                 size_t* bytes) {
    size_t i;
    (void)context;
    if (in->struct_size < sizeof *in || out_size != 2 * in->count) return WHIM_E_INTERNAL;
    for (i = 0; i < in->count; i++) {
        uint32_t bits;
        memcpy(&bits, in->values + i, sizeof bits);
        ((unsigned char*)out)[2 * i] = (unsigned char)(bits >> 16);
        ((unsigned char*)out)[2 * i + 1] = (unsigned char)(bits >> 24);
    }
    *bytes = 2 * in->count;
    return WHIM_OK;
}

static whim_result halves_decode(void* context, const void* bytes, size_t bytes_len, float* out,
                                 size_t count) {
    const unsigned char* from = bytes;
    size_t i;
    (void)context;
    if (bytes_len != 2 * count) return WHIM_E_PROTOCOL;
    for (i = 0; i < count; i++) {
        const uint32_t bits = (uint32_t)from[2 * i] << 16 | (uint32_t)from[2 * i + 1] << 24;
        memcpy(out + i, &bits, sizeof bits);
        if (!isfinite(out[i])) return WHIM_E_PROTOCOL;
    }
    return WHIM_OK;
}

static whim_codec halves(void) {
    whim_codec codec = WHIM_CODEC_INIT;
    codec.name = "test-halves";
    codec.bytes_max = halves_bytes_max;
    codec.encode = halves_encode;
    codec.decode = halves_decode;
    return codec;
}

#endif
