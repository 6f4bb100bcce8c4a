#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "controller/evidence/logstash.h"
#include "tests/controller/evidence/questions.h"

namespace serin::evidence {
namespace {

using Json = nlohmann::json;

TEST(LogstashQuery, asks_for_the_past_by_exact_terms_in_steps_from_its_first_second) {
  const auto requests = logstash_requests(question_about(SourceKind::logstash));
  ASSERT_TRUE(requests) << requests.error().text;
  ASSERT_EQ(requests->size(), 2U);
  EXPECT_EQ(requests->front().path, "/logstash-*/_search");
  EXPECT_EQ(Json::parse(requests->front().body), Json::parse(R"({
    "size": 0, "timeout": "9s",
    "query": {"bool": {"filter": [
      {"range": {"@timestamp": {"gte": 1699999900123, "lt": 1699999960123, "format": "epoch_millis"}}},
      {"terms": {"service": ["shop"]}},
      {"terms": {"host.name": ["web-01", "web-02"]}}]}},
    "aggs": {"hosts": {"terms": {"field": "host.name", "size": 2}, "aggs": {"steps": {
      "date_histogram": {"field": "@timestamp", "fixed_interval": "10s", "offset": "123ms", "min_doc_count": 1},
      "aggs": {"errors": {"filter": {"bool": {"minimum_should_match": 1,
        "should": [{"bool": {"filter": [{"terms": {"level": ["ERROR", "FATAL"]}}]}}]}}}}}}}}})"));
}

TEST(LogstashQuery, asks_for_counts_and_newest_documents_by_one_look) {
  const auto requests = logstash_requests(question_about(SourceKind::logstash));
  const Json body = Json::parse(requests->at(1).body);
  EXPECT_EQ(body["query"]["bool"]["filter"][0],
            Json::parse(
                R"({"range": {"@timestamp": {"gte": 1699999130123, "lt": 1700000330123, "format": "epoch_millis"}}})"))
      << "fifteen minutes back and five ahead";
  EXPECT_EQ(body["aggs"]["newest"], Json::parse(R"({"max": {"field": "@timestamp"}})"));
  const Json& hosts = body["aggs"]["known"]["aggs"]["hosts"];
  EXPECT_EQ(hosts["aggs"]["newest"], Json::parse(R"({"max": {"field": "@timestamp"}})"));
  EXPECT_EQ(hosts["aggs"]["window"]["filter"],
            Json::parse(
                R"({"range": {"@timestamp": {"gte": 1700000003123, "lt": 1700000023123, "format": "epoch_millis"}}})"));
  EXPECT_EQ(hosts["aggs"]["window"]["aggs"]["steps"]["date_histogram"]["offset"], "3123ms");
}

TEST(LogstashQuery, errors_are_one_of_several_filters_and_none_of_the_excepted) {
  Question question = question_about(SourceKind::logstash);
  question.settings.logstash.errors = {
      {{.field = "channel", .values = {"exception"}}, {.field = "type", .values = {"php"}}},
      {{.field = "program", .values = {"hhvm-fatal"}}}};
  question.settings.logstash.except = {{.field = "level", .values = {"DEBUG"}}};
  const Json body = Json::parse(logstash_requests(question)->front().body);
  EXPECT_EQ(body["aggs"]["hosts"]["aggs"]["steps"]["aggs"]["errors"]["filter"], Json::parse(R"({"bool": {
    "minimum_should_match": 1,
    "should": [{"bool": {"filter": [{"terms": {"channel": ["exception"]}}, {"terms": {"type": ["php"]}}]}},
               {"bool": {"filter": [{"terms": {"program": ["hhvm-fatal"]}}]}}],
    "must_not": [{"terms": {"level": ["DEBUG"]}}]}})"));
}

TEST(LogstashQuery, hosts_are_asked_by_their_names_there_and_two_of_one_name_are_refused) {
  Question question = question_about(SourceKind::logstash);
  question.hosts = {"web-01", "db.example.net"};
  question.settings.host_naming = HostNaming::full_name;
  question.settings.domain = "example.org";
  EXPECT_EQ(Json::parse(logstash_requests(question)->front().body)["query"]["bool"]["filter"][2],
            Json::parse(R"({"terms": {"host.name": ["web-01.example.org", "db.example.net"]}})"));
  question.settings.host_naming = HostNaming::short_name;
  question.hosts = {"web.a", "web.b"};
  const auto refused = logstash_requests(question);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text, "web.a and web.b are both called web there: see host_names");
}

TEST(LogstashQuery, no_request_asks_for_more_buckets_than_a_server_gives) {
  Question question = question_about(SourceKind::logstash);
  question.since.reset();
  question.before = Span{.from = 0, .until = 3'600};  // 360 steps: 22 hosts are 7,920 buckets
  question.hosts.clear();
  for (int i = 0; i < 50; ++i) question.hosts.push_back("web-" + std::to_string(i));
  const auto requests = logstash_requests(question);
  ASSERT_EQ(requests->size(), 3U);
  EXPECT_EQ(Json::parse(requests->at(0).body)["query"]["bool"]["filter"][2]["terms"]["host.name"].size(), 22U);
  EXPECT_EQ(Json::parse(requests->at(2).body)["aggs"]["hosts"]["terms"]["size"], 6);
  for (int i = 50; i < 2'000; ++i) question.hosts.push_back("web-" + std::to_string(i));
  EXPECT_FALSE(requests_of(question)) << "and not so many requests that they would never end";
}

TEST(LogstashQuery, messages_a_count_of_everything_and_fields_may_fail) {
  Question question = question_about(SourceKind::logstash);
  question.settings.logstash.message_field = "message.keyword";
  question.test = true;
  const auto requests = logstash_requests(question);
  ASSERT_EQ(requests->size(), 5U);
  EXPECT_FALSE(requests->at(1).optional);
  EXPECT_TRUE(requests->at(2).optional);
  EXPECT_EQ(requests->at(4), (HttpRequest{.path = "/logstash-*/_field_caps?fields=%40timestamp,host.name,level,service",
                                          .content_type = {},
                                          .body = {},
                                          .optional = true}));
  EXPECT_EQ(Json::parse(requests->at(2).body)["aggs"],
            Json::parse(R"({"messages": {"terms": {"field": "message.keyword", "size": 5}}})"));
  EXPECT_EQ(requests->at(3).path, "/logstash-*/_search?track_total_hits=true");
  EXPECT_TRUE(Json::parse(requests->at(1).body)["aggs"].contains("without_host"));
}

TEST(LogstashQuery, an_index_by_date_is_escaped) {
  Question question = question_about(SourceKind::logstash);
  question.settings.logstash.index = "<logs-{now/d}>";
  EXPECT_EQ(logstash_requests(question)->front().path, "/%3Clogs-%7Bnow%2Fd%7D%3E/_search");
}

}  // namespace
}  // namespace serin::evidence
