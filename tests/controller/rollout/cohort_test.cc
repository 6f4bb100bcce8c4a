#include "controller/rollout/cohort.h"

#include <gtest/gtest.h>

namespace serin::rollout {
namespace {

Candidate there(const HostName& host, std::vector<std::string> labels = {}) {
  return {.host = host, .labels = std::move(labels), .connected = true, .reports_application = true, .live = 11};
}

controller::ApplicationSettings shop() {
  return {.name = "shop", .hosts = {{"web-*"}}, .canary = {{"web-1", "label:canary"}}, .proxies = {}};
}

std::string refusal(const Result<Plan>& plan) {
  if (plan) return "(not refused)";
  EXPECT_EQ(plan.error().kind, ErrorKind::refused);
  return plan.error().text;
}

std::vector<std::string> stages_of(const Plan& plan) {
  std::vector<std::string> text;
  text.reserve(plan.hosts.size());
  for (const PlanHost& host : plan.hosts) text.push_back(plan.stages[host.stage].name + " " + host.host);
  return text;
}

TEST(Cohort, a_host_belongs_by_name_pattern_or_by_label) {
  const controller::HostGroup group{{"web-1?", "label:canary"}};
  EXPECT_TRUE(belongs(group, "web-17", {}));
  EXPECT_FALSE(belongs(group, "web-1", {}));
  EXPECT_TRUE(belongs(group, "db-1", {"eu", "canary"}));
  EXPECT_FALSE(belongs(group, "canary", {"canary2"}));
  EXPECT_FALSE(belongs({}, "web-17", {"canary"}));
}

TEST(Cohort, each_host_goes_with_the_first_stage_that_names_it) {
  auto settings = shop();
  settings.proxies = {{"label:proxy"}};
  const auto plan = make_plan(settings,
                              {there("web-9"), there("web-2", {"canary", "proxy"}), there("web-3", {"proxy"}),
                               there("web-1"), there("db-1", {"canary"})},
                              {.release = 12});
  ASSERT_TRUE(plan) << refusal(plan);
  EXPECT_EQ(plan->stages, (std::vector<Stage>{{"canary", true}, {"proxies", false}, {"fleet", false}}));
  EXPECT_EQ(stages_of(*plan),
            (std::vector<std::string>{"canary web-1", "canary web-2", "proxies web-3", "fleet web-9"}));
  EXPECT_EQ(plan->hosts[0], (PlanHost{.host = "web-1", .stage = 0, .former = 11, .connected = true}));
}

TEST(Cohort, under_the_sequential_judge_some_hosts_of_the_fleet_go_last) {
  struct Row {
    std::size_t fleet;
    controller::HostShare share;
    std::vector<std::string> last;
  };
  const Row rows[] = {
      {2, {0, 10}, {}},  // fewer controls tell nothing
      {3, {0, 10}, {"web-10", "web-11", "web-12"}},
      {9, {0, 10}, {"web-11", "web-14", "web-17"}},
      {9, {0, 50}, {"web-10", "web-12", "web-14", "web-16", "web-18"}},
      {9, {0, 0}, {}},
      {9, {4, 0}, {"web-11", "web-13", "web-15", "web-17"}},
  };
  for (const Row& row : rows) {
    auto settings = shop();
    settings.hold_back = row.share;
    std::vector<Candidate> candidates{there("web-1")};
    for (std::size_t i = 0; i < row.fleet; ++i) candidates.push_back(there("web-" + std::to_string(10 + i)));
    const auto plan = make_plan(settings, candidates, {.release = 12});
    ASSERT_TRUE(plan) << refusal(plan);
    std::vector<std::string> last;
    for (const PlanHost& host : plan->hosts) {
      if (plan->stages[host.stage].held_back) last.push_back(host.host);
    }
    EXPECT_EQ(last, row.last) << row.fleet;
    EXPECT_EQ(plan->hosts.size(), row.fleet + 1);
    settings.judge = controller::JudgeKind::fixed;
    EXPECT_FALSE(make_plan(settings, candidates, {.release = 12})->stages.back().held_back);
    settings.judge = controller::JudgeKind::sequential;
    EXPECT_FALSE(make_plan(settings, candidates, {.force = true, .release = 12})->stages.back().held_back);
  }
}

TEST(Cohort, a_stage_without_hosts_of_its_own_is_left_out) {
  auto settings = shop();
  settings.proxies = {{"web-1"}};
  const auto plan = make_plan(settings, {there("web-1")}, {.release = 12});
  ASSERT_TRUE(plan) << refusal(plan);
  EXPECT_EQ(plan->stages, (std::vector<Stage>{{"canary", true}}));
}

TEST(Cohort, force_makes_one_stage_of_everybody) {
  auto settings = shop();
  settings.canary = {};
  const auto plan = make_plan(settings, {there("web-2"), there("web-1")}, {.force = true, .release = 12});
  ASSERT_TRUE(plan) << refusal(plan);
  EXPECT_EQ(stages_of(*plan), (std::vector<std::string>{"fleet web-1", "fleet web-2"}));
}

TEST(Cohort, who_is_away_or_lacks_the_application_is_absent) {
  auto away = there("web-8");
  away.connected = false;
  auto lacking = there("web-9");
  lacking.reports_application = false;
  const auto plan = make_plan(shop(), {there("web-1"), away, lacking}, {.release = 12});
  ASSERT_TRUE(plan) << refusal(plan);
  EXPECT_EQ(plan->hosts[1].step, HostStep::absent);
  EXPECT_EQ(plan->hosts[2].step, HostStep::absent);
  EXPECT_FALSE(plan->hosts[2].connected);
}

TEST(Cohort, too_few_canaries_are_named_with_what_each_lacks) {
  auto away = there("web-1");
  away.connected = false;
  auto lacking = there("web-2", {"canary"});
  lacking.reports_application = false;
  auto settings = shop();
  const std::vector<Candidate> candidates{away, lacking, there("web-3", {"canary"}), there("web-4")};
  EXPECT_EQ(refusal(make_plan(settings, candidates, {.release = 12})),
            "1 of the 3 canaries that shop needs are there: web-1 is not connected, web-2 is connected but has no "
            "[application.shop] in its agent's configuration; bring them back, lower min_canaries, or deploy with "
            "--force");
  settings.min_canaries = 1;
  EXPECT_TRUE(make_plan(settings, candidates, {.release = 12}));
  settings.min_canaries = 4;
  EXPECT_EQ(refusal(make_plan(settings, candidates, {.release = 12})),
            "shop needs min_canaries = 4, but canary = [\"web-1\", \"label:canary\"] names only 3 of its hosts");
}

TEST(Cohort, nothing_to_deploy_to_is_refused_by_name) {
  auto settings = shop();
  EXPECT_EQ(refusal(make_plan(settings, {}, {.release = 12})),
            "r12 of shop has nowhere to go: no host is accepted yet, see `serin hosts`");
  EXPECT_EQ(refusal(make_plan(settings, {there("db-1")}, {.release = 12})),
            "hosts = [\"web-*\"] of shop matches none of the 1 accepted hosts");
  auto away = there("web-1");
  away.connected = false;
  EXPECT_EQ(refusal(make_plan(settings, {away}, {.force = true, .release = 12})),
            "none of the 1 hosts of shop is there: web-1 is not connected");
}

TEST(Cohort, groups_that_match_nobody_are_refused_by_name) {
  auto settings = shop();
  settings.proxies = {{"label:proxy"}};
  EXPECT_EQ(refusal(make_plan(settings, {there("web-1")}, {.release = 12})),
            "proxies = [\"label:proxy\"] of shop matches none of its 1 hosts");
  settings.canary = {{"web-7"}};
  EXPECT_TRUE(refusal(make_plan(settings, {there("web-1")}, {.release = 12}))
                  .starts_with("canary = [\"web-7\"] of shop matches none of its 1 hosts"));
  settings.canary = {};
  EXPECT_TRUE(refusal(make_plan(settings, {there("web-1")}, {.release = 12})).starts_with("shop has no canaries: set"));
}

TEST(HostShare, counts_or_shares_between_its_bounds) {
  EXPECT_EQ((controller::HostShare{3, 0}.of(12, 1)), 3U);
  EXPECT_EQ((controller::HostShare{0, 0}.of(12, 1)), 1U);
  EXPECT_EQ((controller::HostShare{0, 10}.of(12, 1)), 1U);
  EXPECT_EQ((controller::HostShare{0, 10}.of(9, 1)), 1U);
  EXPECT_EQ((controller::HostShare{0, 10}.of(29, 1)), 2U);
  EXPECT_EQ((controller::HostShare{0, 29}.of(100, 1)), 29U);
  EXPECT_EQ((controller::HostShare{0, 100}.of(12, 1)), 12U);
  EXPECT_EQ((controller::HostShare{0, 250}.of(12, 1)), 12U);
  EXPECT_EQ((controller::HostShare{99, 0}.of(12, 1)), 12U);
  EXPECT_EQ((controller::HostShare{99, 0}.of(0, 1)), 0U);
}

}  // namespace
}  // namespace serin::rollout
