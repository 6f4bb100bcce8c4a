#include "controller/evidence/deployment_trace.h"

#include <gtest/gtest.h>

namespace serin::evidence {
namespace {

using namespace std::chrono_literals;

constexpr fleet::SecondOfHost kTrusted{.errors = 1, .lines = 9, .reported = true, .trusted = true};
constexpr fleet::SecondOfHost kUntrusted{.errors = 5, .lines = 9, .reported = true, .trusted = false};

StoredTrace stored() {
  StoredTrace stored;
  rollout::Rollout& rollout = stored.rollout;
  rollout.id = 7;
  rollout.stages = {{.name = "canary", .judged = true}, {.name = "fleet"}};
  rollout.hosts = {{.host = "web-1", .stage = 0, .loaded_at = SteadyTime{1'003s}}, {.host = "web-2", .stage = 1}};
  rollout.soak_from = SteadyTime{1'003'400ms};
  stored.before = {{.host = "web-1", .first = 1'000, .seconds = {kTrusted, kUntrusted}},
                   {.host = "web-2", .first = 1'000, .seconds = {{}, kTrusted}}};
  stored.samples = {{.second = 1'003, .host = "web-1", .errors = 4, .lines = 6, .trusted = false},
                    {.second = 1'004, .host = "web-2", .errors = 0, .lines = 7, .trusted = true},
                    {.second = 1'004, .host = "gone", .errors = 0, .lines = 7, .trusted = true}};
  return stored;
}

TEST(DeploymentTrace, is_what_the_judge_saw_from_the_first_second_of_the_baseline) {
  const auto trace = deployment_trace(stored());
  ASSERT_TRUE(trace) << trace.error().text;
  EXPECT_EQ(judge::trace_csv(*trace),
            "#deploy=3\n#loaded=web-1,3\nsecond,host,role,errors,lines\n"
            "0,web-1,canary,1,9\n1,web-2,control,1,9\n3,web-1,canary,4,6\n4,web-2,control,0,7\n");
}

TEST(DeploymentTrace, has_messages_requests_and_the_numbers_of_the_judge) {
  StoredTrace with = stored();
  with.rollout.judge = controller::JudgeKind::sequential;
  with.rollout.wait = 59'500ms;
  with.rollout.settle = 5s;
  with.rollout.judge_settings = {"tolerated=1.25"};
  with.before[0].seconds[0].requests = 30;
  with.samples[0].signatures = {{.id = 7, .count = 2}, {.id = 0xabc, .count = 1}};
  with.samples[1].requests = 40;
  with.known = {7, 8};
  with.samples.push_back(
      {.second = 1'002, .host = "web-1", .errors = 1, .lines = 1, .signatures = {{.id = 9, .count = 1}}});
  const auto trace = deployment_trace(with);
  ASSERT_TRUE(trace) << trace.error().text;
  const std::string csv = judge::trace_csv(*trace);
  EXPECT_EQ(csv,
            "#deploy=3\n#set=tolerated=1.25\n#set=horizon=60\n#set=settle=5\n#known=0000000000000007\n#loaded=web-1,3\n"
            "second,host,role,errors,lines,requests,signatures\n"
            "0,web-1,canary,1,9,30,\n1,web-2,control,1,9,0,\n"
            "2,web-1,canary,1,1,0,\n"
            "3,web-1,canary,4,6,0,0000000000000007:2;0000000000000abc:1\n4,web-2,control,0,7,40,\n");
  const auto again = judge::parse_trace(csv);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(*again, *trace);
}

TEST(DeploymentTrace, without_loaded_canaries_has_no_deploy) {
  StoredTrace trace = stored();
  trace.rollout.soak_from.reset();
  EXPECT_FALSE(deployment_trace(trace)->deploy);
}

TEST(DeploymentTrace, of_a_deployment_that_nothing_was_counted_for_is_an_error_that_says_why) {
  StoredTrace trace = stored();
  trace.before.clear();
  trace.samples.clear();
  const auto none = deployment_trace(trace);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::not_found);
  EXPECT_EQ(none.error().text,
            "nothing that was counted is stored of deployment 7: it was forced, the first release, or is too old");
}

}  // namespace
}  // namespace serin::evidence
