#include "controller/judge/verdict_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "protocol/text.h"

namespace serin::judge {

namespace {

constexpr std::size_t kHostsShown = 5;
constexpr std::size_t kSignaturesShown = 3;
constexpr std::size_t kSampleBytesShown = 120;
constexpr double kClearlyCapped = 1.1;

std::string trouble_of(const TreatedState& host, const PostCounts& counts, const HostWeight& weight,
                       const SequentialSettings& settings) {
  const Member& member = *std::find_if(counts.treated().begin(), counts.treated().end(),
                                       [&](const Member& at) { return at.host == host.host; });
  if (std::chrono::seconds{weight.trusted} < settings.baseline_min) {
    return fmt::format("has {} s of trusted baseline, {} s are needed", weight.trusted, settings.baseline_min.count());
  }
  if (host.unheard) {
    return fmt::format("was heard in {:.0f} of {:.0f} s", member.seen, counts.evidence_seconds());
  }
  if (host.silent) return fmt::format("is silent for {:.0f} s", counts.evidence_seconds() - member.last_seen);
  if (host.idle) return fmt::format("has {:.0f} % of its usual traffic", 100 * host.traffic);
  if (host.loud) return "logs far more errors than the other canaries";
  if (host.suspect) return fmt::format("logged {:.0f} errors in the last 5 s", member.recent_errors());
  if (host.unproven) return "logged nothing that would prove that it gets traffic";
  return {};
}

/// "web-1 logs …, web-2 … and 3 more"; with one trouble for all, its text once.
std::string troubles_text(const std::vector<HostFinding>& hosts) {
  const auto as_the_first = [&](const HostFinding& host) { return host.trouble == hosts.front().trouble; };
  if (hosts.size() > 1 && std::all_of(hosts.begin(), hosts.end(), as_the_first)) {
    return "each canary " + hosts.front().trouble;
  }
  std::string text;
  std::size_t seen = 0;
  for (const HostFinding& host : hosts) {
    if (host.trouble.empty() || ++seen > kHostsShown) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", host.host, host.trouble);
  }
  if (seen > kHostsShown) text += fmt::format(" and {} more", seen - kHostsShown);
  return text;
}

std::string why_text(const SequentialSettings& settings, const RuleState& state, const PostCounts& counts,
                     Inconclusive reason, const std::vector<HostFinding>& hosts) {
  switch (reason) {
    case Inconclusive::no_canary:
      return "there is no canary to judge by";
    case Inconclusive::no_report:
      if (2 * counts.void_seconds() >= static_cast<std::size_t>(counts.evidence_seconds()) || hosts.empty()) {
        return fmt::format("half of the hosts were silent in {} of {:.0f} s", counts.void_seconds(),
                           counts.evidence_seconds());
      }
      return troubles_text(hosts);
    case Inconclusive::no_baseline:
    case Inconclusive::no_traffic:
    case Inconclusive::one_canary:
      return troubles_text(hosts);
    case Inconclusive::few_controls:
      return fmt::format("only {} host{} to compare with", state.controls.kept.hosts,
                         state.controls.kept.hosts == 1 ? "" : "s");
    case Inconclusive::noisy_fleet:
      return "errors come too unevenly over the hosts";
    case Inconclusive::too_few_errors:
      return fmt::format("too few errors to compare ({:.0f} on the canaries, {:.0f} on the rest)", state.treated.errors,
                         state.controls.kept.errors);
    case Inconclusive::in_between:
      return fmt::format("worse than before, but not surely {:g} times", settings.bad);
  }
  return {};
}

std::string what_to_do(Inconclusive reason) {
  switch (reason) {
    case Inconclusive::no_canary:
      return "name canaries in the configuration";
    case Inconclusive::no_baseline:
      return "wait until it has run a trusted release for longer, or look at its errors and continue by hand";
    case Inconclusive::no_report:
      return "see `serin status` for the hosts' connections";
    case Inconclusive::no_traffic:
      return "see whether it gets requests and whether its log is the one that is read";
    case Inconclusive::one_canary:
      return "look at that host: a fault of its own is no reason to abort, the release hitting it first is";
    case Inconclusive::few_controls:
      return "look at the canaries' errors and decide by hand; five hosts on the old release make a judgement";
    case Inconclusive::noisy_fleet:
      return "see what disturbs the fleet, then extend the wait or deploy again";
    case Inconclusive::too_few_errors:
      return "extend the wait, or look at the canaries' errors and continue by hand";
    case Inconclusive::in_between:
      return "look at the new messages; abort when they are the release's, else extend the wait";
  }
  return {};
}

std::string pass_text(const SequentialSettings& settings, const RuleState& state) {
  const std::string odds = odds_text(state.pass);
  // The floor decides where the usual rate is so low that its double would not matter.
  if (state.bad_factor > settings.bad) {
    return fmt::format("as before ({} errors/s/host more: ruled out, chance {})", rate_text(settings.excess_pass),
                       odds);
  }
  return fmt::format("as before ({:g} times as many: ruled out, chance {})", settings.bad, odds);
}

}  // namespace

std::string rate_text(double rate) {
  if (rate >= 9.95) return fmt::format("{:.0f}", rate);
  if (rate >= 0.995) return fmt::format("{:.1f}", rate);
  if (rate > 0 && rate < 0.001) return "under 0.001";
  return fmt::format("{:.2g}", rate);
}

std::string odds_text(double evidence) {
  const double digits = std::max(0.0, evidence) / std::log(10.0);
  if (digits >= 4) return fmt::format("1 in 10^{:.0f}", std::floor(digits));
  const double odds = std::pow(10.0, digits);
  const double step = std::max(1.0, std::pow(10.0, std::floor(digits) - 1));
  return fmt::format("1 in {:.0f}", std::floor(odds / step + 1e-9) * step);
}

std::string comparison_text(const SequentialNumbers& numbers, const std::string& treated) {
  std::string text = fmt::format("{} {} errors/s/host", treated, rate_text(numbers.canary_rate));
  if (numbers.controls == 0) return text + ", no other host to compare with";
  text += fmt::format(", the rest {}", rate_text(numbers.control_rate));
  if (numbers.canary_errors <= 0 && numbers.control_errors <= 0) return text;
  if (numbers.control_errors <= 0) return text + fmt::format(": at least {} times", rate_text(numbers.ratio_low));
  return text + fmt::format(": {}{} times (95 % between {} and {})", numbers.capped ? "at least " : "",
                            rate_text(numbers.ratio), rate_text(numbers.ratio_low), rate_text(numbers.ratio_high));
}

std::string signatures_text(const std::vector<NewSignature>& signatures) {
  std::vector<NewSignature> sorted = signatures;
  std::stable_sort(sorted.begin(), sorted.end(), [](const NewSignature& a, const NewSignature& b) {
    return a.fails != b.fails ? a.fails : a.count > b.count;
  });
  const auto where = [](const NewSignature& at) {
    return fmt::format("({} on {} canar{})", at.count, at.hosts, at.hosts == 1 ? "y" : "ies");
  };
  std::string text;
  std::string together;
  std::size_t shown = 0;
  for (const NewSignature& at : sorted) {
    if (at.id == kOtherSignatures) {
      if (at.together != 0) {
        together = fmt::format("; {} new messages more than are looked at one by one {}", at.together, where(at));
      }
      if (!at.sample.empty()) together += "; " + at.sample;
    } else if (shown < kSignaturesShown) {
      text += fmt::format("{}{} {}", shown == 0 ? "; top new messages: " : ", ",
                          printable(at.sample.empty() ? at.id : at.sample, kSampleBytesShown), where(at));
      ++shown;
    }
  }
  return text + together;
}

SequentialNumbers numbers_of(const HostWeights& weights, const PostCounts& counts, const RuleState& state) {
  SequentialNumbers numbers{.ratio = state.ratio,
                            .ratio_low = state.ratio_low,
                            .ratio_high = state.ratio_high,
                            .canary_rate = state.treated_rate,
                            .control_rate = state.control_rate,
                            .controls = static_cast<std::uint32_t>(state.controls.kept.hosts),
                            .canary_errors = state.treated.errors,
                            .control_errors = state.controls.kept.errors,
                            .fail_evidence = state.fail,
                            .fail_evidence_without_one = state.fail_without_one,
                            .pass_evidence = state.pass,
                            .pass_evidence_adverse = state.pass_adverse,
                            .dispersion = state.controls.dispersion,
                            .spread = state.controls.spread};
  double raw = 0;
  for (const Member& member : counts.treated()) raw += member.raw_errors;
  numbers.capped = raw > kClearlyCapped * state.treated.errors;
  for (const std::size_t host : state.controls.set_aside) {
    numbers.set_aside.push_back(
        {weights.hosts[host].host, Role::control, "logs far more errors than the other controls"});
  }
  for (const TreatedState& host : state.hosts) {
    if (!host.loud) continue;
    numbers.set_aside.push_back(
        {weights.hosts[host.host].host, Role::canary, "logs far more errors than the other canaries"});
  }
  return numbers;
}

std::vector<HostFinding> findings_of(const SequentialSettings& settings, const HostWeights& weights,
                                     const PostCounts& counts, const RuleState& state) {
  std::vector<HostFinding> findings;
  for (std::size_t i = 0; i < state.hosts.size(); ++i) {
    const TreatedState& host = state.hosts[i];
    const Member& member = counts.treated()[i];
    HostFinding finding{.host = weights.hosts[host.host].host, .rate_before = weights.hosts[host.host].rate};
    if (member.seen > 0) {
      finding.rate_after = member.raw_errors / member.seen;
      finding.limit = settings.bad * host.expected / member.seen;
    }
    finding.over = finding.rate_after > std::max(finding.limit, settings.excess_fail);
    finding.trouble = trouble_of(host, counts, weights.hosts[host.host], settings);
    findings.push_back(std::move(finding));
  }
  return findings;
}

Verdict describe(const SequentialSettings& settings, const HostWeights& weights, const PostCounts& counts,
                 const RuleState& state, Answer answer, bool canary_lacks_baseline,
                 const std::vector<NewSignature>& signatures) {
  Verdict verdict{.answer = answer,
                  .judge = "sequential",
                  .reason = "waiting",
                  .seconds = static_cast<double>(state.seconds),
                  .numbers = numbers_of(weights, counts, state)};
  verdict.numbers->signatures = signatures;
  if (answer == Answer::undecided) {
    verdict.text = fmt::format("{} s watched", state.seconds);
    return verdict;
  }
  verdict.hosts = findings_of(settings, weights, counts, state);
  const std::string compared = comparison_text(*verdict.numbers, "canaries");
  const std::string sure = fmt::format("sure after {} s", state.seconds);
  switch (answer) {
    case Answer::fail:
      verdict.reason = state.fail_holds ? "worse" : "new-message";
      if (!state.fail_holds) {
        verdict.text = fmt::format("the canaries log a message that is new with this release; {}; {}", compared, sure);
        break;
      }
      verdict.text = fmt::format("{}; ruled out by chance {}; {}", compared, odds_text(state.fail), sure);
      break;
    case Answer::pass:
      verdict.reason = "as-before";
      verdict.text = fmt::format("{}; {}; {}", compared, pass_text(settings, state), sure);
      break;
    case Answer::inconclusive:
    case Answer::undecided: {
      const Inconclusive reason = reason_of(settings, state, canary_lacks_baseline);
      verdict.reason = name_of(reason);
      verdict.text = fmt::format("cannot tell after {} s: {}; {}{}", state.seconds,
                                 why_text(settings, state, counts, reason, verdict.hosts),
                                 state.hosts.empty() ? "" : compared + "; ", what_to_do(reason));
      break;
    }
  }
  verdict.text += signatures_text(signatures);
  return verdict;
}

}  // namespace serin::judge
