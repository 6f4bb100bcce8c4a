#include "agent/count/journal_entry.h"

#include <algorithm>

namespace serin::count {
namespace {

constexpr std::size_t kNameBytes = 128;

/// A name must not end the line or the prefix.
void append_name(std::string_view name, std::string& to) {
  for (const char byte : name.substr(0, kNameBytes)) to += byte <= ' ' && byte >= '\0' ? '_' : byte;
}

}  // namespace

void append_as_lines(const JournalEntry& entry, std::string& to) {
  const bool has_priority = entry.priority.size() == 1 && entry.priority[0] >= '0' && entry.priority[0] <= '7';
  std::string prefix = {'<', has_priority ? entry.priority[0] : '6', '>'};
  append_name(entry.identifier.empty() ? "-" : entry.identifier, prefix);
  if (!entry.pid.empty()) {
    prefix += '[';
    append_name(entry.pid, prefix);
    prefix += ']';
  }
  prefix += ": ";
  auto message = entry.message.substr(0, kJournalMessageBytes);
  while (message.ends_with('\n') || message.ends_with('\r')) message.remove_suffix(1);
  auto end = message.find('\n');
  const auto begin = to.size();
  to += prefix;
  if (end == std::string_view::npos) {
    to.append(message).append("\n");
    return;
  }
  // What the first line is indented by, the others need not be.
  const auto indentation = std::min(message.find_first_not_of(" \t"), end);
  to.append(message.substr(indentation, end - indentation)).append("\n");
  prefix += '\t';
  while (end != std::string_view::npos && to.size() - begin < kJournalMessageBytes) {
    message.remove_prefix(end + 1);
    end = message.find('\n');
    to.append(prefix).append(message.substr(0, end)).append("\n");
  }
}

std::optional<std::string_view> suppressed_unit(std::string_view message) {
  constexpr std::string_view kFrom = " messages from ";
  const auto at = message.find(kFrom);
  if (!message.starts_with("Suppressed ") || at == std::string_view::npos) return std::nullopt;
  auto unit = message.substr(at + kFrom.size());
  unit.remove_prefix(unit.rfind('/') + 1);  // npos + 1 is 0
  return unit;
}

}  // namespace serin::count
