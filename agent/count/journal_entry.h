#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace serin::count {

/// What is read of an entry of the journal; any bytes, any may be empty.
struct JournalEntry {
  std::string_view priority;    ///< "0" to "7"; anything else counts as 6
  std::string_view identifier;  ///< of the program
  std::string_view pid;
  std::string_view message;
};

/// Appends the entry as lines of a log: "<PRIORITY>identifier[pid]: message" LF. Further lines of the message begin so
/// too, then are indented by a tab more than the first: they go on with its event, whoever else writes. Line ends at
/// its end are left out. Adds no more than kJournalLineBytes: of very many lines the first. Pure.
void append_as_lines(const JournalEntry& entry, std::string& to);

inline constexpr std::size_t kJournalMessageBytes = 64U << 10;  ///< of a message; the rest is not looked at
inline constexpr std::size_t kJournalLineBytes = 2 * kJournalMessageBytes + 1'024;

/// Of journald's own "Suppressed 12 messages from UNIT" the unit; UNIT may stand there as a control group.
std::optional<std::string_view> suppressed_unit(std::string_view message);

}  // namespace serin::count
