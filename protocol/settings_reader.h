#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/toml_value.h"

/// How both daemons read their TOML: tables of keys, each with a function that puts its value into the settings.
/// Nothing stops at the first mistake; every mistake is one line "FILE:LINE: KEY: what is wrong; what would be right",
/// safe for a terminal. Pure; single-threaded.
namespace serin::settings {

/// The mistakes of one file.
class Mistakes {
 public:
  /// `known_keys`: every key of the file, as "application.NAME.rule[].match", to say where a misplaced one belongs.
  Mistakes(const std::string& file, std::vector<std::string> known_keys);
  void add(std::size_t line, std::string_view key, std::string_view wrong, std::string_view right);
  [[nodiscard]] bool empty() const { return lines_.empty(); }
  /// `invalid`, in the order of the file; more than a screenful are only counted.
  [[nodiscard]] Error error() const;
  [[nodiscard]] const std::vector<std::string>& known_keys() const { return known_keys_; }

 private:
  std::string file_;
  std::vector<std::string> known_keys_;
  std::multimap<std::size_t, std::string> lines_;
};

/// One value of the file, its key and an example of what is right there. Refers to the file's values and to the
/// Mistakes. A value that does not fit is noted as a mistake; then nothing is given, or `to` stays as it is.
class Setting {
 public:
  /// The whole file.
  Setting(const Value& file, Mistakes& mistakes) : value_(&file), mistakes_(&mistakes), line_(1) {}

  [[nodiscard]] const std::string& key() const { return key_; }
  void refuse(std::string_view wrong, std::string_view right) const;

  /// Text of any kind but the zero byte.
  [[nodiscard]] std::optional<std::string> any_text() const;
  /// At least one character, none that moves the cursor or shows nothing.
  [[nodiscard]] std::optional<std::string> text() const;
  [[nodiscard]] std::optional<std::int64_t> whole(std::int64_t min, std::int64_t max) const;
  /// One of some words: its place among them.
  [[nodiscard]] std::optional<std::size_t> choice(std::span<const std::string_view> words) const;
  /// A list's values, each with the list's key and example.
  [[nodiscard]] std::optional<std::vector<Setting>> items() const;

  [[nodiscard]] bool is_list() const;
  [[nodiscard]] bool is_table() const;
  /// It is exactly this text.
  [[nodiscard]] bool says(std::string_view text) const;

  void read_text(std::string& to) const;
  void read_flag(bool& to) const;
  /// An absolute path without "." and ".."; doubled slashes and one at the end are left out.
  void read_path(std::string& to) const;
  template <std::integral Number>
  void read_whole(Number& to, std::int64_t min, std::int64_t max) const {
    if (const auto value = whole(min, max)) to = static_cast<Number>(*value);
  }
  void read_number(double& to, double min, double max) const;
  void read_duration(Duration& to, Duration min, Duration max) const;
  /// The same in whole seconds.
  void read_seconds(std::chrono::seconds& to, Duration min, Duration max) const;
  /// Bytes with their unit, in quotes: "64MB".
  void read_bytes(std::uint64_t& to, std::uint64_t min, std::uint64_t max) const;
  /// A number of hosts (then `percent` is 0), or a share such as "10%" (then `count` is 0). 0 stands for none, where
  /// `min` allows it.
  void read_share(std::uint32_t& count, double& percent, std::int64_t min = 1) const;
  /// A command: the program by its absolute path, then its arguments; [] is none.
  void read_argv(std::vector<std::string>& to) const;
  template <class Enum>
  void read_choice(Enum& to, std::initializer_list<std::pair<std::string_view, Enum>> choices) const {
    std::vector<std::string_view> words;
    for (const auto& [word, value] : choices) words.push_back(word);
    if (const auto index = choice(words)) to = (choices.begin() + *index)->second;
  }

  // Of a table.
  /// Its names and values, in the order of the file.
  [[nodiscard]] std::optional<std::vector<std::pair<std::string, Setting>>> entries() const;
  [[nodiscard]] std::optional<Setting> at(std::string_view name, std::string_view example = "") const;
  /// A mistake that several keys make together: it stands at the first of `names` that is in the file.
  void refuse_keys(std::initializer_list<std::string_view> names, std::string_view wrong, std::string_view right) const;
  /// A key that is not there.
  void refuse_missing(std::string_view name, std::string_view example) const;
  /// Every key that is not among `names`.
  void refuse_unknown(std::span<const std::string_view> names) const;

 private:
  Setting(const Setting& above, const Value& value, std::string key, std::size_t line, std::string_view example);
  void refuse_type(std::string_view needed) const;
  [[nodiscard]] std::string key_of(std::string_view name) const;
  [[nodiscard]] std::string place() const;

  const Value* value_;
  Mistakes* mistakes_;
  std::size_t line_;
  std::string key_;
  std::string_view example_;
  bool is_item_ = false;
};

/// One key of a table. `example` is a TOML value that is right there.
template <class Settings>
struct Key {
  std::string_view name;
  std::string_view example;
  void (*read)(const Setting&, Settings&);
  bool required = false;
};

/// Reads a table by its keys, in their order: what is there into `to`, what is missing or unknown into the mistakes.
template <class Settings>
void read_keys(const Setting& table, std::span<const Key<Settings>> keys, Settings& to) {
  if (!table.entries()) return;
  std::vector<std::string_view> names;
  for (const Key<Settings>& key : keys) {
    names.push_back(key.name);
    if (const auto setting = table.at(key.name, key.example)) {
      key.read(*setting, to);
    } else if (key.required) {
      table.refuse_missing(key.name, key.example);
    }
  }
  table.refuse_unknown(names);
}

template <class Settings, std::size_t count>
void read_keys(const Setting& table, const Key<Settings> (&keys)[count], Settings& to) {
  read_keys(table, std::span<const Key<Settings>>{keys}, to);
}

/// A value in a message: in quotes, short, safe for a terminal.
std::string quoted(std::string_view text);

/// `path` is `folder` or lies in it; both as read_path() gives them.
bool lies_in(std::string_view path, std::string_view folder);

}  // namespace serin::settings
