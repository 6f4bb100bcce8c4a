#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <tuple>
#include <unordered_map>

#include "controller/judge/trace.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::judge {

namespace {

enum class Column : std::uint8_t { second, host, role, errors, lines, requests, signatures };
constexpr std::array<std::string_view, 7> kColumns{"second", "host",     "role",      "errors",
                                                   "lines",  "requests", "signatures"};

constexpr std::size_t kSettingsMax = 256;
constexpr std::size_t kSettingBytesMax = 200;

/// A piece of a line, and where it begins.
struct Field {
  std::string_view text;
  std::size_t column = 1;
};

struct Row {
  std::int64_t second = 0;
  std::size_t host = 0;
  Counts counts;
  std::size_t line = 0, column = 0;  ///< where its second stands
};

/// A reason in the middle of a line; the line's number is added by whoever knows it.
Error mistake(const Field& at, const std::string& what) {
  return {ErrorKind::invalid, fmt::format("column {}: {}", at.column, what)};
}

std::string quoted(std::string_view text) {
  return "'" + printable(text, 40) + "'";
}

std::vector<Field> split(const Field& line, char by) {
  std::vector<Field> fields;
  std::size_t begin = 0;
  for (std::size_t at = 0; at <= line.text.size(); ++at) {
    if (at < line.text.size() && line.text[at] != by) continue;
    fields.push_back({line.text.substr(begin, at - begin), line.column + begin});
    begin = at + 1;
  }
  return fields;
}

template <class Number>
Result<Number> whole(const Field& field, Number least, Number most, std::string_view what) {
  Number number{};
  const std::string_view text = field.text;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size() && number >= least && number <= most) return number;
  return std::unexpected(mistake(
      field, fmt::format("{} is no {}: write a whole number from {} to {}", quoted(field.text), what, least, most)));
}

Result<std::int64_t> second_in(const Field& field) {
  return whole<std::int64_t>(field, -limits::kTraceSecondMax, limits::kTraceSecondMax, "second");
}

Result<std::uint64_t> count_in(const Field& field, std::string_view what) {
  return whole<std::uint64_t>(field, 0, limits::kTraceCountMax, what);
}

class Reader {
 public:
  Result<Trace> read(std::string_view csv);

 private:
  Result<void> read_line(const Field& line);
  Result<void> read_comment(const Field& line);
  Result<void> read_header(const Field& line);
  Result<void> read_row(const Field& line);
  Result<void> read_signatures(const Field& field, const Row& row);
  Result<std::size_t> host_of(const Field& name, const Field& role);
  Result<void> add(const Row& row, const Field& second);
  Result<Trace> finish();

  Trace trace_;
  std::vector<Column> columns_;  ///< empty until the header
  std::unordered_map<std::string, std::size_t> hosts_;
  std::unordered_map<std::string, std::int64_t> loaded_;
  std::unordered_map<std::string, std::string> rules_;
  std::vector<Row> rows_;
  std::size_t line_ = 0;
  std::int64_t first_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t last_ = std::numeric_limits<std::int64_t>::min();
};

Result<void> Reader::read_comment(const Field& line) {
  const auto value = [&](std::string_view key) {
    return Field{line.text.substr(key.size()), line.column + key.size()};
  };
  if (line.text.starts_with("#deploy=")) {
    if (trace_.deploy) return std::unexpected(mistake(line, "#deploy stands here a second time"));
    const auto second = second_in(value("#deploy="));
    if (!second) return std::unexpected(second.error());
    trace_.deploy = *second;
    return {};
  }
  if (line.text.starts_with("#judge=")) {
    const Field judge = value("#judge=");
    if (judge.text != "fixed" && judge.text != "sequential") {
      return std::unexpected(mistake(judge, quoted(judge.text) + " is no judge: write sequential or fixed"));
    }
    trace_.judge = judge.text;
    return {};
  }
  if (line.text.starts_with("#step=")) {
    const auto step = whole<std::int64_t>(value("#step="), 1, 3'600, "step");
    if (!step) return std::unexpected(step.error());
    trace_.step = *step;
    return {};
  }
  if (line.text.starts_with("#set=")) {
    if (trace_.settings.size() == kSettingsMax) return std::unexpected(mistake(line, "too many #set="));
    trace_.settings.emplace_back(value("#set=").text.substr(0, kSettingBytesMax));
    return {};
  }
  if (line.text.starts_with("#known=")) {
    const Field id = value("#known=");
    if (!is_plain_name(id.text, 128)) return std::unexpected(mistake(id, quoted(id.text) + " is no signature's id"));
    if (trace_.known.size() == limits::kTraceSignaturesMax) return std::unexpected(mistake(line, "too many #known="));
    trace_.known.emplace_back(id.text);
    return {};
  }
  const bool loaded = line.text.starts_with("#loaded=");
  if (!loaded && !line.text.starts_with("#rules=")) return {};
  const auto parts = split(value(loaded ? "#loaded=" : "#rules="), ',');
  if (parts.size() != 2 || !is_plain_name(parts[0].text, limits::kHostNameBytesMax)) {
    return std::unexpected(mistake(line, loaded ? "write #loaded=HOST,SECOND" : "write #rules=HOST,HASH"));
  }
  if (std::max(loaded_.size(), rules_.size()) >= limits::kTraceHostsMax) {
    return std::unexpected(mistake(line, fmt::format("more than {} hosts", limits::kTraceHostsMax)));
  }
  const std::string host{parts[0].text};
  if (loaded) {
    const auto second = second_in(parts[1]);
    if (!second) return std::unexpected(second.error());
    if (!loaded_.emplace(host, *second).second) return std::unexpected(mistake(parts[0], host + " is named twice"));
    return {};
  }
  if (!is_plain_name(parts[1].text, 128))
    return std::unexpected(mistake(parts[1], quoted(parts[1].text) + " is no hash"));
  if (!rules_.emplace(host, parts[1].text).second) return std::unexpected(mistake(parts[0], host + " is named twice"));
  return {};
}

Result<void> Reader::read_header(const Field& line) {
  for (const Field& field : split(line, ',')) {
    const auto known = std::find(kColumns.begin(), kColumns.end(), field.text);
    if (known == kColumns.end()) {
      return std::unexpected(mistake(
          field, fmt::format("{} is no column: the header is second,host,role,errors,lines and may name requests and "
                             "signatures",
                             quoted(field.text))));
    }
    const auto column = static_cast<Column>(known - kColumns.begin());
    if (std::find(columns_.begin(), columns_.end(), column) != columns_.end()) {
      return std::unexpected(mistake(field, fmt::format("the column {} stands here twice", field.text)));
    }
    columns_.push_back(column);
  }
  const auto has = [&](Column column) { return std::find(columns_.begin(), columns_.end(), column) != columns_.end(); };
  for (const Column needed : {Column::second, Column::host, Column::role, Column::errors}) {
    if (has(needed)) continue;
    return std::unexpected(
        mistake(line, fmt::format("the column {} is missing", kColumns[static_cast<std::size_t>(needed)])));
  }
  trace_.lines_known = has(Column::lines);
  trace_.requests_known = has(Column::requests);
  return {};
}

Result<std::size_t> Reader::host_of(const Field& name, const Field& role) {
  const bool canary = role.text == "canary";
  if (!canary && role.text != "control") {
    return std::unexpected(mistake(role, quoted(role.text) + " is no role: write canary or control"));
  }
  if (!is_plain_name(name.text, limits::kHostNameBytesMax)) {
    return std::unexpected(mistake(name, quoted(name.text) + " is no host's name"));
  }
  const auto [at, fresh] = hosts_.emplace(name.text, trace_.hosts.size());
  const Role wanted = canary ? Role::canary : Role::control;
  if (fresh) {
    if (trace_.hosts.size() == limits::kTraceHostsMax) {
      return std::unexpected(mistake(name, fmt::format("more than {} hosts", limits::kTraceHostsMax)));
    }
    trace_.hosts.push_back({.host = std::string{name.text}, .role = wanted});
  } else if (trace_.hosts[at->second].role != wanted) {
    return std::unexpected(mistake(role, fmt::format("{} had the other role before", name.text)));
  }
  return at->second;
}

Result<void> Reader::read_signatures(const Field& field, const Row& row) {
  if (field.text.empty()) return {};
  for (const Field& pair : split(field, ';')) {
    const std::size_t colon = pair.text.rfind(':');
    if (colon == std::string_view::npos || !is_plain_name(pair.text.substr(0, colon), 128)) {
      return std::unexpected(mistake(pair, quoted(pair.text) + " is no id:count"));
    }
    const auto count = count_in({pair.text.substr(colon + 1), pair.column + colon + 1}, "count");
    if (!count) return std::unexpected(count.error());
    if (trace_.signatures.size() == limits::kTraceSignaturesMax) {
      return std::unexpected(mistake(pair, fmt::format("more than {} signatures", limits::kTraceSignaturesMax)));
    }
    trace_.signatures.push_back({row.second, row.host, std::string{pair.text.substr(0, colon)}, *count});
  }
  return {};
}

Result<void> Reader::read_row(const Field& line) {
  const auto fields = split(line, ',');
  if (fields.size() != columns_.size()) {
    return std::unexpected(
        mistake(line, fmt::format("{} fields where the header has {}", fields.size(), columns_.size())));
  }
  std::array<Field, kColumns.size()> by_column;
  for (std::size_t i = 0; i < fields.size(); ++i) by_column[static_cast<std::size_t>(columns_[i])] = fields[i];
  const auto field = [&](Column column) { return by_column[static_cast<std::size_t>(column)]; };

  Row row{.counts = {.seen = true}};
  const auto second = second_in(field(Column::second));
  if (!second) return std::unexpected(second.error());
  const auto host = host_of(field(Column::host), field(Column::role));
  if (!host) return std::unexpected(host.error());
  row.second = *second;
  row.host = *host;
  const std::array<std::tuple<Column, std::uint64_t*, bool>, 3> counts{
      {{Column::errors, &row.counts.errors, true},
       {Column::lines, &row.counts.lines, trace_.lines_known},
       {Column::requests, &row.counts.requests, trace_.requests_known}}};
  for (const auto& [column, to, known] : counts) {
    if (!known) continue;
    const auto count = count_in(field(column), "count");
    if (!count) return std::unexpected(count.error());
    *to = *count;
  }
  if (auto read = read_signatures(field(Column::signatures), row); !read) return read;
  return add(row, field(Column::second));
}

/// Keeps the bounds before memory is taken.
Result<void> Reader::add(const Row& row, const Field& second) {
  first_ = std::min(first_, row.second);
  last_ = std::max(last_, row.second);
  const auto span = static_cast<std::uint64_t>(last_ - first_) + 1;
  if (span * trace_.hosts.size() > limits::kTraceCellsMax || rows_.size() == limits::kTraceCellsMax) {
    return std::unexpected(mistake(second, fmt::format("{} hosts over {} s: at most {} hosts x seconds are taken",
                                                       trace_.hosts.size(), span, limits::kTraceCellsMax)));
  }
  rows_.push_back(row);
  rows_.back().line = line_;
  rows_.back().column = second.column;
  return {};
}

Result<void> Reader::read_line(const Field& line) {
  if (line.text.empty()) return {};
  if (line.text.front() == '#') return read_comment(line);
  return columns_.empty() ? read_header(line) : read_row(line);
}

Result<Trace> Reader::finish() {
  if (columns_.empty())
    return failure(
        ErrorKind::invalid,
        fmt::format("line {}, column 1: the trace ends without its header second,host,role,errors,lines", line_ + 1));
  trace_.first = rows_.empty() ? 0 : first_;
  const std::size_t length = rows_.empty() ? 0 : static_cast<std::size_t>(last_ - first_) + 1;
  for (TraceHost& host : trace_.hosts) {
    host.seconds.resize(length);
    if (const auto at = loaded_.find(host.host); at != loaded_.end()) host.loaded = at->second;
    if (const auto at = rules_.find(host.host); at != rules_.end()) host.rules = at->second;
  }
  for (const Row& row : rows_) {
    Counts& counts = trace_.hosts[row.host].seconds[static_cast<std::size_t>(row.second - first_)];
    if (counts.seen) {
      return failure(ErrorKind::invalid, fmt::format("line {}, column {}: second {} of {} stands here a second time",
                                                     row.line, row.column, row.second, trace_.hosts[row.host].host));
    }
    counts = row.counts;
  }
  std::sort(trace_.signatures.begin(), trace_.signatures.end(), [](const SignatureCount& a, const SignatureCount& b) {
    return std::tie(a.second, a.host, a.id) < std::tie(b.second, b.host, b.id);
  });
  return std::move(trace_);
}

Result<Trace> Reader::read(std::string_view csv) {
  if (csv.size() > limits::kTraceBytesMax) {
    return failure(ErrorKind::invalid, "the trace is larger than " + bytes_text(limits::kTraceBytesMax));
  }
  if (csv.starts_with("\xEF\xBB\xBF")) csv.remove_prefix(3);
  while (!csv.empty()) {
    ++line_;
    const std::size_t end = std::min(csv.find('\n'), csv.size());
    std::string_view line = csv.substr(0, end);
    csv.remove_prefix(std::min(end + 1, csv.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (auto read = read_line({line, 1}); !read) {
      return failure(ErrorKind::invalid, fmt::format("line {}, {}", line_, read.error().text));
    }
  }
  return finish();
}

}  // namespace

Result<Trace> parse_trace(std::string_view csv) {
  return Reader{}.read(csv);
}

}  // namespace serin::judge
