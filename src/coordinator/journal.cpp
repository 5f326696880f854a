// The SQLite journal.
#include "coordinator/journal.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "base/limits.h"

namespace whim::coordinator {
namespace {

constexpr int kFormatVersion = 1;

struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

Statement prepare(sqlite3* db, const char* sql) {
    sqlite3_stmt* statement = nullptr;
    return Statement(sqlite3_prepare_v2(db, sql, -1, &statement, nullptr) == SQLITE_OK ? statement : nullptr);
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(const std::string& directory) {
    std::unique_ptr<Journal> journal(new Journal);
    journal->directory_ = directory;
    std::error_code made;
    std::filesystem::create_directories(directory, made);
    if (made)
        return fail(Code::E_STORE, fmt::format("cannot make directory {}: {}", directory, made.message()));
    if (Status s = journal->lock(); !s.ok()) return s.error();
    if (Status s = journal->open_database(); !s.ok()) return s.error();
    if (Status s = journal->take_fencing(); !s.ok()) return s.error();
    if (Status s = journal->measure(); !s.ok()) return s.error();
    return journal;
}

Journal::~Journal() {
    if (db_ != nullptr) sqlite3_close(db_);
    if (lock_fd_ >= 0) ::close(lock_fd_);  // after the database: until then nobody else may touch it
}

Error Journal::broken(const std::string& doing) const {
    return fail(Code::E_STORE, fmt::format("{}/run.db: {}: {}", directory_, doing, sqlite3_errmsg(db_)));
}

Status Journal::run(const char* sql) const {
    if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
    return broken(sql);
}

Status Journal::lock() {
    const std::string path = directory_ + "/lock";
    lock_fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_fd_ < 0)
        return fail(Code::E_STORE, fmt::format("cannot open {}: {}", path, std::strerror(errno)));
    if (::flock(lock_fd_, LOCK_EX | LOCK_NB) == 0) return {};
    if (errno == EWOULDBLOCK) {
        return fail(Code::E_STORE,
                    fmt::format("another coordinator holds {}; one directory, one coordinator", directory_));
    }
    return fail(Code::E_STORE, fmt::format("cannot lock {}: {}", path, std::strerror(errno)));
}

Status Journal::open_database() {
    const std::string path = directory_ + "/run.db";
    if (sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) !=
        SQLITE_OK) {
        return broken("cannot open it");
    }
    sqlite3_busy_timeout(db_, 1000);
    for (const char* sql :
         {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
          "CREATE TABLE IF NOT EXISTS records (seq INTEGER PRIMARY KEY, record BLOB NOT NULL)",
          "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"}) {
        if (Status s = run(sql); !s.ok()) return s;
    }
    const Statement version =
        prepare(db_,
                "INSERT INTO meta VALUES ('format', ?1) ON CONFLICT DO UPDATE SET value = value "
                "RETURNING value");
    if (!version) return broken("cannot read its version");
    sqlite3_bind_int(version.get(), 1, kFormatVersion);
    if (sqlite3_step(version.get()) != SQLITE_ROW) return broken("cannot read its version");
    const int found = sqlite3_column_int(version.get(), 0);
    if (found == kFormatVersion) return {};
    return fail(Code::E_STORE,
                fmt::format("{} has format {}, this program reads format {}", path, found, kFormatVersion));
}

Status Journal::take_fencing() {
    const Statement bump =
        prepare(db_,
                "INSERT INTO meta VALUES ('fencing', 1) ON CONFLICT DO UPDATE SET value = value + 1 "
                "RETURNING value");
    if (!bump || sqlite3_step(bump.get()) != SQLITE_ROW) return broken("cannot take a fencing token");
    fencing_ = {static_cast<uint64_t>(sqlite3_column_int64(bump.get(), 0))};
    if (sqlite3_step(bump.get()) != SQLITE_DONE) return broken("cannot take a fencing token");
    return {};
}

Result<std::vector<Bytes>> Journal::load() const {
    const Statement select = prepare(db_, "SELECT record FROM records ORDER BY seq");
    if (!select) return broken("cannot read records");
    std::vector<Bytes> records;
    int step = sqlite3_step(select.get());
    for (; step == SQLITE_ROW; step = sqlite3_step(select.get())) {
        const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(select.get(), 0));
        records.emplace_back(data, data + sqlite3_column_bytes(select.get(), 0));
    }
    if (step != SQLITE_DONE) return broken("cannot read records");
    return records;
}

Result<std::optional<Bytes>> Journal::first() const {
    const Statement select = prepare(db_, "SELECT record FROM records ORDER BY seq LIMIT 1");
    const int step = select ? sqlite3_step(select.get()) : SQLITE_ERROR;
    if (step == SQLITE_DONE) return std::optional<Bytes>();
    if (step != SQLITE_ROW) return broken("cannot read records");
    const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(select.get(), 0));
    return std::optional(Bytes(data, data + sqlite3_column_bytes(select.get(), 0)));
}

Status Journal::measure() {
    const Statement sum = prepare(db_, "SELECT coalesce(sum(length(record)), 0) FROM records");
    if (!sum || sqlite3_step(sum.get()) != SQLITE_ROW) return broken("cannot measure its records");
    grown_bytes_ = static_cast<uint64_t>(sqlite3_column_int64(sum.get(), 0));
    return {};
}

// Within the transaction that writes. A lock can be broken: a file that somebody removed, a lease that a
// network file system let go. Whoever holds an older token then must not write between the entries of the
// newer one.
Status Journal::still_leads() {
    const Statement select = prepare(db_, "SELECT value FROM meta WHERE name = 'fencing'");
    if (!select || sqlite3_step(select.get()) != SQLITE_ROW) return broken("cannot read its fencing token");
    const auto newest = static_cast<uint64_t>(sqlite3_column_int64(select.get(), 0));
    if (newest == fencing_.value) return {};
    return fail(Code::E_STORE, fmt::format("another coordinator has opened {} and leads, with fencing token "
                                           "{}; this one has {}",
                                           directory_, newest, fencing_.value));
}

Status Journal::insert(const std::vector<Bytes>& records) {
    const Statement insert = prepare(db_, "INSERT INTO records (record) VALUES (?1)");
    for (const Bytes& record : records) {
        const bool bound = insert && sqlite3_bind_blob64(insert.get(), 1, record.data(), record.size(),
                                                         SQLITE_STATIC) == SQLITE_OK;
        if (bound && sqlite3_step(insert.get()) == SQLITE_DONE && sqlite3_reset(insert.get()) == SQLITE_OK)
            continue;
        return broken("cannot write a record");
    }
    return {};
}

Status Journal::append(const std::vector<Bytes>& records) {
    if (records.empty()) return {};
    if (Status s = run("BEGIN IMMEDIATE"); !s.ok()) return s;
    Status status = still_leads();
    if (status.ok()) status = insert(records);
    if (!status.ok()) {
        (void)run("ROLLBACK");  // what matters is the error that led here
        return status;
    }
    for (const Bytes& record : records) grown_bytes_ += record.size();
    return run("COMMIT");
}

bool Journal::worth_condensing() const {
    return grown_bytes_ >= std::max<uint64_t>(condensed_bytes_, limits::kJournalGrowthMin);
}

Status Journal::replace(const std::vector<Bytes>& records) {
    grown_bytes_ = 0;  // not tried again at once when it fails
    if (Status s = run("BEGIN IMMEDIATE"); !s.ok()) return s;
    Status status = still_leads();
    if (status.ok()) status = run("DELETE FROM records");
    if (status.ok()) status = insert(records);
    if (status.ok()) status = run("COMMIT");
    if (!status.ok()) {
        (void)run("ROLLBACK");
        return status;
    }
    condensed_bytes_ = 0;
    for (const Bytes& record : records) condensed_bytes_ += record.size();
    return {};
}

}  // namespace whim::coordinator
