// Answers in the form of several versions, and what is not whole about others. They are written by hand after what the
// documentation of Elasticsearch 2, 7, 8 and 9 and of OpenSearch shows; logstash_recorded_test.cc has real ones.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "controller/evidence/logstash.h"
#include "tests/controller/evidence/questions.h"

namespace serin::evidence {
namespace {

constexpr const char* kBefore = R"("hosts": {"doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": [
  {"key": "web-01", "doc_count": 24, "steps": {"buckets": [
    {"key_as_string": "2023-11-14T22:11:40.123Z", "key": 1699999900123, "doc_count": 20, "errors": {"doc_count": 1}},
    {"key_as_string": "2023-11-14T22:12:30.123Z", "key": 1699999950123, "doc_count": 4, "errors": {"doc_count": 0}}]}}]})";
constexpr const char* kSince = R"("newest": {"value": 1.700000029123E12, "value_as_string": "2023-11-14T22:13:49.123Z"},
 "known": {"doc_count": 30, "hosts": {"doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": [
  {"key": "web-02", "doc_count": 30, "newest": {"value": 1.700000028000E12},
   "window": {"doc_count": 7, "steps": {"buckets": [
     {"key": 1700000013123, "doc_count": 7, "errors": {"doc_count": 3}}]}}}]}})";

// The heads in front of the aggregations.
constexpr const char* kElasticsearch2 = R"("took": 3, "timed_out": false,
  "_shards": {"total": 5, "successful": 5, "failed": 0}, "hits": {"total": 54, "max_score": 0.0, "hits": []})";
constexpr const char* kElasticsearch7 = R"("took": 3, "timed_out": false,
  "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
  "hits": {"total": {"value": 54, "relation": "eq"}, "max_score": null, "hits": []})";
constexpr const char* kElasticsearch8 = R"("took": 3, "timed_out": false, "num_reduce_phases": 2,
  "_shards": {"total": 600, "successful": 600, "skipped": 590, "failed": 0},
  "_clusters": {"total": 2, "successful": 2, "skipped": 0, "running": 0, "partial": 0, "failed": 0, "details": {}},
  "hits": {"total": {"value": 10000, "relation": "gte"}, "max_score": null, "hits": []})";
constexpr const char* kElasticsearch9 = R"("took": 0, "timed_out": false,
  "_shards": {"failed": 0, "skipped": 0, "successful": 1, "total": 1},
  "hits": {"hits": [], "max_score": null, "total": {"relation": "eq", "value": 54}})";
constexpr const char* kOpenSearch =
    R"("took": 8, "timed_out": false, "phase_took": {"query": 7}, "terminated_early": false,
  "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
  "hits": {"total": {"value": 54, "relation": "eq"}, "max_score": null, "hits": []})";

std::string body(const char* head, const char* aggregations) {
  return fmt::format("{{{}, \"aggregations\": {{{}}}}}", head, aggregations);
}

Result<Reading> read(const Question& question, const HttpAnswer& before, const HttpAnswer& since) {
  return logstash_reading(question, *logstash_requests(question), {before, since});
}

TEST(LogstashAnswer, is_read_from_every_version) {
  const Question question = question_about(SourceKind::logstash);
  for (const char* head : {kElasticsearch2, kElasticsearch7, kElasticsearch8, kElasticsearch9, kOpenSearch}) {
    const auto reading = read(question, good(body(head, kBefore)), good(body(head, kSince)));
    ASSERT_TRUE(reading) << head << reading.error().text;
    ASSERT_EQ(reading->hosts.size(), 2U);
    constexpr fleet::SecondOfHost kNothing{.reported = true};
    EXPECT_EQ(reading->hosts[0].before, (fleet::HostSeconds{.host = "web-01",
                                                            .first = 900,
                                                            .rules_hash = {},
                                                            .seconds = {{.errors = 1, .lines = 20, .reported = true},
                                                                        kNothing,
                                                                        kNothing,
                                                                        kNothing,
                                                                        kNothing,
                                                                        {.errors = 0, .lines = 4, .reported = true}}}));
    EXPECT_EQ(reading->hosts[1].since.seconds,
              (std::vector<fleet::SecondOfHost>{kNothing, {.errors = 3, .lines = 7, .reported = true}}));
    EXPECT_FALSE(reading->hosts[0].newest);
    EXPECT_EQ(reading->hosts[1].newest, 1'027) << "28.000 of the wall is 27.877 here";
    EXPECT_EQ(reading->newest, 1'029);
  }
}

struct Case {
  const char* what;
  HttpAnswer since;
  const char* said;
};

TEST(LogstashAnswer, that_is_not_whole_is_an_error_with_address_status_and_the_bodys_beginning) {
  const std::string whole = body(kElasticsearch7, kSince);
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return good(text.replace(at, from.size(), to));
  };
  const Case cases[] = {
      {"no connection", {.trouble = "Connection refused"}, "http://logs:9200/logstash-*/_search: Connection refused"},
      {"status", {.status = 503, .body = "busy\x1b"}, "/_search: HTTP 503: busy\\e"},
      {"no body", {.status = 502}, "HTTP 502: no body"},
      {"deep", good(std::string(100, '[')), "it is nested too deeply"},
      {"no JSON", good("<html>login</html>"), "HTTP 200, it is no JSON: <html>login</html>"},
      {"cut off", good(whole.substr(0, whole.size() / 2)), "it is no JSON"},
      {"a list", good("[]"), "it is no object"},
      {"error with 200", good(R"({"error": {"type": "x"}, "status": 200})"), "it is an error: {\"error\""},
      {"timed out", changed("\"timed_out\": false", "\"timed_out\": true"), "partial: the server's own time was over"},
      {"failed shards", changed("\"failed\": 0", "\"failed\": 1"), "partial: 1 of 1 shards failed"},
      {"no index", changed("\"total\": 1", "\"total\": 0"), "no index of this name is there"},
      {"left out", changed("\"sum_other_doc_count\": 0", "\"sum_other_doc_count\": 9"), "some hosts were left out"},
      {"another host", changed("\"key\": \"web-02\"", "\"key\": \"web-77\""), "a host that was not asked for: web-77"},
      {"another time", changed("1700000013123", "1700000014123"), "a time was not asked for"},
      {"later", changed("1700000013123", "1700000023123"), "a time was not asked for"},
      {"more errors", changed("\"errors\": {\"doc_count\": 3}", "\"errors\": {\"doc_count\": 8}"), "more errors than"},
      {"negative", changed("{\"doc_count\": 3}", "{\"doc_count\": -3}"), "a count is no whole number"},
      {"no numbers", changed("{\"doc_count\": 3}", "{\"doc_count\": \"3\"}"), "a count is no whole number"},
      {"nothing", good(fmt::format("{{{}}}", kElasticsearch7)), "not the form of an answer to this"},
      {"wild time", changed("1.700000029123E12", "1e300"), "a time is no time"},
      {"cluster",
       good(body(R"("timed_out": false, "_shards": {"total": 1, "failed": 0},
         "_clusters": {"total": 2, "successful": 1}, "hits": {"total": 1})",
                 kSince)),
       "a cluster did not answer"},
      {"early", changed("\"timed_out\": false", "\"timed_out\": false, \"terminated_early\": true"), "ended early"},
  };
  const Question question = question_about(SourceKind::logstash);
  for (const Case& one : cases) {
    const auto reading = read(question, good(body(kElasticsearch7, kBefore)), one.since);
    ASSERT_FALSE(reading) << one.what;
    EXPECT_NE(reading.error().text.find(one.said), std::string::npos) << one.what << ": " << reading.error().text;
  }
}

TEST(LogstashAnswer, survives_every_truncation_and_every_changed_byte) {
  const Question question = question_about(SourceKind::logstash);
  const std::string whole = body(kElasticsearch8, kSince);
  const HttpAnswer before = good(body(kElasticsearch7, kBefore));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_FALSE(read(question, before, good(whole.substr(0, i)))) << i;
    for (const char to : {'0', '}', '"', '\xff'}) {
      std::string damaged = whole;
      damaged[i] = to;
      const auto reading = read(question, before, good(damaged));
      EXPECT_TRUE(!reading || reading->hosts.size() == 2);
    }
  }
}

TEST(LogstashAnswer, of_a_test_tells_what_did_not_match_and_optional_parts_may_be_missing) {
  Question question = question_about(SourceKind::logstash);
  question.before.reset();
  question.test = true;
  question.settings.logstash.message_field = "message";
  const std::string aggregations = std::string(kSince) + R"(, "without_host": {"doc_count": 5},
    "all_hosts": {"sum_other_doc_count": 2, "buckets": [{"key": "web-02", "doc_count": 30}, {"key": "db", "doc_count": 4}]})";
  const std::vector<HttpAnswer> answers{good(body(kElasticsearch7, aggregations.c_str())),
                                        {.status = 400, .body = R"({"error": "Text fields are not optimised"})"},
                                        good(fmt::format("{{{}}}", kElasticsearch7)),
                                        good(R"({"indices": ["logstash-1"], "fields": {
    "@timestamp": {"date": {"type": "date"}},
    "level": {"keyword": {"type": "keyword", "indices": ["a"]}, "text": {"type": "text", "indices": ["b"]}},
    "host.name": {"keyword": {"type": "keyword", "searchable": true, "aggregatable": true}}}})")};
  const auto reading = logstash_reading(question, *logstash_requests(question), answers);
  ASSERT_TRUE(reading) << reading.error().text;
  EXPECT_EQ(reading->matches, (Matches{.documents = 41,
                                       .without_host = 5,
                                       .other_hosts = {{"db", 4}},
                                       .in_index = 54,
                                       .absent_fields = {"service"},
                                       .text_fields = {"level"}}));
  EXPECT_TRUE(reading->messages.empty());
}

TEST(LogstashAnswer, has_the_most_frequent_messages) {
  Question question = question_about(SourceKind::logstash);
  question.before.reset();
  question.settings.logstash.message_field = "message.keyword";
  const auto reading = logstash_reading(
      question, *logstash_requests(question),
      {good(body(kElasticsearch7, kSince)),
       good(body(kElasticsearch7,
                 R"("messages": {"sum_other_doc_count": 9, "buckets": [{"key": "boom", "doc_count": 3}]})"))});
  ASSERT_TRUE(reading) << reading.error().text;
  EXPECT_EQ(reading->messages, (std::vector<TopMessage>{{"boom", 3}}));
}

}  // namespace
}  // namespace serin::evidence
