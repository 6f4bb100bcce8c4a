#pragma once

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

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
