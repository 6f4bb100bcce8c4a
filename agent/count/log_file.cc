#include "agent/count/log_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/count/log_parts_file.h"
#include "agent/count/presets.h"
#include "protocol/limits.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;

constexpr auto kDrainQuiet = 5s;        ///< a rotated file that does not grow for this long is finished
constexpr auto kDrainDeletedMax = 60s;  ///< a deleted one is let go then in any case: it fills somebody's disk
constexpr std::size_t kDrainingMax = 32;
constexpr std::size_t kFinishedKept = 64;
constexpr std::size_t kBlindBytesMax = 1'000;

}  // namespace

std::string cannot_read(const std::string& path, const Error& error) {
  return fmt::format("cannot read {}: {}", path, error.text);
}

LogFollower::LogFollower(const agent::ApplicationSettings& application, std::unique_ptr<ChangeWatch> changes)
    : parts_(std::make_unique<Parts>()) {
  parts_->changes = std::move(changes);
  if (application.sources.empty()) {
    parts_->setup_problem = fmt::format("no log file is configured (add [[application.{}.source]])", application.name);
  } else if (std::ranges::all_of(application.sources,
                                 [&](const auto& source) { return rules_of(source, application).empty(); })) {
    parts_->setup_problem =
        fmt::format("no rule says what an error is (add [[application.{}.rule]])", application.name);
  }
  for (const auto& settings : application.sources) {
    auto matcher = SourceMatcher::compile(settings, application);
    if (!matcher) parts_->setup_problem = matcher.error().text;
    if (!settings.journal.empty()) {
      if (matcher) parts_->journals.push_back({.matcher = std::move(*matcher), .settings = settings});
      continue;
    }
    Source source;
    if (matcher) source.matcher = std::move(*matcher);
    source.path = settings.path;
    source.pattern = split_source_path(settings.path);
    if (!source.pattern.is_pattern) {
      source.watched.emplace_back();
      source.watched.back().path = settings.path;
      source.watched.back().start = FollowedFile::Start::end;
    }
    parts_->sources.push_back(std::move(source));
  }
  std::size_t number = 0;
  for (auto& source : parts_->sources) {
    if (source.matcher) source.matcher->share(parts_->groups, number++);
  }
  for (auto& journal : parts_->journals) journal.matcher.share(parts_->groups, number++);
}

LogFollower::LogFollower(LogFollower&&) noexcept = default;
LogFollower& LogFollower::operator=(LogFollower&&) noexcept = default;
LogFollower::~LogFollower() = default;

bool LogFollower::read(SteadyTime now, ErrorCounter& counter) {
  counter.advance(now);
  bool more = false;
  if (parts_->setup_problem.empty()) {
    parts_->take_changes();
    for (std::size_t i = 0; i < parts_->sources.size(); ++i) parts_->discover(i, now, counter);
    // What was rotated away is older than what stands in its place.
    more = parts_->read_draining(now, counter);
    more = parts_->read_watched(now, counter) || more;
    for (auto& journal : parts_->journals) more = read_journal(journal, now, counter) || more;
    parts_->last_turn = now;
  }
  for (const auto& problem : parts_->problems()) counter.note_gap(problem);
  return more;
}

std::optional<int> LogFollower::rests_on() const {
  const auto is_busy = [](const Watched& watched) {
    return watched.followed && watched.followed->pace == Followed::Pace::every_turn;
  };
  const auto has_busy = [&](const Source& source) { return std::ranges::any_of(source.watched, is_busy); };
  if (!parts_->journals.empty() || !parts_->draining.empty() || std::ranges::any_of(parts_->sources, has_busy)) {
    return std::nullopt;
  }
  return parts_->changes->fd();
}

std::string LogFollower::blind() const {
  std::string all;
  const auto problems = parts_->problems();
  for (std::size_t i = 0; i < problems.size(); ++i) {
    if (i > 0 && all.size() + problems[i].size() > kBlindBytesMax) {
      return all + fmt::format("{}{} more", all.empty() ? "" : "; and ", problems.size() - i);
    }
    all += fmt::format("{}{}", all.empty() ? "" : "; ", problems[i]);
  }
  return all;
}

void LogFollower::Parts::let_go(Draining& old, SteadyTime now, ErrorCounter& counter) {
  auto& source = sources[old.source];
  old.file.finish(*source.matcher, now, counter);
  source.is_due = true;  // without a file it is blind now
  finished.push_back(old.file.position());
  if (finished.size() > kFinishedKept) finished.pop_front();
}

bool LogFollower::Parts::read_draining(SteadyTime now, ErrorCounter& counter) {
  bool any_more = false;
  for (auto old = draining.begin(); old != draining.end();) {
    const auto more = old->file.read(*sources[old->source].matcher, now, counter);
    const bool quiet = more && !*more && now - std::max(old->since, old->file.grown_at()) >= kDrainQuiet;
    const bool overdue = old->file.is_deleted() && now - old->since >= kDrainDeletedMax;
    // The oldest that has been read so far; where none has, the oldest.
    const bool crowded = draining.size() > kDrainingMax && more && (!*more || draining.size() > 2 * kDrainingMax);
    if (!more) {
      counter.note_gap(cannot_read(old->file.path(), more.error()));
    } else if (!quiet && (overdue || crowded)) {
      counter.note_gap(fmt::format("{}: a rotated file was let go before its end", old->file.path()));
    }
    if (!more || quiet || overdue || crowded) {
      let_go(*old, now, counter);
      old = draining.erase(old);
    } else {
      any_more = any_more || *more;
      ++old;
    }
  }
  return any_more;
}

bool LogFollower::Parts::read_watched(SteadyTime now, ErrorCounter& counter) {
  bool any_more = false;
  bytes_left = limits::kReadBytesPerCall;
  const auto first = next_to_read;
  for (const bool has_wrapped : {false, true}) {
    std::size_t number = 0;
    for (auto& source : sources) {
      for (auto& watched : source.watched) {
        const auto this_one = number++;
        if (has_wrapped != (this_one < first)) continue;
        if (bytes_left == 0) {
          next_to_read = this_one;
          return true;
        }
        any_more = read_one(source, watched, now, counter) || any_more;
      }
    }
  }
  return any_more;
}

bool LogFollower::Parts::read_one(const Source& source, Watched& watched, SteadyTime now, ErrorCounter& counter) {
  if (!watched.followed) return false;
  auto& followed = *watched.followed;
  const auto since = now - followed.looked;
  if (followed.pace == Followed::Pace::when_told && since < kLookAnyway) return false;
  if (followed.pace == Followed::Pace::every_second && since < kLookEvery) return false;
  followed.looked = now;
  const auto before = followed.file.offset();
  const auto more = followed.file.read(*source.matcher, now, counter);
  // It may have passed a hole, or begun again: no call reads more than a turn's bytes.
  bytes_left -= std::min({followed.file.offset() - before, std::uint64_t{limits::kReadBytesPerTurn}, bytes_left});
  if (!more) watched.problem = cannot_read(watched.path, more.error());
  if (!more || *more) return more.has_value();
  const bool is_active = now - followed.file.grown_at() < kActiveFor;
  if (is_active) {
    followed.pace = Followed::Pace::every_turn;
    notice_truncation(followed);
  } else if (followed.pace == Followed::Pace::every_turn) {
    rest(followed, now);
    // What came before the watch was there is nobody's to tell.
    const auto missed = followed.file.read(*source.matcher, now, counter);
    if (missed && followed.file.grown_at() == now) followed.pace = Followed::Pace::every_turn;
    return missed.value_or(false);
  }
  return false;
}

void LogFollower::Parts::notice_truncation(Followed& followed) const {
  if (followed.file.notices_truncation()) return;
  std::size_t marked = 0;
  for (const auto& source : sources) {
    marked += static_cast<std::size_t>(std::ranges::count_if(source.watched, [](const Watched& watched) {
      return watched.followed && watched.followed->file.notices_truncation();
    }));
  }
  if (marked < kMarkedFilesMax) followed.file.notice_truncation(true);
}

/// A file that does not grow costs nothing but its descriptor.
void LogFollower::Parts::rest(Followed& followed, SteadyTime now) {
  followed.file.notice_truncation(false);
  const auto watch = changes->watch_growth(followed.file.fd());
  followed.watch = watch.value_or(-1);
  followed.pace = watch ? Followed::Pace::when_told : Followed::Pace::every_second;
  followed.looked = now;
}

std::vector<std::string> LogFollower::Parts::problems() const {
  std::vector<std::string> all;
  const auto add = [&all](const std::string& problem) {
    if (!problem.empty()) all.push_back(problem);
  };
  add(setup_problem);
  for (const auto& source : sources) {
    add(source.problem);
    add(source.absence);
    for (const auto& watched : source.watched) add(watched.problem);
  }
  for (const auto& journal : journals) add(journal.problem);
  return all;
}

}  // namespace serin::count
