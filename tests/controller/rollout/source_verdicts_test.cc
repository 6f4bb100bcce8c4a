// Logstash and Prometheus beside the agents' counts or instead of them: over the core's own reports, orders and ticks.
#include "controller/rollout/source_verdicts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/evidence/deployment_trace.h"
#include "controller/judge/replay.h"
#include "controller/operate/render.h"
#include "tests/controller/rollout/trial_fleet.h"

namespace serin::rollout {
namespace {

using evidence::Question;
using evidence::Reading;
using evidence::SourceKind;
using judge::Answer;
using testing::HasSubstr;
using namespace std::chrono_literals;

void with_logstash(controller::ApplicationSettings& shop) {
  shop.sources = {{SourceKind::agents}, {SourceKind::logstash}};
  shop.logstash.http.url = "http://logs";
  shop.logstash.logstash.errors = {{{"level", {"ERROR"}}}};
}
void only_logstash(controller::ApplicationSettings& shop) {
  with_logstash(shop);
  shop.sources = {{SourceKind::logstash}};
}

/// Each host writes 20 documents and 0.1 errors a second; canaries `errors_after` errors after the load.
struct Served : Fleet {
  explicit Served(const std::function<void(controller::ApplicationSettings&)>& change = with_logstash) : Fleet(change) {
    also = [this](const controller::Turn& turn) { serve(turn); };
  }
  void serve(const controller::Turn& turn) {
    for (const auto& record : turn.records) {
      if (const auto* row = std::get_if<controller::StoreRemote>(&record)) rows[row->host.before.host] = *row;
    }
    for (const controller::Effect& effect : turn.effects) {
      if (const auto* tell = std::get_if<controller::TellClient>(&effect)) told.push_back(tell->event.text);
      const auto* ask = std::get_if<controller::AskSource>(&effect);
      if (ask == nullptr) continue;
      asked.push_back(ask->question);
      controller::Turn next;
      take_answer(state, {.question = ask->question, .reading = read(ask->question)}, now, next);
      serve(next);
    }
  }
  [[nodiscard]] Result<Reading> read(const Question& question) const {
    if (dead) return failure(ErrorKind::busy, "http://logs/_search: Connection refused");
    Reading reading;
    const std::int64_t step = question.settings.step.count();
    const auto steps = [&](const HostName& host, const evidence::Span& span, std::uint32_t errors) {
      fleet::HostSeconds counts{.host = host, .first = span.from, .rules_hash = {}, .seconds = {}};
      const auto lines = static_cast<std::uint32_t>(20 * step);
      counts.seconds.assign(static_cast<std::size_t>((span.until - span.from) / step),
                            {.errors = errors, .lines = lines, .reported = true});
      return counts;
    };
    for (const HostName& host : question.hosts) {
      evidence::HostReading& of_host = reading.hosts.emplace_back();
      if (question.before) of_host.before = steps(host, *question.before, 1);
      if (question.since) of_host.since = steps(host, *question.since, errors_after);
      of_host.newest = second_of(question.asked_at) - behind;
    }
    reading.newest = second_of(question.asked_at) - behind;
    reading.messages = {{"Undefined index: cart", 7}};
    return reading;
  }

  bool dead = false;
  std::uint32_t errors_after = 1;  ///< of a step
  std::int64_t behind = 1;
  std::vector<Question> asked;
  std::map<HostName, controller::StoreRemote> rows;
  std::vector<std::string> told;
};

TEST(SourceVerdicts, both_sources_pass_and_are_named) {
  Served fleet;
  fleet.run(120, none);
  ASSERT_FALSE(fleet.state.active.contains(kShop)) << fleet.rollout().reason;
  EXPECT_EQ(fleet.last().ending, Ending::released);
  const auto& verdict = *fleet.last().verdict;
  ASSERT_EQ(verdict.sources.size(), 2U);
  EXPECT_EQ(verdict.sources[0].source, "agents");
  EXPECT_EQ(verdict.sources[1].judge, "fixed");
  EXPECT_THAT(verdict.text, HasSubstr("logstash: pass: 4 canaries log 0.10 errors/s each, 0.10/s before"));
  const Question& first = fleet.asked.front();
  EXPECT_EQ(first.hosts, (std::vector<HostName>{"web-01", "web-02", "web-03", "web-04"}))
      << "the fixed judge's canaries";
  EXPECT_EQ(first.before->until - first.before->from, 3'600);
  EXPECT_EQ(fleet.asked.back().since->until - fleet.asked.back().since->from, 20);
  EXPECT_FALSE(fleet.asked.back().before) << "the past is asked once";
}

TEST(SourceVerdicts, one_that_fails_takes_the_release_back_with_its_messages) {
  Served fleet;
  fleet.errors_after = 50;
  fleet.run(40, none);
  ASSERT_FALSE(fleet.state.active.contains(kShop)) << fleet.rollout().reason;
  EXPECT_EQ(fleet.last().ending, Ending::taken_back);
  EXPECT_EQ(fleet.last().verdict->reason, "over");
  EXPECT_THAT(fleet.last().verdict->text, HasSubstr("logstash: fail: 4 of 4 canaries log more errors"));
  EXPECT_THAT(fleet.last().verdict->text, HasSubstr("7 x Undefined index: cart"));
  EXPECT_THAT(fleet.last().verdict->text, HasSubstr("agents: "));
}

TEST(SourceVerdicts, a_release_soon_after_a_take_back_is_compared_with_what_was_before_that) {
  Served fleet;
  fleet.errors_after = 50;
  fleet.run(40, none);
  ASSERT_EQ(fleet.last().ending, Ending::taken_back);
  const std::int64_t bad_from = second_of(fleet.last().started_at);
  const std::int64_t bad_until = second_of(fleet.now.steady);
  fleet.errors_after = 1;
  for (int i = 0; i < 5; ++i) fleet.second(Fleet::usual);
  fleet.add_release(3, controller::Trust::untried);
  fleet.obey(fleet.deploy(3));
  fleet.run(120, none);
  ASSERT_FALSE(fleet.state.active.contains(kShop)) << fleet.rollout().reason;
  EXPECT_EQ(fleet.last().ending, Ending::released);
  const evidence::RemoteHost& canary = fleet.rows.at("web-01").host;
  ASSERT_EQ(canary.trusted.size(), 2U);
  EXPECT_GE(canary.trusted[0].until - canary.trusted[0].from, 3'600);
  EXPECT_EQ(canary.trusted[0].until, bad_from) << "the order to switch";
  EXPECT_GE(canary.trusted[1].from, bad_until) << "back, and settled";
  for (std::size_t k = 0; k < canary.before.seconds.size(); ++k) {
    const std::int64_t begins = canary.before.first + 10 * static_cast<std::int64_t>(k);
    EXPECT_EQ(canary.before.seconds[k].trusted, begins + 10 <= bad_from || begins >= bad_until + 2) << begins;
  }
}

TEST(SourceVerdicts, the_agents_fail_waits_for_no_server) {
  Served fleet;
  fleet.dead = true;
  fleet.run(30, [](std::size_t host, std::int64_t) { return host <= kCanaries ? 10U : 0U; });
  ASSERT_FALSE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.last().ending, Ending::taken_back);
  EXPECT_LE(fleet.last().verdict->seconds, 6);
}

TEST(SourceVerdicts, a_dead_server_holds_the_release_with_the_reason_and_the_others_finding) {
  Served fleet;
  fleet.dead = true;
  fleet.run(150, none);
  ASSERT_TRUE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.rollout().phase, Phase::held);
  EXPECT_EQ(fleet.rollout().verdict->reason, "no-answer");
  EXPECT_THAT(
      fleet.rollout().verdict->text,
      HasSubstr("logstash: cannot tell: logstash gave no usable answer: http://logs/_search: Connection refused"));
  EXPECT_THAT(fleet.rollout().verdict->text, HasSubstr("agents: pass"));
}

TEST(SourceVerdicts, a_server_that_dies_in_the_middle_and_comes_back_in_time_is_no_trouble) {
  Served fleet;
  fleet.run(8, none);
  ASSERT_EQ(fleet.rollout().phase, Phase::soaking);
  fleet.dead = true;
  fleet.run(40, none);
  ASSERT_EQ(fleet.rollout().phase, Phase::soaking) << "it is waited for";
  EXPECT_THAT(operate::render_progress(fleet.rollout(), fleet.now).text,
              HasSubstr("waiting for logstash, which gives no usable answer, "));
  fleet.dead = false;
  fleet.run(60, none);
  ASSERT_FALSE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.last().ending, Ending::released);
}

TEST(SourceVerdicts, the_wait_is_extended_by_what_the_source_is_behind_and_the_countdown_says_so) {
  Served fleet;
  fleet.behind = 12;
  fleet.run(14, none);
  ASSERT_EQ(fleet.rollout().phase, Phase::soaking);
  EXPECT_THAT(operate::render_progress(fleet.rollout(), fleet.now).text, HasSubstr(" s: logstash is 12 s behind"));
  fleet.run(16, none);
  ASSERT_EQ(fleet.rollout().phase, Phase::soaking) << "20 s are over, and the last of them not yet there";
  fleet.run(60, none);
  ASSERT_FALSE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.last().ending, Ending::released);
}

TEST(SourceVerdicts, one_that_is_behind_for_too_long_is_unknown) {
  Served fleet;
  fleet.run(8, none);
  fleet.behind = 200;
  fleet.run(120, none);
  ASSERT_TRUE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.rollout().phase, Phase::held);
  EXPECT_EQ(fleet.rollout().verdict->reason, "behind");
  EXPECT_THAT(fleet.rollout().verdict->text, HasSubstr("has its newest document 200 s before the question"));
}

TEST(SourceVerdicts, an_advisory_source_is_named_and_decides_nothing) {
  for (const bool dead : {true, false}) {
    Served fleet([](auto& shop) {
      with_logstash(shop);
      shop.sources[1].required = false;
      shop.hold_back_until = 100s;
    });
    fleet.dead = dead;
    fleet.errors_after = 50;
    fleet.run(300, none);
    ASSERT_FALSE(fleet.state.active.contains(kShop)) << fleet.rollout().reason;
    EXPECT_EQ(fleet.last().ending, Ending::released);
    EXPECT_THAT(fleet.last().verdict->text, HasSubstr("logstash (advisory): "));
  }
}

TEST(SourceVerdicts, logstash_alone_judges_hosts_whose_agents_count_nothing) {
  struct Row {
    bool dead;
    std::uint32_t errors;
    const char* reason;
  };
  for (const Row& row : {Row{false, 1, "as-before"}, Row{false, 50, "over"}, Row{true, 1, "no-answer"}}) {
    Served fleet(only_logstash);
    fleet.silent_counters = true;
    fleet.dead = row.dead;
    fleet.errors_after = row.errors;
    fleet.run(120, none);
    const bool held = fleet.state.active.contains(kShop);
    const Rollout& rollout = held ? fleet.rollout() : fleet.last();
    ASSERT_TRUE(rollout.verdict) << rollout.reason;
    EXPECT_EQ(rollout.verdict->reason, row.reason) << rollout.verdict->text;
    EXPECT_EQ(held, row.dead);
    EXPECT_EQ(rollout.stages.back().name, "fleet") << "nobody stays behind for a judge that compares with nobody";
    EXPECT_EQ(rollout.wait, 20s);
  }
}

TEST(SourceVerdicts, force_asks_nobody) {
  Served fleet;
  fleet.dead = true;
  fleet.obey(fleet.deploy(2, true));
  for (int i = 0; i < 5; ++i) fleet.second(Fleet::usual);
  EXPECT_TRUE(fleet.asked.empty());
  EXPECT_EQ(fleet.last().ending, Ending::released);
}

TEST(SourceVerdicts, a_restart_goes_on_with_what_was_stored_and_replays_it) {
  Served fleet;
  fleet.errors_after = 50;
  fleet.run(27, none);  // the window is there, but for its last seconds' delay
  ASSERT_EQ(fleet.rollout().phase, Phase::soaking);
  auto& active = fleet.state.active.at(kShop);
  std::vector<controller::StoreRemote> rows;
  for (const auto& [host, row] : fleet.rows) rows.push_back(row);
  ASSERT_EQ(rows.size(), kCanaries);
  for (auto& row : rows) {  // as the next answer would have said
    row.read_at = fleet.now.steady + 5s;
    row.newest = row.host.newest = second_of(fleet.now.steady) + 4;
  }
  active.remote.clear();
  restore_sources(active, rows);
  fleet.dead = true;  // and never comes back
  fleet.run(10, none);
  ASSERT_FALSE(fleet.state.active.contains(kShop));
  EXPECT_EQ(fleet.last().ending, Ending::taken_back);
  EXPECT_EQ(fleet.last().verdict->reason, "over");

  evidence::StoredTrace stored{.rollout = fleet.last(), .before = {}, .samples = {}, .known = {}, .remote = rows};
  const auto trace = evidence::remote_trace(stored, SourceKind::logstash);
  ASSERT_TRUE(trace) << trace.error().text;
  const auto parsed = judge::parse_trace(judge::trace_csv(*trace));
  ASSERT_TRUE(parsed) << parsed.error().text;
  judge::JudgeSettings settings{.kind = judge::JudgeKind::fixed};
  for (const std::string& assignment : parsed->settings) ASSERT_TRUE(judge::set_by_name(settings, assignment));
  const auto again = judge::replay(*parsed, settings, false);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->verdict.reason, "over");
  EXPECT_THAT(fleet.last().verdict->text, HasSubstr(again->verdict.text)) << "word for word";
  EXPECT_FALSE(evidence::remote_trace(stored, SourceKind::prometheus));
}

TEST(SourceVerdicts, a_sequential_judge_looks_at_a_source_of_seconds) {
  Served fleet([](auto& shop) {
    only_logstash(shop);
    shop.logstash.judge = judge::JudgeKind::sequential;
    shop.logstash.step = 1s;
    shop.logstash.baseline = 300s;
    shop.logstash.delay = 1s;
  });
  fleet.errors_after = 1;
  fleet.silent_counters = true;
  fleet.run(200, none);
  ASSERT_FALSE(fleet.state.active.contains(kShop)) << fleet.rollout().reason;
  EXPECT_EQ(fleet.last().ending, Ending::released);
  EXPECT_EQ(fleet.last().verdict->judge, "sequential");
  EXPECT_LT(fleet.last().verdict->seconds, 60);
  EXPECT_EQ(fleet.asked.front().hosts.size(), kHosts);
}

}  // namespace
}  // namespace serin::rollout
