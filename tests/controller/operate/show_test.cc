#include "controller/operate/show.h"

#include "protocol/limits.h"
#include "tests/controller/operate/operate_fixture.h"

namespace serin::operate {
namespace {

using controller::ReadDeployment;
using controller::ReadTune;
using nlohmann::json;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

evidence::StoredTrace stored(std::size_t hosts = 2, std::int64_t seconds = 2) {
  evidence::StoredTrace stored;
  rollout::Rollout& rollout = stored.rollout;
  rollout.id = 7;
  rollout.application = "shop";
  rollout.release = 12;
  rollout.owner = "alice";
  rollout.message = "faster \x1b[2Jcart";
  rollout.phase = rollout::Phase::finished;
  rollout.ending = rollout::Ending::taken_back;
  rollout.reason = "worse";
  rollout.judge = controller::JudgeKind::sequential;
  rollout.wait = 60s;
  rollout.settle = 3s;
  rollout.stages = {{.name = "canary", .judged = true}, {.name = "fleet"}};
  rollout.soak_from = SteadyTime{1'001s};
  for (std::size_t i = 0; i < hosts; ++i) {
    rollout.hosts.push_back({.host = "web-" + std::to_string(i), .stage = i == 0 ? 0U : 1U, .former = 11});
    stored.before.push_back({.host = rollout.hosts.back().host, .first = 1'000, .seconds = {}});
    for (std::int64_t second = 0; second < seconds; ++second) {
      stored.before.back().seconds.push_back({.errors = 1, .lines = 10, .reported = true, .trusted = true});
    }
  }
  rollout.hosts.front().detail = "exit 1: \x07";
  stored.samples = {{.second = 1'000 + seconds, .host = "web-0", .errors = 4, .lines = 6}};
  judge::SequentialNumbers numbers{.ratio = 4.02, .canary_rate = 4.1, .control_rate = 1.02};
  numbers.set_aside = {{.host = "web-1", .role = judge::Role::control, .why = "counts by other rules"}};
  rollout.verdict = judge::Verdict{.answer = judge::Answer::fail,
                                   .judge = "sequential",
                                   .reason = "worse",
                                   .text = "canaries 4.1 errors/s/host",
                                   .seconds = 6,
                                   .numbers = numbers};
  return stored;
}

TEST(Show, tells_the_verdict_with_its_numbers_and_how_each_host_fared) {
  const auto event = render_show(stored(), {});
  EXPECT_TRUE(event.final);
  EXPECT_THAT(event.text, HasSubstr("deployment 7: alice deployed shop r12: faster \\e[2Jcart\n"));
  EXPECT_THAT(event.text,
              HasSubstr("verdict fail (worse) of the sequential judge, 6 s after the last canary loaded: "));
  EXPECT_THAT(event.text, HasSubstr("canaries 4.100 errors/s/host, the rest 1.020: 4.02 times"));
  EXPECT_THAT(event.text, HasSubstr("set aside: web-1 (control): counts by other rules\n"));
  EXPECT_THAT(event.text, HasSubstr("exit 1: \\x07"));
  EXPECT_THAT(event.text, HasSubstr("serin show 7 --trace >t.csv"));
  const json document = json::parse(event.json);
  EXPECT_EQ(document.at("event"), "show");
  EXPECT_EQ(document.at("outcome"), "taken_back");
  EXPECT_EQ(document.at("verdict").at("numbers").at("times"), 4.02);
  EXPECT_EQ(document.at("plan").size(), 2U);
}

TEST(Show, a_long_reason_is_told_to_its_end_where_hosts_are_few) {
  const std::string reason = "reload hook, exit 1: " + std::string(900, '.') + " the reason";
  evidence::StoredTrace few = stored();
  few.rollout.hosts.front().detail = reason;
  EXPECT_THAT(render_show(few, {}).text, HasSubstr(reason));
  EXPECT_EQ(json::parse(render_show(few, {}).json).at("plan").at(0).at("detail"), reason);
  evidence::StoredTrace many = stored(10'000, 0);
  for (auto& host : many.rollout.hosts) host.detail = reason;
  EXPECT_LT(render_show(many, {}).text.size() + render_show(many, {}).json.size(), limits::kOperatorFrameBytesMax);
}

TEST(Show, a_trace_of_many_hosts_comes_in_parts_of_whole_lines) {
  const auto events = render_trace(stored(400, 300));
  ASSERT_GT(events.size(), 1U);
  std::string csv;
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].kind, "trace");
    EXPECT_EQ(events[i].final, i + 1 == events.size());
    EXPECT_LE(events[i].text.size(), kTraceChunkBytes + 1);
    EXPECT_EQ(events[i].text.back(), '\n');
    EXPECT_EQ(json::parse(events[i].json).at("csv"), events[i].text);
    csv += events[i].text;
  }
  EXPECT_TRUE(csv.starts_with("# deployment 7 of shop, r12; judge sequential, horizon 60 s, settle 3 s\n#deploy=1\n"));
  const auto trace = judge::parse_trace(csv);
  ASSERT_TRUE(trace) << trace.error().text;
  EXPECT_EQ(trace->hosts.size(), 400U);
}

TEST(Show, without_counts_there_is_no_trace) {
  evidence::StoredTrace none = stored();
  none.before.clear();
  none.samples.clear();
  const auto events = render_trace(none);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events.front().exit_code, 1);
  EXPECT_THAT(render_show(none, {}).text, Not(HasSubstr("--trace")));
}

TEST(Show, what_tune_found_is_text_and_a_document) {
  const judge::TuneReport report{
      .releases = {.windows = 4, .fails = 1, .passes = 2, .holds = {{"too-few-errors", 1}}, .pass_median = 9},
      .suggestions = {{.key = "settle", .value = "8", .why = "restarts take longer"}}};
  const auto event = render_tune("shop", report);
  EXPECT_THAT(event.text, HasSubstr("suggested: settle = 8"));
  const json document = json::parse(event.json);
  EXPECT_EQ(document.at("releases").at("held"), 1);
  EXPECT_EQ(document.at("suggestions").at(0).at("key"), "settle");
}

TEST(Commands, show_asks_for_the_newest_deployment_or_the_one_that_is_named) {
  Operating fleet;
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "show"})), "error 2: nothing was deployed yet");
  EXPECT_EQ(fleet.answer(fleet.ask({.verb = "show", .arguments = {"x1"}})),
            "error 2: 'x1' is no deployment: give a number as `serin history` shows it");
  fleet.soak();
  EXPECT_EQ(fleet.effects<ReadDeployment>(fleet.ask({.verb = "show"})).at(0).deployment, 1U);
  const auto named = fleet.effects<ReadDeployment>(fleet.ask({.verb = "show", .arguments = {"7"}, .trace = true}));
  EXPECT_EQ(named.at(0).deployment, 7U);
  EXPECT_TRUE(named.at(0).trace);
}

TEST(Commands, tune_asks_with_the_settings_of_the_application) {
  Operating fleet;
  auto& shop = fleet.state.settings.applications.at(Operating::kShop);
  shop.sequential.horizon = 90s;
  EXPECT_EQ(fleet.effects<ReadTune>(fleet.ask({.verb = "tune"})).at(0).settings.horizon, 90s);
  fleet.state.bursts[Operating::kShop] = {6s, 6s, 6s, 6s, 6s};
  EXPECT_EQ(fleet.effects<ReadTune>(fleet.ask({.verb = "tune"})).at(0).settings.settle, 7s) << "as it is learnt";
  shop.sequential.settle = 2s;
  shop.settle_is_set = true;
  EXPECT_EQ(fleet.effects<ReadTune>(fleet.ask({.verb = "tune"})).at(0).settings.settle, 2s);
}

}  // namespace
}  // namespace serin::operate
