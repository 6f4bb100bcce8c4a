#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "controller/judge/replay.h"
#include "controller/judge/verdict_json.h"
#include "controller/judge/verdict_text.h"
#include "protocol/text.h"

namespace serin::judge {

namespace {

/// "ok" or "no", so that a safeguard that said no is found by eye.
std::string_view said(bool good) {
  return good ? "ok" : "no";
}

std::string hosts_text(const std::vector<HostName>& hosts, const RuleState& state) {
  std::string text;
  const auto add = [&](std::size_t host, std::string_view what) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", hosts[host], what);
  };
  for (const std::size_t host : state.controls.set_aside) add(host, "set aside (control)");
  for (const TreatedState& host : state.hosts) {
    if (host.loud) add(host.host, "set aside (canary)");
    if (host.suspect) add(host.host, "suspect");
    if (host.unheard) add(host.host, "unheard");
    if (host.silent) add(host.host, "silent");
    if (host.idle) add(host.host, "idle");
    if (host.unproven) add(host.host, "unproven");
  }
  return text.empty() ? "none" : text;
}

std::string second_text(const Replay& replay, const ReplayedSecond& second) {
  const SequentialSettings& settings = replay.settings.sequential;
  const RuleState& state = second.state;
  if (state.evidence_seconds <= 0) return fmt::format("{:>4} s settling\n", state.seconds);
  const auto line = [](double value, double needs, bool above) {
    return fmt::format("{:.2f} ({} {:.2f} {})", value, above ? "needs" : "below", needs,
                       said(above ? value >= needs : value < needs));
  };
  const ControlSide& controls = state.controls;
  std::string text = fmt::format(
      "{:>4} s canaries {:.0f} errors, rest {:.0f}; {:.2f} times (95 % {:.2f} to {:.2f}); fleet {:.2f} times its past; "
      "D {:.3f}, s2 {:.4f}{}\n",
      state.seconds, state.treated.errors, controls.kept.errors, state.ratio, state.ratio_low, state.ratio_high,
      controls.multiplier, controls.dispersion, controls.spread, controls.quiet ? ", quiet" : "");
  text += fmt::format(
      "       fail: evidence {}, without one canary {}, excess {:.3f} (needs {:g} {}), live {}, {} of {} s\n",
      line(state.fail, state.fail_needs, true), line(state.fail_without_one, state.fail_needs_without_one, true),
      state.excess, settings.excess_fail, said(state.excess >= settings.excess_fail), said(state.live),
      second.fail_seconds, state.fail_needs_seconds);
  text += fmt::format("       pass: evidence {}, adverse {}, veto {}, traffic {}, {:.0f} of {} s\n",
                      line(state.pass, std::log(settings.pass_odds), true),
                      line(state.pass_adverse, std::log(settings.pass_odds_adverse), true),
                      line(state.fail_without_one, std::log(settings.veto_odds), false), said(state.traffic_proven),
                      state.evidence_seconds, settings.min_pass.count());
  return text + fmt::format("       hosts: {}\n", hosts_text(replay.hosts, state));
}

}  // namespace

std::string replay_text(const Replay& replay) {
  std::string text = verdict_line(replay.verdict) + "\n" + replay.verdict.text + "\n";
  for (const ReplayedSecond& second : replay.seconds) text += second_text(replay, second);
  return text;
}

std::string replay_json(const Replay& replay) {
  nlohmann::json json = verdict_json(replay.verdict);
  for (const ReplayedSecond& at : replay.seconds) {
    nlohmann::json second{{"second", at.state.seconds},
                          {"evidence_seconds", at.state.evidence_seconds},
                          {"fleet", at.state.controls.multiplier},
                          {"quiet", at.state.controls.quiet},
                          {"excess", at.state.excess},
                          {"live", at.state.live},
                          {"fail_holds", at.state.fail_holds},
                          {"traffic_proven", at.state.traffic_proven},
                          {"pass_holds", at.state.pass_holds}};
    if (at.verdict.numbers)
      second["numbers"] = numbers_json(*at.verdict.numbers, [](const std::string& bytes) { return printable(bytes); });
    json["explained"].push_back(std::move(second));
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace serin::judge
