#include "agent/count/log_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "agent/count/followed_file.h"
#include "agent/count/journal_source_file.h"
#include "agent/count/log_names.h"
#include "agent/count/presets.h"
#include "agent/count/source_matcher.h"
#include "protocol/limits.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;

constexpr auto kDrainQuiet = 5s;        ///< a rotated file that does not grow for this long is finished
constexpr auto kDrainDeletedMax = 60s;  ///< a deleted one is let go then in any case: it fills somebody's disk
constexpr std::size_t kDrainingMax = 32;
constexpr auto kScanEvery = 1s;  ///< folders of patterns
constexpr std::size_t kPatternFilesMax = 256;
/// A new file may be unreadable between its open and its chmod; beyond this its lines belong to no second.
constexpr auto kUnreadableMoment = 2s;
constexpr std::size_t kBlindBytesMax = 1'000;

/// A path that is looked at in every turn.
struct Watched {
  std::string path;
  FollowedFile::Start start = FollowedFile::Start::beginning;  ///< of the next file that is opened here
  std::optional<FollowedFile> file;
  std::optional<SteadyTime> unreadable_since;
  bool absent = false;
  std::string problem;
};

struct Source {
  std::optional<SourceMatcher> matcher;
  std::string path;
  SourcePattern pattern;
  std::vector<Watched> watched;
  std::optional<SteadyTime> scanned;  ///< last listing of a pattern's folder
  bool known_before = false;          ///< an earlier look has seen what was there (or that nothing was)
  std::string problem;
  std::string absence;  ///< nothing to read, also when that is nobody's fault
};

/// A file that lost its path and is read to its end.
struct Draining {
  FollowedFile file;
  std::size_t source;
  SteadyTime since;
};

std::string cannot_read(const std::string& path, const Error& error) {
  return fmt::format("cannot read {}: {}", path, error.text);
}

}  // namespace

struct LogFollower::Parts {
  std::string setup_problem;
  std::vector<Source> sources;
  std::vector<Draining> draining;
  std::vector<JournalSource> journals;

  void scan(Source& source, SteadyTime now);
  void look(std::size_t source_index, Watched& watched, SteadyTime now);
  void open(Watched& watched, SteadyTime now);
  void drain(std::size_t source_index, Watched& watched, SteadyTime now);
  void note_absence(std::size_t source_index);
  bool adopt(Watched& watched, const FileId& id);
  [[nodiscard]] bool is_followed(const FileId& id) const;
  [[nodiscard]] bool is_draining_for(std::size_t source_index) const;
  bool read_draining(SteadyTime now, ErrorCounter& counter);
  bool read_watched(SteadyTime now, ErrorCounter& counter);
  [[nodiscard]] std::vector<std::string> problems() const;
};

LogFollower::LogFollower(const agent::ApplicationSettings& application) : parts_(std::make_unique<Parts>()) {
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
}

LogFollower::LogFollower(LogFollower&&) noexcept = default;
LogFollower& LogFollower::operator=(LogFollower&&) noexcept = default;
LogFollower::~LogFollower() = default;

bool LogFollower::read(SteadyTime now, ErrorCounter& counter) {
  counter.advance(now);
  bool more = false;
  if (parts_->setup_problem.empty()) {
    for (std::size_t i = 0; i < parts_->sources.size(); ++i) {
      auto& source = parts_->sources[i];
      if (source.pattern.is_pattern) parts_->scan(source, now);
      for (auto& watched : source.watched) parts_->look(i, watched, now);
      parts_->note_absence(i);
    }
    // What was rotated away is older than what stands in its place.
    more = parts_->read_draining(now, counter);
    more = parts_->read_watched(now, counter) || more;
    for (auto& journal : parts_->journals) more = read_journal(journal, now, counter) || more;
  }
  for (const auto& problem : parts_->problems()) counter.note_gap(problem);
  return more;
}

std::string LogFollower::blind() const {
  std::string all;
  const auto problems = parts_->problems();
  for (std::size_t i = 0; i < problems.size(); ++i) {
    if (all.size() + problems[i].size() > kBlindBytesMax) {
      return all + fmt::format("{}{} more", all.empty() ? "" : "; and ", problems.size() - i);
    }
    all += fmt::format("{}{}", all.empty() ? "" : "; ", problems[i]);
  }
  return all;
}

/// Looks for new files that fit the pattern.
void LogFollower::Parts::scan(Source& source, SteadyTime now) {
  if (source.scanned && now - *source.scanned < kScanEvery) return;
  source.scanned = now;
  std::erase_if(source.watched, [](const Watched& watched) { return watched.absent && !watched.file; });
  source.problem.clear();
  std::error_code failed;
  auto entry = std::filesystem::directory_iterator(source.pattern.folder, failed);
  const auto error = read_error(failed.value());
  // What stands in a folder that could not be listed until now has existed before: it is read from its end.
  const auto start = source.known_before ? FollowedFile::Start::beginning : FollowedFile::Start::end;
  source.known_before = !failed || error.kind == ErrorKind::not_found;
  if (failed && error.kind != ErrorKind::not_found) source.problem = cannot_read(source.pattern.folder, error);
  if (failed) return;
  for (; entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    if (failed) break;
    const auto name = entry->path().filename().string();
    if (!fits_pattern(source.pattern.name, name) || is_rotated_name(name)) continue;
    auto path = source.pattern.folder == "/" ? "/" + name : source.pattern.folder + "/" + name;
    if (std::ranges::find(source.watched, path, &Watched::path) != source.watched.end()) continue;
    if (source.watched.size() == kPatternFilesMax) {
      source.problem = fmt::format("more than {} files fit {} (name fewer)", kPatternFilesMax, source.path);
      return;
    }
    Watched& watched = source.watched.emplace_back();
    watched.path = std::move(path);
    watched.start = start;
  }
}

/// Compares what the path names now with what is followed there.
void LogFollower::Parts::look(std::size_t source_index, Watched& watched, SteadyTime now) {
  struct stat status{};
  watched.problem.clear();
  watched.absent = false;
  if (::stat(watched.path.c_str(), &status) != 0) {
    const auto error = read_error(errno);
    watched.absent = error.kind == ErrorKind::not_found;
    if (watched.absent) {
      drain(source_index, watched, now);
      watched.start = FollowedFile::Start::beginning;
      watched.unreadable_since.reset();
      return;
    }
    // What is open goes on being read, but whether it still is the application's log cannot be told.
    watched.problem = cannot_read(watched.path, error);
    if (!watched.unreadable_since) watched.unreadable_since = now;
    return;
  }
  if (watched.file && watched.file->id() == id_of(status)) {
    watched.unreadable_since.reset();
    return;
  }
  drain(source_index, watched, now);
  if (adopt(watched, id_of(status)) || is_followed(id_of(status))) return;
  if (!S_ISREG(status.st_mode)) {
    if (!sources[source_index].pattern.is_pattern) {
      watched.problem = fmt::format("cannot read {}: it is not a regular file (name the log file)", watched.path);
    }
    return;
  }
  open(watched, now);
}

void LogFollower::Parts::open(Watched& watched, SteadyTime now) {
  if (watched.unreadable_since && now - *watched.unreadable_since > kUnreadableMoment) {
    watched.start = FollowedFile::Start::end;
  }
  auto file = FollowedFile::open(watched.path, watched.start, now);
  if (!file) {
    if (file.error().kind == ErrorKind::not_found) {
      watched.absent = true;
      return;
    }
    watched.problem = cannot_read(watched.path, file.error());
    if (!watched.unreadable_since) watched.unreadable_since = now;
    return;
  }
  watched.unreadable_since.reset();
  // The path may have been given another file since it was looked at.
  if (is_followed(file->id())) return;
  watched.file = std::move(*file);
  watched.start = FollowedFile::Start::beginning;
}

void LogFollower::Parts::drain(std::size_t source_index, Watched& watched, SteadyTime now) {
  if (!watched.file) return;
  draining.push_back({.file = std::move(*watched.file), .source = source_index, .since = now});
  watched.file.reset();
}

/// A file that came back, or got a name that a pattern fits, is followed there from where it was.
bool LogFollower::Parts::adopt(Watched& watched, const FileId& id) {
  const auto found = std::ranges::find_if(draining, [&](const Draining& old) { return old.file.id() == id; });
  if (found == draining.end()) return false;
  watched.file = std::move(found->file);
  watched.file->now_at(watched.path);
  watched.start = FollowedFile::Start::beginning;
  watched.unreadable_since.reset();
  draining.erase(found);
  return true;
}

bool LogFollower::Parts::is_followed(const FileId& id) const {
  const auto has_it = [&](const Watched& watched) { return watched.file && watched.file->id() == id; };
  return std::ranges::any_of(sources,
                             [&](const Source& source) { return std::ranges::any_of(source.watched, has_it); }) ||
         std::ranges::any_of(draining, [&](const Draining& old) { return old.file.id() == id; });
}

bool LogFollower::Parts::is_draining_for(std::size_t source_index) const {
  return std::ranges::any_of(draining, [&](const Draining& old) { return old.source == source_index; });
}

/// A source without a file sees nothing: that must be told apart from a quiet log.
void LogFollower::Parts::note_absence(std::size_t source_index) {
  auto& source = sources[source_index];
  source.absence.clear();
  if (!source.problem.empty() || is_draining_for(source_index)) return;
  const auto is_absent = [](const Watched& watched) { return watched.absent; };
  if (!std::ranges::all_of(source.watched, is_absent)) return;
  struct stat status{};
  const bool no_folder = ::stat(source.pattern.folder.c_str(), &status) != 0;
  if (no_folder) {
    source.absence = fmt::format("cannot read {}: no such folder yet: {} (make it, or correct the source's path)",
                                 source.path, source.pattern.folder);
  } else if (source.pattern.is_pattern) {
    source.absence = fmt::format("cannot read {}: no file fits yet (each is read as soon as it is there)", source.path);
  } else {
    source.absence =
        fmt::format("cannot read {}: no such file yet (it is read as soon as the application writes it)", source.path);
  }
}

bool LogFollower::Parts::read_draining(SteadyTime now, ErrorCounter& counter) {
  bool any_more = false;
  for (auto old = draining.begin(); old != draining.end();) {
    const auto more = old->file.read(*sources[old->source].matcher, now, counter);
    const bool quiet = more && !*more && now - std::max(old->since, old->file.grown_at()) >= kDrainQuiet;
    const bool overdue = old->file.is_deleted() && now - old->since >= kDrainDeletedMax;
    const bool crowded = draining.size() > kDrainingMax && old == draining.begin();
    if (!more) {
      counter.note_gap(cannot_read(old->file.path(), more.error()));
    } else if (!quiet && (overdue || crowded)) {
      counter.note_gap(fmt::format("{}: a rotated file was let go before its end", old->file.path()));
    }
    if (!more || quiet || overdue || crowded) {
      old->file.finish(*sources[old->source].matcher, now, counter);
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
  for (auto& source : sources) {
    for (auto& watched : source.watched) {
      if (!watched.file) continue;
      const auto more = watched.file->read(*source.matcher, now, counter);
      if (!more) watched.problem = cannot_read(watched.path, more.error());
      any_more = any_more || (more && *more);
    }
  }
  return any_more;
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
