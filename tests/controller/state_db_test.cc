// What is stored is what a new start of the daemon finds.
#include "controller/state_db.h"

#include <gmock/gmock.h>

#include "controller/evidence/agent_evidence.h"
#include "protocol/signature.h"
#include "tests/controller/state_fixture.h"

namespace serin::controller {
namespace {

using rollout::Ending;
using rollout::HostStep;
using rollout::Phase;
using testing::kOddBytes;
using testing::OtherProgram;
using testing::rows_of;
using testing::sample_rollout;
using StateDbTest = testing::StateFixture;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

fleet::HostRecord host(const std::string& name, char key) {
  return {.name = name,
          .public_key = std::string("\0\xff", 2) + std::string(30, key),
          .labels = {"canary", "zone-a"},
          .accepted_by = "alice (sudo) " + kOddBytes,
          .accepted_wall_ms = 1'700'000'000'123};
}

KnownRelease release(ReleaseNumber number, Trust trust, const ApplicationName& application = "shop") {
  const Release value{.application = application,
                      .number = number,
                      .root = digest_of("tree " + std::to_string(number)),
                      .parent = number - 1,
                      .author = "alice",
                      .message = "message " + kOddBytes,
                      .created_s = 1'700'000'000,
                      .files = 12,
                      .bytes = 1'234'567};
  return {value, sign_release(*signing_key_from_seed(std::string(32, 's')), value), trust};
}

StoreRelease row_of(const KnownRelease& known) {
  return {known.signed_release, known.release};
}

rollout::Rollout finished(DeploymentId id, Ending ending, const ApplicationName& application = "shop") {
  rollout::Rollout rollout = sample_rollout(id);
  rollout.application = application;
  rollout.phase = Phase::finished;
  rollout.ending = ending;
  return rollout;
}

TEST_F(StateDbTest, a_new_one_is_empty) {
  const StoredState state = loaded();
  EXPECT_THAT(state.hosts, IsEmpty());
  EXPECT_TRUE(state.releases.empty() && state.wanted.empty() && state.running.empty() && state.latest.empty());
  EXPECT_EQ(state.newest_deployment, 0U);
  EXPECT_THAT(database.history("", 10).value(), IsEmpty());
}

TEST_F(StateDbTest, hosts_come_back_but_those_that_were_removed) {
  commit({StoreHost{host("web-02", 'b')}, StoreHost{host("web-01", 'a')}, StoreHost{host("web-03", 'c')}});
  commit({RemoveHost{"web-02"}, RemoveHost{"nobody"}});
  EXPECT_THAT(loaded().hosts, ElementsAre(host("web-01", 'a'), host("web-03", 'c')));
}

TEST_F(StateDbTest, a_host_without_labels_has_none) {
  fleet::HostRecord plain = host("web-01", 'a');
  plain.labels.clear();
  plain.accepted_by.clear();
  commit({StoreHost{plain}});
  EXPECT_THAT(loaded().hosts, ElementsAre(plain));
}

TEST_F(StateDbTest, releases_come_back_with_their_signed_bytes_and_trust) {
  const KnownRelease first = release(1, Trust::trusted);
  const KnownRelease second = release(2, Trust::untried);
  const KnownRelease other = release(1, Trust::rejected, "blog");
  commit({StoreRelease{row_of(first)}, StoreRelease{row_of(second)}, StoreRelease{row_of(other)},
          StoreTrust{"shop", 1, Trust::trusted}, StoreTrust{"blog", 1, Trust::rejected}, StoreWanted{"shop", 2},
          StoreWanted{"shop", 1}, StoreWanted{"blog", 1}});
  const StoredState state = loaded();
  ASSERT_EQ(state.releases.at("shop").size(), 2U);
  for (const KnownRelease& known : {first, second, other}) {
    const KnownRelease& found = state.releases.at(known.release.application).at(known.release.number);
    EXPECT_EQ(found.release, known.release);
    EXPECT_EQ(found.signed_release, known.signed_release);
    EXPECT_EQ(found.trust, known.trust);
  }
  EXPECT_EQ(state.wanted, (std::map<ApplicationName, ReleaseNumber>{{"blog", 1}, {"shop", 1}}));
}

TEST_F(StateDbTest, a_running_deployment_comes_back_whole) {
  const rollout::Rollout rollout = sample_rollout(7);
  commit(rows_of(rollout));
  const StoredState state = loaded();
  ASSERT_EQ(state.running.size(), 1U);
  EXPECT_EQ(state.running.front(), rollout);
  EXPECT_EQ(state.newest_deployment, 7U);
  EXPECT_TRUE(state.latest.empty());
}

TEST_F(StateDbTest, what_a_deployment_does_not_have_yet_stays_away) {
  rollout::Rollout rollout = sample_rollout(7);
  rollout.soak_from.reset();
  rollout.verdict.reset();
  rollout.hosts.front().loaded_at.reset();
  rollout.hosts.front().detail.clear();
  rollout.message.clear();
  rollout.reason.clear();
  rollout.force = rollout.rollback = rollout.first_release = rollout.forced_on = false;
  rollout.ending = Ending::none;
  commit(rows_of(rollout));
  EXPECT_EQ(loaded().running.at(0), rollout);
}

TEST_F(StateDbTest, every_phase_step_and_answer_survives) {
  DeploymentId id = 0;
  std::vector<rollout::Rollout> all;
  for (const Phase phase : {Phase::rolling, Phase::soaking, Phase::held, Phase::going_back}) {
    rollout::Rollout rollout = sample_rollout(++id);
    rollout.phase = phase;
    rollout.hosts.clear();
    for (int step = 0; step <= static_cast<int>(HostStep::absent); ++step) {
      rollout.hosts.push_back({.host = "host-" + std::to_string(100 - step), .step = static_cast<HostStep>(step)});
    }
    rollout.verdict->answer = static_cast<judge::Answer>(id % 4);
    commit(rows_of(rollout));
    all.push_back(rollout);
  }
  EXPECT_EQ(loaded().running, all);
}

TEST_F(StateDbTest, a_row_that_is_stored_again_replaces_what_was_there) {
  rollout::Rollout rollout = sample_rollout(7);
  commit(rows_of(rollout));
  rollout.phase = Phase::soaking;
  rollout.reason = "another";
  rollout.hosts.front().step = HostStep::returned;
  rollout.hosts.front().loaded_at.reset();
  commit({StoreDeployment{rollout}, StorePlanHost{7, rollout.hosts.front(), {}}});
  EXPECT_EQ(loaded().running.at(0), rollout) << "and the hosts keep their order";
}

TEST_F(StateDbTest, only_the_newest_finished_deployment_of_each_application_is_needed) {
  commit(rows_of(finished(1, Ending::released)));
  commit(rows_of(finished(2, Ending::taken_back)));
  commit(rows_of(finished(3, Ending::superseded, "blog")));
  rollout::Rollout running = sample_rollout(4);
  commit(rows_of(running));
  const StoredState state = loaded();
  EXPECT_EQ(state.latest,
            (std::map<ApplicationName, rollout::Rollout>{{"blog", finished(3, Ending::superseded, "blog")},
                                                         {"shop", finished(2, Ending::taken_back)}}));
  EXPECT_THAT(state.running, ElementsAre(running));
  EXPECT_EQ(state.newest_deployment, 4U);
}

TEST_F(StateDbTest, the_evidence_of_a_running_deployment_comes_back) {
  const judge::Tally tally{.errors = 1'234'567'890'123, .lines = 2, .seconds = 3'600};
  const fleet::Sample first{
      .second = 1'600'000'000, .host = "web-9", .errors = 4'000'000'000, .lines = 1, .trusted = true};
  const fleet::Sample second{
      .second = 1'600'000'001,
      .host = "web-1",
      .errors = 0,
      .lines = 9,
      .trusted = false,
      .requests = 4'000'000'000,
      .signatures = {{.id = 1, .count = 4'000'000'000}, {.id = 18'446'744'073'709'551'615U, .count = 1}}};
  fleet::Sample late = first;
  late.errors = 5;
  commit(rows_of(sample_rollout(7)));
  commit({StoreBaseline{7, "web-9", tally}, StoreSamples{7, {second, first}}, StoreSamples{7, {late}}});
  const StoredState state = loaded();
  EXPECT_EQ(state.baselines.at(7), (std::map<HostName, judge::Tally>{{"web-9", tally}}));
  EXPECT_THAT(state.samples.at(7), ElementsAre(late, second)) << "a second that came again has replaced itself";
}

TEST_F(StateDbTest, the_seconds_before_a_deployment_come_back_in_the_plans_order) {
  const rollout::Rollout running = sample_rollout(7);
  std::vector<fleet::HostSeconds> before;
  before.reserve(running.hosts.size());
  for (const rollout::PlanHost& host : running.hosts) {
    before.push_back({.host = host.host,
                      .first = 36'000,
                      .rules_hash = kOddBytes,
                      .seconds = {{.errors = 4'000'000'000, .lines = 4'000'000'001, .reported = true, .trusted = true},
                                  {},
                                  {.errors = 0, .lines = 0, .reported = true, .trusted = false, .requests = 300}}});
  }
  commit(rows_of(running));
  commit({StoreBefore{7, {before.rbegin(), before.rend()}}});
  EXPECT_EQ(evidence::in_plan_order(running, loaded().before.at(7)), before);
}

TEST_F(StateDbTest, a_deployment_is_found_with_all_that_was_counted) {
  const rollout::Rollout ended = finished(7, Ending::released);
  const fleet::Sample sample{.second = 36'003, .host = "web-9", .errors = 1, .lines = 2, .trusted = true};
  commit(rows_of(ended));
  commit({StoreBefore{7, {{.host = ended.hosts.front().host, .first = 36'000, .seconds = {{.reported = true}}}}},
          StoreSamples{7, {sample}}});
  const auto began = ended.started_wall.time_since_epoch().count();
  commit({StoreMessage{"shop", 5, {.first_wall_ms = began - 1, .last_wall_ms = began, .ordinary_wall_ms = began}},
          StoreMessage{"shop", 6, {.first_wall_ms = began - 1, .last_wall_ms = began}},
          StoreMessage{
              "shop", 7, {.first_wall_ms = began + 1, .last_wall_ms = began + 1, .ordinary_wall_ms = began + 1}}});
  const auto stored = StateDb::open(file)->deployment(7);
  ASSERT_TRUE(stored) << stored.error().text;
  EXPECT_EQ(stored->rollout, ended);
  EXPECT_EQ(stored->before.size(), ended.hosts.size());
  EXPECT_THAT(stored->samples, ElementsAre(sample));
  EXPECT_THAT(stored->known, ElementsAre(5U)) << "was there before it began, in ordinary times";
  const auto missing = StateDb::open(file)->deployment(8);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text, "there is no deployment 8: `serin history` lists them");
}

TEST_F(StateDbTest, what_version_1_stored_is_read_and_goes_on) {
  rollout::Rollout ended = finished(7, Ending::released);
  commit(rows_of(ended));
  OtherProgram(file).run(
      "DROP TABLE remote; "
      "DROP TABLE before; DROP TABLE ordinary; DROP TABLE burst; DROP TABLE message; DROP TABLE alarm; "
      "DROP TABLE host_release; ALTER TABLE release DROP COLUMN collected_wall_ms; "
      "ALTER TABLE sample DROP COLUMN requests; ALTER TABLE sample DROP COLUMN signatures; "
      "UPDATE deployment SET settings=json_remove(settings, '$.judge', '$.hold_back_until_ms', '$.settle_s', "
      "'$.extend_ms', '$.extended', '$.stages[0].held_back', '$.stages[1].held_back', '$.verdict.numbers'); "
      "PRAGMA user_version=1");
  auto upgraded = StateDb::open(file);
  ASSERT_TRUE(upgraded) << upgraded.error().text;
  ASSERT_TRUE(upgraded->commit({StoreBurst{7, "shop", std::chrono::seconds{4}}}));
  const auto state = upgraded->load();
  ASSERT_TRUE(state) << state.error().text;
  EXPECT_EQ(state->latest.at("shop").judge, JudgeKind::fixed);
  EXPECT_EQ(state->latest.at("shop").hosts, ended.hosts);
  EXPECT_EQ(state->bursts.at("shop").size(), 1U);
  EXPECT_THAT(OtherProgram(file).run("PRAGMA user_version"), ElementsAre("5"));
}

TEST_F(StateDbTest, what_version_2_stored_is_read_and_goes_on) {
  const rollout::Rollout running = sample_rollout(7);
  const fleet::Sample sample{.second = 36'003, .host = "web-9", .errors = 1, .lines = 2, .trusted = true};
  commit(rows_of(running));
  commit({StoreSamples{7, {sample}}});
  OtherProgram(file).run(
      "DROP TABLE remote; "
      "DROP TABLE host_release; ALTER TABLE release DROP COLUMN collected_wall_ms; "
      "DROP TABLE message; DROP TABLE alarm; ALTER TABLE sample DROP COLUMN requests; ALTER TABLE sample DROP COLUMN "
      "signatures; "
      "ALTER TABLE before DROP COLUMN requests; ALTER TABLE ordinary DROP COLUMN requests; PRAGMA user_version=2");
  const StoredState state = loaded();
  EXPECT_THAT(state.samples.at(7), ElementsAre(sample));
  EXPECT_THAT(state.messages, ::testing::IsEmpty());
  EXPECT_THAT(OtherProgram(file).run("PRAGMA user_version"), ElementsAre("5"));
}

TEST_F(StateDbTest, an_alarm_stands_until_it_is_ended) {
  const rollout::Alarm alarm{.deployment = 7, .release = 3, .text = kOddBytes};
  commit({StoreAlarm{"shop", alarm}, StoreAlarm{"blog", alarm}});
  commit({StoreAlarm{"blog", {}}});
  EXPECT_EQ(loaded().alarms, (std::map<ApplicationName, rollout::Alarm>{{"shop", alarm}}));
}

TEST_F(StateDbTest, messages_come_back_the_newest_first) {
  const StoreMessage old{"shop", 5, {.rule = "php", .text = kOddBytes, .first_wall_ms = 1, .last_wall_ms = 2}};
  StoreMessage next{
      "shop", 18'446'744'073'709'551'615U, {.first_wall_ms = 3, .last_wall_ms = 4, .ordinary_wall_ms = 4}};
  commit({next, old});
  next.message.last_wall_ms = 9;
  commit({next});
  const auto messages = loaded().messages;
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].id, next.id);
  EXPECT_EQ(messages[0].message, next.message);
  EXPECT_EQ(messages[1].message, old.message);
}

TEST_F(StateDbTest, ordinary_hours_are_kept_for_thirty_days) {
  const auto hour_at = [](std::int64_t days) {
    return StoreOrdinary{
        .application = "shop",
        .at = WallTime{std::chrono::hours{24 * days}},
        .canaries = {"web-1"},
        .hosts = {{.host = "web-1", .first = 7, .seconds = {{.errors = 1, .lines = 2, .reported = true}}},
                  {.host = "web-2", .first = 7, .seconds = {{}}}}};
  };
  for (const std::int64_t day : {100, 101, 131}) commit({hour_at(day)});
  const auto hours = StateDb::open(file)->ordinary_hours("shop", 1'000);
  ASSERT_TRUE(hours) << hours.error().text;
  ASSERT_EQ(hours->size(), 2U);
  EXPECT_EQ(hours->front().at, hour_at(101).at);
  EXPECT_EQ(hours->front().canaries, hour_at(101).canaries);
  EXPECT_EQ(hours->front().hosts, hour_at(101).hosts);
}

TEST_F(StateDbTest, good_deployments_passed_and_were_not_let_go_by_hand) {
  for (const DeploymentId id : {1U, 2U, 3U, 4U, 5U}) {
    rollout::Rollout rollout = finished(id, id == 2 ? Ending::taken_back : Ending::released);
    rollout.forced_on = id == 3;
    rollout.verdict->answer = id == 4 ? judge::Answer::inconclusive : judge::Answer::pass;
    commit(rows_of(rollout));
    commit({StoreBefore{id, {{.host = "web-9", .first = 1, .seconds = {{}}}}}});
  }
  EXPECT_THAT(*StateDb::open(file)->good_deployments("shop", 10), ElementsAre(5U, 1U));
}

TEST_F(StateDbTest, the_bursts_of_past_deployments_come_back_the_newest_last) {
  using namespace std::chrono_literals;
  commit({StoreBurst{1, "shop", 4s}, StoreBurst{2, "blog", 0s}, StoreBurst{3, "shop", 2s}});
  EXPECT_EQ(loaded().bursts,
            (std::map<ApplicationName, std::vector<std::chrono::seconds>>{{"blog", {0s}}, {"shop", {4s, 2s}}}));
}

TEST_F(StateDbTest, the_evidence_of_a_finished_deployment_is_kept_but_not_loaded) {
  commit(rows_of(finished(7, Ending::released)));
  commit({StoreBaseline{7, "web-9", {}}, StoreSamples{7, {{.second = 5, .host = "web-9"}}}});
  EXPECT_TRUE(loaded().samples.empty());
  EXPECT_TRUE(loaded().baselines.empty());
  EXPECT_THAT(OtherProgram(file).run("SELECT deployment, second FROM sample"), ElementsAre("7|5"));
}

TEST_F(StateDbTest, samples_of_the_newest_200_deployments_are_kept) {
  for (const DeploymentId id : {1U, 2U, 201U}) {
    commit({StoreBaseline{id, "web-9", {}}, StoreSamples{id, {{.second = 5, .host = "web-9"}}}});
  }
  commit({StoreDeployment{finished(201, Ending::released)}});
  OtherProgram sqlite(file);
  EXPECT_THAT(sqlite.run("SELECT deployment FROM sample"), ElementsAre("2", "201"));
  EXPECT_THAT(sqlite.run("SELECT deployment FROM baseline"), ElementsAre("2", "201"));
}

TEST_F(StateDbTest, the_timeline_has_a_line_for_each_step_of_a_host) {
  rollout::Rollout rollout = sample_rollout(7);
  rollout::PlanHost& web = rollout.hosts.front();
  web.step = HostStep::waiting;
  web.detail = "";
  commit(rows_of(rollout));
  web.step = HostStep::activating;
  commit({StorePlanHost{7, web, WallTime{Duration{1'000}}}});
  web.sequence = 9;
  commit({StorePlanHost{7, web, WallTime{Duration{2'000}}}});
  web.step = HostStep::broken;
  web.detail = "exit 1";
  commit({StorePlanHost{7, web, WallTime{Duration{3'000}}}});
  EXPECT_THAT(OtherProgram(file).run("SELECT at_wall_ms, deployment, host, step, sequence, detail FROM timeline"),
              ElementsAre("1000|7|web-9|3|4|", "3000|7|web-9|7|9|exit 1"));
}

TEST_F(StateDbTest, every_action_of_an_operator_is_appended) {
  const StoreAction action{.at = WallTime{Duration{5}},
                           .uid = 4'294'967'295,
                           .who = kOddBytes,
                           .verb = "deploy",
                           .application = "shop",
                           .detail = kOddBytes};
  commit({StoreAction{action}, StoreAction{action}});
  EXPECT_THAT(
      OtherProgram(file).run("SELECT at_wall_ms, uid, length(who), verb, application, length(detail) FROM action"),
      ElementsAre("5|4294967295|22|deploy|shop|22", "5|4294967295|22|deploy|shop|22"));
}

TEST_F(StateDbTest, the_history_tells_the_newest_first) {
  rollout::Rollout first = finished(1, Ending::taken_back);
  first.hosts.front().step = HostStep::loaded;
  commit(rows_of(first));
  commit(rows_of(finished(2, Ending::released, "blog")));
  rollout::Rollout running = sample_rollout(3);
  running.phase = Phase::soaking;
  running.force = running.rollback = false;
  commit(rows_of(running));
  const auto lines = database.history("", 10).value();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], (HistoryLine{.id = 3,
                                   .application = "shop",
                                   .release = running.release,
                                   .owner = kOddBytes,
                                   .message = running.message,
                                   .reason = running.reason,
                                   .phase = Phase::soaking,
                                   .ending = Ending::aborted,
                                   .force = false,
                                   .rollback = false,
                                   .started_wall_ms = 1'700'000'000'001,
                                   .ended_wall_ms = 1'700'000'000'007,
                                   .hosts = 2,
                                   .hosts_ok = 0}));
  EXPECT_EQ(lines[1].application, "blog");
  EXPECT_EQ(lines[1].ending, Ending::released);
  EXPECT_EQ(lines[2].id, 1U);
  EXPECT_EQ(lines[2].phase, Phase::finished);
  EXPECT_EQ(lines[2].ending, Ending::taken_back);
  EXPECT_EQ(lines[2].hosts_ok, 1U);
  EXPECT_TRUE(lines[2].force && lines[2].rollback);
}

TEST_F(StateDbTest, the_history_of_one_application_or_of_few_lines) {
  for (DeploymentId id = 1; id <= 6; ++id) {
    commit(rows_of(finished(id, Ending::released, id % 2 == 0 ? "shop" : "blog")));
  }
  const auto ids = [&](const ApplicationName& application, std::size_t most) {
    const auto lines = database.history(application, most);
    std::vector<DeploymentId> all;
    for (const HistoryLine& line : *lines) all.push_back(line.id);
    return all;
  };
  EXPECT_THAT(ids("shop", 10), ElementsAre(6U, 4U, 2U));
  EXPECT_THAT(ids("", 2), ElementsAre(6U, 5U));
  EXPECT_THAT(ids("nothing", 10), IsEmpty());
}

TEST_F(StateDbTest, the_clock_anchor_comes_back) {
  EXPECT_EQ(database.clock_anchor()->boot_id, "");
  EXPECT_EQ(database.clock_anchor()->offset, Duration{0});
  ASSERT_TRUE(database.store_clock_anchor({.boot_id = "boot", .offset = Duration{-1'700'000'000'123}}));
  EXPECT_EQ(open(file).clock_anchor()->boot_id, "boot");
  EXPECT_EQ(open(file).clock_anchor()->offset, Duration{-1'700'000'000'123});
}

TEST_F(StateDbTest, the_newest_time_is_that_of_any_row) {
  EXPECT_EQ(database.newest_time(), SteadyTime{});
  rollout::Rollout rollout = sample_rollout(1);
  rollout.phase_since = SteadyTime{Duration{10'000}};
  rollout.hosts.front().ordered_at = {};
  rollout.hosts.front().loaded_at.reset();
  commit(rows_of(rollout));
  EXPECT_EQ(database.newest_time(), SteadyTime{Duration{10'000}});
  rollout.hosts.front().ordered_at = SteadyTime{Duration{11'000}};
  commit(rows_of(rollout));
  EXPECT_EQ(database.newest_time(), SteadyTime{Duration{11'000}});
  rollout.hosts.front().loaded_at = SteadyTime{Duration{12'000}};
  commit(rows_of(rollout));
  EXPECT_EQ(database.newest_time(), SteadyTime{Duration{12'000}});
  commit({StoreSamples{1, {{.second = 12, .host = "web-9"}}}});
  EXPECT_EQ(database.newest_time(), SteadyTime{Duration{13'000}}) << "the whole second was heard";
}

TEST_F(StateDbTest, the_log_of_the_database_stays_small_over_a_hundred_thousand_rows) {
  ASSERT_TRUE(database.load());
  ASSERT_TRUE(database.clock_anchor());
  ASSERT_TRUE(database.newest_time());
  for (std::int64_t second = 0; second < 250; ++second) {
    StoreSamples rows{1, {}};
    for (int i = 0; i < 400; ++i) rows.samples.push_back({.second = second, .host = "web-" + std::to_string(i)});
    commit({rows});
  }
  EXPECT_LT(std::filesystem::file_size(folder / "serin.db-wal"), 8U << 20);
}

TEST_F(StateDbTest, ten_thousand_hosts_come_back_in_the_order_of_the_plan) {
  rollout::Rollout rollout = sample_rollout(1);
  rollout.hosts.clear();
  for (int i = 0; i < 10'000; ++i) rollout.hosts.push_back({.host = "web-" + std::to_string(i * 7'919 % 10'000)});
  commit(rows_of(rollout));
  EXPECT_EQ(loaded().running.at(0), rollout);
}

TEST_F(StateDbTest, one_transaction_is_stored_whole_or_not_at_all) {
  OtherProgram sqlite(file);
  sqlite.run("CREATE TRIGGER stop BEFORE INSERT ON action BEGIN SELECT RAISE(ABORT, 'stopped by the test'); END");
  const std::vector<Record> records{StoreHost{host("web-01", 'a')}, StoreWanted{"shop", 3}, StoreAction{},
                                    StoreHost{host("web-02", 'b')}};
  const auto refused = database.commit(records);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("stopped by the test"), std::string::npos) << refused.error().text;
  EXPECT_THAT(loaded().hosts, IsEmpty());
  EXPECT_TRUE(loaded().wanted.empty());
  sqlite.run("DROP TRIGGER stop");
  commit(records);
  EXPECT_EQ(loaded().hosts.size(), 2U);
}

}  // namespace
}  // namespace serin::controller
