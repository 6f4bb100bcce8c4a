#pragma once

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "controller/fleet/report_ledger.h"
#include "protocol/clock.h"

/// How values stand in the columns of state_tables_db.h. For its .cc files only.
namespace serin::controller::columns {

// Text may hold any bytes, so it is bound and read as a blob wherever it comes from outside.
inline void bind_bytes(SQLite::Statement& statement, int index, const std::string& bytes) {
  statement.bind(index, static_cast<const void*>(bytes.data()), static_cast<int>(bytes.size()));
}
inline std::string bytes_of(const SQLite::Column& column) {
  const void* blob = column.getBlob();
  return blob == nullptr ? std::string{}
                         : std::string(static_cast<const char*>(blob), static_cast<std::size_t>(column.getBytes()));
}
inline std::int64_t number(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}
inline std::uint64_t unsigned_of(const SQLite::Column& column) {
  return static_cast<std::uint64_t>(column.getInt64());
}
inline std::int64_t ms_of(SteadyTime at) {
  return at.time_since_epoch().count();
}
inline std::int64_t ms_of(WallTime at) {
  return at.time_since_epoch().count();
}

template <class Enum>
Enum checked(const SQLite::Column& column, Enum last) {
  const int value = column.getInt();
  if (value < 0 || value > static_cast<int>(last))
    throw std::runtime_error(fmt::format("{} = {}", column.getName(), value));
  return static_cast<Enum>(value);
}

/// Of each second: 0 for one without a report, else 1 + 2 x errors + (trusted ? 1 : 0), then lines; each as a number of
/// seven bits a byte, the lowest first, with the eighth bit set in all bytes but the last. Requests stand in a column
/// of their own, one such number a second; none when there were none.
inline void append_number(std::string& bytes, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) bytes.push_back(static_cast<char>(value | 0x80U));
  bytes.push_back(static_cast<char>(value));
}
inline std::uint64_t take_number(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (bytes.empty()) throw std::runtime_error("a number ends too early");
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
    if (byte < 0x80) return value;
  }
  throw std::runtime_error("a number is too long");
}
inline std::string seconds_to_bytes(const std::vector<fleet::SecondOfHost>& seconds) {
  std::string bytes;
  for (const fleet::SecondOfHost& second : seconds) {
    if (!second.reported) {
      append_number(bytes, 0);
      continue;
    }
    append_number(bytes, 1 + 2 * std::uint64_t{second.errors} + (second.trusted ? 1 : 0));
    append_number(bytes, second.lines);
  }
  return bytes;
}
inline std::vector<fleet::SecondOfHost> seconds_of_bytes(std::string_view bytes) {
  std::vector<fleet::SecondOfHost> seconds;
  seconds.reserve(bytes.size() / 2 + 1);
  while (!bytes.empty()) {
    fleet::SecondOfHost& second = seconds.emplace_back();
    const std::uint64_t word = take_number(bytes);
    if (word == 0) continue;
    second.reported = true;
    second.trusted = (word - 1) % 2 == 1;
    second.errors = static_cast<std::uint32_t>((word - 1) / 2);
    second.lines = static_cast<std::uint32_t>(take_number(bytes));
  }
  return seconds;
}

inline std::string requests_to_bytes(const std::vector<fleet::SecondOfHost>& seconds) {
  std::string bytes;
  if (std::none_of(seconds.begin(), seconds.end(), [](const auto& second) { return second.requests > 0; }))
    return bytes;
  for (const fleet::SecondOfHost& second : seconds) append_number(bytes, second.requests);
  return bytes;
}
inline void take_requests(std::string_view bytes, std::vector<fleet::SecondOfHost>& seconds) {
  for (fleet::SecondOfHost& second : seconds) {
    if (bytes.empty()) return;
    second.requests = static_cast<std::uint32_t>(take_number(bytes));
  }
}

/// Of each message: how much its id is larger than the one before, then its count; numbers as above.
inline std::string signatures_to_bytes(const std::vector<SignatureCount>& signatures) {
  std::string bytes;
  SignatureId before = 0;
  for (const SignatureCount& signature : signatures) {
    append_number(bytes, signature.id - before);
    append_number(bytes, signature.count);
    before = signature.id;
  }
  return bytes;
}
inline std::vector<SignatureCount> signatures_of_bytes(std::string_view bytes) {
  std::vector<SignatureCount> signatures;
  SignatureId id = 0;
  while (!bytes.empty()) {
    id += take_number(bytes);
    signatures.push_back({.id = id, .count = static_cast<std::uint32_t>(take_number(bytes))});
  }
  return signatures;
}

inline std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}
inline std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    if (end > begin) words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

}  // namespace serin::controller::columns
