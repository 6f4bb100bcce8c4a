// What servers said of deployments: rows of the table `remote`.
#include "controller/state_columns_db.h"
#include "controller/state_tables_db.h"

namespace serin::controller {

using namespace columns;

namespace {

void bind_optional(SQLite::Statement& statement, int index, const std::optional<std::int64_t>& value) {
  if (value) statement.bind(index, *value);
}

std::optional<std::int64_t> optional_of(const SQLite::Column& column) {
  if (column.isNull()) return std::nullopt;
  return column.getInt64();
}

/// Of each span: the seconds since the one before it ended, then its own length.
std::string spans_to_bytes(const std::vector<fleet::SecondSpan>& spans) {
  std::string bytes;
  std::int64_t ended = 0;
  for (const fleet::SecondSpan& span : spans) {
    append_number(bytes, static_cast<std::uint64_t>(span.from - ended));
    append_number(bytes, static_cast<std::uint64_t>(span.until - span.from));
    ended = span.until;
  }
  return bytes;
}

std::vector<fleet::SecondSpan> spans_of_bytes(std::string_view bytes) {
  std::vector<fleet::SecondSpan> spans;
  std::int64_t ended = 0;
  while (!bytes.empty()) {
    fleet::SecondSpan& span = spans.emplace_back();
    span.from = ended + static_cast<std::int64_t>(take_number(bytes));
    span.until = ended = span.from + static_cast<std::int64_t>(take_number(bytes));
  }
  return spans;
}

}  // namespace

const char* StateTables::schema_since_4() {
  return R"(
CREATE TABLE remote(deployment INTEGER, source TEXT, host TEXT, trusted BLOB NOT NULL, newest INTEGER,
  newest_of_all INTEGER, read_at_ms INTEGER, before_first INTEGER NOT NULL, before BLOB NOT NULL,
  before_requests BLOB NOT NULL, since_first INTEGER NOT NULL, since BLOB NOT NULL, since_requests BLOB NOT NULL,
  PRIMARY KEY(deployment, source, host)) WITHOUT ROWID;
)";
}

void StateTables::put(const StoreRemote& row) {
  auto& insert = prepared("INSERT OR REPLACE INTO remote VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)");
  insert.bind(1, number(row.deployment));
  insert.bind(2, std::string{name_of(row.source)});
  insert.bind(3, row.host.before.host);
  bind_bytes(insert, 4, spans_to_bytes(row.host.trusted));
  bind_optional(insert, 5, row.host.newest);
  bind_optional(insert, 6, row.newest);
  if (row.read_at) insert.bind(7, ms_of(*row.read_at));
  insert.bind(8, row.host.before.first);
  bind_bytes(insert, 9, seconds_to_bytes(row.host.before.seconds));
  bind_bytes(insert, 10, requests_to_bytes(row.host.before.seconds));
  insert.bind(11, row.host.since.first);
  bind_bytes(insert, 12, seconds_to_bytes(row.host.since.seconds));
  bind_bytes(insert, 13, requests_to_bytes(row.host.since.seconds));
  insert.exec();
}

std::vector<StoreRemote> StateTables::load_remote(DeploymentId deployment) {
  std::vector<StoreRemote> all;
  auto& rows = prepared(
      "SELECT source, host, trusted, newest, newest_of_all, read_at_ms, before_first, before, before_requests, "
      "since_first, since, since_requests FROM remote WHERE deployment=?");
  rows.bind(1, number(deployment));
  while (rows.executeStep()) {
    const auto source = evidence::source_of_name(rows.getColumn(0).getString());
    if (!source) throw std::runtime_error("remote.source = " + rows.getColumn(0).getString());
    StoreRemote& row = all.emplace_back(StoreRemote{.deployment = deployment, .source = *source});
    row.host.asked = true;
    row.host.before.host = rows.getColumn(1).getString();
    row.host.trusted = spans_of_bytes(bytes_of(rows.getColumn(2)));
    row.host.newest = optional_of(rows.getColumn(3));
    row.newest = optional_of(rows.getColumn(4));
    if (const auto read_at = optional_of(rows.getColumn(5))) row.read_at = SteadyTime{Duration{*read_at}};
    row.host.before.first = rows.getColumn(6).getInt64();
    row.host.before.seconds = seconds_of_bytes(bytes_of(rows.getColumn(7)));
    take_requests(bytes_of(rows.getColumn(8)), row.host.before.seconds);
    row.host.since.first = rows.getColumn(9).getInt64();
    row.host.since.seconds = seconds_of_bytes(bytes_of(rows.getColumn(10)));
    take_requests(bytes_of(rows.getColumn(11)), row.host.since.seconds);
    if (!row.host.since.seconds.empty()) row.host.since.host = row.host.before.host;
  }
  return all;
}

}  // namespace serin::controller
