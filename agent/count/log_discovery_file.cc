// Which files there are: what the sources' paths name now, and what they named until now.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "agent/count/log_parts_file.h"
#include "agent/count/sibling_dir.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;

/// A new file may be unreadable between its open and its chmod; beyond this its lines belong to no second.
constexpr auto kUnreadableMoment = 2s;
/// Two files may begin alike for a few bytes.
constexpr std::uint32_t kTellingHeadBytes = 64;
constexpr int kAttemptsMax = 3;

bool leads_elsewhere(const std::string& path) {
  std::error_code failed;
  const auto real = std::filesystem::canonical(path, failed);
  return failed || real != path;
}

}  // namespace

void LogFollower::Parts::take_changes() {
  const auto news = changes->take();
  if (news.all.empty() && !news.lost) return;
  for (auto& source : sources) {
    if (news.lost) source.is_due = true;
    for (const auto& change : news.all) {
      if (change.watch != source.folder_watch) continue;
      if (change.over) {
        changes->forget(std::exchange(source.folder_watch, -1));
        source.is_due = true;
        break;
      }
      if (fits_pattern(source.pattern.name, change.name) || source.pattern.name == change.name) source.is_due = true;
    }
    for (auto& watched : source.watched) {
      if (!watched.followed || watched.followed->pace != Followed::Pace::when_told) continue;
      const bool told =
          std::ranges::find(news.all, watched.followed->watch, &ChangeWatch::Change::watch) != news.all.end();
      if (!told && !news.lost) continue;
      // Had it changed before the last turn, that would have been told then.
      if (told && last_turn) watched.followed->file.unchanged_until(*last_turn);
      watched.followed->pace = Followed::Pace::every_turn;
      changes->forget(std::exchange(watched.followed->watch, -1));
    }
  }
}

/// Looks at what has changed, at what nobody tells of each second, and at everything now and then.
void LogFollower::Parts::discover(std::size_t source_index, SteadyTime now, ErrorCounter& counter) {
  auto& source = sources[source_index];
  const bool all = source.is_due || now - source.looked >= (is_told(source) ? kLookAnyway : kLookEvery);
  const bool often = all || now - source.looked_often >= kLookEvery;
  if (often) source.looked_often = now;
  if (all) {
    source.looked = now;
    source.is_due = false;
    // Before looking, so that nothing slips in between; again each time, for the folder may be another one by now.
    const auto watch = changes->watch_folder(source.pattern.folder);
    const auto before = std::exchange(source.folder_watch, watch.value_or(-1));
    const auto shared = std::ranges::find(sources, before, &Source::folder_watch) != sources.end();
    if (before >= 0 && before != source.folder_watch && !shared) changes->forget(before);
    if (source.pattern.is_pattern) scan(source);
  }
  for (auto& watched : source.watched) {
    if (!all && !(often && watched.is_linked) && watched.problem.empty()) continue;
    const auto before = watched.followed ? watched.followed->file.id() : FileId{};
    look(source_index, watched, now, counter);
    const bool is_another = !watched.followed || watched.followed->file.id() != before;
    if (is_another && watched.last) drain_missed(source_index, *watched.last, now, counter);
  }
  if (!waiting.empty()) settle_waiting(source_index, now, counter);
  if (often) note_absence(source_index);
}

/// Looks for new files that fit the pattern.
void LogFollower::Parts::scan(Source& source) {
  std::erase_if(source.watched, [this](const Watched& watched) {
    const auto is_last = [&](const Draining& old) { return watched.last && old.file.id() == watched.last->id; };
    return watched.absent && !watched.followed && std::ranges::none_of(draining, is_last);
  });
  source.problem.clear();
  std::error_code failed;
  auto entry = std::filesystem::directory_iterator(source.pattern.folder, failed);
  const auto error = read_error(failed.value());
  // What stands in a folder that could not be listed until now has existed before: it is read from its end.
  const auto start = source.known_before ? FollowedFile::Start::beginning : FollowedFile::Start::end;
  source.known_before = !failed || error.kind == ErrorKind::not_found;
  if (failed && error.kind != ErrorKind::not_found) source.problem = cannot_read(source.pattern.folder, error);
  if (failed) return;
  std::size_t files = 0;
  for (const auto& other : sources) files += other.watched.size();
  for (; entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    if (failed) break;
    const auto name = entry->path().filename().string();
    if (!fits_pattern(source.pattern.name, name) || is_rotated_name(name)) continue;
    auto path = source.pattern.folder == "/" ? "/" + name : source.pattern.folder + "/" + name;
    if (std::ranges::find(source.watched, path, &Watched::path) != source.watched.end()) continue;
    if (source.watched.size() == kPatternFilesMax || files == kSourceFilesMax) {
      source.problem = fmt::format("more than {} files fit {} (name fewer)", source.watched.size(), source.path);
      return;
    }
    ++files;
    Watched& watched = source.watched.emplace_back();
    watched.path = std::move(path);
    watched.start = start;
  }
}

/// Compares what the path names now with what is followed there.
void LogFollower::Parts::look(std::size_t source_index, Watched& watched, SteadyTime now, ErrorCounter& counter) {
  struct stat status{};
  watched.problem.clear();
  watched.absent = false;
  if (::stat(watched.path.c_str(), &status) != 0) {
    const auto error = read_error(errno);
    watched.absent = error.kind == ErrorKind::not_found;
    if (watched.absent) {
      std::error_code none;
      watched.is_linked = std::filesystem::is_symlink(watched.path, none);
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
  if (watched.followed && watched.followed->file.id() == id_of(status)) {
    watched.unreadable_since.reset();
    return;
  }
  drain(source_index, watched, now);
  if (adopt(watched, id_of(status)) || is_followed(id_of(status))) return;
  if (!S_ISREG(status.st_mode)) {
    watched.absent = sources[source_index].pattern.is_pattern;
    watched.start = FollowedFile::Start::beginning;
    if (!watched.absent) {
      watched.problem = fmt::format("cannot read {}: it is not a regular file (name the log file)", watched.path);
    }
    return;
  }
  open(source_index, watched, now, counter);
}

void LogFollower::Parts::open(std::size_t source_index, Watched& watched, SteadyTime now, ErrorCounter& counter) {
  // What is in a new file came since the last turn; in one that could not be read, since then.
  FollowedFile::KnownAt at_end = last_turn;
  if (!last_turn && !is_resumed) at_end = now;
  if (watched.unreadable_since && now - *watched.unreadable_since > kUnreadableMoment)
    at_end = watched.unreadable_since;
  auto file = FollowedFile::open(watched.path, watched.start, now, at_end);
  if (!file) {
    const bool is_no_log = file.error().kind == ErrorKind::invalid && sources[source_index].pattern.is_pattern;
    if (file.error().kind == ErrorKind::not_found || is_no_log) {
      watched.absent = true;
      return;
    }
    watched.problem = cannot_read(watched.path, file.error());
    if (file.error().kind == ErrorKind::invalid) watched.start = FollowedFile::Start::beginning;
    if (!watched.unreadable_since) watched.unreadable_since = now;
    return;
  }
  watched.unreadable_since.reset();
  // The path may have been given another file since it was looked at.
  if (is_followed(file->id())) return;
  if (!waiting.empty()) resume(sources[source_index].path, *file, counter);
  watched.followed.emplace(std::move(*file));
  watched.start = FollowedFile::Start::beginning;
  watched.is_linked = leads_elsewhere(watched.path);
}

void LogFollower::Parts::drain(std::size_t source_index, Watched& watched, SteadyTime now) {
  if (!watched.followed) return;
  if (watched.followed->watch >= 0) changes->forget(watched.followed->watch);
  watched.last = watched.followed->file.position();
  watched.last->path = watched.path;
  draining.push_back({.file = std::move(watched.followed->file), .source = source_index, .since = now});
  watched.followed.reset();
}

/// Files that came to the path after `old` and went from it between two looks.
void LogFollower::Parts::drain_missed(std::size_t source_index, const FilePosition& old, SteadyTime now,
                                      ErrorCounter& counter) {
  const FollowedFile::KnownAt at_end = last_turn;
  const auto id = is_used_again(old, now) ? FileId{} : old.id;
  // Again where one was renamed between the listing and the open.
  bool is_stale = true;
  for (int attempt = 0; is_stale && attempt < kAttemptsMax; ++attempt) {
    is_stale = false;
    const auto rotated = rotated_since(old.path, id, old.changed_ns);
    for (const auto& sibling : rotated.files) {
      if (is_followed(sibling.id)) continue;
      auto file = FollowedFile::open(sibling.path, FollowedFile::Start::beginning, now, at_end);
      is_stale = is_stale || !file || file->id() != sibling.id;
      if (!file || file->id() != sibling.id || is_finished(*file, sibling.changed_ns)) continue;
      draining.push_back({.file = std::move(*file), .source = source_index, .since = now});
      if (!rotated.all) counter.note_gap(fmt::format("{} was rotated too fast: lines may be missing", old.path));
    }
  }
  if (is_stale) counter.note_gap(fmt::format("{}: a rotated file could not be read", old.path));
}

/// A file that came back, or got a name that a pattern fits, is followed there from where it was.
bool LogFollower::Parts::adopt(Watched& watched, const FileId& id) {
  const auto found = std::ranges::find_if(draining, [&](const Draining& old) { return old.file.id() == id; });
  if (found == draining.end()) return false;
  watched.followed.emplace(std::move(found->file));
  watched.followed->file.now_at(watched.path);
  watched.start = FollowedFile::Start::beginning;
  watched.unreadable_since.reset();
  watched.is_linked = leads_elsewhere(watched.path);
  draining.erase(found);
  return true;
}

bool LogFollower::Parts::is_followed(const FileId& id) const {
  const auto has_it = [&](const Watched& watched) { return watched.followed && watched.followed->file.id() == id; };
  return std::ranges::any_of(sources,
                             [&](const Source& source) { return std::ranges::any_of(source.watched, has_it); }) ||
         std::ranges::any_of(draining, [&](const Draining& old) { return old.file.id() == id; });
}

/// `old` was let go, and another file beside its path has got its inode.
bool LogFollower::Parts::is_used_again(const FilePosition& old, SteadyTime now) const {
  if (is_followed(old.id)) return false;
  return std::ranges::any_of(siblings_with_inode(old.path, old.id.inode), [&](const Sibling& sibling) {
    const auto file = FollowedFile::open(sibling.path, FollowedFile::Start::beginning, now, {});
    return file && !file->is_of(old, same_boot);
  });
}

/// It was drained before. An inode that is used again has another head, or was changed since.
bool LogFollower::Parts::is_finished(const FollowedFile& file, std::int64_t changed_ns) const {
  return std::ranges::any_of(finished, [&](const FilePosition& old) {
    return old.id == file.id() &&
           (old.changed_ns == changed_ns || (old.head_bytes >= kTellingHeadBytes && file.is_of(old, true)));
  });
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

}  // namespace serin::count
