#!/usr/bin/env python3
"""Writes codec.txt: CODEC DIVISOR(f32 bits) VALUES = BYTES DECODED, from docs/reference/codecs.md and not from the
library's code. Standard library only; exact fractions where rounding matters.

Run it only to add vectors: a changed line means that members of different versions would compute other bits.
"""
import random
import struct
from fractions import Fraction
from pathlib import Path

from make_vectors import bits32, f32

HERE = Path(__file__).parent
SEED, STREAM = 0x0123456789ABCDEF, 0xFEDCBA9876543210
TOP = {"int8": 127, "int4": 7, "int2": 1, "e4m3": 448, "e5m2": 57344, "e2m1": 6, "e3m0": 1, "sign": 1}
BITS = {"int8": 8, "int4": 4, "int2": 2, "e4m3": 8, "e5m2": 8, "e2m1": 4, "e3m0": 4, "sign": 1,
        "uint8": 8, "uint4": 4, "uint2": 2}
BLOCK = {"int8": 256, "int4": 32, "int2": 32, "e4m3": 128, "e5m2": 128, "e2m1": 16, "e3m0": 32, "sign": 256,
         "uint8": 256, "uint4": 64, "uint2": 64}
MASK = 0xFFFFFFFF


def float_of(bits):
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def philox(counter, key):
    x, (k0, k1) = list(counter), (key & MASK, key >> 32)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [(p1 >> 32) ^ x[1] ^ k0, p1 & MASK, (p0 >> 32) ^ x[3] ^ k1, p0 & MASK]
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return x


def word(i):
    group = i // 4
    return philox([group & MASK, group >> 32, STREAM & MASK, STREAM >> 32], SEED)[i % 4]


def rne(y):
    return round(y)  # Python rounds Fractions to nearest, ties to even


def scale_up(kind, x):
    """(bytes, value) of the smallest scale >= x, an f32."""
    empty = {"bf16": 2, "fp16": 2, "fp32": 4, "e8m0": 1}[kind]
    if x < 2.0 ** -110:
        return bytes(empty), 0.0
    if kind == "bf16":
        up = (bits32(x) + 0xFFFF) >> 16
        return struct.pack("<H", up), float_of(up << 16)
    if kind == "fp32":
        return struct.pack("<f", x), x
    if kind == "e8m0":
        e = next(e for e in range(1, 255) if 2.0 ** (e - 127) >= x)
        return bytes([e]), 2.0 ** (e - 127)
    half = next(h for h in range(0, 0x7C00) if struct.unpack("<e", struct.pack("<H", h))[0] >= x)
    return struct.pack("<H", half), struct.unpack("<e", struct.pack("<H", half))[0]


def grid_numbers(name):
    """The magnitudes of codes 0, 1, ... of a float grid."""
    exponent, mantissa, bias, top = {"e4m3": (4, 3, 7, 448), "e5m2": (5, 2, 15, 57344), "e2m1": (2, 1, 1, 6),
                                     "e3m0": (3, 0, 7, 1)}[name]
    numbers = []
    for code in range(1 << (exponent + mantissa)):
        e, m = code >> mantissa, code & ((1 << mantissa) - 1)
        part = Fraction(m, 1 << mantissa)
        value = (part * Fraction(2) ** (1 - bias)) if e == 0 else (1 + part) * Fraction(2) ** (e - bias)
        if value <= top:
            numbers.append(value)
    return numbers


def float_code(name, y, stochastic, i):
    numbers, y, negative = grid_numbers(name), Fraction(abs(y)), struct.pack("<f", y)[3] >> 7
    y = min(y, numbers[-1])
    low = max(c for c, v in enumerate(numbers) if v <= y)
    code = low
    if y != numbers[low]:
        part = (y - numbers[low]) / (numbers[low + 1] - numbers[low])
        if stochastic:
            bits = {"e4m3": 20, "e5m2": 21, "e2m1": 22, "e3m0": 23}[name]
            first = 1 << {"e4m3": 3, "e5m2": 2, "e2m1": 1, "e3m0": 0}[name]  # normal number
            if y < numbers[first]:  # below the normal numbers: as whole numbers are
                code += part > Fraction(word(i) >> 8, 1 << 24)
            else:  # the word's upper bits are added below the last place
                code += part + Fraction(word(i) >> (32 - bits), 1 << bits) >= 1
        elif name == "e3m0":
            code += part >= Fraction(1, 2)
        else:
            code += part > Fraction(1, 2) or (part == Fraction(1, 2) and low % 2 == 1)
    return code | negative << (BITS[name] - 1)


def decode_code(name, code):
    if name.startswith("int"):
        return Fraction(code - (1 << BITS[name]) if code >> (BITS[name] - 1) else code)
    if name == "sign":
        return Fraction(-1 if code else 1)
    sign = -1 if code >> (BITS[name] - 1) else 1
    return sign * grid_numbers(name)[code & ((1 << (BITS[name] - 1)) - 1)]


def whole(y, stochastic, i):
    y = Fraction(y)
    if not stochastic:
        return rne(y)
    below = y.numerator // y.denominator
    return below + (y - below > Fraction(word(i) >> 8, 1 << 24))


def pack(codes, bits):
    total = sum(c << (k * bits) for k, c in enumerate(codes))
    return total.to_bytes((len(codes) * bits + 7) // 8, "little")


def mean_scale(xs):
    sums = [0.0] * 8
    for i, x in enumerate(xs):
        sums[i % 8] += abs(x)
    mean = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))
    mean = f32(mean / len(xs))
    bits = bits32(mean)
    nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return (struct.pack("<H", nearest), float_of(nearest << 16)) if mean >= 2.0 ** -110 else (bytes(2), 0.0)


def encode_block(name, scale_kind, xs, stochastic, first):
    if name == "sign":
        raw, scale = mean_scale(xs)
    else:
        raw, scale = scale_up(scale_kind, f32(max(abs(x) for x in xs) / TOP[name]))
    codes, out = [], []
    for i, x in enumerate(xs):
        if scale == 0:
            code = 0
        elif name == "sign":
            code = int(x < 0)
        elif name.startswith("int"):
            y = f32(x / scale)
            code = whole(max(-TOP[name], min(TOP[name], y)), stochastic, first + i) & ((1 << BITS[name]) - 1)
        else:
            code = float_code(name, f32(x / scale), stochastic, first + i)
        codes.append(code)
        negative_zero = BITS[name] == 8 and code == 0x80  # of 8-bit floats; smaller codes have one zero
        out.append(-0.0 if negative_zero else f32(float(decode_code(name, code)) * scale))
    return raw + pack(codes, BITS[name]), out


def encode_affine(name, scale_kind, xs, stochastic, first):
    bits, lo, hi = BITS[name], min(xs) + 0.0, max(xs)
    levels = (1 << bits) - 1
    raw, scale = scale_up(scale_kind, f32((hi - lo) / levels))
    codes = [min(levels, whole((x - lo) / scale, stochastic, first + i)) if scale else 0 for i, x in enumerate(xs)]
    return struct.pack("<f", lo) + raw + pack(codes, bits), [f32(lo + f32(c * scale)) for c in codes]


def half_below(x):
    """The largest half that is not larger in magnitude, as bits."""
    nearest = struct.unpack("<H", struct.pack("<e", x))[0]
    return nearest - (abs(struct.unpack("<e", struct.pack("<e", x))[0]) > abs(x))


def stochastic_half(x, i):
    low = half_below(x)
    a, b = (Fraction(abs(struct.unpack("<e", struct.pack("<H", bits))[0])) for bits in (low, low + 1))
    part = (Fraction(abs(x)) - a) / (b - a)
    if part == 0:
        return low
    if abs(x) < 2.0 ** -14:
        return low + (part > Fraction(word(i) >> 8, 1 << 24))
    return low + (part + Fraction(word(i) >> 19, 1 << 13) >= 1)  # a half loses 13 bits of a float


def encode_float(name, xs, stochastic, first):
    raw, out = b"", []
    for i, x in enumerate(xs):
        if name == "none":
            raw += struct.pack("<f", x)
        elif name == "fp16":
            raw += struct.pack("<H", stochastic_half(x, first + i)) if stochastic else struct.pack("<e", x)
        elif name == "bf16":
            bits = bits32(x)
            more = word(first + i) >> 16 if stochastic else 0x7FFF + ((bits >> 16) & 1)
            raw += struct.pack("<H", (bits + more) >> 16)
        if name == "none":
            out.append(x)
        elif name == "bf16":
            out.append(float_of(struct.unpack("<H", raw[-2:])[0] << 16))
        else:
            out.append(struct.unpack("<e", raw[-2:])[0])
    return raw, out


def index_bits(kind, n, chosen):
    """The indexes of a chunk of n elements, in bytes."""
    total, at, last = 0, 0, -1
    width, k = (n - 1).bit_length(), len(chosen)
    ratio = Fraction(69, 100) * n / k
    r = max(e for e in range(32) if e == 0 or 2 * ratio * ratio >= Fraction(4) ** e)  # nearest to log2(ratio)
    for index in chosen:
        if kind == "packed":
            total, at = total | index << at, at + width
            continue
        gap, last = index - last - 1, index
        total |= (1 | (gap & ((1 << r) - 1)) << 1) << (at + (gap >> r))
        at += (gap >> r) + 1 + r
    return total.to_bytes((at + 7) // 8, "little")


def encode_topk(parameters, xs):
    share, *rest = parameters.split(",")
    given = dict(p.split("=") for p in rest)
    (numerator, denominator), chunk = map(int, share.split("/")), int(given.pop("chunk", 4096))
    kind, values = given.pop("index", "rice"), given.pop("values", "int8")
    text = values + ":" + ",".join(f"{k}={v}" for k, v in given.items())
    raw, out = b"", []
    for at in range(0, len(xs), chunk):
        x = xs[at:at + chunk]
        kept = -(-len(x) * numerator // denominator)
        chosen = sorted(sorted(range(len(x)), key=lambda i: (-abs(x[i]), i))[:kept])
        more, decoded = encode(text, [x[i] for i in chosen], at)
        raw += index_bits(kind, len(x), chosen) + more
        back = dict(zip(chosen, decoded))
        out += [back.get(i, 0.0) for i in range(len(x))]
    return raw, out


def encode(text, xs, first=0):
    name, _, parameters = text.partition(":")
    if name == "topk":
        return encode_topk(parameters, xs)
    given = dict(p.split("=") for p in parameters.split(",") if p)
    stochastic = given.get("round") == "stochastic"
    if name in ("none", "bf16", "fp16"):
        return encode_float(name, xs, stochastic, first)
    block = given.get("block", BLOCK[name])
    block = max(len(xs), 1) if block == "whole" else int(block)
    one = encode_affine if name.startswith("u") else encode_block
    raw, out = b"", []
    for at in range(0, len(xs), block):
        more, decoded = one(name, given.get("scale", "bf16"), xs[at:at + block], stochastic, first + at)
        raw, out = raw + more, out + decoded
    return raw, out


def values(kind, count, rng):
    if kind == "ordinary":
        return [f32(rng.gauss(0, 1)) for _ in range(count)]
    if kind == "ties":
        return [f32(rng.randrange(-64, 65) / 4) for _ in range(count)]
    if kind == "small":
        return [f32(rng.gauss(0, 1) * 1e-36) for _ in range(count)]
    return [f32(rng.choice([0.0, -0.0, rng.gauss(0, 1) ** 5])) for _ in range(count)]


def main():
    rng = random.Random(8)
    texts = ["none", "bf16", "fp16", "bf16:round=stochastic", "sign", "sign:block=16"]
    for name in ("int8", "int4", "int2", "e4m3", "e5m2", "e2m1", "e3m0", "uint8", "uint4", "uint2"):
        texts += [name, name + ":round=stochastic", name + ":block=16,scale=fp16", name + ":block=32,scale=fp32",
                  name + ":block=16,scale=e8m0,round=stochastic"]
        if name[0] != "u":
            texts.append(name + ":block=whole")
    lines = ["# made by make_codec_vectors.py: codec divisor(f32 bits) values = bytes decoded",
             "# the dither's seed is 0123456789abcdef, its stream fedcba9876543210; the rest is memory in hex"]
    texts += ["fp16:round=stochastic", "topk:1/4,chunk=16", "topk:1/64", "topk:1/8,chunk=32,index=packed,values=none",
              "topk:3/16,chunk=48,values=bf16", "topk:1/4,chunk=16,values=int4,block=16,round=stochastic",
              "topk:1/2,chunk=32,index=packed,values=sign", "topk:1/3,chunk=16,values=uint8,scale=fp32"]
    for text in texts:
        for kind, count in (("ordinary", 37), ("ties", 17), ("small", 5), ("sparse", 50)):
            divisor = f32(rng.choice([1.0, rng.uniform(1, 5)]))
            sums = values(kind, count, rng)
            raw, decoded = encode(text, [f32(x / divisor) for x in sums])
            inputs, outputs = (struct.pack(f"<{count}f", *x).hex() for x in (sums, decoded))
            lines.append(" ".join([text, f"{bits32(divisor):08x}", inputs, "=", raw.hex(), outputs]))
    (HERE / "codec.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
