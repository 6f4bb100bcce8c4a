#include "controller/operate/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "controller/operate/answers.h"
#include "controller/operate/render.h"
#include "controller/operate/table.h"
#include "controller/rollout/cohort.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::operate {

namespace {

using controller::ControllerState;
using Json = nlohmann::json;

constexpr std::int64_t kSinceMost = limits::kLedgerFine.count();
constexpr std::int64_t kRateSeconds = 10;
constexpr std::size_t kMessagesShown = 20;
constexpr std::size_t kMessagesListed = 200;
constexpr std::size_t kHostsNamed = 3;

/// One message, added up over the hosts that were asked for.
struct Row {
  SignatureId id = 0;
  std::uint64_t count = 0;
  std::vector<HostName> hosts;
  std::set<std::string> groups;
};

struct Selected {
  HostName host;
  std::string group;
  std::string blind;
  bool asked_for = true;
};

/// The application's hosts; `asked_for`: the group that was typed has it.
std::vector<Selected> hosts_of(const ControllerState& state, const controller::ApplicationSettings& settings,
                               const std::string& group) {
  std::vector<Selected> hosts;
  for (const auto& [name, host] : state.roster.hosts()) {
    if (!rollout::belongs(settings.hosts, name, host.record.labels)) continue;
    const std::string of_host = group_of(settings, host);
    const auto& labels = host.record.labels;
    const bool has_label = std::find(labels.begin(), labels.end(), group) != labels.end();
    const auto status = host.applications.find(settings.name);
    hosts.push_back({.host = name,
                     .group = of_host,
                     .blind = status == host.applications.end() ? std::string{} : status->second.blind,
                     .asked_for = group.empty() || group == of_host || has_label});
  }
  return hosts;
}

/// Counts are of the hosts that were asked for, where a message was seen is told of all: "only canary" must be true.
std::vector<Row> rows_of(const ControllerState& state, const ApplicationName& application,
                         const std::vector<Selected>& hosts, std::int64_t since) {
  std::map<SignatureId, Row> rows;
  for (const Selected& host : hosts) {
    for (const auto& [id, count] : state.ledger.messages(host.host, application, since)) {
      Row& row = rows[id];
      row.id = id;
      if (host.asked_for) row.count += count;
      row.hosts.push_back(host.host);
      row.groups.insert(host.group);
    }
  }
  std::vector<Row> sorted;
  sorted.reserve(rows.size());
  for (auto& [id, row] : rows) {
    if (row.count > 0) sorted.push_back(std::move(row));
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const Row& a, const Row& b) { return a.count > b.count; });
  return sorted;
}

/// "web-01 web-02 web-03 …"
std::string some_of(const std::vector<HostName>& hosts) {
  std::string text;
  for (std::size_t i = 0; i < std::min(hosts.size(), kHostsNamed); ++i) text += (text.empty() ? "" : " ") + hosts[i];
  return hosts.size() > kHostsNamed ? text + " …" : text;
}

/// "canary" when only canaries logged it: the line that a deployer looks for.
std::string where_text(const Row& row, std::size_t all) {
  if (row.groups.size() == 1 && *row.groups.begin() != "fleet") return fmt::format("only {}", *row.groups.begin());
  if (row.hosts.size() == all) return "all";
  return some_of(row.hosts);
}

std::string message_text(const fleet::KnownMessage* known, SignatureId id) {
  if (known == nullptr || (known->rule.empty() && known->text.empty())) return fleet::id_text(id);
  if (known->text.empty()) return fmt::format("{} ({})", printable(known->rule, 80), fleet::id_text(id));
  return known->rule.empty() ? printable(known->text, 160)
                             : fmt::format("{}: {}", printable(known->rule, 80), printable(known->text, 160));
}

bool is_new(const fleet::KnownMessage* known, Now now) {
  return known == nullptr || !fleet::is_ordinary(*known, now.wall);
}

std::string first_seen(const fleet::KnownMessage* known, Now now) {
  if (known == nullptr || known->first_wall_ms == 0) return "-";
  const Duration age{std::max<std::int64_t>(0, now.wall.time_since_epoch().count() - known->first_wall_ms)};
  return ago_text(age) + (is_new(known, now) ? " NEW" : "");
}

Json totals_json(const RunTotals& totals) {
  return {
      {"errors", totals.errors},           {"lines", totals.lines},           {"requests", totals.requests},
      {"late_errors", totals.late_errors}, {"late_lines", totals.late_lines}, {"skipped_bytes", totals.skipped_bytes},
      {"long_lines", totals.long_lines},   {"unparsed", totals.unparsed},     {"suppressed", totals.suppressed}};
}

/// What all hosts came to, and what each did.
struct Sums {
  std::uint64_t errors = 0, lines = 0, requests = 0, skipped_bytes = 0, suppressed = 0;
  double rate = 0;  ///< errors per second now, of all hosts that report
  std::size_t reporting = 0, blind = 0;
  std::vector<HostName> unheard;
  Json hosts = Json::array();
};

Sums sums_of(const ControllerState& state, const ApplicationName& application, const std::vector<Selected>& hosts,
             std::int64_t since, Now now) {
  Sums sums;
  const std::int64_t until = second_of(now.steady) + 1;
  for (const Selected& host : hosts) {
    std::uint64_t errors = 0;
    for (const fleet::Sample& sample : state.ledger.samples(host.host, application, since, until)) {
      errors += sample.errors;
      sums.lines += sample.lines;
      sums.requests += sample.requests;
    }
    sums.errors += errors;
    const auto rate = state.ledger.error_rate(host.host, application, now.steady, kRateSeconds);
    if (rate) {
      ++sums.reporting;
      sums.rate += *rate;
    } else {
      sums.unheard.push_back(host.host);
    }
    if (!host.blind.empty()) ++sums.blind;
    const RunTotals totals = state.ledger.totals(host.host, application);
    sums.skipped_bytes += totals.skipped_bytes;
    sums.suppressed += totals.suppressed;
    Json json{{"host", host.host}, {"group", host.group}, {"errors", errors}, {"blind", printable(host.blind, 400)}};
    json["errors_per_second"] = rate ? Json(*rate) : Json(nullptr);
    json["totals"] = totals_json(totals);
    sums.hosts.push_back(std::move(json));
  }
  return sums;
}

std::string headline(const ApplicationName& application, const std::string& group, const Sums& sums, std::size_t hosts,
                     std::int64_t since) {
  std::string text =
      fmt::format("{}{}: {:.2f} errors/s now; {} errors in {} lines", application,
                  group.empty() ? "" : fmt::format(" ({})", printable(group, 40)), sums.rate, sums.errors, sums.lines);
  if (sums.requests > 0) text += fmt::format(" and {} requests", sums.requests);
  text += fmt::format(" within {}; {} of {} hosts report", duration_text(std::chrono::seconds{since}), sums.reporting,
                      hosts);
  if (!sums.unheard.empty() && sums.reporting > 0) text += fmt::format(" (not {})", some_of(sums.unheard));
  if (sums.blind > 0) text += fmt::format(", {} BLIND (`serin status` says why)", sums.blind);
  text += "\n";
  if (sums.skipped_bytes > 0)
    text += fmt::format("never read since counting began: {} of log\n", bytes_text(sums.skipped_bytes));
  if (sums.suppressed > 0) text += fmt::format("dropped by journald since counting began: {} lines\n", sums.suppressed);
  return text;
}

}  // namespace

OperatorEvent render_errors(const ControllerState& state, const ApplicationName& application,
                            const OperatorRequest& request, Now now) {
  const std::int64_t since = request.since_ms == 0 ? kSinceMost : request.since_ms / 1'000;
  if (since < 1 || since > kSinceMost) {
    return error_event(
        fmt::format("--since: 1s to {} are kept second by second", duration_text(std::chrono::seconds{kSinceMost})),
        kUsage);
  }
  const auto& settings = state.settings.applications.at(application);
  const auto all = hosts_of(state, settings, request.group);
  std::vector<Selected> hosts;
  std::copy_if(all.begin(), all.end(), std::back_inserter(hosts), [](const Selected& host) { return host.asked_for; });
  if (hosts.empty() && !request.group.empty()) {
    return error_event(
        fmt::format("no host of {} is in group '{}': canary, proxy, fleet, or a label that `serin hosts` "
                    "shows",
                    application, printable(request.group, 40)),
        kUsage);
  }
  const std::int64_t from = second_of(now.steady) - since;
  const Sums sums = sums_of(state, application, hosts, from, now);
  const auto rows = rows_of(state, application, all, from);
  Json json{{"event", "errors"},
            {"application", application},
            {"group", printable(request.group, 64)},
            {"seconds", since},
            {"errors", sums.errors},
            {"lines", sums.lines},
            {"requests", sums.requests},
            {"rate", sums.rate},
            {"hosts", sums.hosts},
            {"messages", Json::array()},
            {"messages_not_listed", rows.size() - std::min(rows.size(), kMessagesListed)}};
  Table table{{"COUNT", "HOSTS", "WHERE", "FIRST SEEN", "MESSAGE"}};
  for (std::size_t i = 0; i < std::min(rows.size(), kMessagesListed); ++i) {
    const Row& row = rows[i];
    const fleet::KnownMessage* known = state.messages.find(application, row.id);
    json["messages"].push_back({{"id", fleet::id_text(row.id)},
                                {"rule", known == nullptr ? "" : printable(known->rule, 80)},
                                {"text", known == nullptr ? "" : printable(known->text, 400)},
                                {"count", row.count},
                                {"hosts", row.hosts.size()},
                                {"groups", row.groups},
                                {"new", is_new(known, now)},
                                {"first_seen_ms", known == nullptr ? 0 : known->first_wall_ms}});
    if (i >= kMessagesShown) continue;
    table.add({std::to_string(row.count), std::to_string(row.hosts.size()), where_text(row, all.size()),
               first_seen(known, now), message_text(known, row.id)});
  }
  std::string text = headline(application, request.group, sums, hosts.size(), since);
  if (rows.empty()) {
    text += sums.reporting == 0 ? "no host reports: nothing is known\n"
            : sums.errors > 0   ? "no messages of them are known\n"
            : sums.blind > 0    ? "no errors seen, but blind hosts do not see all their logs\n"
                                : "no errors\n";
  } else {
    text += table.text();
  }
  if (rows.size() > kMessagesShown) text += fmt::format("… and {} more messages\n", rows.size() - kMessagesShown);
  return {.final = true,
          .exit_code = 0,
          .kind = "errors",
          .text = std::move(text),
          .json = json.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

}  // namespace serin::operate
