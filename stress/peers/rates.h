// What this machine's memory, loopback and cipher cost right now, and the time below which no all-reduce that
// is made of them can be. Measured by CPU time, so that other work on the machine changes it little.
#pragma once

#include "stress/peers/contenders.h"

namespace stress {

// CPU seconds for each GB, one thread.
struct Rates {
    double copy_out = 0;  // from memory that is in no cache to a 256 KiB buffer that is
    double copy_in = 0;   // the other way
    double add = 0;       // f32 a += b with a in no cache and b in one
    double tcp = 0;       // over loopback in calls of 256 KiB, sender and receiver together, as cold as above
    double cipher = 0;    // AES-256-GCM in records of 16 KiB: encrypting and decrypting
};
Rates measure_rates();  // about a second

// Seconds: every byte that a reduce-scatter and an all-gather send moves once over the contender's path, and
// each contribution is added once, on all cores at once. Waiting, control and looking for non-finite numbers
// count nothing.
double bound_seconds(const Rates& rates, const Contender& contender, const Cell& cell);

// Seconds of one encryption and one decryption of each byte, on all cores at once.
double cipher_seconds(const Rates& rates, const Cell& cell);

}  // namespace stress
