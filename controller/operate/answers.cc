#include "controller/operate/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>

#include "controller/operate/render.h"
#include "controller/rollout/cohort.h"
#include "protocol/text.h"

namespace serin::operate {

using controller::Client;
using controller::ControllerState;
using controller::TellClient;
using controller::Turn;

int exit_code_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::invalid:
      return kUsage;
    case ErrorKind::refused:
    case ErrorKind::busy:
      return kRefused;
    case ErrorKind::not_found:
    case ErrorKind::corrupt:
    case ErrorKind::no_space:
    case ErrorKind::io:
    case ErrorKind::unsupported:
      break;
  }
  return kError;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t number = 0;
  const std::span<const char> digits{text};
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, number);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return number;
}

std::string words_of(std::string_view name) {
  std::string words(name);
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

void tell(Turn& turn, const Client& client, OperatorEvent event) {
  turn.effect(TellClient{client, std::move(event)});
}

std::string owner_of(const Caller& caller, const OperatorRequest& request) {
  if (caller.uid == 0 && !request.sudo_user.empty() && is_plain_name(request.sudo_user)) {
    return request.sudo_user + " (sudo)";
  }
  return caller.name;
}

std::string lock_text(const ControllerState& state, const ApplicationName& application, Now now) {
  if (const auto build = state.building.find(application); build != state.building.end()) {
    return fmt::format("{} is building a release of {} (begun {})", build->second.owner, application,
                       ago_text(now.wall - build->second.since));
  }
  const auto active = state.active.find(application);
  if (active == state.active.end()) return {};
  const rollout::Rollout& rollout = active->second.rollout;
  return fmt::format("{}'s deployment of {} r{} is {} (for {}, started {}): {}", rollout.owner, application,
                     rollout.release, words_of(name_of(rollout.phase)),
                     duration_text(std::chrono::floor<std::chrono::seconds>(now.steady - rollout.phase_since)),
                     ago_text(now.wall - rollout.started_wall), printable(rollout.message, 120));
}

bool refuse_when_read_only(const ControllerState& state, const Client& client, Turn& turn) {
  if (state.read_only.empty()) return false;
  tell(turn, client,
       error_event(fmt::format("refused: the controller cannot store anything ({}). Hosts keep what they run and their "
                               "errors are counted. Free some space; it tries again every second",
                               state.read_only),
                   kRefused));
  return true;
}

std::string group_of(const controller::ApplicationSettings& settings, const fleet::Host& host) {
  if (rollout::belongs(settings.canary, host.record.name, host.record.labels)) return "canary";
  if (rollout::belongs(settings.proxies, host.record.name, host.record.labels)) return "proxy";
  return "fleet";
}

OperatorEvent line_event(const std::string& text) {
  const std::string safe = printable_lines(text);
  return {.kind = "line", .text = safe, .json = fmt::format(R"({{"event":"line","text":{}}})", json_string(safe))};
}

OperatorEvent error_event(const std::string& text, int exit_code) {
  const std::string safe = printable_lines(text);
  return {.final = true,
          .exit_code = exit_code,
          .kind = "error",
          .text = safe,
          .json = fmt::format(R"({{"event":"error","exit":{},"text":{}}})", exit_code, json_string(safe))};
}

OperatorEvent done_event(const std::string& text, int exit_code) {
  const std::string safe = printable_lines(text);
  return {.final = true,
          .exit_code = exit_code,
          .kind = "done",
          .text = safe,
          .json = fmt::format(R"({{"event":"done","exit":{},"text":{}}})", exit_code, json_string(safe))};
}

OperatorEvent begun_event(DeploymentId deployment) {
  return {.kind = "begun",
          .text = std::to_string(deployment),
          .json = fmt::format(R"({{"event":"begun","deployment":{}}})", deployment)};
}

}  // namespace serin::operate
