#include "protocol/settings_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "protocol/text.h"

namespace serin::settings {

namespace {

constexpr std::size_t kMistakesShown = 50;
constexpr std::size_t kQuotedBytes = 80;
constexpr std::string_view kNameLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/// What stands there, as a message begins: "20 is a whole number".
struct Describe {
  std::string operator()(bool value) const { return fmt::format("{} is true or false", value); }
  std::string operator()(std::int64_t value) const { return fmt::format("{} is a whole number", value); }
  std::string operator()(double value) const { return fmt::format("{} is a number with a fraction", value); }
  std::string operator()(const std::string& value) const { return quoted(value) + " is text"; }
  std::string operator()(const Date&) const { return "a date or time stands here"; }
  std::string operator()(const List&) const { return "a list stands here"; }
  std::string operator()(const Table&) const { return "a table stands here"; }
};

/// Insertions, deletions and replacements that make one of the other.
std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row.back();
}

/// The name that was meant, as far as anyone can tell; nothing when none is near.
std::string_view nearest(std::string_view name, std::span<const std::string_view> names) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, (name.size() + 2) / 3) + 1;
  for (const std::string_view known : names) {
    if (name.size() > 2 * known.size() + 2) continue;
    const std::size_t distance = edit_distance(name, known);
    if (distance < best_distance && distance < known.size()) {
      best = known;
      best_distance = distance;
    }
  }
  return best;
}

/// Where a key of that name belongs, when it is known in another table.
std::string other_place(std::string_view name, const std::vector<std::string>& known_keys) {
  for (const std::string_view known : known_keys) {
    if (known == name) return "it belongs at the top of the file, above the first [table]";
    if (!known.ends_with(name) || known[known.size() - name.size() - 1] != '.') continue;
    std::string_view table = known.substr(0, known.size() - name.size() - 1);
    if (!table.ends_with("[]")) return fmt::format("it belongs under [{}]", table);
    table.remove_suffix(2);
    return fmt::format("it belongs under [[{}]]", table);
  }
  return {};
}

template <class Words>
std::string listed(const Words& words, std::string_view quote, std::string_view last) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? last : ", ";
    text += fmt::format("{}{}{}", quote, words[i], quote);
  }
  return text;
}

/// The path without doubled slashes and one at the end; nothing when it is not absolute or holds "." or "..".
std::optional<std::string> plain_path(std::string_view text) {
  if (!text.starts_with('/')) return std::nullopt;
  std::string path;
  while (!text.empty()) {
    text.remove_prefix(1);
    const std::string_view part = text.substr(0, text.find('/'));
    if (part == "." || part == "..") return std::nullopt;
    if (!part.empty()) path += fmt::format("/{}", part);
    text.remove_prefix(part.size());
  }
  return path.empty() ? "/" : path;
}

}  // namespace

std::string quoted(std::string_view text) {
  return '"' + printable(text, kQuotedBytes) + '"';
}

bool lies_in(std::string_view path, std::string_view folder) {
  if (folder == "/") return true;
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

Mistakes::Mistakes(const std::string& file, std::vector<std::string> known_keys)
    : file_(printable(file)), known_keys_(std::move(known_keys)) {}

void Mistakes::add(std::size_t line, std::string_view key, std::string_view wrong, std::string_view right) {
  lines_.emplace(line, fmt::format("{}:{}: {}: {}; {}", file_, line, key, wrong, right));
}

Error Mistakes::error() const {
  std::string text;
  std::size_t shown = 0;
  for (const auto& [line, mistake] : lines_) {
    if (shown == kMistakesShown) {
      text += fmt::format("\n{}: and {} mistakes more", file_, lines_.size() - shown);
      break;
    }
    text += (shown++ == 0 ? "" : "\n") + mistake;
  }
  return {.kind = ErrorKind::invalid, .text = std::move(text)};
}

Setting::Setting(const Setting& above, const Value& value, std::string key, std::size_t line, std::string_view example)
    : value_(&value), mistakes_(above.mistakes_), line_(line), key_(std::move(key)), example_(example) {}

void Setting::refuse(std::string_view wrong, std::string_view right) const {
  mistakes_->add(line_, key_, wrong, right);
}

void Setting::refuse_type(std::string_view needed) const {
  refuse(std::visit(Describe{}, value_->data), example_.empty()
                                                   ? fmt::format("{} is needed", needed)
                                                   : fmt::format("{} is needed, such as {}", needed, example_));
}

std::string Setting::key_of(std::string_view name) const {
  const bool plain = !name.empty() && name.find_first_not_of(kNameLetters) == std::string_view::npos;
  return fmt::format("{}{}{}", key_, key_.empty() ? "" : ".", plain ? printable(name, kQuotedBytes) : quoted(name));
}

std::string Setting::place() const {
  if (key_.empty()) return "at the top of the file";
  return is_item_ ? fmt::format("in [[{}]]", key_) : fmt::format("in [{}]", key_);
}

std::optional<std::string> Setting::any_text() const {
  const auto* text = std::get_if<std::string>(&value_->data);
  if (text == nullptr) {
    refuse_type("text in quotes");
    return std::nullopt;
  }
  if (text->find('\0') != std::string::npos) {
    refuse(quoted(*text) + " holds a zero byte", "leave it out");
    return std::nullopt;
  }
  return *text;
}

std::optional<std::string> Setting::text() const {
  auto text = any_text();
  if (!text) return std::nullopt;
  if (text->empty()) {
    refuse("\"\" is empty", fmt::format("write for instance {}", example_));
    return std::nullopt;
  }
  if (printable(*text, text->size()) != *text) {
    refuse(quoted(*text) + " holds characters that do not show", "leave them out");
    return std::nullopt;
  }
  return text;
}

std::optional<std::int64_t> Setting::whole(std::int64_t min, std::int64_t max) const {
  const auto* value = std::get_if<std::int64_t>(&value_->data);
  if (value == nullptr) {
    refuse_type("a whole number");
    return std::nullopt;
  }
  if (*value < min || *value > max) {
    refuse(fmt::format("{} is out of range", *value), fmt::format("from {} to {}", min, max));
    return std::nullopt;
  }
  return *value;
}

bool Setting::is_list() const {
  return std::holds_alternative<List>(value_->data);
}
bool Setting::is_table() const {
  return std::holds_alternative<Table>(value_->data);
}

bool Setting::says(std::string_view text) const {
  const auto* value = std::get_if<std::string>(&value_->data);
  return value != nullptr && *value == text;
}

std::optional<std::size_t> Setting::choice(std::span<const std::string_view> words) const {
  const auto word = any_text();
  if (!word) return std::nullopt;
  const auto found = std::ranges::find(words, std::string_view{*word});
  if (found == words.end()) {
    refuse(quoted(*word) + " is none of the choices", listed(words, "\"", " or "));
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - words.begin());
}

std::optional<std::vector<Setting>> Setting::items() const {
  const auto* list = std::get_if<List>(&value_->data);
  if (list == nullptr) {
    refuse_type("a list");
    return std::nullopt;
  }
  std::vector<Setting> items;
  items.reserve(list->size());
  for (const Value& value : *list) {
    items.push_back({*this, value, key_, value.line, example_});
    items.back().is_item_ = true;
  }
  return items;
}

void Setting::read_text(std::string& to) const {
  if (auto value = text()) to = std::move(*value);
}

void Setting::read_flag(bool& to) const {
  if (const auto* value = std::get_if<bool>(&value_->data)) {
    to = *value;
  } else {
    refuse_type("true or false");
  }
}

void Setting::read_path(std::string& to) const {
  const auto value = text();
  if (!value) return;
  if (auto path = plain_path(*value)) {
    to = std::move(*path);
  } else {
    refuse(quoted(*value) + (value->starts_with('/') ? " goes through . or .." : " is not absolute"),
           fmt::format("write the whole path from the root, such as {}", example_));
  }
}

void Setting::read_number(double& to, double min, double max) const {
  double value = 0;
  if (const auto* whole_number = std::get_if<std::int64_t>(&value_->data)) {
    value = static_cast<double>(*whole_number);
  } else if (const auto* number = std::get_if<double>(&value_->data)) {
    value = *number;
  } else {
    return refuse_type("a number");
  }
  if (value >= min && value <= max) {  // false for what is not a number too
    to = value;
  } else {
    refuse(fmt::format("{} is out of range", value), fmt::format("from {} to {}", min, max));
  }
}

void Setting::read_duration(Duration& to, Duration min, Duration max) const {
  const auto* text = std::get_if<std::string>(&value_->data);
  if (text == nullptr) return refuse_type("a duration with its unit, in quotes,");
  const auto length = parse_duration(*text);
  if (!length) {
    refuse(quoted(*text) + " is no duration",
           fmt::format("write numbers with the units h, m, s or ms, such as {}", example_));
  } else if (*length < min || *length > max) {
    refuse(quoted(*text) + " is out of range", fmt::format("from {} to {}", duration_text(min), duration_text(max)));
  } else {
    to = *length;
  }
}

void Setting::read_seconds(std::chrono::seconds& to, Duration min, Duration max) const {
  using namespace std::chrono_literals;
  Duration exact = to;
  read_duration(exact, min, max);
  if (exact % 1s != 0ms) {
    refuse(fmt::format("{} is no whole number of seconds", duration_text(exact)), "whole seconds");
    return;
  }
  to = std::chrono::duration_cast<std::chrono::seconds>(exact);
}

void Setting::read_bytes(std::uint64_t& to, std::uint64_t min, std::uint64_t max) const {
  const auto* text = std::get_if<std::string>(&value_->data);
  if (text == nullptr) return refuse_type("a size with its unit, in quotes,");
  const auto bytes = parse_bytes(*text);
  if (!bytes) {
    refuse(quoted(*text) + " is no size", fmt::format("write a number and B, kB, MB, GB or TB, such as {}", example_));
  } else if (*bytes < min || *bytes > max) {
    refuse(quoted(*text) + " is out of range", fmt::format("from {} to {}", bytes_text(min), bytes_text(max)));
  } else {
    to = *bytes;
  }
}

void Setting::read_share(std::uint32_t& count, double& percent, std::int64_t min) const {
  constexpr std::int64_t kHostsMax = 1'000'000;
  if (std::holds_alternative<std::int64_t>(value_->data)) {
    if (const auto hosts = whole(min, kHostsMax)) {
      count = static_cast<std::uint32_t>(*hosts);
      percent = 0;
    }
    return;
  }
  const auto* text = std::get_if<std::string>(&value_->data);
  if (text == nullptr) return refuse_type("a number of hosts, or a share in quotes,");
  double share = 0;
  const char* end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, share, std::chars_format::fixed);
  if (read.ec != std::errc{} || end - read.ptr != 1 || *read.ptr != '%') {
    refuse(quoted(*text) + " is neither a number of hosts nor a share",
           fmt::format("write for instance 3 (hosts) or {}", example_));
  } else if (share > 0 && share <= 100) {
    count = 0;
    percent = share;
  } else {
    refuse(quoted(*text) + " is out of range", "more than 0%, at most 100%");
  }
}

void Setting::read_argv(std::vector<std::string>& to) const {
  const auto words = items();
  if (!words) return;
  std::vector<std::string> argv;
  for (const Setting& word : *words) {
    auto text = word.any_text();
    if (!text) return;
    if (argv.empty() && !text->starts_with('/')) {
      word.refuse(quoted(*text) + " is no absolute path",
                  fmt::format("the program is named by its whole path and no shell runs it, such as {}", example_));
      return;
    }
    argv.push_back(std::move(*text));
  }
  to = std::move(argv);
}

std::optional<std::vector<std::pair<std::string, Setting>>> Setting::entries() const {
  const auto* table = std::get_if<Table>(&value_->data);
  if (table == nullptr) {
    refuse_type("a table");
    return std::nullopt;
  }
  std::vector<std::pair<std::string, Setting>> entries;
  entries.reserve(table->size());
  for (const Entry& entry : *table) {
    entries.emplace_back(entry.key, Setting{*this, entry.value, key_of(entry.key), entry.line, example_});
  }
  return entries;
}

std::optional<Setting> Setting::at(std::string_view name, std::string_view example) const {
  const auto* table = std::get_if<Table>(&value_->data);
  if (table == nullptr) return std::nullopt;
  const auto found = std::ranges::find(*table, name, &Entry::key);
  if (found == table->end()) return std::nullopt;
  return Setting{*this, found->value, key_of(name), found->line, example};
}

void Setting::refuse_keys(std::initializer_list<std::string_view> names, std::string_view wrong,
                          std::string_view right) const {
  for (const std::string_view name : names) {
    if (const auto setting = at(name)) return setting->refuse(wrong, right);
  }
  mistakes_->add(line_, key_of(*names.begin()), wrong, right);
}

void Setting::refuse_missing(std::string_view name, std::string_view example) const {
  mistakes_->add(line_, key_of(name), fmt::format("is missing {}", place()), fmt::format("add {} = {}", name, example));
}

void Setting::refuse_unknown(std::span<const std::string_view> names) const {
  const auto here = entries();
  if (!here) return;
  for (const auto& [name, setting] : *here) {
    if (std::ranges::find(names, std::string_view{name}) != names.end()) continue;
    std::string right = other_place(name, mistakes_->known_keys());
    if (const auto meant = nearest(name, names); right.empty() && !meant.empty()) {
      right = fmt::format("did you mean {}?", meant);
    }
    if (right.empty()) right = "known here: " + listed(names, "", ", ");
    setting.refuse(fmt::format("is unknown {}", place()), right);
  }
}

}  // namespace serin::settings
