#include "controller/evidence/remote_evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "protocol/text.h"

namespace serin::evidence {

namespace {

constexpr double kLinesMissed = 5;  ///< so many that were to be expected, and silence says something
constexpr std::int64_t kNothing = std::numeric_limits<std::int64_t>::min();  ///< no second is known
constexpr std::size_t kMessageShown = 160;

/// Adds up the steps that begin in [from, until).
template <class Counts>
judge::Tally sum_of(const fleet::HostSeconds& steps, std::int64_t step, std::int64_t from, std::int64_t until,
                    const Counts& counts) {
  judge::Tally tally;
  for (std::size_t i = 0; i < steps.seconds.size(); ++i) {
    const std::int64_t begins = steps.first + static_cast<std::int64_t>(i) * step;
    const fleet::SecondOfHost& at = steps.seconds[i];
    if (begins < from || begins + step > until || !counts(at)) continue;
    tally.errors += at.errors;
    tally.lines += at.lines;
    tally.seconds += static_cast<std::uint64_t>(step);
  }
  return tally;
}

bool holds(const Span& span, std::int64_t begins, std::int64_t step) {
  return span.from <= begins && begins + step <= span.until;
}

/// Documents are only ever added.
void note_loss(RemoteEvidence& evidence, const fleet::HostSeconds& before, const fleet::HostSeconds& now) {
  if (before.first != now.first) return;
  for (std::size_t k = 0; k < std::min(before.seconds.size(), now.seconds.size()); ++k) {
    if (!before.seconds[k].reported || !now.seconds[k].reported || before.seconds[k].lines <= now.seconds[k].lines)
      continue;
    evidence.lost =
        fmt::format("documents of {} that were counted are gone: {} where there were {}; the index was emptied",
                    now.host, now.seconds[k].lines, before.seconds[k].lines);
    return;
  }
}

}  // namespace

bool RemoteEvidence::has_before() const {
  return std::all_of(hosts.begin(), hosts.end(),
                     [](const RemoteHost& host) { return !host.asked || !host.before.seconds.empty(); });
}

void take_reading(RemoteEvidence& evidence, const Question& question, const Reading& reading) {
  evidence.trouble.clear();
  for (std::size_t i = 0; i < reading.hosts.size(); ++i) {
    const auto found = std::find_if(evidence.hosts.begin(), evidence.hosts.end(), [&](const RemoteHost& host) {
      return host.asked && host.before.host == question.hosts[i];
    });
    if (found == evidence.hosts.end()) continue;
    if (question.before) {
      found->before = reading.hosts[i].before;
      const std::int64_t step = question.settings.step.count();
      for (std::size_t k = 0; k < found->before.seconds.size(); ++k) {
        const std::int64_t begins = found->before.first + static_cast<std::int64_t>(k) * step;
        found->before.seconds[k].trusted =
            std::ranges::any_of(found->trusted, [&](const Span& span) { return holds(span, begins, step); });
      }
    }
    if (question.since) {
      note_loss(evidence, found->since, reading.hosts[i].since);
      found->since = reading.hosts[i].since;
      found->newest = reading.hosts[i].newest;
    }
  }
  if (!question.since) return;
  evidence.newest = reading.newest;
  evidence.read_at = question.asked_at;
  evidence.messages = reading.messages;
}

std::int64_t RemoteSource::asked_second() const {
  return second_of(*evidence_.read_at);
}

double RemoteSource::lines_per_second(const RemoteHost& host) const {
  std::uint64_t lines = 0;
  for (const fleet::SecondOfHost& step : host.before.seconds) lines += step.lines;
  const auto seconds = static_cast<double>(host.before.seconds.size()) * static_cast<double>(source_.step.count());
  return seconds > 0 ? static_cast<double>(lines) / seconds : 0;
}

bool RemoteSource::tells_by_silence(double lines_per_second, std::int64_t since) const {
  return lines_per_second * static_cast<double>(asked_second() - since) >= kLinesMissed;
}

std::int64_t RemoteSource::known_until(std::size_t host) const {
  const RemoteHost& of_host = evidence_.hosts[host];
  if (!evidence_.read_at || of_host.since.seconds.empty()) return kNothing;
  const std::int64_t settled = asked_second() - source_.delay.count();
  if (of_host.newest && *of_host.newest >= settled) return settled;
  if (!source_.silence_is_usual) return of_host.newest.value_or(kNothing);
  const std::int64_t newest = of_host.newest.value_or(of_host.since.first);
  if (tells_by_silence(lines_per_second(of_host), newest)) return newest;
  // Its silence is usual: what all others wrote shows that documents arrive.
  const std::int64_t newest_of_all = evidence_.newest.value_or(of_host.since.first);
  if (newest_of_all >= settled || !tells_by_silence(lines_of_all(), newest_of_all)) return settled;
  return newest_of_all;
}

double RemoteSource::lines_of_all() const {
  double lines = 0;
  for (const RemoteHost& host : evidence_.hosts) lines += lines_per_second(host);
  return lines;
}

bool RemoteSource::heard(std::size_t host, std::int64_t second) const {
  return known_until(host) > second;
}

bool RemoteSource::complete(std::size_t host, std::int64_t second) const {
  return heard(host, second) || start_of(second + 1) + source_.delay_max <= now_.steady;
}

judge::Tally RemoteSource::before(std::size_t host) const {
  const fleet::HostSeconds& steps = evidence_.hosts[host].before;
  return sum_of(steps, source_.step.count(), std::numeric_limits<std::int64_t>::min(),
                std::numeric_limits<std::int64_t>::max(),
                [](const fleet::SecondOfHost& at) { return at.reported && at.trusted; });
}

const fleet::HostSeconds& RemoteSource::steps_before(std::size_t host) const {
  static const fleet::HostSeconds none;
  const RemoteHost& of_host = evidence_.hosts[host];
  return of_host.asked && !of_host.before.seconds.empty() ? of_host.before : none;
}

judge::Tally RemoteSource::after(std::size_t host, std::int64_t from, std::int64_t until) const {
  return sum_of(evidence_.hosts[host].since, source_.step.count(), from, std::min(until, known_until(host)),
                [](const fleet::SecondOfHost& at) { return at.reported; });
}

std::uint64_t RemoteSource::longest_silence(std::size_t /*host*/, std::int64_t /*from*/, std::int64_t /*until*/) const {
  return 0;  // what is missing is unknown()
}

judge::Counts RemoteSource::at(std::size_t host, std::int64_t second) const {
  const fleet::HostSeconds& since = evidence_.hosts[host].since;
  const std::int64_t index = (second - since.first) / source_.step.count();
  if (second < since.first || index >= static_cast<std::int64_t>(since.seconds.size()) || !heard(host, second))
    return {};
  const fleet::SecondOfHost& at = since.seconds[static_cast<std::size_t>(index)];
  return {.seen = at.reported, .errors = at.errors, .lines = at.lines, .requests = at.requests};
}

std::vector<SignatureCount> RemoteSource::messages(std::size_t /*host*/, std::int64_t /*second*/) const {
  return {};
}

Unknown RemoteSource::late(const RemoteHost& host) const {
  if (auto trouble = unknown()) return *trouble;
  if (!source_.silence_is_usual) {
    if (!host.newest) return {"no-match", "has no series now: it is not looked at, or it has another name there"};
    return {"behind", fmt::format("has its newest sample {} s before the question: it is not looked at any more",
                                  asked_second() - *host.newest)};
  }
  const std::string usual = fmt::format("it wrote {:.2g} a second before", lines_per_second(host));
  if (!host.newest) return {"behind", fmt::format("has no new document; {}", usual)};
  return {"behind",
          fmt::format("has its newest document {} s before the question; {}: the log's way there is behind, or "
                      "it fell silent",
                      asked_second() - *host.newest, usual)};
}

std::optional<Unknown> RemoteSource::unknown() const {
  const std::string_view name = name_of(source_.source);
  if (!evidence_.lost.empty()) return Unknown{"emptied", fmt::format("{}: {}", name, evidence_.lost)};
  if (!evidence_.trouble.empty())
    return Unknown{"no-answer", fmt::format("{} gave no usable answer: {}", name, evidence_.trouble)};
  if (!evidence_.read_at) return Unknown{"no-answer", fmt::format("{} has not answered yet", name)};
  const bool any = evidence_.newest || std::any_of(evidence_.hosts.begin(), evidence_.hosts.end(),
                                                   [](const RemoteHost& host) { return host.newest.has_value(); });
  if (any) return std::nullopt;
  if (!source_.silence_is_usual) {
    return Unknown{"no-match",
                   fmt::format("{} has no series of any canary now: nobody looks at them, or the query does "
                               "not fit them",
                               name)};
  }
  if (lines_of_all() == 0) {
    return Unknown{"no-match",
                   fmt::format("{}: no document at all matches the query, now or in {} before the deployment", name,
                               duration_text(source_.baseline))};
  }
  return Unknown{"emptied", fmt::format("{}: no document at all matches the query now; {:.2g} a second did before the "
                                        "deployment: the index was emptied or replaced, or nothing arrives",
                                        name, lines_of_all())};
}

std::optional<Unknown> RemoteSource::unknown(std::size_t host, std::int64_t from, std::int64_t until) const {
  const RemoteHost& of_host = evidence_.hosts[host];
  if (!evidence_.lost.empty() || !evidence_.read_at) return unknown();
  if (of_host.before.seconds.empty()) {
    if (auto trouble = unknown()) return trouble;
    return Unknown{"no-answer", "is not known before the deployment"};
  }
  if (of_host.newest && *of_host.newest > asked_second() + kAheadMost) {
    return Unknown{"clock", fmt::format("writes times {} s ahead: see to its clock", *of_host.newest - asked_second())};
  }
  const bool any_before =
      std::any_of(of_host.before.seconds.begin(), of_host.before.seconds.end(),
                  [&](const auto& at) { return at.reported && (at.lines > 0 || !source_.silence_is_usual); });
  if (!any_before && !source_.errors_only) {
    return Unknown{"no-match",
                   fmt::format("has nothing there in {} before the deployment: its log does not arrive, or it "
                               "has another name there",
                               duration_text(source_.baseline))};
  }
  if (known_until(host) < until) return late(of_host);
  const auto seen = after(host, from, until).seconds;
  if (seen < static_cast<std::uint64_t>(until - from)) {
    return Unknown{"no-report", fmt::format("was seen in {} of {} s", seen, until - from)};
  }
  return std::nullopt;
}

std::string RemoteSource::top_messages() const {
  std::string text;
  for (const TopMessage& message : evidence_.messages) {
    text += fmt::format("{}{} x {}", text.empty() ? "most frequent on the canaries: " : "; ", message.count,
                        printable(message.text, kMessageShown));
  }
  return text;
}

std::optional<std::chrono::seconds> RemoteSource::behind() const {
  if (!evidence_.read_at) return std::nullopt;
  std::int64_t known = asked_second();
  for (std::size_t i = 0; i < evidence_.hosts.size(); ++i) {
    if (!evidence_.hosts[i].asked) continue;
    const std::int64_t until = known_until(i);
    known = std::min(known, until == kNothing ? evidence_.hosts[i].since.first : until);
  }
  return std::chrono::seconds{asked_second() - known};
}

}  // namespace serin::evidence
