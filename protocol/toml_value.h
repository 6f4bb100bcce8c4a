#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/error.h"

/// What stands in a TOML file, as plain values that know their lines. The library stays in toml_value.cc.
namespace serin::settings {

struct Value;
struct Entry;
using List = std::vector<Value>;
using Table = std::vector<Entry>;  ///< in the order of the file; no key twice
struct Date {};                    ///< dates and times: nothing of ours takes them

/// One value. `line` counts from 1.
struct Value {
  std::size_t line = 1;
  std::variant<bool, std::int64_t, double, std::string, Date, List, Table> data;
};

/// `key = value`, or [key] with what follows.
struct Entry {
  std::string key;
  std::size_t line = 1;  ///< of the key
  Value value;
};

/// Reads TOML 1.0. Dotted keys, inline tables and [headers] all become tables. `invalid`: one line
/// "FILE:LINE:COLUMN: what is wrong; where to read on", safe for a terminal. Pure.
Result<Table> parse_toml(std::string_view text, const std::string& file);

}  // namespace serin::settings
