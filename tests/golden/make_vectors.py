#!/usr/bin/env python3
"""Writes fold.txt and state_digest.txt, from the documented rules and not from the library's code.

Run it only to add vectors: a changed line means that members of different versions would compute other bits.
Folds need the standard library alone: f32 arithmetic is f64 arithmetic rounded once more, which is exact for one
+, -, * or / (53 >= 2 * 24 + 2). Digests need the xxhash package (pip install xxhash).
"""
import math
import random
import struct
import sys
from pathlib import Path

HERE = Path(__file__).parent
INTEGERS = {"i8": "b", "i16": "h", "i32": "i", "i64": "q", "u8": "B", "u16": "H", "u32": "I", "u64": "Q"}
NANS = {"f32": 0x7FC00000, "f64": 0x7FF8000000000000, "f16": 0x7E00, "bf16": 0x7FC0}
WIDTHS = {"f32": 4, "f64": 8, "f16": 2, "bf16": 2, **{k: struct.calcsize(v) for k, v in INTEGERS.items()}}


def f32(x):
    try:
        return struct.unpack("<f", struct.pack("<f", x))[0]
    except OverflowError:
        return math.copysign(math.inf, x)


def bits32(x):
    return struct.unpack("<I", struct.pack("<f", x))[0]


def decode(dtype, raw):
    if dtype == "bf16":
        return struct.unpack("<f", b"\0\0" + raw)[0]
    return struct.unpack("<" + {"f32": "f", "f64": "d", "f16": "e", **INTEGERS}[dtype], raw)[0]


def encode(dtype, x):
    if dtype in NANS and math.isnan(x):
        return NANS[dtype].to_bytes(WIDTHS[dtype], "little")
    if dtype == "bf16":
        bits = bits32(x)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 & 0xFFFF).to_bytes(2, "little")
    if dtype == "f16":
        try:
            return struct.pack("<e", x)
        except OverflowError:
            return struct.pack("<e", math.copysign(math.inf, x))
    if dtype in INTEGERS:
        return (x % (1 << 8 * WIDTHS[dtype])).to_bytes(WIDTHS[dtype], "little")
    return struct.pack("<f" if dtype == "f32" else "<d", x)


def divide(a, b):
    if b != 0:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)


def extreme(a, b, least):
    if math.isnan(a) or math.isnan(b):
        return math.nan
    if a == b:
        return a if (math.copysign(1, a) < 0) == least else b
    return min(a, b) if least else max(a, b)


def fold_element(reduce, dtype, xs, weights):
    if reduce == "majority":
        return min(set(xs), key=lambda x: (-xs.count(x), x))
    if dtype in INTEGERS:
        return {"sum": sum, "min": min, "max": max}[reduce](xs)
    once = f32 if dtype != "f64" else lambda x: x  # the accumulator's rounding
    acc = once(weights[0] * xs[0]) if reduce == "avg" else xs[0]
    total = weights[0]
    for x, w in zip(xs[1:], weights[1:]):
        if reduce == "sum":
            acc = once(acc + x)
        elif reduce == "avg":
            acc = once(acc + once(w * x))
        else:
            acc = extreme(acc, x, reduce == "min")
        total = once(total + w)
    return once(divide(acc, total)) if reduce == "avg" else acc


def fold(reduce, dtype, inputs, weights):
    width = WIDTHS[dtype]
    if reduce == "copy" or (len(inputs) == 1 and reduce != "avg"):
        return inputs[0]
    out = b""
    for at in range(0, len(inputs[0]), width):
        xs = [decode(dtype, raw[at:at + width]) for raw in inputs]
        out += encode(dtype, fold_element(reduce, dtype, xs, weights))
    return out


def element(dtype, rng):
    """Half of the elements are ordinary numbers, the rest any pattern: NaN, infinities, subnormals."""
    if rng.random() < 0.5:
        return rng.randbytes(WIDTHS[dtype])
    return encode(dtype, rng.randrange(0, 4) if dtype in INTEGERS else f32(rng.uniform(-2, 2)))


def write_folds():
    rng = random.Random(2)
    lines = ["# made by make_vectors.py: reduce dtype weights(f32 bits, by commas) inputs... = result",
             "# inputs and result are the bytes in memory, in hex"]
    for dtype in WIDTHS:
        for reduce in ["sum", "avg", "min", "max", "copy", "majority"]:
            if (reduce == "avg" and dtype in INTEGERS) or (reduce == "majority" and dtype not in INTEGERS):
                continue
            for count in (1, 2, 3, 5):
                weights = [f32(rng.choice([1, 0.25, rng.uniform(0, 1000)])) for _ in range(count)]
                inputs = [b"".join(element(dtype, rng) for _ in range(11)) for _ in range(count)]
                result = fold(reduce, dtype, inputs, weights)
                lines.append(" ".join([reduce, dtype, ",".join(f"{bits32(w):08x}" for w in weights),
                                       *(raw.hex() for raw in inputs), "=", result.hex()]))
    (HERE / "fold.txt").write_text("\n".join(lines) + "\n")


def pattern(length):
    return bytes((i * 31 + 7 + (i >> 8)) & 0xFF for i in range(length))


def write_digests():
    import xxhash
    lines = ["# made by make_vectors.py: tensor NAME DTYPE_NUMBER LENGTH DIGEST, then the digest of all so far",
             "# byte i of every tensor is (31*i + 7 + (i >> 8)) mod 256"]
    record = b"whimbrel state 1"
    lines.append("state " + xxhash.xxh3_128(record).hexdigest())
    tensors = [("anchor", 0, 0), ("wte.weight", 0, 4), ("momentum/ä", 0, 240), ("step", 7, 8), ("h", 3, 244),
               ("big", 1, 1048576), ("odd", 8, 100003)]
    for name, dtype, length in tensors:
        digest = xxhash.xxh3_128(pattern(length))
        text = name.encode()
        record += struct.pack("<I", len(text)) + text + struct.pack("<BQ", dtype, length) + digest.digest()
        lines.append(f"tensor {name} {dtype} {length} {digest.hexdigest()}")
        lines.append("state " + xxhash.xxh3_128(record).hexdigest())
    (HERE / "state_digest.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write_folds()
    if "--folds-only" not in sys.argv:
        write_digests()
