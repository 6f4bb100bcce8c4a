#include "controller/judge/replay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "trace_of.h"

namespace serin::judge {
namespace {

/// 3 canaries and 12 controls with one error a second, a deploy at 300 and 70 s more, in which `after` counts.
Trace deploy_with(const Errors& after) {
  return trace_of(3, 12, every(1), after);
}

Errors times(std::uint64_t factor) {
  return [factor](std::size_t host, std::size_t) { return host < 3 ? factor : 1; };
}

std::string line_of(const Trace& trace, const JudgeSettings& settings = {}) {
  const auto replayed = replay(trace, settings, false);
  return replayed ? verdict_line(replayed->verdict) : replayed.error().text;
}

TEST(Replay, gives_the_live_judges_verdict) {
  SequentialJudge live({}, baseline_of(3, 12, 300, every(1)));
  run(live, seconds_of(15, 60, times(1)));
  EXPECT_EQ(line_of(deploy_with(times(1))), verdict_line(live.verdict()));
  EXPECT_EQ(replay(deploy_with(times(1)), {}, false)->verdict, live.verdict());
}

TEST(Replay, prints_the_answer_its_second_and_the_reason) {
  EXPECT_EQ(line_of(deploy_with(times(10))), "FAIL 5");
  EXPECT_TRUE(line_of(deploy_with(times(1))).starts_with("PASS "));
  Trace mute = deploy_with(times(1));
  for (std::size_t t = 300; t < 370; ++t) mute.hosts[0].seconds[t] = {};
  EXPECT_EQ(line_of(mute), "INCONCLUSIVE 60 no-report");
  const std::string text = replay_text(*replay(deploy_with(times(10)), {}, false));
  EXPECT_TRUE(text.starts_with("FAIL 5\ncanaries 10 errors/s/host, the rest 1.0: ")) << text;
}

TEST(Replay, judges_by_the_fixed_rule_when_asked) {
  JudgeSettings fixed{.kind = JudgeKind::fixed};
  EXPECT_EQ(line_of(deploy_with(times(10)), fixed), "PASS 20");
  EXPECT_EQ(line_of(deploy_with(times(11)), fixed), "FAIL 20");
  ASSERT_TRUE(set_by_name(fixed, "threshold=3"));
  ASSERT_TRUE(set_by_name(fixed, "wait=12s"));
  EXPECT_EQ(line_of(deploy_with(times(4)), fixed), "FAIL 12");
}

TEST(Replay, of_steps_counts_each_as_its_seconds_and_all_that_is_before_the_deploy) {
  Trace trace{.deploy = 4'010, .judge = "fixed", .step = 10};
  trace.hosts = {{.host = "web-1", .role = Role::canary}};
  trace.hosts[0].seconds.resize(4'030);
  for (std::size_t second = 0; second < 4'000; second += 10) {
    trace.hosts[0].seconds[second] = {.seen = true, .errors = 2, .lines = 100};  // 0.2 a second: its limit is 2
  }
  trace.hosts[0].seconds[4'010] = trace.hosts[0].seconds[4'020] = {.seen = true, .errors = 20, .lines = 100};
  const JudgeSettings fixed{.kind = JudgeKind::fixed};
  EXPECT_EQ(line_of(trace, fixed), "PASS 20");
  trace.hosts[0].seconds[4'020].errors = 21;
  EXPECT_EQ(line_of(trace, fixed), "FAIL 20");
  trace.hosts[0].seconds[4'020] = {};
  EXPECT_EQ(line_of(trace, fixed), "INCONCLUSIVE 20 no-report");
  EXPECT_EQ(line_of(trace),
            "the trace is in steps of 10 s and the sequential judge looks at single seconds: use --judge fixed");
}

TEST(Replay, takes_other_settings) {
  JudgeSettings settings;
  ASSERT_TRUE(set_by_name(settings, "settle=8"));
  EXPECT_EQ(line_of(deploy_with(times(10)), settings), "FAIL 10");
  ASSERT_TRUE(set_by_name(settings, "horizon=9"));
  EXPECT_EQ(line_of(deploy_with(times(10)), settings).substr(0, 14), "INCONCLUSIVE 9");
}

TEST(Replay, hears_nothing_after_the_end_of_the_trace) {
  Trace brief = deploy_with(times(1));
  for (TraceHost& host : brief.hosts) host.seconds.resize(304);
  EXPECT_EQ(line_of(brief), "INCONCLUSIVE 60 no-report");
}

TEST(Replay, needs_a_deploy_and_a_row) {
  Trace ordinary = deploy_with(times(1));
  ordinary.deploy.reset();
  EXPECT_EQ(line_of(ordinary), "the trace has no line #deploy=SECOND: there is nothing to judge");
  EXPECT_EQ(line_of(Trace{.deploy = 5}), "the trace has no row: there is nothing to judge");
}

TEST(Replay, a_canarys_seconds_from_its_own_load_to_the_deploy_are_no_evidence) {
  Trace trace = deploy_with(times(1));
  trace.hosts[0].loaded = 250;
  for (std::size_t t = 250; t < 300; ++t) trace.hosts[0].seconds[t].errors = 500;
  Trace clean = deploy_with(times(1));
  for (std::size_t t = 250; t < 300; ++t) clean.hosts[0].seconds[t] = {};
  EXPECT_EQ(replay(trace, {}, false)->verdict, replay(clean, {}, false)->verdict);
}

TEST(Replay, a_control_that_loads_the_release_is_no_control_any_more) {
  Trace trace = deploy_with(times(10));
  for (std::size_t h = 6; h < 15; ++h) trace.hosts[h].loaded = 301;
  EXPECT_EQ(line_of(trace), "FAIL 5") << "three controls are left";
  trace.hosts[5].loaded = 301;
  EXPECT_EQ(line_of(trace), "INCONCLUSIVE 1 trace-ended") << "two are none";
}

TEST(Replay, sets_hosts_aside_that_count_other_errors_or_joined_later) {
  Trace trace = deploy_with(times(1));
  for (TraceHost& host : trace.hosts) host.rules = "a";
  trace.hosts[7].rules = "b";
  for (std::size_t t = 0; t < 300; ++t) trace.hosts[9].seconds[t] = {};
  const auto replayed = replay(trace, {}, false);
  EXPECT_EQ(replayed->verdict.numbers->set_aside,
            (std::vector<SetAside>{{"k4", Role::control, "counts other errors than most hosts"},
                                   {"k6", Role::control, "was not seen before the deploy"}}));
  trace.hosts[1].rules = "b";
  EXPECT_EQ(line_of(trace), "INCONCLUSIVE 0 rules-differ");
}

TEST(Replay, explains_every_second_and_every_safeguard) {
  const auto replayed = replay(deploy_with(times(10)), {}, true);
  ASSERT_EQ(replayed->seconds.size(), 5U);
  const std::string text = replay_text(*replayed);
  for (const std::string_view part :
       {"   1 s settling\n", "   5 s canaries ", "fail: evidence ", "without one canary ", "excess ", "live ok",
        "2 of 2 s", "pass: evidence ", "adverse ", "veto ", "traffic ok", "hosts: none"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(Replay, controls_that_load_the_release_leave_and_too_few_of_them_end_the_recording) {
  // As stored of a deployment that passed: the fleet went on in second 315, and nothing was kept from second 320 on.
  Trace trace = deploy_with(times(1));
  JudgeSettings careful;
  careful.sequential.min_pass = std::chrono::seconds{40};
  for (TraceHost& host : trace.hosts) host.seconds.resize(320);
  EXPECT_EQ(verdict_line(replay(trace, careful, false)->verdict), "INCONCLUSIVE 60 no-report")
      << "of a trace of somebody else it is not known why it ends";
  for (TraceHost& host : trace.hosts) {
    if (host.role == Role::control) host.loaded = 315;
  }
  const auto replayed = replay(trace, careful, false);
  EXPECT_EQ(verdict_line(replayed->verdict), "INCONCLUSIVE 15 trace-ended");
  EXPECT_NE(replayed->verdict.text.find("the release went on to the other hosts"), std::string::npos);
  std::size_t held_back = 0;
  for (TraceHost& host : trace.hosts) {
    if (host.role == Role::control && held_back++ < 3) host.loaded.reset();
  }
  EXPECT_EQ(verdict_line(replay(trace, careful, false)->verdict), "INCONCLUSIVE 20 trace-ended");
  EXPECT_EQ(replay(trace, {}, false)->verdict.answer, Answer::pass)
      << "what was recorded is enough for the usual judge";
}

TEST(Replay, judges_messages_that_are_new_with_the_release) {
  Trace trace = deploy_with(times(1));
  for (std::int64_t second = 300; second < 345; ++second) {
    for (std::size_t host = 0; host < 3; ++host) trace.signatures.push_back({second, host, "e1", 1});
  }
  const auto replayed = replay(trace, {}, false);
  EXPECT_EQ(replayed->verdict.answer, Answer::fail);
  EXPECT_EQ(replayed->verdict.reason, "new-message");
  EXPECT_TRUE(
      replayed->verdict.text.starts_with("the canaries log a message that is new with this release; canaries 1.0"));
  EXPECT_TRUE(replayed->verdict.text.ends_with("; top new messages: e1 (78 on 3 canaries)")) << replayed->verdict.text;
  // As it is once a message was there before the deploy, or on a control.
  Trace known = trace;
  known.signatures.insert(known.signatures.begin(), {200, 4, "e1", 1});
  EXPECT_EQ(line_of(known), line_of(deploy_with(times(1))));
  known = trace;
  known.known = {"e1"};
  EXPECT_EQ(line_of(known), line_of(deploy_with(times(1))));
  trace.signatures.insert(trace.signatures.begin() + 3, {300, 8, "e1", 1});
  EXPECT_EQ(line_of(trace), line_of(deploy_with(times(1))));
}

TEST(Replay, is_one_line_of_json) {
  const std::string line = replay_json(*replay(deploy_with(times(10)), {}, true));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json.at("answer"), "fail");
  EXPECT_EQ(json.at("seconds"), 5);
  EXPECT_EQ(json.at("judge"), "sequential");
  EXPECT_EQ(json.at("explained").size(), 5U);
  EXPECT_TRUE(json.at("explained").back().at("fail_holds"));
  EXPECT_TRUE(json.at("numbers").contains("signatures"));
}

struct SettingRow {
  std::string assignment, error;
};
TEST(Settings, that_are_impossible_are_refused_by_name) {
  const std::vector<SettingRow> rows{
      {"horizon", "'horizon' sets nothing: write key=value"},
      {"horizon=", "horizon: '' is not possible: write a whole number of seconds from 1 to 86400"},
      {"horizon=1500ms", "horizon: '1500ms' is not possible: write a whole number of seconds from 1 to 86400"},
      {"horizon=0", "horizon: '0' is not possible: write a whole number of seconds from 1 to 86400"},
      {"tolerated=nan", "tolerated: 'nan' is not possible: write a number from 1 to 1000"},
      {"tolerated=1.5x", "tolerated: '1.5x' is not possible: write a number from 1 to 1000"},
  };
  for (const SettingRow& row : rows) {
    JudgeSettings settings;
    const auto set = set_by_name(settings, row.assignment);
    ASSERT_FALSE(set) << row.assignment;
    EXPECT_EQ(set.error().text, row.error);
    EXPECT_EQ(settings, JudgeSettings{});
  }
  JudgeSettings settings;
  EXPECT_TRUE(set_by_name(settings, "threshold=3")
                  .error()
                  .text.starts_with("'threshold' is no setting of this judge: there are baseline, "));
}

TEST(Settings, are_all_set_by_their_names) {
  for (const JudgeKind kind : {JudgeKind::sequential, JudgeKind::fixed}) {
    for (const std::string& name : setting_names(kind)) {
      JudgeSettings settings{.kind = kind};
      const JudgeSettings before = settings;
      EXPECT_TRUE(set_by_name(settings, name + (name == "traffic_min" ? "=1" : "=7"))) << name;
      EXPECT_NE(settings, before) << name;
    }
  }
  JudgeSettings settings;
  EXPECT_TRUE(set_by_name(settings, "horizon=1m30s"));
  EXPECT_EQ(settings.sequential.horizon, std::chrono::seconds{90});
}

}  // namespace
}  // namespace serin::judge
