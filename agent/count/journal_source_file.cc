#include "agent/count/journal_source_file.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace serin::count {
namespace {

constexpr auto kTryEvery = std::chrono::seconds{1};

}  // namespace

std::string name_of(const agent::SourceSettings& source) {
  std::string units;
  for (const auto& unit : source.journal) units.append(units.empty() ? "" : ", ").append(unit);
  return fmt::format("journal of {}{}{}", units, source.journal_dir.empty() ? "" : " in ", source.journal_dir);
}

bool read_journal(JournalSource& source, SteadyTime now, ErrorCounter& counter) {
  if (!source.follower) {
    if (source.tried && now - *source.tried < kTryEvery) return false;
    source.tried = now;
    auto opened = JournalFollower::open(source.settings, source.cursor, source.text);
    if (!opened) {
      source.problem = fmt::format("cannot read the {}: {}", name_of(source.settings), opened.error().text);
      return false;
    }
    source.follower = std::move(*opened);
  }
  const auto more = source.follower->read(source.matcher, now, counter);
  source.cursor = source.follower->cursor();
  source.text = source.follower->text();
  source.problem = more ? "" : fmt::format("cannot read the {}: {}", name_of(source.settings), more.error().text);
  if (!more) source.follower.reset();
  return more.value_or(false);
}

}  // namespace serin::count
