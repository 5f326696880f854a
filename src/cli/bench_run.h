// One peer of a benchmark that is spread over machines: each operator starts the same command, one of them
// with a coordinator beside it; they meet in a round and measure together.
//
// Nothing but the public API is used, so that what is measured is what an application gets. Throws
// std::exception for whatever goes wrong.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "coordinator/server.h"
#include "whimbrel/whimbrel.hpp"

namespace whim::cli {

class BenchRun {
public:
    // Joins, and waits as long as it takes for a round of all peers.
    explicit BenchRun(const BenchOptions& options);
    ~BenchRun();

    whimbrel::Group& group() { return *group_; }
    uint32_t rank() const { return rank_; }
    size_t peers() const { return names_.size(); }
    const std::vector<std::string>& names() const { return names_; }  // in rank order
    const char* security() const { return tls_ ? "tls" : "none"; }

    uint64_t round() const { return round_; }
    // Commits the round and begins another of the same peers. What any of them told the coordinator before,
    // all have heard after.
    void next_round();

    void barrier();
    std::vector<double> sum(const std::vector<double>& mine);  // element by element, over all peers
    std::vector<double> max(const std::vector<double>& mine);
    // The links to all peers in rank order; all zero to oneself.
    std::vector<whim_link_info> links() const;

    // Commits the round and leaves; whoever runs the coordinator goes last.
    void finish();

private:
    std::string start_coordinator(const BenchOptions& options);  // its invite
    void meet(uint32_t peers);
    bool begin_round(uint32_t peers);
    std::vector<double> reduce(const std::vector<double>& mine, whim_reduce how);

    struct Directory {
        ~Directory();
        std::string path;
    };
    Directory directory_;  // of the coordinator, gone after it; "" when it is elsewhere
    std::unique_ptr<coordinator::CoordinatorServer> coordinator_;
    std::unique_ptr<whimbrel::Group> group_;
    bool tls_ = true;
    uint64_t round_ = 0;
    uint32_t rank_ = 0;
    std::vector<std::string> names_;
};

// What this measurement was made on: "PROCESSOR, N cores".
std::string machine();
// And of: the commit that this program was built from, short; "unknown" outside a checkout.
std::string commit();

}  // namespace whim::cli
