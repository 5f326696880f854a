// A row of bench all-reduce: what one codec came to at one size, beside what the line allows.
#pragma once

#include <optional>

#include "all_reduce_peer.h"
#include "peers/wan_path.h"

namespace stress {

// Circumstances of a row on an emulated WAN.
struct OnWan {
    WanPath path;
    double router_share = 0;  // the emulator's, of a core, in the busiest half second
};

struct AllReduceRow {
    AllReduceRun run;
    AllReduceFigures figures;
    std::optional<OnWan> wan;
    double f32_s = 0;  // the median of the row without codec of the same size; 0 where there was none

    // Least time of the plan: what each peer sends, its contributions to the other roots and the results of
    // its own chunks, at line rate, and a round trip.
    double ideal_s() const;
    double rss_above_bytes() const;  // of the largest peer, its input and output not counted
};

void print_head(const AllReduceRun& run, const std::optional<OnWan>& wan);
void print_row(const AllReduceRow& row);
void print_json(const AllReduceRow& row);

// Of a run with tensors: its odd iterations against its even ones.
void print_tensors(const AllReduceRun& run, const AllReduceFigures& figures, bool json);

}  // namespace stress
