// The requests: aggregations alone, no document.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "controller/evidence/logstash.h"
#include "controller/evidence/request_parts.h"

namespace serin::evidence {

namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr int kMessages = 5;
constexpr int kOtherHosts = 20;

/// Between these the newest documents are looked for; up to five minutes ahead, where a host's clock is wrong.
std::int64_t look_from_ms(const Question& question) {
  const std::int64_t asked = parts::wall_ms(question, second_of(question.asked_at));
  const Duration back = question.test ? Duration{1h} : Duration{15min};
  return std::min(asked - back.count(), parts::wall_ms(question, question.since->from));
}
std::int64_t look_until_ms(const Question& question) {
  return parts::wall_ms(question, second_of(question.asked_at)) + Duration{5min}.count();
}

Json terms(const std::string& field, const std::vector<std::string>& values) {
  return {{"terms", {{field, values}}}};
}

Json range(const Question& question, std::int64_t from_ms, std::int64_t until_ms) {
  return {
      {"range",
       {{question.settings.logstash.time_field, {{"gte", from_ms}, {"lt", until_ms}, {"format", "epoch_millis"}}}}}};
}

/// The application's documents of this time.
Json documents(const Question& question, std::int64_t from_ms, std::int64_t until_ms) {
  Json filters = Json::array({range(question, from_ms, until_ms)});
  for (const FieldFilter& filter : question.settings.logstash.where)
    filters.push_back(terms(filter.field, filter.values));
  return filters;
}

Json errors_filter(const LogstashFields& fields) {
  Json any = Json::array();
  for (const DocumentFilter& filter : fields.errors) {
    Json all = Json::array();
    for (const FieldFilter& field : filter) all.push_back(terms(field.field, field.values));
    any.push_back({{"bool", {{"filter", all}}}});
  }
  Json query{{"should", any}, {"minimum_should_match", 1}};
  if (!fields.except.empty()) {
    query["must_not"] = Json::array();
    for (const FieldFilter& filter : fields.except) query["must_not"].push_back(terms(filter.field, filter.values));
  }
  return {{"bool", query}};
}

Json errors_agg(const Question& question) {
  return {{"filter", errors_filter(question.settings.logstash)}};
}

/// Of each step of the span, beginning with its first second.
Json steps_agg(const Question& question, const Span& span) {
  const std::int64_t step_ms = std::chrono::milliseconds{question.settings.step}.count();
  const std::int64_t begins = parts::wall_ms(question, span.from) % step_ms;
  return {{"date_histogram",
           {{"field", question.settings.logstash.time_field},
            {"fixed_interval", fmt::format("{}s", question.settings.step.count())},
            {"offset", fmt::format("{}ms", begins)},
            {"min_doc_count", 1}}},
          {"aggs", {{"errors", errors_agg(question)}}}};
}

Json hosts_agg(const Question& question, std::size_t most, const Json& aggs) {
  return {{"terms", {{"field", question.settings.logstash.host_field}, {"size", most}}}, {"aggs", aggs}};
}

HttpRequest search(const Question& question, const Json& query, const Json& aggs) {
  const auto seconds = std::max<std::int64_t>(1, question.settings.http.timeout / 1s - 1);
  Json body{{"size", 0}, {"timeout", fmt::format("{}s", seconds)}, {"query", query}};
  if (!aggs.is_null()) body["aggs"] = aggs;
  return {.path = fmt::format("/{}/_search", parts::escaped(question.settings.logstash.index)),
          .content_type = "application/json",
          .body = body.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

Json all_of(Json filters) {
  return {{"bool", {{"filter", std::move(filters)}}}};
}

HttpRequest before_request(const Question& question, const std::vector<std::string>& hosts) {
  Json filters = documents(question, parts::wall_ms(question, question.before->from),
                           parts::wall_ms(question, question.before->until));
  filters.push_back(terms(question.settings.logstash.host_field, hosts));
  const Json steps{{"steps", steps_agg(question, *question.before)}};
  return search(question, all_of(std::move(filters)), {{"hosts", hosts_agg(question, hosts.size(), steps)}});
}

/// Counts and newest documents by one look at the index, so that nothing comes between them.
HttpRequest since_request(const Question& question, const std::vector<std::string>& hosts) {
  const Span& span = *question.since;
  const Json newest{{"max", {{"field", question.settings.logstash.time_field}}}};
  const Json in_window{
      {"filter", range(question, parts::wall_ms(question, span.from), parts::wall_ms(question, span.until))},
      {"aggs", {{"steps", steps_agg(question, span)}}}};
  Json aggs{{"newest", newest},
            {"known",
             {{"filter", terms(question.settings.logstash.host_field, hosts)},
              {"aggs", {{"hosts", hosts_agg(question, hosts.size(), {{"newest", newest}, {"window", in_window}})}}}}}};
  if (question.test) {
    aggs["all_hosts"] = {{"terms",
                          {{"field", question.settings.logstash.host_field},
                           {"size", question.hosts.size() + static_cast<std::size_t>(kOtherHosts)}}}};
    aggs["without_host"] = {{"missing", {{"field", question.settings.logstash.host_field}}}};
  }
  return search(question, all_of(documents(question, look_from_ms(question), look_until_ms(question))), aggs);
}

HttpRequest messages_request(const Question& question, const std::vector<std::string>& hosts) {
  const LogstashFields& fields = question.settings.logstash;
  Json filters = documents(question, parts::wall_ms(question, question.since->from),
                           parts::wall_ms(question, question.since->until));
  filters.push_back(terms(fields.host_field, hosts));
  filters.push_back(errors_filter(fields));
  HttpRequest request = search(question, all_of(std::move(filters)),
                               {{"messages", {{"terms", {{"field", fields.message_field}, {"size", kMessages}}}}}});
  request.optional = true;
  return request;
}

/// How many documents there are at all, to tell an empty index from a filter that fits nothing.
HttpRequest count_request(const Question& question) {
  HttpRequest request = search(question, range(question, look_from_ms(question), look_until_ms(question)), nullptr);
  request.path += "?track_total_hits=true";
  request.optional = true;
  return request;
}

/// Which of the fields are there, and of what type.
HttpRequest fields_request(const Question& question) {
  std::string path = fmt::format("/{}/_field_caps?fields=", parts::escaped(question.settings.logstash.index));
  for (const std::string& field : parts::fields_of(question.settings.logstash)) {
    path += (path.ends_with('=') ? "" : ",") + parts::escaped(field);
  }
  return {.path = std::move(path), .content_type = {}, .body = {}, .optional = true};
}

}  // namespace

namespace parts {

std::vector<std::string> fields_of(const LogstashFields& fields) {
  std::set<std::string> names{fields.host_field, fields.time_field};
  const auto add = [&](const DocumentFilter& filter) {
    for (const FieldFilter& field : filter) names.insert(field.field);
  };
  add(fields.where);
  add(fields.except);
  for (const DocumentFilter& filter : fields.errors) add(filter);
  return {names.begin(), names.end()};
}

}  // namespace parts

Result<std::vector<HttpRequest>> logstash_requests(const Question& question) {
  const auto names = HostNames::of(question.hosts, question.settings.host_naming, question.settings.domain);
  if (!names) return std::unexpected(names.error());
  const auto of_chunk = [&](const parts::Chunk& chunk) {
    const auto begin = names->there().begin() + static_cast<std::ptrdiff_t>(chunk.first);
    return std::vector<std::string>(begin, begin + static_cast<std::ptrdiff_t>(chunk.count));
  };
  std::vector<HttpRequest> requests;
  if (question.before) {
    for (const auto& chunk : parts::chunks_of(question, *question.before)) {
      requests.push_back(before_request(question, of_chunk(chunk)));
    }
  }
  if (question.since) {
    for (const auto& chunk : parts::chunks_of(question, *question.since)) {
      requests.push_back(since_request(question, of_chunk(chunk)));
    }
    const auto all = parts::chunks_of(question, *question.since);
    if (!question.settings.logstash.message_field.empty() && all.size() == 1) {
      requests.push_back(messages_request(question, names->there()));
    }
    if (question.test) {
      requests.push_back(count_request(question));
      requests.push_back(fields_request(question));
    }
  }
  return requests;
}

}  // namespace serin::evidence
