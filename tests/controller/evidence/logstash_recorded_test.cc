// What real servers answered to these very requests: recorded/README.md.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "controller/evidence/logstash.h"
#include "tests/controller/evidence/questions.h"

namespace serin::evidence {
namespace {

using ::testing::HasSubstr;

struct Asked {
  Question question;
  std::vector<HttpRequest> requests;
};

Asked asked(Question question) {
  auto requests = logstash_requests(question);
  return {std::move(question), std::move(*requests)};
}

Question since_of(const char* index) {
  Question question = question_about(SourceKind::logstash);
  question.before.reset();
  question.settings.logstash.index = index;
  return question;
}

/// A server's own time is at least a second, in which this one has answered.
Asked without_time(Asked asked) {
  std::string& body = asked.requests.at(0).body;
  const std::string_view name = R"("timeout":")";
  const std::size_t begin = body.find(name) + name.size();
  body.replace(begin, body.find('"', begin) - begin, "1nanos");
  return asked;
}

/// By the names of their recordings.
std::map<std::string, Asked> all_asked() {
  Question test = since_of("logstash-*");
  test.test = true;
  test.settings.logstash.message_field = "message.keyword";
  test.settings.logstash.except = {{.field = "channel", .values = {"debug"}}, {.field = "message", .values = {"x"}}};
  Question text_message = since_of("logstash-*");
  text_message.settings.logstash.message_field = "message";
  return {{"whole", asked(question_about(SourceKind::logstash))},
          {"test", asked(test)},
          {"text-message", asked(text_message)},
          {"no-index", asked(since_of("gone-*"))},
          {"no-such-index", asked(since_of("gone"))},
          {"closed-index", asked(since_of("closed-1"))},
          {"a-failed-shard", asked(since_of("mixed-*"))},
          {"all-shards-failed", asked(since_of("text-*"))},
          {"timed-out", without_time(asked(since_of("logstash-*")))}};
}

std::string head_of(const HttpRequest& request) {
  return fmt::format("{} {}\n{}\n", request.body.empty() ? "GET" : "POST", request.path, request.body);
}

struct Recording {
  std::string head;
  HttpAnswer answer;
};

/// Each over the recordings of one server.
struct LogstashRecorded : ::testing::TestWithParam<const char*> {
  static Recording recording(const std::string& name, std::size_t request) {
    const auto path = std::filesystem::path(SERIN_SOURCE_DIR) / "tests/controller/evidence/recorded" / GetParam() /
                      fmt::format("{}-{}.http", name, request);
    std::ifstream file(path);
    EXPECT_TRUE(file.is_open()) << path;
    Recording read;
    std::string line;
    for (int i = 0; i < 2 && std::getline(file, line); ++i) read.head += line + '\n';
    if (std::getline(file, line)) read.answer.status = std::atol(line.c_str());
    read.answer.body.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    return read;
  }

  static Result<Reading> read(const std::string& name) {
    const Asked asked = all_asked().at(name);
    std::vector<HttpAnswer> answers(asked.requests.size());
    for (std::size_t i = 0; i < answers.size(); ++i) answers[i] = recording(name, i).answer;
    return logstash_reading(asked.question, asked.requests, answers);
  }
};

/// With SERIN_WRITE_REQUESTS=FOLDER the requests are written there, for record.sh.
TEST_P(LogstashRecorded, answers_are_those_to_what_is_asked) {
  const char* folder = std::getenv("SERIN_WRITE_REQUESTS");
  for (const auto& [name, asked] : all_asked()) {
    for (std::size_t i = 0; i < asked.requests.size(); ++i) {
      const std::string head = head_of(asked.requests[i]);
      if (folder != nullptr) {
        std::ofstream(std::filesystem::path(folder) / fmt::format("{}-{}.http", name, i)) << head;
      } else {
        EXPECT_EQ(recording(name, i).head, head) << name << ": see recorded/README.md";
      }
    }
  }
}

TEST_P(LogstashRecorded, counts_of_hosts_in_steps_are_read) {
  const auto reading = read("whole");
  ASSERT_TRUE(reading) << reading.error().text;
  ASSERT_EQ(reading->hosts.size(), 2U);
  constexpr fleet::SecondOfHost kNothing{.reported = true};
  EXPECT_EQ(reading->hosts[0].before.seconds,
            (std::vector<fleet::SecondOfHost>{{.errors = 1, .lines = 20, .reported = true},
                                              kNothing,
                                              kNothing,
                                              kNothing,
                                              kNothing,
                                              {.errors = 0, .lines = 4, .reported = true}}));
  EXPECT_EQ(reading->hosts[1].before.seconds, std::vector<fleet::SecondOfHost>(6, kNothing));
  EXPECT_EQ(reading->hosts[1].since.seconds,
            (std::vector<fleet::SecondOfHost>{kNothing, {.errors = 3, .lines = 7, .reported = true}}));
  EXPECT_EQ(reading->hosts[1].newest, 1'027);
  EXPECT_EQ(reading->newest, 1'029) << "of a host that was not asked for";
}

TEST_P(LogstashRecorded, what_did_not_match_the_messages_and_the_fields_are_read) {
  const auto reading = read("test");
  ASSERT_TRUE(reading) << reading.error().text;
  EXPECT_EQ(reading->matches, (Matches{.documents = 34,
                                       .without_host = 1,
                                       .other_hosts = {{"db", 1}},
                                       .in_index = 36,
                                       .absent_fields = {"channel"},
                                       .text_fields = {"message"}}));
  EXPECT_EQ(reading->messages, (std::vector<TopMessage>{{"boom", 2}, {"bang", 1}}));
}

TEST_P(LogstashRecorded, messages_of_a_text_field_fail_without_harm) {
  const auto reading = read("text-message");
  ASSERT_TRUE(reading) << reading.error().text;
  EXPECT_TRUE(reading->messages.empty());
  EXPECT_EQ(recording("text-message", 1).answer.status, 400);
}

TEST_P(LogstashRecorded, what_is_not_whole_is_refused_by_its_reason) {
  const std::map<std::string, std::string> reasons{
      {"no-index", "HTTP 200, no index of this name is there: {"},
      {"no-such-index", "HTTP 404: {\"error\""},
      {"closed-index", "HTTP 400: {\"error\""},
      {"a-failed-shard", "HTTP 200, partial: 1 of 2 shards failed: {"},
      {"all-shards-failed", "HTTP 400: {\"error\""},
      {"timed-out", "HTTP 200, partial: the server's own time was over: {"}};
  for (const auto& [name, reason] : reasons) {
    const auto reading = read(name);
    ASSERT_FALSE(reading) << name;
    EXPECT_THAT(reading.error().text, HasSubstr("/_search: " + reason)) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, LogstashRecorded, ::testing::Values("opensearch", "elasticsearch7", "elasticsearch8"),
                         [](const auto& server) { return std::string{server.param}; });

}  // namespace
}  // namespace serin::evidence
