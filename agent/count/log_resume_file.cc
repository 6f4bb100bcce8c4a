// What another process had read: taken up where the file is now.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/count/log_parts_file.h"
#include "agent/count/sibling_dir.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;

constexpr auto kForgottenAfter = 24h;
constexpr int kAttemptsMax = 3;

}  // namespace

void LogFollower::restore(const Stopped& stopped, WallTime now) {
  Parts& parts = *parts_;
  parts.same_boot = stopped.same_boot;
  parts.is_resumed = true;
  if (stopped.same_boot) parts.last_turn = stopped.saved.steady;
  const auto is_known = [&](const std::string& path) {
    return std::ranges::find(stopped.state.sources, path) != stopped.state.sources.end();
  };
  for (auto& source : parts.sources) {
    if (!is_known(source.path)) continue;
    source.known_before = true;
    for (auto& watched : source.watched) watched.start = FollowedFile::Start::beginning;
  }
  for (auto& journal : parts.journals) {
    const auto known = std::ranges::find(stopped.state.journals, name_of(journal.settings), &JournalPosition::source);
    if (known == stopped.state.journals.end()) continue;
    journal.cursor = known->cursor;
    journal.text = known->text;
  }
  const auto oldest = (now - kForgottenAfter).time_since_epoch().count();
  for (const auto& position : stopped.state.files) {
    const bool is_configured = std::ranges::find(parts.sources, position.source, &Source::path) != parts.sources.end();
    if (is_configured && position.seen_ms >= oldest) parts.waiting.push_back(position);
  }
}

FollowerState LogFollower::state(WallTime now) const {
  FollowerState state;
  const auto add = [&](const Source& source, FilePosition position) {
    position.source = source.path;
    position.seen_ms = now.time_since_epoch().count();
    state.files.push_back(std::move(position));
  };
  std::vector<FilePosition> newest;  // of those that are drained, with the paths where they stood
  for (const auto& source : parts_->sources) {
    // A path that could not be looked at yet is as new as ever.
    const auto was_seen = [](const Watched& watched) { return watched.start == FollowedFile::Start::beginning; };
    if (source.pattern.is_pattern ? source.known_before : std::ranges::all_of(source.watched, was_seen)) {
      state.sources.push_back(source.path);
    }
    for (const auto& watched : source.watched) {
      if (watched.followed) {
        auto position = watched.followed->file.position();
        position.is_newest = true;
        add(source, std::move(position));
      } else if (watched.last && parts_->is_followed(watched.last->id)) {
        newest.push_back(*watched.last);
      } else if (watched.last) {
        auto position = *watched.last;
        position.is_newest = position.is_finished = true;
        add(source, std::move(position));
      }
    }
  }
  for (const auto& old : parts_->draining) {
    auto position = old.file.position();
    position.is_draining = true;
    const auto stood = std::ranges::find(newest, position.id, &FilePosition::id);
    position.is_newest = stood != newest.end();
    if (position.is_newest) position.path = stood->path;
    add(parts_->sources[old.source], std::move(position));
  }
  for (const auto& journal : parts_->journals) {
    if (journal.cursor.empty()) continue;
    state.journals.push_back({.source = name_of(journal.settings), .cursor = journal.cursor, .text = journal.text});
  }
  state.files.insert(state.files.end(), parts_->waiting.begin(), parts_->waiting.end());
  return state;
}

/// `file` was just opened at its path.
void LogFollower::Parts::resume(const std::string& source, FollowedFile& file, ErrorCounter& counter) {
  const auto is_it = [&](const FilePosition& position) {
    return position.source == source && !position.is_finished && file.is_of(position, same_boot);
  };
  auto found = std::ranges::find_if(waiting, is_it);
  if (found != waiting.end()) {
    // An error shows at the next read too.
    if (auto went_on = file.go_on(*found, same_boot, counter); !went_on) {
      counter.note_gap(cannot_read(file.path(), went_on.error()));
    }
    waiting.erase(found);
    return;
  }
  found = std::ranges::find_if(waiting, [&](const FilePosition& position) {
    return position.source == source && position.path == file.path() && position.id.inode == file.id().inode;
  });
  if (found == waiting.end()) return;
  counter.note_gap(fmt::format("{} was truncated or replaced while nobody looked: lines may be missing", file.path()));
  waiting.erase(found);
}

/// The source's paths have been looked at: what was not found there has lost its path.
void LogFollower::Parts::settle_waiting(std::size_t source_index, SteadyTime now, ErrorCounter& counter) {
  auto& source = sources[source_index];
  if (!source.problem.empty()) return;
  const auto is_settled = [&](const FilePosition& position) {
    if (position.source != source.path) return false;
    const auto watched = std::ranges::find(source.watched, position.path, &Watched::path);
    return watched == source.watched.end() || watched->problem.empty();
  };
  const auto rest = std::ranges::stable_partition(waiting, [&](const FilePosition& p) { return !is_settled(p); });
  std::vector<FilePosition> settled(std::make_move_iterator(rest.begin()), std::make_move_iterator(rest.end()));
  waiting.erase(rest.begin(), rest.end());
  for (auto& position : settled) {
    // Where it is gone, what came after it is told by time: of another boot the device's number says nothing.
    const bool is_found = !position.is_finished && drain_where_it_is(source_index, position, now, counter);
    if (is_found) position.id = draining.back().file.id();
    if (!is_found && !(position.is_finished && same_boot)) position.id = {};
    const auto watched = std::ranges::find(source.watched, position.path, &Watched::path);
    if (position.is_newest && watched != source.watched.end()) watched->last = position;
  }
  // Only now, when all that is known is followed.
  for (const auto& position : settled) {
    if (position.is_newest) drain_missed(source_index, position, now, counter);
  }
}

bool LogFollower::Parts::drain_where_it_is(std::size_t source_index, const FilePosition& position, SteadyTime now,
                                           ErrorCounter& counter) {
  // Again where it was renamed between the listing and the open.
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    for (const auto& sibling : siblings_with_inode(position.path, position.id.inode)) {
      auto file = FollowedFile::open(sibling.path, FollowedFile::Start::beginning, now, {});
      if (!file || is_followed(file->id()) || !file->is_of(position, same_boot)) continue;
      if (auto went_on = file->go_on(position, same_boot, counter); !went_on) continue;
      // Who wrote into it before it was moved away may do so yet; after a reboot nobody does.
      const SteadyTime grown{Duration{same_boot ? position.grown_ms : 0}};
      const auto since = position.is_draining || !same_boot ? grown : now;
      file->grew_at(since);
      draining.push_back({.file = std::move(*file), .source = source_index, .since = since});
      return true;
    }
  }
  counter.note_gap(fmt::format("{} was removed before its end was read", position.path));
  return false;
}

}  // namespace serin::count
