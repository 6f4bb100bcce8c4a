#include "agent/count/count_command_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "agent/agent_config.h"
#include "agent/count/count_summary.h"
#include "agent/count/log_bytes_file.h"
#include "agent/count/log_names.h"
#include "agent/count/source_matcher.h"
#include "agent/counting_config.h"
#include "protocol/posix/settings_file.h"
#include "protocol/posix/unique_fd.h"

namespace serin::count {
namespace {

constexpr int kBadConfiguration = 78;
/// Between reads: the table of messages forgets the rarest when it is full.
constexpr std::size_t kBytesBetweenSums = 4U << 20;
/// The table of messages takes so many new ones in a minute. Time passes here with the bytes that are read, and only
/// while no event is open: how long those are open for must not depend on it.
constexpr auto kBetweenSums = std::chrono::minutes{1};

std::string known_names(const auto& map) {
  std::string names;
  for (const auto& [name, unused] : map) names += (names.empty() ? "" : ", ") + name;
  return names;
}

Result<agent::ApplicationSettings> application_of(const CountCommand& command) {
  const auto settings = posix::read_settings(command.rules, agent::parse_rules_file);
  if (!settings) return std::unexpected(settings.error());
  const auto& all = settings->applications;
  if (all.empty()) return failure(ErrorKind::refused, fmt::format("{} has no application", command.rules));
  if (command.application.empty()) {
    if (all.size() == 1) return all.begin()->second;
    return failure(ErrorKind::refused, fmt::format("{} has {} applications: say which with --application ({})",
                                                   command.rules, all.size(), known_names(all)));
  }
  const auto found = all.find(command.application);
  if (found != all.end()) return found->second;
  return failure(ErrorKind::refused, fmt::format("{} has no application {} (it has {})", command.rules,
                                                 command.application, known_names(all)));
}

bool is_file_of(const agent::SourceSettings& source, const std::string& log) {
  std::error_code failed;
  const auto path = std::filesystem::absolute(log, failed).lexically_normal();
  const auto pattern = split_source_path(source.path);
  return !failed && path.parent_path() == pattern.folder && fits_pattern(pattern.name, path.filename().string());
}

/// The source whose rules a log is counted by: its place among the application's.
Result<std::size_t> source_of(const CountCommand& command, const agent::ApplicationSettings& application,
                              const std::string& log) {
  const auto& sources = application.sources;
  std::string paths;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (command.source.empty() ? is_file_of(sources[i], log) : sources[i].path == command.source) return i;
    paths += (i == 0 ? "" : ", ") + sources[i].path;
  }
  if (sources.empty()) return failure(ErrorKind::refused, fmt::format("{} has no source", command.rules));
  if (!command.source.empty()) {
    return failure(ErrorKind::refused, fmt::format("no source has the path {} (there are {})", command.source, paths));
  }
  if (sources.size() == 1) return 0;
  return failure(ErrorKind::refused,
                 fmt::format("{} is a file of no source: say as which to count it with --source ({})", log, paths));
}

/// Counts one log to its end.
Result<void> count_log(const std::string& log, const SourceMatcher& matcher, CountSummary& summary,
                       SignatureTable& signatures) {
  posix::UniqueFd opened;
  if (log != "-") opened = posix::UniqueFd(::open(log.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  const int fd = log == "-" ? STDIN_FILENO : opened.get();
  if (fd < 0) return failure(ErrorKind::io, fmt::format("{}: {}", log, std::generic_category().message(errno)));
  TextState text;
  Findings found;
  std::size_t since_sums = 0;
  SteadyTime now{std::chrono::hours{1}};
  bool minute_is_over = false;
  std::optional<std::string_view> packer;
  const auto take = [&](std::string_view bytes) {
    if (!packer) packer = packed_by(bytes);
    if (!packer->empty()) return false;
    matcher.take(text, bytes, now, found, signatures);
    since_sums += bytes.size();
    if (since_sums >= kBytesBetweenSums) {
      summary.add(matcher, std::exchange(found, {}), signatures);
      since_sums = 0;
      minute_is_over = true;
    }
    if (minute_is_over && text.saved().empty()) {
      now += kBetweenSums;
      minute_is_over = false;
    }
    return true;
  };
  const auto read = read_log(fd, take, [&] { matcher.finish(text, now, found, signatures); });
  if (!read) return failure(ErrorKind::io, fmt::format("{}: {}", log, read.error().text));
  if (packer && !packer->empty()) {
    return failure(ErrorKind::io,
                   fmt::format("{}: it is packed by {}: unpack it, and pipe it in with - as LOG", log, *packer));
  }
  matcher.finish(text, now, found, signatures);
  summary.add(matcher, found, signatures);
  return {};
}

int fail(const Error& error, int status) {
  posix::print_settings_error("serin-agent count", error);
  return status;
}

}  // namespace

int run_count(const CountCommand& command) {
  const auto application = application_of(command);
  if (!application) return fail(application.error(), kBadConfiguration);
  for (const auto& slow : slow_rules_of(*application)) fmt::print(stderr, "serin-agent count: {}\n", slow);
  CountSummary summary;
  SignatureTable signatures;
  for (const auto& log : command.logs) {
    const auto source = source_of(command, *application, log);
    if (!source) return fail(source.error(), kBadConfiguration);
    const auto matcher = SourceMatcher::compile(application->sources[*source], *application);
    if (!matcher) return fail(matcher.error(), kBadConfiguration);
    const auto counted = count_log(log, *matcher, summary, signatures);
    if (!counted) return fail(counted.error(), 1);
  }
  fmt::print("{}{}", command.json ? summary.json(command.top) : summary.text(command.top), command.json ? "\n" : "");
  return 0;
}

}  // namespace serin::count
