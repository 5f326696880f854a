// The journal of a run on disk: SQLite in WAL mode with synchronous=FULL, one directory, one owner at a time.
//
// DIR/run.db holds records in order and the highest fencing token ever taken; DIR/lock keeps a second
// coordinator out for as long as this one lives, however it dies. What append() has returned OK for survives
// a power cut. What is appended takes up to twice the room of what must be kept, and kJournalGrowthMin more;
// then replace() puts a shorter journal in its place. Not thread-safe: it belongs to the coordinator's one
// thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"

struct sqlite3;

namespace whim::coordinator {

class Journal {
public:
    // Makes the directory when needed, takes the lock and the next fencing token. E_STORE names path and
    // cause.
    static Result<std::unique_ptr<Journal>> open(const std::string& directory);
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    FencingToken fencing() const { return fencing_; }
    const std::string& directory() const { return directory_; }
    Result<std::vector<Bytes>> load() const;     // oldest first
    Result<std::optional<Bytes>> first() const;  // the oldest; nullopt: there is none yet
    // All or none, in one transaction; durable on return. E_STORE also when somebody has opened it since, as
    // they can where the lock was removed.
    Status append(const std::vector<Bytes>& records);

    // Whether so much was appended since the last time that writing a shorter journal pays.
    bool worth_condensing() const;
    Status replace(const std::vector<Bytes>& records);  // all that there was, like append

private:
    Journal() = default;
    Status lock();
    Status open_database();
    Status take_fencing();
    Status measure();
    Status still_leads();  // inside a transaction, as the next
    Status insert(const std::vector<Bytes>& records);
    Status run(const char* sql) const;
    Error broken(const std::string& doing) const;

    std::string directory_;
    int lock_fd_ = -1;
    sqlite3* db_ = nullptr;
    FencingToken fencing_;
    uint64_t condensed_bytes_ = 0, grown_bytes_ = 0;
};

}  // namespace whim::coordinator
