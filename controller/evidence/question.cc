#include "controller/evidence/question.h"

#include <fmt/format.h>

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

}  // namespace serin::evidence
