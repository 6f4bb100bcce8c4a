#include "controller/state_db.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "controller/state_tables_db.h"
#include "protocol/text.h"

namespace serin::controller {

namespace {

constexpr int kApplicationId = 0x5e819;  ///< marks the file as Serin's
constexpr int kSchemaVersion = 5;
constexpr int kBusyMs = 2'000;

ErrorKind kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return ErrorKind::no_space;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorKind::busy;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorKind::corrupt;
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
      return ErrorKind::refused;
    default:
      return ErrorKind::io;
  }
}

std::string remedy_for(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::no_space:
      return "the disk is full: free some space";
    case ErrorKind::busy:
      return "another process holds it: close it (fuser shows which)";
    case ErrorKind::corrupt:
      return "the file is damaged or no database: move it away and restore a backup; without one, an empty state is "
             "made at "
             "the next start and hosts must be accepted anew";
    case ErrorKind::refused:
      return "the daemon's user must be able to read and write it and its folder";
    case ErrorKind::invalid:
    case ErrorKind::not_found:
    case ErrorKind::io:
    case ErrorKind::unsupported:
      break;
  }
  return "see the kernel's log for disk errors";
}

std::unexpected<Error> database_error(const std::string& file, const SQLite::Exception& error) {
  const ErrorKind kind = kind_of(error.getErrorCode());
  return failure(kind, fmt::format("database {}: {}: {}", file, error.what(), remedy_for(kind)));
}

}  // namespace

struct StateDb::Parts {
  Parts(const std::string& path) : file(path), database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyMs) {}
  std::string file;
  SQLite::Database database;
  std::unique_ptr<StateTables> tables;

  /// A read that stays open keeps SQLite from emptying its log, which then grows with every commit.
  struct ReadsEnd {
    StateTables& tables;
    ~ReadsEnd() { tables.end_reads(); }
  };

  /// Runs what may throw, as a result.
  template <class Do>
  auto guarded(const Do& work) -> Result<decltype(work())> {
    const ReadsEnd reads_end{*tables};
    try {
      if constexpr (std::is_void_v<decltype(work())>) {
        work();
        return {};
      } else {
        return work();
      }
    } catch (const SQLite::Exception& error) {
      return database_error(file, error);
    } catch (const std::exception& error) {
      return failure(ErrorKind::corrupt,
                     fmt::format("database {}: a row that Serin did not write: {}", file, error.what()));
    }
  }
};

StateDb::StateDb(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
StateDb::StateDb(StateDb&&) noexcept = default;
StateDb& StateDb::operator=(StateDb&&) noexcept = default;
StateDb::~StateDb() = default;

Result<StateDb> StateDb::open(const std::filesystem::path& file) {
  return open(file, true);
}

Result<StateDb> StateDb::another() const {
  return open(parts_->file, false);
}

Result<StateDb> StateDb::open(const std::filesystem::path& file, bool check) {
  try {
    auto parts = std::make_unique<Parts>(file.string());
    SQLite::Database& database = parts->database;
    // SQLite opens a file that it may not write for reading, without a word.
    if (::sqlite3_db_readonly(database.getHandle(), "main") == 1) {
      return failure(ErrorKind::refused, fmt::format("database {}: it may only be read: {}", file.string(),
                                                     remedy_for(ErrorKind::refused)));
    }
    const int application = database.execAndGet("PRAGMA application_id").getInt();
    const int version = database.execAndGet("PRAGMA user_version").getInt();
    const bool empty = database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() == 0;
    if (!empty && application != kApplicationId) {
      return failure(ErrorKind::corrupt, fmt::format("database {}: this is another program's database: give Serin a "
                                                     "state_dir of its own",
                                                     file.string()));
    }
    if (version > kSchemaVersion) {
      return failure(ErrorKind::unsupported,
                     fmt::format("database {}: written by a newer Serin (schema {}, this one knows "
                                 "{}): install that version again, or restore a backup",
                                 file.string(), version, kSchemaVersion));
    }
    database.exec("PRAGMA journal_mode=WAL");
    database.exec("PRAGMA synchronous=FULL");
    database.exec("PRAGMA foreign_keys=ON");
    if (empty) {
      SQLite::Transaction transaction(database);
      database.exec(StateTables::schema());
      database.exec(StateTables::schema_since_1());
      database.exec(StateTables::schema_since_2());
      database.exec(StateTables::schema_since_3());
      database.exec(StateTables::schema_since_4());
      database.exec(fmt::format("PRAGMA application_id={}; PRAGMA user_version={}", kApplicationId, kSchemaVersion));
      transaction.commit();
    } else if (check) {
      const std::string found = database.execAndGet("PRAGMA quick_check(1)").getString();
      if (found != "ok") {
        return failure(ErrorKind::corrupt, fmt::format("database {}: {}: {}", file.string(), printable(found),
                                                       remedy_for(ErrorKind::corrupt)));
      }
    }
    if (!empty && version < kSchemaVersion) {
      SQLite::Transaction transaction(database);
      if (version < 2) database.exec(StateTables::schema_since_1());
      if (version < 3) database.exec(StateTables::schema_since_2());
      if (version < 4) database.exec(StateTables::schema_since_3());
      database.exec(StateTables::schema_since_4());
      database.exec(fmt::format("PRAGMA user_version={}", kSchemaVersion));
      transaction.commit();
    }
    parts->tables = std::make_unique<StateTables>(database);
    return StateDb(std::move(parts));
  } catch (const SQLite::Exception& error) {
    return database_error(file.string(), error);
  }
}

Result<StoredState> StateDb::load() {
  return parts_->guarded([&] { return parts_->tables->load(); });
}

Result<void> StateDb::commit(const std::vector<Record>& records) {
  return parts_->guarded([&] {
    SQLite::Transaction transaction(parts_->database, SQLite::TransactionBehavior::IMMEDIATE);
    for (const Record& record : records) parts_->tables->store(record);
    transaction.commit();
  });
}

Result<std::vector<DeploymentId>> StateDb::good_deployments(const ApplicationName& application, std::size_t most) {
  return parts_->guarded([&] { return parts_->tables->good_deployments(application, most); });
}

Result<std::vector<StoreOrdinary>> StateDb::ordinary_hours(const ApplicationName& application, std::size_t cells_most) {
  return parts_->guarded([&] { return parts_->tables->ordinary_hours(application, cells_most); });
}

Result<evidence::StoredTrace> StateDb::deployment(DeploymentId id) {
  auto found = parts_->guarded([&] { return parts_->tables->deployment(id); });
  if (!found) return std::unexpected(found.error());
  if (!*found) {
    return failure(ErrorKind::not_found, fmt::format("there is no deployment {}: `serin history` lists them", id));
  }
  return std::move(**found);
}

Result<std::vector<HistoryLine>> StateDb::history(const ApplicationName& application, std::size_t most) {
  return parts_->guarded([&] { return parts_->tables->history(application, most); });
}

Result<posix::ClockAnchor> StateDb::clock_anchor() {
  return parts_->guarded([&] { return parts_->tables->clock_anchor(); });
}

Result<void> StateDb::store_clock_anchor(const posix::ClockAnchor& anchor) {
  return parts_->guarded([&] { parts_->tables->store_clock_anchor(anchor); });
}

Result<SteadyTime> StateDb::newest_time() {
  return parts_->guarded([&] { return parts_->tables->newest_time(); });
}

}  // namespace serin::controller
