#pragma once

#include <string>
#include <vector>

#include "controller/evidence/question.h"

namespace serin::evidence {

/// web-01 and web-02 in steps of 10 s; the controller's second 1000 is the wall's 1,700,000,000.123.
inline Question question_about(SourceKind source) {
  Question question{.id = 1, .source = source};
  question.hosts = {"web-01", "web-02"};
  question.before = Span{.from = 900, .until = 960};
  question.since = Span{.from = 1'003, .until = 1'023};
  question.wall_minus_clock = Duration{1'700'000'000'123 - 1'000'000};
  question.asked_at = SteadyTime{std::chrono::seconds{1'030}};
  question.settings.http.url = "http://logs:9200";
  question.settings.step = std::chrono::seconds{10};
  question.settings.logstash.where = {{.field = "service", .values = {"shop"}}};
  question.settings.logstash.errors = {{{.field = "level", .values = {"ERROR", "FATAL"}}}};
  question.settings.logstash.message_field = "";
  question.settings.prometheus.errors = R"(errors_total{instance=~"$hosts"})";
  question.settings.prometheus.scrape = std::chrono::seconds{5};
  return question;
}

inline HttpAnswer good(std::string body) {
  return {.trouble = {}, .status = 200, .body = std::move(body)};
}

}  // namespace serin::evidence
