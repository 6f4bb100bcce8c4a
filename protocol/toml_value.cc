#include "protocol/toml_value.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "protocol/text.h"

namespace serin::settings {

namespace {

Value value_of(const toml::node& node, std::size_t line_above);

/// A table that only dotted keys or longer headers name has no place of its own: then it stands where its parent does.
std::size_t line_of(const toml::source_region& source, std::size_t line_above) {
  return source.begin.line == 0 ? line_above : source.begin.line;
}

Table table_of(const toml::table& table, std::size_t line_above) {
  Table entries;
  entries.reserve(table.size());
  for (const auto& [key, node] : table) {
    const std::size_t line = line_of(key.source(), line_above);
    entries.push_back({.key = std::string{key.str()}, .line = line, .value = value_of(node, line)});
  }
  // The library sorts by name; people read from the top.
  std::ranges::stable_sort(entries, {}, &Entry::line);
  return entries;
}

Value value_of(const toml::node& node, std::size_t line_above) {
  Value value{.line = line_of(node.source(), line_above), .data = Date{}};
  if (const auto* table = node.as_table()) {
    value.data = table_of(*table, value.line);
  } else if (const auto* list = node.as_array()) {
    List items;
    items.reserve(list->size());
    for (const toml::node& item : *list) items.push_back(value_of(item, value.line));
    value.data = std::move(items);
  } else if (const auto* text = node.as_string()) {
    value.data = text->get();
  } else if (const auto* whole = node.as_integer()) {
    value.data = whole->get();
  } else if (const auto* number = node.as_floating_point()) {
    value.data = number->get();
  } else if (const auto* truth = node.as_boolean()) {
    value.data = truth->get();
  }
  return value;
}

std::string_view remedy_for(std::string_view description) {
  const auto says = [description](std::string_view words) { return description.find(words) != std::string_view::npos; };
  if (says("redefine")) return "write each key and each [table] once";
  if (says("utf-8")) return "save the file as UTF-8";
  return "text and durations stand in quotes, lists in [ ], see https://toml.io/en/v1.0.0";
}

}  // namespace

Result<Table> parse_toml(std::string_view text, const std::string& file) {
  try {
    return table_of(toml::parse(text, std::string_view{file}), 1);
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    return failure(ErrorKind::invalid, fmt::format("{}:{}:{}: {}; {}", printable(file), at.line, at.column,
                                                   printable(error.description()), remedy_for(error.description())));
  }
}

}  // namespace serin::settings
