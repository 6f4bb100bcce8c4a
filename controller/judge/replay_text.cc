#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "controller/judge/replay.h"
#include "controller/judge/verdict_text.h"

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

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

/// JSON has no infinity.
std::string json_number(double number) {
  return std::isfinite(number) ? fmt::format("{:.6g}", number) : "null";
}

std::string numbers_json(const SequentialNumbers& numbers) {
  std::string aside;
  for (const SetAside& host : numbers.set_aside) {
    aside += fmt::format("{}{{\"host\":{},\"role\":\"{}\",\"why\":{}}}", aside.empty() ? "" : ",", json_text(host.host),
                         host.role == Role::canary ? "canary" : "control", json_text(host.why));
  }
  std::string signatures;
  for (const NewSignature& at : numbers.signatures) {
    signatures += fmt::format("{}{{\"id\":{},\"sample\":{},\"count\":{},\"hosts\":{},\"fails\":{}}}",
                              signatures.empty() ? "" : ",", json_text(at.id), json_text(at.sample), at.count, at.hosts,
                              at.fails);
  }
  return fmt::format(
      "{{\"ratio\":{},\"ratio_low\":{},\"ratio_high\":{},\"canary_rate\":{},\"control_rate\":{},\"canary_errors\":{},"
      "\"control_errors\":{},\"fail_evidence\":{},\"fail_evidence_without_one\":{},\"pass_evidence\":{},"
      "\"pass_evidence_adverse\":{},\"dispersion\":{},\"spread\":{},\"set_aside\":[{}]}}",
      json_number(numbers.ratio), json_number(numbers.ratio_low), json_number(numbers.ratio_high),
      json_number(numbers.canary_rate), json_number(numbers.control_rate), json_number(numbers.canary_errors),
      json_number(numbers.control_errors), json_number(numbers.fail_evidence),
      json_number(numbers.fail_evidence_without_one), json_number(numbers.pass_evidence),
      json_number(numbers.pass_evidence_adverse), json_number(numbers.dispersion), json_number(numbers.spread), aside,
      signatures);
}

std::string verdict_json(const Verdict& verdict) {
  std::string json = fmt::format("\"answer\":\"{}\",\"seconds\":{:.0f},\"judge\":{},\"reason\":{},\"text\":{}",
                                 name_of(verdict.answer), verdict.seconds, json_text(verdict.judge),
                                 json_text(verdict.reason), json_text(verdict.text));
  std::string hosts;
  for (const HostFinding& host : verdict.hosts) {
    hosts += fmt::format("{}{{\"host\":{},\"rate_before\":{},\"rate_after\":{},\"over\":{},\"trouble\":{}}}",
                         hosts.empty() ? "" : ",", json_text(host.host), json_number(host.rate_before),
                         json_number(host.rate_after), host.over, json_text(host.trouble));
  }
  json += fmt::format(",\"hosts\":[{}]", hosts);
  if (verdict.numbers) json += ",\"numbers\":" + numbers_json(*verdict.numbers);
  return json;
}

}  // namespace

std::string replay_text(const Replay& replay) {
  std::string text = verdict_line(replay.verdict) + "\n" + replay.verdict.text + "\n";
  for (const ReplayedSecond& second : replay.seconds) text += second_text(replay, second);
  return text;
}

std::string replay_json(const Replay& replay) {
  std::string json = "{" + verdict_json(replay.verdict);
  std::string seconds;
  for (const ReplayedSecond& at : replay.seconds) {
    seconds += fmt::format(
        "{}{{\"second\":{},\"evidence_seconds\":{},\"fleet\":{},\"quiet\":{},\"excess\":{},\"live\":{},"
        "\"fail_holds\":{},\"traffic_proven\":{},\"pass_holds\":{}",
        seconds.empty() ? "" : ",", at.state.seconds, json_number(at.state.evidence_seconds),
        json_number(at.state.controls.multiplier), at.state.controls.quiet, json_number(at.state.excess), at.state.live,
        at.state.fail_holds, at.state.traffic_proven, at.state.pass_holds);
    if (at.verdict.numbers) seconds += ",\"numbers\":" + numbers_json(*at.verdict.numbers);
    seconds += "}";
  }
  if (!replay.seconds.empty()) json += fmt::format(",\"explained\":[{}]", seconds);
  return json + "}\n";
}

}  // namespace serin::judge
