// Rows about what is kept: releases that were collected, and what each host has.
#include "controller/state_columns_db.h"
#include "controller/state_tables_db.h"

namespace serin::controller {

using namespace columns;

const char* StateTables::schema_since_3() {
  return R"(
ALTER TABLE release ADD COLUMN collected_wall_ms INTEGER NOT NULL DEFAULT 0;
CREATE TABLE host_release(host TEXT, application TEXT, releases BLOB NOT NULL, heard_wall_ms INTEGER NOT NULL,
  PRIMARY KEY(host, application)) WITHOUT ROWID;
)";
}

void StateTables::put(const StoreCollected& row) {
  auto& update = prepared("UPDATE release SET collected_wall_ms=? WHERE application=? AND number=?");
  update.bind(1, ms_of(row.at));
  update.bind(2, row.application);
  update.bind(3, number(row.release));
  update.exec();
}

void StateTables::put(const StoreHostReleases& row) {
  std::string releases;
  for (const ReleaseNumber release : row.releases) append_number(releases, release);
  auto& insert = prepared("INSERT OR REPLACE INTO host_release VALUES(?,?,?,?)");
  insert.bind(1, row.host);
  insert.bind(2, row.application);
  bind_bytes(insert, 3, releases);
  insert.bind(4, row.heard_wall_ms);
  insert.exec();
}

void StateTables::load_host_releases(StoredState& state) {
  auto& rows = prepared("SELECT host, application, releases, heard_wall_ms FROM host_release");
  while (rows.executeStep()) {
    HostReleases& host = state.host_releases[{rows.getColumn(0).getString(), rows.getColumn(1).getString()}];
    const std::string bytes = bytes_of(rows.getColumn(2));
    for (std::string_view left = bytes; !left.empty();) host.releases.push_back(take_number(left));
    host.heard_wall_ms = host.stored_wall_ms = rows.getColumn(3).getInt64();
  }
}

}  // namespace serin::controller
