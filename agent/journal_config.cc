#include "agent/journal_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace serin::agent {

namespace {

using settings::quoted;
using settings::Setting;

constexpr std::string_view kPathExample = R"("/var/log/shop/error.log")";
constexpr std::string_view kUnitExample = R"(["php8.2-fpm.service"])";
constexpr std::size_t kUnitBytesMax = 255;
constexpr std::string_view kUnitLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@";
constexpr std::string_view kUnitTypes[] = {".service", ".socket", ".mount", ".timer", ".scope", ".slice"};

/// What systemd.unit(5) allows, with a type and without a pattern: the journal is asked for exactly this name.
bool is_unit(std::string_view name) {
  const auto has_type = [&](std::string_view type) { return name.size() > type.size() && name.ends_with(type); };
  return name.size() <= kUnitBytesMax && name.find_first_not_of(kUnitLetters) == std::string_view::npos &&
         std::ranges::any_of(kUnitTypes, has_type);
}

/// Two sources must not count one entry twice.
void check_units(const Setting& item, const SourceSettings& source, const ApplicationSettings& application) {
  for (const auto& other : application.sources) {
    if (other.journal_dir != source.journal_dir) continue;
    for (const auto& unit : source.journal) {
      if (std::ranges::find(other.journal, unit) == other.journal.end()) continue;
      item.refuse_keys({"journal"}, quoted(unit) + " stands in two sources: its errors would count double",
                       "each unit once");
    }
  }
}

}  // namespace

void read_units(const Setting& at, SourceSettings& to) {
  const auto items = at.items();
  if (!items) return;
  for (const Setting& item : *items) {
    auto unit = item.text();
    if (!unit) continue;
    if (!is_unit(*unit)) {
      item.refuse(quoted(*unit) + " is no unit's whole name", "the name with its type, such as \"php8.2-fpm.service\"");
    } else if (std::ranges::find(to.journal, *unit) != to.journal.end()) {
      item.refuse(quoted(*unit) + " stands here twice", "each unit once");
    } else {
      to.journal.push_back(std::move(*unit));
    }
  }
}

void read_journal_priority(const Setting& at, SourceSettings& to) {
  at.read_choice(to.priority, {{"emerg", 0},
                               {"alert", 1},
                               {"crit", 2},
                               {"err", 3},
                               {"warning", 4},
                               {"notice", 5},
                               {"info", 6},
                               {"debug", kJournalPriorityAll}});
}

void read_journal_dir(const Setting& at, SourceSettings& to) {
  if (!at.says("")) at.read_path(to.journal_dir);
}

bool check_place(const Setting& item, const SourceSettings& source, const ApplicationSettings& application) {
  const bool has_path = item.at("path").has_value();
  const bool has_journal = !source.journal.empty();
  if (!has_path && !item.at("journal")) {
    item.refuse_missing("path", fmt::format("{} (or journal = {})", kPathExample, kUnitExample));
  } else if (!has_path && !has_journal) {
    item.refuse_keys({"journal"}, "has no unit",
                     fmt::format("the units whose entries are read, such as {}", kUnitExample));
  } else if (has_path && has_journal) {
    item.refuse_keys({"journal"}, "path stands here too", "a source for each of them");
  } else if (has_path && (source.priority != kJournalPriorityAll || !source.journal_dir.empty())) {
    item.refuse_keys({"priority", "journal_dir"}, "belongs to the journal, and path names a file", "leave it out");
  }
  if (has_journal) check_units(item, source, application);
  return has_journal || !source.path.empty();
}

}  // namespace serin::agent
