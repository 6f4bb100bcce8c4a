#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "controller/evidence/source_settings.h"
#include "controller/judge/fixed_settings.h"
#include "controller/judge/sequential_settings.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/messages.h"

namespace serin::controller {

/// A number of hosts, or a share of some of them: `3` or `"10%"`.
struct HostShare {
  std::uint32_t count = 0;  ///< used when percent is 0
  double percent = 0;
  /// Rounded down, at least `at_least` and at most `total`.
  [[nodiscard]] std::size_t of(std::size_t total, std::size_t at_least) const;
  friend bool operator==(const HostShare&, const HostShare&) = default;
};

/// Hosts by name pattern ("web-1*") or by label ("label:canary"). A host belongs to a group when one entry fits.
struct HostGroup {
  std::vector<std::string> members;
  friend bool operator==(const HostGroup&, const HostGroup&) = default;
};

using judge::FixedJudgeSettings;
using judge::JudgeKind;
enum class OnInconclusive { hold, abort, extend };  ///< extend: look on once, for `extend` longer, then hold
enum class OnHoldEnd { abort, keep };               ///< keep: stay held
enum class OnCanaryLost { fail, hold };
enum class OnAlarm { tell, take_back };

/// [application.NAME]
struct ApplicationSettings {
  ApplicationName name;
  std::string source;                ///< the staging folder, absolute
  std::vector<std::string> exclude;  ///< patterns of names or paths that never become part of a release
  HostGroup hosts{{"*"}};            ///< who runs it
  HostGroup canary;
  HostGroup proxies;
  std::vector<evidence::SourceChoice> sources{{}};  ///< at least one of them required
  evidence::SourceSettings logstash;
  evidence::SourceSettings prometheus{.step = std::chrono::seconds{15}};  ///< its usual scrape interval
  JudgeKind judge = JudgeKind::sequential;                                ///< of what agents count
  bool settle_is_set = false;  ///< else `settle` is learnt from past good deployments
  bool prefetch = true;        ///< the fleet stages while the canaries soak
  FixedJudgeSettings fixed;
  judge::SequentialSettings sequential;
  HostShare hold_back{0, 10.0};  ///< hosts that stay on the old release, as controls, until hold_back_until
  Duration hold_back_until = std::chrono::seconds{20};  ///< after the last canary loaded
  std::uint32_t min_canaries = 0;                       ///< loaded canaries that a verdict needs; 0: all of the plan
  HostShare max_in_flight{0, 10.0};                     ///< hosts between switch and loaded, of the fleet
  HostShare failure_limit{0, 5.0};                      ///< failed hosts that a later stage tolerates, at least 1
  Duration step_deadline = std::chrono::minutes{5};
  Duration hold_limit = std::chrono::minutes{30};
  OnInconclusive on_inconclusive = OnInconclusive::hold;
  Duration extend = std::chrono::seconds{60};
  OnHoldEnd on_hold_end = OnHoldEnd::abort;
  OnCanaryLost on_canary_lost = OnCanaryLost::fail;
  Duration trust_after = std::chrono::minutes{10};
  Duration watch = std::chrono::minutes{10};  ///< of the whole fleet against its own past, after a release; 0: none
  OnAlarm on_alarm = OnAlarm::tell;
  double delete_limit_percent = 30;  ///< of the live files, without --yes-delete
  friend bool operator==(const ApplicationSettings&, const ApplicationSettings&) = default;
};

/// Some source of the application is judged by the sequential judge: it wants hosts that stay on the old release.
bool is_compared(const ApplicationSettings& settings);

/// controller.toml
struct ControllerSettings {
  std::string state_dir = "/var/lib/serin";
  std::string run_dir = "/run/serin";
  std::string operators_group = "serin-operators";  ///< may use the operator socket; empty: only the daemon's user
  std::string listen = "*";                         ///< address for orders and content
  std::uint16_t orders_port = 4700;
  std::uint16_t content_port = 4701;
  std::uint64_t content_rate = 0;  ///< bytes per second to all hosts together; 0: no bound
  Duration heartbeat = std::chrono::seconds{2};
  Duration lease = std::chrono::seconds{30};
  std::uint64_t pack_cache_bytes = 4'000'000'000;  ///< of packs that are kept; they can be made again
  std::vector<std::string> announce;               ///< argv run at start, end, hold and alarm; empty: none
  std::string log_level = "info";
  std::uint32_t keep_releases = 10;                       ///< of those that were released, of each application
  Duration keep_for_hosts = std::chrono::hours{30 * 24};  ///< what a host has is kept so long after it was heard of
  std::map<ApplicationName, ApplicationSettings> applications;
  friend bool operator==(const ControllerSettings&, const ControllerSettings&) = default;
};

/// Reads TOML. Errors name `file`, the line, the key, what is wrong and what would be right; all of them, one per line.
Result<ControllerSettings> parse_controller_settings(std::string_view toml, const std::string& file);

/// Every key that is read, such as "state_dir" and "application.NAME.wait".
std::vector<std::string> known_controller_keys();

}  // namespace serin::controller
