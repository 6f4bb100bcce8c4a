#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/count/change_watch_file.h"
#include "agent/count/followed_file.h"
#include "agent/count/journal_source_file.h"
#include "agent/count/log_file.h"
#include "agent/count/log_names.h"
#include "agent/count/source_matcher.h"

/// What a LogFollower is made of: which files there are is found in log_discovery_file.cc, what was known to another
/// process is taken up in log_resume_file.cc, they are read in log_file.cc.
namespace serin::count {

inline constexpr std::chrono::seconds kLookEvery{1};    ///< where nobody tells of changes
inline constexpr std::chrono::seconds kLookAnyway{10};  ///< where somebody does
inline constexpr std::chrono::seconds kActiveFor{10};   ///< after a file grew it is read in every turn
inline constexpr std::size_t kMarkedFilesMax = 64;      ///< those that grow, of all sources: 256 KiB of marks
inline constexpr std::size_t kPatternFilesMax = 256;
inline constexpr std::size_t kSourceFilesMax = 4'000;  ///< of all sources: what a record of positions can hold

/// A file and how one hears of its growth: looked at in every turn, told by the watch, or looked at each second.
struct Followed {
  enum class Pace { every_turn, when_told, every_second };
  explicit Followed(FollowedFile opened) : file(std::move(opened)) {}
  FollowedFile file;
  Pace pace = Pace::every_turn;
  int watch = -1;
  SteadyTime looked{};
};

/// A path that a source names.
struct Watched {
  std::string path;
  FollowedFile::Start start = FollowedFile::Start::beginning;  ///< of the next file that is opened here
  std::optional<Followed> followed;
  std::optional<FilePosition> last;  ///< of the file that stood here until it was drained
  std::optional<SteadyTime> unreadable_since;
  bool absent = false;     ///< nothing is there, or nothing that a pattern means
  bool is_linked = false;  ///< a link leads to the file or its folder: changes elsewhere give it another file
  std::string problem;
};

struct Source {
  std::optional<SourceMatcher> matcher;
  std::string path;
  SourcePattern pattern;
  std::vector<Watched> watched;
  int folder_watch = -1;
  bool is_due = true;         ///< to be looked at in this turn
  SteadyTime looked{};        ///< when all of it was looked at last
  SteadyTime looked_often{};  ///< the same of those paths of which nobody tells
  bool known_before = false;  ///< an earlier look has seen what was there (or that nothing was)
  std::string problem;
  std::string absence;  ///< nothing to read, also when that is nobody's fault
};

/// A file that lost its path and is read to its end.
struct Draining {
  FollowedFile file;
  std::size_t source;
  SteadyTime since;
};

struct LogFollower::Parts {
  std::string setup_problem;
  std::vector<Source> sources;
  std::vector<JournalSource> journals;
  EventGroups groups;
  std::deque<Draining> draining;
  std::deque<FilePosition> finished;  ///< the newest of those that were drained
  std::unique_ptr<ChangeWatch> changes;
  std::optional<SteadyTime> last_turn;  ///< what came since then came lately
  std::vector<FilePosition> waiting;    ///< of another process, not found yet
  bool same_boot = true;                ///< as theirs
  bool is_resumed = false;              ///< another process was here before
  std::size_t next_to_read = 0;         ///< among all sources' files: where the last call had read enough
  std::uint64_t bytes_left = 0;         ///< of what one call may read

  // Discovery
  void take_changes();
  void discover(std::size_t source_index, SteadyTime now, ErrorCounter& counter);
  [[nodiscard]] bool is_told(const Source& source) const { return source.folder_watch >= 0; }
  void scan(Source& source);
  void look(std::size_t source_index, Watched& watched, SteadyTime now, ErrorCounter& counter);
  void open(std::size_t source_index, Watched& watched, SteadyTime now, ErrorCounter& counter);
  void drain(std::size_t source_index, Watched& watched, SteadyTime now);
  void drain_missed(std::size_t source_index, const FilePosition& old, SteadyTime now, ErrorCounter& counter);
  void note_absence(std::size_t source_index);
  bool adopt(Watched& watched, const FileId& id);
  [[nodiscard]] bool is_followed(const FileId& id) const;
  [[nodiscard]] bool is_used_again(const FilePosition& old, SteadyTime now) const;
  [[nodiscard]] bool is_finished(const FollowedFile& file, std::int64_t changed_ns) const;
  [[nodiscard]] bool is_draining_for(std::size_t source_index) const;

  // Resuming
  void resume(const std::string& source, FollowedFile& file, ErrorCounter& counter);
  void settle_waiting(std::size_t source_index, SteadyTime now, ErrorCounter& counter);
  bool drain_where_it_is(std::size_t source_index, const FilePosition& position, SteadyTime now, ErrorCounter& counter);

  // Reading
  void let_go(Draining& old, SteadyTime now, ErrorCounter& counter);
  bool read_draining(SteadyTime now, ErrorCounter& counter);
  bool read_watched(SteadyTime now, ErrorCounter& counter);
  bool read_one(const Source& source, Watched& watched, SteadyTime now, ErrorCounter& counter);
  void rest(Followed& followed, SteadyTime now);
  void notice_truncation(Followed& followed) const;
  [[nodiscard]] std::vector<std::string> problems() const;
};

/// "cannot read /var/log/app.log: Permission denied (...)"
std::string cannot_read(const std::string& path, const Error& error);

}  // namespace serin::count
