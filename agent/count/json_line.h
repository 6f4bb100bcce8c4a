#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace serin::count {

/// A value in a line of JSON, as it stands there.
struct JsonValue {
  enum class Kind { none, text, number, word, nested };
  Kind kind = Kind::none;
  std::string_view raw;  ///< of a text what is between its quotes, escapes and all
  friend bool operator==(const JsonValue&, const JsonValue&) = default;
};

/// Finds members of the outermost object of a line: values[i] is what keys[i] has, of several the first. What is in
/// objects within never counts. Stops when all are found: what follows is not looked at. False: not an object, or it
/// breaks off or makes no sense before that; every object of valid JSON is one. Linear; reads only; never fails.
bool find_json_members(std::string_view line, std::span<const std::string> keys, std::span<JsonValue> values);

/// A text's bytes without escapes, in UTF-8, at most about `bytes_max`. What is no escape stays as it is.
std::string json_text(std::string_view raw, std::size_t bytes_max);

/// A number, or a text that is one; nothing for anything else.
std::optional<double> json_number(const JsonValue& value);

/// ASCII letters are equal whatever their case.
bool equals_caseless(std::string_view left, std::string_view right);

}  // namespace serin::count
