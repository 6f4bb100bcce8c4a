#include <fmt/format.h>

#include <algorithm>

#include "controller/evidence/host_naming.h"
#include "controller/evidence/prometheus.h"
#include "controller/evidence/prometheus_parts.h"

namespace serin::evidence {

namespace {

/// Matches these names, with a port behind them or none. A matcher is anchored at both ends.
std::string hosts_regex(const std::vector<std::string>& names, const parts::Chunk& chunk) {
  std::string regex = "(";
  for (std::size_t i = chunk.first; i < chunk.first + chunk.count; ++i) {
    if (i > chunk.first) regex += '|';
    for (const char c : names[i]) regex += c == '.' ? std::string{"[.]"} : std::string{c};
  }
  return regex + ")(:[0-9]+)?";
}

std::string with_hosts(std::string query, const std::string& hosts) {
  constexpr std::string_view kPlace = "$hosts";
  for (std::size_t at = query.find(kPlace); at != std::string::npos; at = query.find(kPlace, at + hosts.size())) {
    query.replace(at, kPlace.size(), hosts);
  }
  return query;
}

/// Seconds since 1970, with milliseconds.
std::string time_text(std::int64_t ms) {
  return fmt::format("{}.{:03}", ms / 1'000, ms % 1'000);
}

HttpRequest request_for(const Question& question, const parts::Request& request,
                        const std::vector<std::string>& names) {
  const PrometheusQueries& queries = question.settings.prometheus;
  std::string query = with_hosts(request.expression == parts::Expression::errors ? queries.errors : queries.requests,
                                 hosts_regex(names, request.hosts));
  if (request.asked != parts::Asked::values && queries.kind == SeriesKind::counter) {
    query = fmt::format("timestamp({})", query);
  }
  HttpRequest http{.path = "/api/v1/query_range", .content_type = "application/x-www-form-urlencoded", .body = {}};
  http.body = "query=" + parts::escaped(query);
  if (request.asked == parts::Asked::newest) {
    http.path = "/api/v1/query";  // without a time, so that the answer tells the server's own
    return http;
  }
  const Span& span = request.before ? *question.before : *question.since;
  const std::int64_t last = span.from + (parts::points_of(question, span) - 1) * question.settings.step.count();
  http.body += fmt::format("&start={}&end={}&step={}", time_text(parts::wall_ms(question, span.from)),
                           time_text(parts::wall_ms(question, last)), question.settings.step.count());
  return http;
}

}  // namespace

namespace parts {

std::int64_t points_of(const Question& question, const Span& span) {
  const std::int64_t until = std::min(span.until, second_of(question.asked_at));
  return 1 + std::max<std::int64_t>(0, (until - span.from) / question.settings.step.count());
}

std::vector<Request> plan_of(const Question& question) {
  const PrometheusQueries& queries = question.settings.prometheus;
  std::vector<Expression> expressions{Expression::errors};
  if (!queries.requests.empty()) expressions.push_back(Expression::requests);
  std::vector<Request> plan;
  const auto add = [&](const Span& span, bool before) {
    for (const Chunk& chunk : chunks_of(question, span)) {
      for (const Expression expression : expressions) {
        plan.push_back({.expression = expression, .asked = Asked::values, .before = before, .hosts = chunk});
        if (queries.kind == SeriesKind::counter) {
          plan.push_back({.expression = expression, .asked = Asked::times, .before = before, .hosts = chunk});
        }
        if (!before)
          plan.push_back({.expression = expression, .asked = Asked::newest, .before = false, .hosts = chunk});
      }
    }
  };
  if (question.before) add(*question.before, true);
  if (question.since) add(*question.since, false);
  return plan;
}

}  // namespace parts

Result<std::vector<HttpRequest>> prometheus_requests(const Question& question) {
  const auto names = HostNames::of(question.hosts, question.settings.host_naming, question.settings.domain);
  if (!names) return std::unexpected(names.error());
  std::vector<HttpRequest> requests;
  for (const parts::Request& request : parts::plan_of(question)) {
    requests.push_back(request_for(question, request, names->there()));
  }
  return requests;
}

}  // namespace serin::evidence
