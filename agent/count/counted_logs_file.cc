#include "agent/count/counted_logs_file.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace serin::count {
namespace {

/// Also while nothing is logged: what is written during a short restart is late only when this is older.
constexpr std::chrono::seconds kSaveAnyway{10};

}  // namespace

CountedLogs::CountedLogs(const agent::AgentSettings& settings, const Start& start) : file_(start.folder) {
  std::map<ApplicationName, std::string> rules_hashes;
  for (const auto& [name, application] : settings.applications) {
    followers_.try_emplace(name, application);
    rules_hashes[name] = hash_of_rules(application);
  }
  resumed_.run = start.new_run;
  const auto bytes = file_.load();
  if (bytes && !*bytes) return;
  const auto from = bytes ? decode_checkpoint(**bytes) : Result<Checkpoint>(std::unexpected(bytes.error()));
  if (!from) {
    warning_ = fmt::format("the record of what was counted cannot be read, logs are counted from their end: {}",
                           from.error().text);
    resumed_.gap = "the record of what was counted could not be read: what was logged since then is missing";
    return;
  }
  resumed_ = resume(*from, rules_hashes, start.boot_id, start.new_run, start.now);
  restore(*from, start.now);
}

void CountedLogs::restore(const Checkpoint& from, Now now) {
  const Now saved{SteadyTime{Duration{from.clock_ms}}, WallTime{Duration{from.wall_ms}}};
  for (const auto& application : from.applications) {
    const auto follower = followers_.find(application.application);
    if (follower == followers_.end()) continue;
    follower->second.restore({.state = application.logs, .same_boot = resumed_.same_boot, .saved = saved}, now.wall);
  }
}

bool CountedLogs::read(const ApplicationName& application, SteadyTime now, ErrorCounter& counter) {
  return followers_.at(application).read(now, counter);
}

std::optional<std::vector<int>> CountedLogs::rest_on() const {
  std::vector<int> descriptors;
  for (const auto& [name, follower] : followers_) {
    const auto fd = follower.rests_on();
    if (!fd) return std::nullopt;
    if (*fd >= 0) descriptors.push_back(*fd);
  }
  return descriptors;
}

std::string CountedLogs::blind(const ApplicationName& application) const {
  return followers_.at(application).blind();
}

Result<void> CountedLogs::save(Checkpoint checkpoint) {
  const WallTime wall{Duration{checkpoint.wall_ms}};
  for (auto& application : checkpoint.applications) {
    const auto follower = followers_.find(application.application);
    if (follower != followers_.end()) application.logs = follower->second.state(wall);
  }
  const Duration age{saved_ ? checkpoint.clock_ms - saved_->clock_ms : 0};
  if (saved_ && age < kSaveAnyway && !differs(*saved_, checkpoint)) return {};
  if (auto written = file_.save(encode_checkpoint(checkpoint), SteadyTime{Duration{checkpoint.clock_ms}}); !written) {
    return written;
  }
  const bool at_stop = checkpoint.at_stop;
  saved_ = std::move(checkpoint);
  return at_stop ? file_.sync() : Result<void>();
}

}  // namespace serin::count
