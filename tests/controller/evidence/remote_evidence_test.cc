#include "controller/evidence/remote_evidence.h"

#include <gtest/gtest.h>

namespace serin::evidence {
namespace {

using namespace std::chrono_literals;

/// Two hosts that wrote two documents a second before second 1000; the window is [1003, 1023), asked at 1040.
struct Remote {
  Remote() {
    evidence.hosts.resize(3);  // the third one is not asked about
    for (std::size_t i = 0; i < 2; ++i) {
      RemoteHost& host = evidence.hosts[i];
      host.asked = true;
      host.trusted = {{0, 1'000}};
      host.before = {.host = "web-0" + std::to_string(i + 1), .first = 900, .rules_hash = {}, .seconds = {}};
      host.before.seconds.assign(10, {.errors = 1, .lines = 20, .reported = true, .trusted = true});
      host.since = {.host = host.before.host, .first = 1'003, .rules_hash = {}, .seconds = {}};
      host.since.seconds.assign(2, {.errors = 3, .lines = 18, .reported = true});
      host.newest = 1'039;
    }
    evidence.newest = 1'039;
    evidence.read_at = SteadyTime{1'040s};
  }
  [[nodiscard]] std::string why(std::size_t host = 0) const {
    const auto unknown = RemoteSource(source, evidence, now).unknown(host, 1'003, 1'023);
    return unknown ? unknown->reason + ": " + unknown->text : "";
  }
  [[nodiscard]] RemoteSource view() const { return {source, evidence, now}; }

  DeploymentSource source{.source = SourceKind::logstash,
                          .wait = 20s,
                          .step = 10s,
                          .baseline = 100s,
                          .delay = 5s,
                          .delay_max = 60s,
                          .silence_is_usual = true};
  RemoteEvidence evidence;
  Now now{SteadyTime{1'041s}, {}};
};

TEST(RemoteSource, has_what_was_counted_in_whole_steps) {
  const Remote remote;
  const auto view = remote.view();
  EXPECT_EQ(view.before(0), (judge::Tally{.errors = 10, .lines = 200, .seconds = 100}));
  EXPECT_EQ(view.after(0, 1'003, 1'023), (judge::Tally{.errors = 6, .lines = 36, .seconds = 20}));
  EXPECT_EQ(view.at(0, 1'013), (judge::Counts{.seen = true, .errors = 3, .lines = 18}));
  EXPECT_TRUE(view.heard(0, 1'022));
  EXPECT_EQ(remote.why(), "");
  EXPECT_TRUE(view.steps_before(2).host.empty()) << "it was not asked about";
}

TEST(RemoteSource, never_shows_more_than_was_heard) {
  Remote remote;
  remote.evidence.hosts[0].newest = 1'015;
  EXPECT_EQ(remote.view().after(0, 1'003, 1'023).seconds, 10U);
  EXPECT_FALSE(remote.view().at(0, 1'013).seen == remote.view().heard(0, 1'015));
  EXPECT_EQ(remote.view().behind(), 25s);
}

TEST(RemoteSource, a_host_whose_newest_document_is_old_is_behind) {
  Remote remote;
  remote.evidence.hosts[0].newest = 1'010;
  EXPECT_EQ(
      remote.why(),
      "behind: has its newest document 30 s before the question; it wrote 2 a second before: the log's way there is "
      "behind, or it fell silent");
  EXPECT_FALSE(remote.view().complete(0, 1'022));
  remote.now.steady = SteadyTime{1'083s};
  EXPECT_TRUE(remote.view().complete(0, 1'022)) << "after delay_max it is not waited for any longer";
  EXPECT_FALSE(remote.view().at(0, 1'013).seen);
  remote.evidence.hosts[0].newest.reset();
  EXPECT_EQ(remote.why(), "behind: has no new document; it wrote 2 a second before");
  EXPECT_EQ(remote.why(1), "");
}

TEST(RemoteSource, the_silence_of_a_host_that_writes_little_is_no_lag_while_others_write) {
  Remote remote;
  for (auto& step : remote.evidence.hosts[0].before.seconds) step.lines = 0;
  remote.evidence.hosts[0].before.seconds[0].lines = 3;  // 0.03 a second
  remote.evidence.hosts[0].newest = 990;
  EXPECT_EQ(remote.why(), "");
  remote.evidence.newest = 1'010;
  remote.evidence.hosts[1].newest = 1'010;
  EXPECT_EQ(remote.why().substr(0, 7), "behind:") << "nobody's documents come";
}

TEST(RemoteSource, a_host_without_a_document_before_the_deployment_is_unknown) {
  Remote remote;
  for (auto& step : remote.evidence.hosts[1].before.seconds) step.lines = step.errors = 0;
  EXPECT_EQ(
      remote.why(1),
      "no-match: has nothing there in 1m40s before the deployment: its log does not arrive, or it has another name "
      "there");
  remote.source.errors_only = true;
  EXPECT_EQ(remote.why(1), "");
}

TEST(RemoteSource, no_document_at_all_is_unknown_for_all) {
  Remote remote;
  for (RemoteHost& host : remote.evidence.hosts) host.newest.reset();
  remote.evidence.newest.reset();
  EXPECT_EQ(
      remote.why(),
      "emptied: logstash: no document at all matches the query now; 4 a second did before the deployment: the index "
      "was emptied or replaced, or nothing arrives");
  for (RemoteHost& host : remote.evidence.hosts) {
    for (auto& step : host.before.seconds) step.lines = step.errors = 0;
  }
  EXPECT_EQ(remote.view().unknown()->text,
            "logstash: no document at all matches the query, now or in 1m40s before the deployment");
}

TEST(RemoteSource, a_server_that_does_not_answer_is_unknown_for_what_is_missing) {
  Remote remote;
  remote.evidence.trouble = "http://logs: HTTP 503";
  EXPECT_EQ(remote.why(), "") << "the window was heard before";
  remote.evidence.hosts[0].newest = 1'010;
  EXPECT_EQ(remote.why(), "no-answer: logstash gave no usable answer: http://logs: HTTP 503");
  remote.evidence.read_at.reset();
  EXPECT_EQ(remote.why(1), "no-answer: logstash gave no usable answer: http://logs: HTTP 503");
  remote.evidence.trouble.clear();
  EXPECT_EQ(remote.why(1), "no-answer: logstash has not answered yet");
}

TEST(RemoteSource, a_clock_that_is_ahead_is_unknown) {
  Remote remote;
  remote.evidence.hosts[0].newest = 1'045;
  EXPECT_EQ(remote.why(), "");
  remote.evidence.hosts[0].newest = 1'046;
  EXPECT_EQ(remote.why(), "clock: writes times 6 s ahead: see to its clock");
}

TEST(RemoteSource, of_prometheus_needs_a_sample_after_the_window) {
  Remote remote;
  remote.source.silence_is_usual = false;
  remote.source.source = SourceKind::prometheus;
  remote.evidence.hosts[0].newest = 1'020;
  EXPECT_EQ(remote.why(), "behind: has its newest sample 20 s before the question: it is not looked at any more");
  remote.evidence.hosts[0].newest.reset();
  EXPECT_EQ(remote.why(), "no-match: has no series now: it is not looked at, or it has another name there");
  remote.evidence.hosts[1].since.seconds[1].reported = false;
  EXPECT_EQ(remote.why(1), "no-report: was seen in 10 of 20 s");
}

TEST(TakeReading, marks_what_is_trusted_and_keeps_hosts_apart) {
  Remote remote;
  remote.evidence.hosts[0].trusted = {{890, 912}, {915, 930}, {931, 950}};
  Question question{.source = SourceKind::logstash, .hosts = {"web-02", "web-01", "gone"}};
  question.settings.step = 10s;
  question.before = Span{.from = 900, .until = 950};
  Reading reading;
  for (const char* name : {"web-02", "web-01", "gone"}) {
    fleet::HostSeconds& before = reading.hosts.emplace_back().before;
    before = {.host = name, .first = 900, .rules_hash = {}, .seconds = {}};
    before.seconds.assign(5, {.reported = true});
  }
  take_reading(remote.evidence, question, reading);
  const auto trusted = [&](std::size_t host) {
    std::vector<bool> steps;
    for (const fleet::SecondOfHost& step : remote.evidence.hosts[host].before.seconds) steps.push_back(step.trusted);
    return steps;
  };
  EXPECT_EQ(trusted(0), (std::vector{true, false, true, false, true})) << "a step counts when all of it was trusted";
  EXPECT_EQ(trusted(1), (std::vector{true, true, true, true, true}));
  EXPECT_EQ(remote.evidence.read_at, SteadyTime{1'040s}) << "nothing was asked of what followed";
}

TEST(TakeReading, documents_that_are_gone_are_a_loss) {
  Remote remote;
  Question question{.source = SourceKind::logstash, .hosts = {"web-01"}};
  question.settings.step = 10s;
  question.since = Span{.from = 1'003, .until = 1'023};
  question.asked_at = SteadyTime{1'042s};
  Reading reading{.hosts = {{.before = {}, .since = remote.evidence.hosts[0].since, .newest = 1'041}}};
  reading.hosts[0].since.seconds[1].lines = 25;
  take_reading(remote.evidence, question, reading);
  EXPECT_EQ(remote.why(), "");
  reading.hosts[0].since.seconds[0].lines = 4;
  take_reading(remote.evidence, question, reading);
  EXPECT_EQ(remote.why(),
            "emptied: logstash: documents of web-01 that were counted are gone: 4 where there were 18; the index was "
            "emptied");
}

}  // namespace
}  // namespace serin::evidence
