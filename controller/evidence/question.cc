#include "controller/evidence/question.h"

#include <fmt/format.h>

#include <algorithm>

#include "controller/evidence/logstash.h"
#include "controller/evidence/prometheus.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::evidence {

namespace {
constexpr std::size_t kBodyShown = 200;
}

Error bad_answer(const Question& question, const HttpRequest& request, const HttpAnswer& answer,
                 const std::string& what) {
  const std::string url = printable(question.settings.http.url + request.path, 400);
  if (!answer.trouble.empty()) return {ErrorKind::busy, fmt::format("{}: {}", url, printable(answer.trouble))};
  return {ErrorKind::corrupt, fmt::format("{}: HTTP {}{}: {}", url, answer.status, what.empty() ? "" : ", " + what,
                                          answer.body.empty() ? "no body" : printable(answer.body, kBodyShown))};
}

Result<std::vector<HttpRequest>> requests_of(const Question& question) {
  auto requests = question.source == SourceKind::logstash ? logstash_requests(question) : prometheus_requests(question);
  if (requests && requests->size() > limits::kSourceRequestsMax) {
    return failure(ErrorKind::invalid,
                   fmt::format("{} hosts in steps of {} s take {} requests, {} are the most: a longer step, or a "
                               "shorter baseline",
                               question.hosts.size(), question.settings.step.count(), requests->size(),
                               limits::kSourceRequestsMax));
  }
  return requests;
}

Result<Reading> reading_of(const Question& question, const std::vector<HttpRequest>& requests,
                           const std::vector<HttpAnswer>& answers) {
  if (question.source == SourceKind::logstash) return logstash_reading(question, requests, answers);
  return prometheus_reading(question, requests, answers);
}

Result<Reading> reading_at(const Answer& answer, Now now) {
  if (!answer.reading) return answer.reading;
  Reading reading = *answer.reading;
  const std::int64_t asked = second_of(answer.question.asked_at);
  const std::int64_t answered = second_of(now.steady);
  if (const std::int64_t ahead = reading.server_at.value_or(answered) - answered; ahead > kAheadMost) {
    return failure(ErrorKind::invalid,
                   fmt::format("{}: its clock is {} s ahead of this one: what it tells of now is of then",
                               answer.question.settings.http.url, ahead));
  }
  const auto as_asked = [&](std::optional<std::int64_t>& newest) {
    if (newest && *newest > asked) newest = std::max(asked, *newest - std::max<std::int64_t>(0, answered - asked));
  };
  as_asked(reading.newest);
  for (HostReading& host : reading.hosts) as_asked(host.newest);
  return reading;
}

}  // namespace serin::evidence
