#include "agent/count/journald_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <systemd/sd-journal.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "agent/count/journal_entry.h"
#include "protocol/limits.h"
#include "protocol/posix/system_clock.h"
#include "protocol/posix/unique_fd.h"

namespace serin::count {
namespace {

constexpr std::string_view kJournalFolders[] = {"/var/log/journal", "/run/log/journal"};
/// systemd.journal-fields(7), sd-messages.h: SD_MESSAGE_JOURNAL_DROPPED, and of coredumps.
constexpr std::string_view kDroppedId = "a596d6fe7bfa4994828e72309e95d61e";
constexpr std::string_view kCoredumpId = "fc2e22bc6ee647b6b90729ab34a250b1";
/// Instead of a cursor when no entry has been seen: "since=" and microseconds of the wall clock.
constexpr std::string_view kSince = "since=";
constexpr int kFailuresInPlace = 3;  ///< then what cannot be read is left out

struct CloseJournal {
  void operator()(sd_journal* journal) const { ::sd_journal_close(journal); }
};
using Journal = std::unique_ptr<sd_journal, CloseJournal>;

std::string words_of(int negative_error) {
  return std::generic_category().message(-negative_error);
}
Error journal_error(std::string_view what, int error_number) {
  const bool refused = error_number == EACCES || error_number == EPERM;
  return {.kind = refused                                             ? ErrorKind::refused
                  : error_number == ENOENT || error_number == ENOTDIR ? ErrorKind::not_found
                                                                      : ErrorKind::io,
          .text = fmt::format("{}: {}{}", what, words_of(-error_number),
                              refused ? " (add the agent's user to group systemd-journal)" : "")};
}

/// sd-journal leaves out what it may not read without a word, and a journal of which nothing is seen looks quiet.
Result<void> check_readable_below(const std::string& folder, int depth) {
  std::error_code failed;
  auto entry = std::filesystem::directory_iterator(folder, failed);
  if (failed) return std::unexpected(journal_error(folder, failed.value()));
  for (; entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    if (failed) return {};
    const auto& path = entry->path();
    std::error_code ignored;
    if (depth == 0 && entry->is_directory(ignored)) {
      // journald's own folders have the machine's id as their name; other ones are not read.
      if (path.filename().string().size() < 32) continue;
      if (auto below = check_readable_below(path.string(), 1); !below) return below;
    } else if (path.extension() == ".journal" && path.filename().string().find('@') == std::string::npos) {
      const posix::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
      if (!fd && errno != ENOENT) return std::unexpected(journal_error(path.string(), errno));
    }
  }
  return {};
}

Result<void> check_readable(const std::string& folder) {
  if (!folder.empty()) return check_readable_below(folder, 0);
  bool any = false;
  for (const auto place : kJournalFolders) {
    const auto checked = check_readable_below(std::string(place), 0);
    any = any || checked.has_value();
    if (!checked && checked.error().kind != ErrorKind::not_found) return checked;
  }
  if (any) return {};
  return failure(ErrorKind::not_found, fmt::format("neither {} nor {} is there (is systemd-journald running?)",
                                                   kJournalFolders[0], kJournalFolders[1]));
}

/// Adds terms to a conjunction of disjunctions of conjunctions, as sd_journal_add_match(3) has them.
class Matches {
 public:
  explicit Matches(sd_journal* journal) : journal_(journal) {}
  Matches& both(std::string_view field, std::string_view value) {
    const auto term = fmt::format("{}={}", field, value);
    note(::sd_journal_add_match(journal_, term.data(), term.size()));
    return *this;
  }
  void either() { note(::sd_journal_add_disjunction(journal_)); }
  void all() { note(::sd_journal_add_conjunction(journal_)); }
  [[nodiscard]] int error() const { return error_; }

 private:
  void note(int result) { error_ = result < 0 ? result : error_; }
  sd_journal* journal_;
  int error_ = 0;
};

/// (priority or dropped) and (unit or dropped): journald's word on what it dropped has a priority of its own.
int match(sd_journal* journal, const agent::SourceSettings& source) {
  Matches matches(journal);
  for (const auto& unit : source.journal) {
    matches.both("_SYSTEMD_UNIT", unit).either();
    matches.both("_PID", "1").both("UNIT", unit).either();
    matches.both("_UID", "0").both("OBJECT_SYSTEMD_UNIT", unit).either();
    matches.both("MESSAGE_ID", kCoredumpId).both("_UID", "0").both("COREDUMP_UNIT", unit).either();
  }
  matches.both("MESSAGE_ID", kDroppedId).all();
  if (source.priority == agent::kJournalPriorityAll) return matches.error();
  for (int priority = 0; priority <= source.priority; ++priority) matches.both("PRIORITY", fmt::format("{}", priority));
  matches.either();
  matches.both("MESSAGE_ID", kDroppedId);
  return matches.error();
}

std::uint64_t number_in(std::string_view text, int base) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, base);
  return number;
}
/// The wall clock's microseconds in "s=...;t=60a24181e4000;..."
std::uint64_t time_of_cursor(std::string_view cursor) {
  const auto at = cursor.find(";t=");
  return at == std::string_view::npos ? 0 : number_in(cursor.substr(at + 3), 16);
}

}  // namespace

struct JournalFollower::Parts {
  agent::SourceSettings source;
  Journal journal;
  std::string position;         ///< the cursor of the last entry counted, or kSince
  std::uint64_t beyond = 0;     ///< entries counted behind that one
  std::uint64_t skip = 0;       ///< of these, still to be passed by after opening again
  bool at_position = false;     ///< the next entry is the one of `position`, when it still exists
  std::uint64_t last_time = 0;  ///< of the last entry counted
  bool behind = false;          ///< something was left in the last turn
  int failures = 0;             ///< without an entry in between
  std::string gap;              ///< to be noted
  std::string priority, identifier, pid, lines;
  TextState text;

  Result<void> open();
  int seek();
  int seek_end();
  int next();
  Result<bool> recover(int error, ErrorCounter& counter);
  void remember();
  void notice_vacuum();
  std::string_view field(const char* name);
  bool take_suppressed(ErrorCounter& counter);
  void take_entry();
  void count(const SourceMatcher& matcher, SteadyTime now, Written written, ErrorCounter& counter);
  Result<bool> read(const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter);
};

Result<void> JournalFollower::Parts::open() {
  journal.reset();
  if (auto readable = check_readable(source.journal_dir); !readable) return readable;
  sd_journal* opened = nullptr;
  int result = source.journal_dir.empty() ? ::sd_journal_open(&opened, SD_JOURNAL_LOCAL_ONLY)
                                          : ::sd_journal_open_directory(&opened, source.journal_dir.c_str(), 0);
  journal.reset(opened);
  if (result >= 0) result = ::sd_journal_set_data_threshold(opened, kJournalMessageBytes + 16);
  if (result >= 0) result = match(opened, source);
  // Without it sd_journal_process() hears of no new file. Before the position is sought: nothing falls between.
  if (result >= 0) result = ::sd_journal_get_fd(opened);
  if (result >= 0) result = seek();
  if (result >= 0) return {};
  journal.reset();
  return std::unexpected(journal_error("the journal", -result));
}

int JournalFollower::Parts::seek() {
  at_position = false;
  skip = beyond;
  if (position.starts_with(kSince)) {
    return ::sd_journal_seek_realtime_usec(journal.get(),
                                           number_in(std::string_view(position).substr(kSince.size()), 10));
  }
  if (position.empty()) return seek_end();
  if (const int result = ::sd_journal_seek_cursor(journal.get(), position.c_str()); result < 0) {
    gap = "where the journal had been read up to is not known any more: it is read from its end";
    return seek_end();
  }
  at_position = true;
  last_time = time_of_cursor(position);
  notice_vacuum();
  return 0;
}

/// sd_journal_seek_tail() stands behind the last entry of any unit: only a step back finds the last one that matches.
int JournalFollower::Parts::seek_end() {
  beyond = skip = 0;
  position =
      fmt::format("{}{}", kSince,
                  std::chrono::duration_cast<std::chrono::microseconds>(posix::wall_time().time_since_epoch()).count());
  if (const int result = ::sd_journal_seek_tail(journal.get()); result < 0) return result;
  const int result = ::sd_journal_previous(journal.get());
  if (result == 0) return ::sd_journal_seek_head(journal.get());
  if (result > 0) remember();
  return result;
}

/// sd_journal_seek_cursor() only says where to go: the entry that the next step finds may be the old one, or one behind
/// it when the old one was vacuumed (systemd issue 17767).
int JournalFollower::Parts::next() {
  int result = ::sd_journal_next(journal.get());
  if (result > 0 && at_position) {
    at_position = false;
    if (::sd_journal_test_cursor(journal.get(), position.c_str()) > 0) result = ::sd_journal_next(journal.get());
  }
  for (; result > 0 && skip > 0; --skip) result = ::sd_journal_next(journal.get());
  return result;
}

/// Where the entry that is stood on ends what was read.
void JournalFollower::Parts::remember() {
  char* here = nullptr;
  if (::sd_journal_get_cursor(journal.get(), &here) < 0) return;
  position = here;
  beyond = 0;
  std::free(here);  // NOLINT(*-no-malloc): sd_journal_get_cursor(3) says so
}

Result<bool> JournalFollower::Parts::recover(int error, ErrorCounter& counter) {
  if (++failures > kFailuresInPlace) {
    position.clear();
    counter.note_gap(fmt::format("the journal cannot be read on ({}): entries were left out", words_of(error)));
    failures = 0;
  }
  if (auto opened = open(); !opened) return std::unexpected(opened.error());
  return true;
}

/// Older entries than the last one read are gone, and there were more to read.
void JournalFollower::Parts::notice_vacuum() {
  std::uint64_t oldest = 0;
  const int found = ::sd_journal_get_cutoff_realtime_usec(journal.get(), &oldest, nullptr);
  if (found <= 0 || last_time == 0 || oldest <= last_time) return;
  gap = "entries of the journal were removed before they could be read";
}

/// Valid until the next call.
std::string_view JournalFollower::Parts::field(const char* name) {
  const void* data = nullptr;
  std::size_t size = 0;
  const int result = ::sd_journal_get_data(journal.get(), name, &data, &size);
  if (result < 0 && result != -ENOENT) gap = fmt::format("an entry of the journal is damaged: {}", words_of(result));
  if (result < 0) return {};
  const std::string_view both(static_cast<const char*>(data), size);
  return both.substr(std::min(both.size(), std::string_view(name).size() + 1));
}

/// Only journald itself can write through the transport "driver". Messages of the units themselves never get here.
bool JournalFollower::Parts::take_suppressed(ErrorCounter& counter) {
  if (identifier != "systemd-journald" || field("MESSAGE_ID") != kDroppedId) return false;
  if (field("_TRANSPORT") != "driver") return true;
  const auto dropped = number_in(field("N_DROPPED"), 10);
  const auto unit = suppressed_unit(field("MESSAGE"));
  if (unit && std::ranges::find(source.journal, *unit) != source.journal.end()) counter.note_suppressed(dropped);
  return true;
}

void JournalFollower::Parts::take_entry() {
  priority = field("PRIORITY");
  pid = field("_PID");
  append_as_lines({.priority = priority, .identifier = identifier, .pid = pid, .message = field("MESSAGE")}, lines);
}

void JournalFollower::Parts::count(const SourceMatcher& matcher, SteadyTime now, Written written,
                                   ErrorCounter& counter) {
  if (lines.empty()) return;
  Findings found;
  matcher.take(text, lines, now, found, counter.signatures());
  counter.add(found, written);
  lines.clear();
}

Result<bool> JournalFollower::Parts::read(const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter) {
  if (!journal) {
    if (auto opened = open(); !opened) return std::unexpected(opened.error());
  }
  const int changed = ::sd_journal_process(journal.get());
  if (changed < 0) return recover(changed, counter);
  if (changed == SD_JOURNAL_INVALIDATE && behind) notice_vacuum();

  const auto wall = std::chrono::duration_cast<std::chrono::microseconds>(posix::wall_time().time_since_epoch());
  const auto earlier = static_cast<std::uint64_t>((wall - std::chrono::seconds{ErrorCounter::kAssumedRunning}).count());
  Written written = Written::lately;
  std::size_t entries = 0;
  std::size_t bytes = 0;
  int result = 1;
  while (entries < limits::kJournalEntriesPerTurn && bytes < limits::kReadBytesPerTurn && (result = next()) > 0) {
    ++entries;
    ++beyond;
    ::sd_journal_get_realtime_usec(journal.get(), &last_time);
    identifier = field("SYSLOG_IDENTIFIER");
    if (identifier.empty()) identifier = field("_COMM");
    if (take_suppressed(counter)) continue;
    const auto of_entry = last_time < earlier ? Written::earlier : Written::lately;
    if (of_entry != written || lines.size() > limits::kReadBytes) count(matcher, now, written, counter);
    written = of_entry;
    const auto before = lines.size();
    take_entry();
    bytes += lines.size() - before;
  }
  count(matcher, now, written, counter);
  if (entries == 0) matcher.pause(text, now, counter.signatures());
  if (entries != 0) {
    remember();
    failures = 0;
  }
  behind = result > 0;
  if (!gap.empty()) counter.note_gap(std::exchange(gap, {}));
  if (result < 0) return recover(result, counter);
  return behind;
}

JournalFollower::JournalFollower(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
JournalFollower::JournalFollower(JournalFollower&&) noexcept = default;
JournalFollower& JournalFollower::operator=(JournalFollower&&) noexcept = default;
JournalFollower::~JournalFollower() = default;

Result<JournalFollower> JournalFollower::open(const agent::SourceSettings& source, const std::string& cursor,
                                              const std::string& text) {
  auto parts = std::make_unique<Parts>();
  parts->text = TextState::restored(text);
  parts->source = source;
  parts->position = cursor;
  if (auto opened = parts->open(); !opened) return std::unexpected(opened.error());
  return JournalFollower(std::move(parts));
}

Result<bool> JournalFollower::read(const SourceMatcher& matcher, SteadyTime now, ErrorCounter& counter) {
  return parts_->read(matcher, now, counter);
}

std::string JournalFollower::cursor() const {
  return parts_->position;
}

std::string JournalFollower::text() const {
  return parts_->text.saved();
}

}  // namespace serin::count
