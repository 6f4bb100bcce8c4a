#include "controller/judge/fixed_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "protocol/text.h"

namespace serin::judge {

namespace {

constexpr double kLinesExpected = 5;  ///< fewer say nothing by their absence
constexpr std::size_t kHostsShown = 5;

/// Strictly more, and not by rounding alone: 14 errors in 20 s are not more than 10 times 7 in 100 s.
bool exceeds(double value, double limit) {
  constexpr double kRounding = 1e-9;
  return value > limit * (1 + kRounding);
}

double per_second(std::uint64_t count, std::uint64_t seconds) {
  return seconds == 0 ? 0 : static_cast<double>(count) / static_cast<double>(seconds);
}

double lines_expected(const CanaryEvidence& canary) {
  return per_second(canary.before.lines, canary.before.seconds) * static_cast<double>(canary.after.seconds);
}

/// Why a canary's counts are no evidence; the smallest reason of all canaries is the verdict's.
enum class Trouble { unknown, no_report, gap, no_baseline, no_traffic, none };
constexpr std::array<std::string_view, 5> kReasons{"unknown", "no-report", "gap", "no-baseline", "no-traffic"};
constexpr std::string_view kOwnWord = "gap";  ///< the reason of a host that said itself what it did not see

struct Judged {
  HostFinding finding;
  Trouble trouble = Trouble::none;
};

Trouble trouble_of(const FixedJudgeSettings& settings, const CanaryEvidence& canary) {
  if (!canary.gap.empty() && canary.gap_reason != kOwnWord) return Trouble::unknown;
  if (std::chrono::seconds{canary.longest_silence_s} > settings.silence_max || canary.after.seconds == 0) {
    return Trouble::no_report;
  }
  if (!canary.gap.empty()) return Trouble::gap;
  if (canary.before.seconds == 0 || std::chrono::seconds{canary.before.seconds} < settings.baseline_min) {
    return Trouble::no_baseline;
  }
  if (canary.after.lines == 0 && lines_expected(canary) >= kLinesExpected) return Trouble::no_traffic;
  return Trouble::none;
}

std::string trouble_text(const FixedJudgeSettings& settings, const CanaryEvidence& canary, Trouble trouble) {
  switch (trouble) {
    case Trouble::unknown:
      return printable(canary.gap, 400);
    case Trouble::no_report:
      if (canary.after.seconds == 0) return "sent no report at all";
      return fmt::format("sent no report for {} s ({} may be missing)", canary.longest_silence_s,
                         duration_text(settings.silence_max));
    case Trouble::gap:
      return "did not see all lines: " + printable(canary.gap, 200);
    case Trouble::no_baseline:
      return fmt::format("has {} s of trusted baseline, {} are needed", canary.before.seconds,
                         duration_text(settings.baseline_min));
    case Trouble::no_traffic:
      return fmt::format("wrote no line at all where {:.0f} were to be expected", lines_expected(canary));
    case Trouble::none:
      break;
  }
  return {};
}

Judged judge_canary(const FixedJudgeSettings& settings, const CanaryEvidence& canary) {
  Judged judged{.finding = {.host = canary.host}};
  HostFinding& finding = judged.finding;
  finding.rate_before = per_second(canary.before.errors, canary.before.seconds);
  finding.rate_after = per_second(canary.after.errors, canary.after.seconds);
  finding.limit = std::max(settings.floor, settings.threshold * finding.rate_before);
  // Without one trusted second there is no own rate that it could be ten times of.
  finding.over = canary.before.seconds > 0 && exceeds(finding.rate_after, finding.limit);
  judged.trouble = trouble_of(settings, canary);
  finding.trouble = trouble_text(settings, canary, judged.trouble);
  return judged;
}

std::string canaries_text(std::size_t count) {
  return fmt::format("{} canar{}", count, count == 1 ? "y" : "ies");
}

/// The hosts that `picked` picks, each as `shown` shows it.
template <class Picked, class Shown>
std::string hosts_text(const std::vector<HostFinding>& findings, const Picked& picked, const Shown& shown) {
  std::string text;
  std::size_t seen = 0;
  for (const HostFinding& finding : findings) {
    if (!picked(finding) || ++seen > kHostsShown) continue;
    text += (text.empty() ? "" : ", ") + shown(finding);
  }
  if (seen > kHostsShown) text += fmt::format(" and {} more", seen - kHostsShown);
  return text;
}

std::string fail_text(const Verdict& verdict, std::size_t over, std::size_t needed) {
  const std::string hosts = hosts_text(
      verdict.hosts, [](const HostFinding& finding) { return finding.over; },
      [](const HostFinding& finding) {
        return fmt::format("{} {:.2f}/s against {:.2f}/s before (limit {:.2f}/s)", finding.host, finding.rate_after,
                           finding.rate_before, finding.limit);
      });
  return fmt::format("{} of {} log more errors: {}; {} over the limit {} enough to fail", over,
                     canaries_text(verdict.hosts.size()), hosts, needed, needed == 1 ? "is" : "are");
}

std::string_view remedy(Trouble reason) {
  switch (reason) {
    case Trouble::unknown:
      return "`serin evidence test` asks the source now";
    case Trouble::no_report:
      return "see `serin status` for the host's connection";
    case Trouble::gap:
      return "see to the log on the host; until then it is blind";
    case Trouble::no_baseline:
      return "wait until it has run a trusted release for longer, or lower baseline_min";
    case Trouble::no_traffic:
      return "see whether it gets requests and whether its log is the one that is read";
    case Trouble::none:
      break;
  }
  return {};
}

std::string inconclusive_text(const Verdict& verdict, Trouble reason) {
  const auto troubled = [](const HostFinding& finding) { return !finding.trouble.empty(); };
  const auto count = std::count_if(verdict.hosts.begin(), verdict.hosts.end(), troubled);
  const std::string hosts = hosts_text(verdict.hosts, troubled, [](const HostFinding& finding) {
    return fmt::format("{} {}{}", finding.host, finding.trouble,
                       finding.over ? fmt::format(" (and logs {:.2f} errors/s)", finding.rate_after) : "");
  });
  return fmt::format("cannot tell for {} of {}: {}; {}", count, canaries_text(verdict.hosts.size()), hosts,
                     remedy(reason));
}

void pass(Verdict& verdict, const std::vector<CanaryEvidence>& canaries) {
  Tally before;
  Tally after;
  double expected = 0;
  bool lines_known = false;
  for (const CanaryEvidence& canary : canaries) {
    before.errors += canary.before.errors;
    before.seconds += canary.before.seconds;
    after.errors += canary.after.errors;
    after.lines += canary.after.lines;
    after.seconds += canary.after.seconds;
    expected += lines_expected(canary);
    lines_known = lines_known || canary.lines_known;
  }
  verdict.answer = Answer::pass;
  const std::string who = canaries_text(canaries.size());
  if (lines_known && static_cast<double>(after.lines) < kLinesExpected && expected < kLinesExpected) {
    verdict.reason = "quiet";
    verdict.text = fmt::format(
        "{} wrote {} line{} in {:.0f} s where {:.1f} were to be expected: no alarm, but too silent to tell; a longer "
        "--wait tells more",
        who, after.lines, after.lines == 1 ? "" : "s", verdict.seconds, expected);
    return;
  }
  const auto over = std::count_if(verdict.hosts.begin(), verdict.hosts.end(),
                                  [](const HostFinding& finding) { return finding.over; });
  verdict.reason = "as-before";
  verdict.text =
      fmt::format("{} log{} {:.2f} errors/s each, {:.2f}/s before, over {:.0f} s", who, canaries.size() == 1 ? "s" : "",
                  per_second(after.errors, after.seconds), per_second(before.errors, before.seconds), verdict.seconds);
  if (over > 0) {
    verdict.text += fmt::format("; over its limit, too few to fail: {}",
                                hosts_text(
                                    verdict.hosts, [](const HostFinding& finding) { return finding.over; },
                                    [](const HostFinding& finding) {
                                      return fmt::format("{} {:.2f}/s (limit {:.2f}/s)", finding.host,
                                                         finding.rate_after, finding.limit);
                                    }));
  }
}

}  // namespace

Verdict judge_fixed(const FixedJudgeSettings& settings, const std::vector<CanaryEvidence>& canaries, Duration elapsed) {
  Verdict verdict{.judge = "fixed", .seconds = std::chrono::duration<double>(elapsed).count()};
  Trouble reason = Trouble::none;
  for (const CanaryEvidence& canary : canaries) {
    Judged judged = judge_canary(settings, canary);
    reason = std::min(reason, judged.trouble);
    verdict.hosts.push_back(std::move(judged.finding));
  }
  if (elapsed < settings.wait) {
    verdict.reason = "waiting";
    verdict.text = fmt::format("{:.0f} s of {} waited", std::floor(verdict.seconds), duration_text(settings.wait));
    return verdict;
  }
  if (canaries.empty()) {
    verdict.answer = Answer::inconclusive;
    verdict.reason = "no-canary";
    verdict.text = "there is no canary to judge by";
    return verdict;
  }
  const auto over = static_cast<std::size_t>(std::count_if(verdict.hosts.begin(), verdict.hosts.end(),
                                                           [](const HostFinding& finding) { return finding.over; }));
  const std::size_t all = canaries.size();
  const std::size_t needed = settings.hosts_over == 0 ? (all + 3) / 4 : std::min<std::size_t>(settings.hosts_over, all);
  if (over >= needed) {
    verdict.answer = Answer::fail;
    verdict.reason = "over";
    verdict.text = fail_text(verdict, over, needed);
  } else if (reason != Trouble::none) {
    verdict.answer = Answer::inconclusive;
    const auto unknown = std::find_if(canaries.begin(), canaries.end(), [&](const CanaryEvidence& canary) {
      return trouble_of(settings, canary) == Trouble::unknown;
    });
    verdict.reason = unknown == canaries.end() ? kReasons[static_cast<std::size_t>(reason)] : unknown->gap_reason;
    verdict.text = inconclusive_text(verdict, reason);
  } else {
    pass(verdict, canaries);
  }
  return verdict;
}

}  // namespace serin::judge
