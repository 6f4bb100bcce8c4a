#include "controller/operate/evidence_commands.h"

#include <fmt/format.h>

#include "tests/controller/operate/operate_fixture.h"

namespace serin::operate {
namespace {

using evidence::Question;
using evidence::SourceKind;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

struct EvidenceCommands : ::testing::Test, Operating {
  EvidenceCommands() {
    auto& shop = state.settings.applications.at(kShop);
    shop.sources = {{SourceKind::logstash}};
    shop.logstash.http.url = "https://logs:9200";
    shop.logstash.step = 10s;
  }
  Question asked() {
    const auto questions = effects<controller::AskSource>(ask({.verb = "evidence test"}));
    EXPECT_EQ(questions.size(), 1U);
    return questions.at(0).question;
  }
  std::vector<OperatorEvent> answered(const Question& question, Result<evidence::Reading> reading) {
    Turn turn;
    take_test_answer(state, alices(), {.question = question, .reading = std::move(reading), .took = 34ms}, now, turn);
    return told_alice(turn);
  }
  static evidence::Reading reading_of(const Question& question) {
    evidence::Reading reading;
    for (const HostName& host : question.hosts) {
      auto& of_host = reading.hosts.emplace_back();
      of_host.since = {.host = host, .first = question.since->from, .rules_hash = {}, .seconds = {}};
      of_host.since.seconds = {{.errors = 1, .lines = 50, .reported = true},
                               {.errors = 0, .lines = 10, .reported = true}};
      of_host.newest = second_of(question.asked_at) - 2;
    }
    reading.newest = second_of(question.asked_at) - 3;
    reading.matches.documents = 240;
    return reading;
  }
};

TEST_F(EvidenceCommands, ask_about_all_hosts_and_the_last_hour) {
  const Question question = asked();
  EXPECT_TRUE(question.test);
  EXPECT_EQ(question.hosts, (std::vector<HostName>{"web-01", "web-02", "web-03", "web-04"}));
  EXPECT_EQ(question.since->until - question.since->from, 3'600);
  EXPECT_FALSE(question.before);
}

TEST_F(EvidenceCommands, show_what_each_host_has_and_how_old_it_is) {
  const Question question = asked();
  const auto events = answered(question, reading_of(question));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].kind, "evidence");
  EXPECT_THAT(events[0].text,
              HasSubstr("logstash: https://logs:9200 answers within 34 ms; 4 of 4 hosts are there, 240 "
                        "documents and 4 errors in the last hour; the newest document came 3 s ago, up to "
                        "1m are waited for"));
  EXPECT_THAT(events[0].text, HasSubstr("web-01  60         1       2 s ago"));
  EXPECT_EQ(events[1].exit_code, 0);
  EXPECT_EQ(events[1].text, "every source answers");
}

TEST_F(EvidenceCommands, warn_when_nothing_matches_and_say_where_to_look) {
  const Question question = asked();
  evidence::Reading nothing = reading_of(question);
  for (auto& host : nothing.hosts) host = {.before = {}, .since = {.host = host.since.host}};
  nothing.newest.reset();
  nothing.matches = {.documents = 0, .without_host = 0, .other_hosts = {}, .in_index = 1'200'000};
  const auto events = answered(question, nothing);
  EXPECT_THAT(events[0].text,
              HasSubstr("WARNING: the query matches no document at all: logstash-* has 1200000 of the last "
                        "hour, and none fits `where`"));
  EXPECT_EQ(events[1].exit_code, 1);
  EXPECT_THAT(events[1].text, HasSubstr("a release could not be judged like this: logstash: the query matches no"));
}

TEST_F(EvidenceCommands, name_hosts_that_are_not_there_and_names_that_no_host_has) {
  const Question question = asked();
  evidence::Reading reading = reading_of(question);
  reading.hosts[1] = {.before = {}, .since = {.host = "web-02"}, .newest = {}};
  reading.hosts[2].since.seconds = {{.reported = true}};  // Prometheus without `requests` counts no lines
  reading.matches.other_hosts = {{"web-02.example.org", 812}};
  reading.matches.without_host = 5;
  reading.messages = {{"boom\x1b[31m", 9}};
  const auto events = answered(question, reading);
  EXPECT_THAT(events[0].text, HasSubstr("nothing of: web-02\n"));
  EXPECT_THAT(events[0].text,
              HasSubstr("names there that no host of this application has: web-02.example.org (812); see "));
  EXPECT_THAT(events[0].text, HasSubstr("5 documents have no field host.name"));
  EXPECT_THAT(events[0].text, HasSubstr("9 x boom\\e[31m"));
}

TEST_F(EvidenceCommands, warn_of_a_canary_that_is_not_there) {
  const Question question = asked();
  evidence::Reading reading = reading_of(question);
  reading.hosts[0] = {.before = {}, .since = {.host = "web-01"}, .newest = {}};
  EXPECT_THAT(answered(question, reading)[1].text, HasSubstr("logstash: nothing of the canaries: web-01"));
  Question errors_alone = asked();
  errors_alone.settings.logstash.errors_only = true;
  EXPECT_EQ(answered(errors_alone, reading)[1].exit_code, 0) << "it may have had no error";
}

TEST_F(EvidenceCommands, warn_of_a_canary_whose_clock_is_ahead) {
  const Question question = asked();
  evidence::Reading reading = reading_of(question);
  reading.hosts[0].newest = second_of(question.asked_at) + 9;
  const auto events = answered(question, reading);
  EXPECT_THAT(events[0].text, HasSubstr("its clock is 9 s ahead"));
  EXPECT_THAT(events[1].text, HasSubstr("logstash: the clock of web-01 is ahead"));
}

TEST_F(EvidenceCommands, warn_of_fields_that_cannot_match) {
  Question question = asked();
  question.settings.logstash.errors = {{{"level", {"ERROR"}}}, {{"channel", {"fatal"}}}};
  evidence::Reading reading = reading_of(question);
  reading.matches.absent_fields = {"channel"};
  auto events = answered(question, reading);
  EXPECT_EQ(events[1].exit_code, 0) << "the other may match";
  EXPECT_THAT(events[0].text, HasSubstr("no index of logstash-* has the field channel\n"));
  asked();
  reading.matches.absent_fields = {"channel", "level"};
  EXPECT_THAT(answered(question, reading)[1].text, HasSubstr("no document can be an error"));
  asked();
  reading.matches = {.documents = 240, .text_fields = {"level"}};
  EXPECT_THAT(answered(question, reading)[1].text, HasSubstr("the field level is text there, cut into words"));
}

TEST_F(EvidenceCommands, ask_about_thousands_of_hosts_in_longer_steps) {
  for (int i = 0; i < 3'000; ++i) {
    fleet::HostRecord record = state.roster.find("web-02")->record;
    record.name = fmt::format("many-{}", i);
    record.public_key = fmt::format("{:032}", i);
    ASSERT_TRUE(state.roster.accept(record));
  }
  const Question question = asked();
  EXPECT_GT(question.hosts.size(), 3'000U);
  EXPECT_TRUE(evidence::requests_of(question)) << evidence::requests_of(question).error().text;
}

TEST_F(EvidenceCommands, tell_a_failure_with_its_reason) {
  const auto events = answered(asked(), failure(ErrorKind::busy, "https://logs:9200/x: HTTP 401: no"));
  EXPECT_THAT(events[0].text, HasSubstr("WARNING: https://logs:9200/x: HTTP 401: no"));
  EXPECT_EQ(events[1].exit_code, 1);
}

TEST_F(EvidenceCommands, end_with_the_first_warning_and_how_many_there_are) {
  const Question question = asked();
  evidence::Reading reading = reading_of(question);
  reading.hosts[0].newest = second_of(question.asked_at) + 9;
  reading.matches.text_fields = {"level", "host"};
  const auto events = answered(question, reading);
  EXPECT_THAT(events[0].text, HasSubstr("WARNING: the field level is text there"));
  EXPECT_THAT(events[0].text, HasSubstr("WARNING: the field host is text there"));
  EXPECT_EQ(events[1].text,
            "a release could not be judged like this: logstash: the clock of web-01 is ahead; 3 warnings in all");
}

TEST_F(EvidenceCommands, end_with_a_short_line_though_a_server_said_much) {
  const auto events = answered(asked(), failure(ErrorKind::busy, std::string(700, 'x')));
  EXPECT_THAT(events[0].text, HasSubstr("WARNING: " + std::string(700, 'x')));
  EXPECT_LT(events[1].text.size(), 240U);
}

TEST_F(EvidenceCommands, of_the_agents_are_answered_at_once) {
  state.settings.applications.at(kShop).sources = {{SourceKind::agents}};
  const auto events = told_alice(ask({.verb = "evidence test"}));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_THAT(events[0].text, HasSubstr("agents: 0 of 4 hosts report"));
  EXPECT_THAT(events[1].text, HasSubstr("no host counts anything"));
  EXPECT_TRUE(state.evidence_tests.empty());
}

TEST_F(EvidenceCommands, end_with_the_client) {
  const Question question = asked();
  drop_client(state, alices().connection);
  EXPECT_TRUE(answered(question, reading_of(question)).empty());
}

}  // namespace
}  // namespace serin::operate
