// What servers said of a deployment, through the database.
#include <gmock/gmock.h>

#include "tests/controller/state_fixture.h"

namespace serin::controller {
namespace {

using evidence::SourceKind;
using ::testing::ElementsAre;
using testing::OtherProgram;
using testing::rows_of;
using testing::sample_rollout;
struct StateRemoteDb : testing::StateFixture {};

StoreRemote row(SourceKind source, const HostName& host) {
  StoreRemote row{.deployment = 7, .source = source};
  row.host.asked = true;
  row.host.trusted = {{1'599'990'000, 1'599'990'007}, {1'600'000'000, 1'600'000'002}};
  row.host.before = {.host = host,
                     .first = 1'600'000'000,
                     .rules_hash = {},
                     .seconds = {{.errors = 3, .lines = 4'000'000'000, .reported = true, .trusted = true}, {}}};
  row.host.since = {.host = host,
                    .first = 1'600'000'100,
                    .rules_hash = {},
                    .seconds = {{.errors = 1, .lines = 2, .reported = true, .requests = 9}}};
  row.host.newest = 1'600'000'109;
  row.newest = 1'600'000'110;
  row.read_at = SteadyTime{Duration{1'600'000'111'222}};
  return row;
}

void expect_same(const StoreRemote& is, const StoreRemote& wanted) {
  EXPECT_EQ(is.source, wanted.source);
  EXPECT_EQ(is.host, wanted.host);
  EXPECT_EQ(is.newest, wanted.newest);
  EXPECT_EQ(is.read_at, wanted.read_at);
}

TEST_F(StateRemoteDb, what_a_server_said_comes_back) {
  StoreRemote nothing{.deployment = 7, .source = SourceKind::logstash};
  nothing.host.asked = true;
  nothing.host.before.host = "web-9";
  commit(rows_of(sample_rollout(7)));
  commit({nothing, row(SourceKind::prometheus, "web-1")});
  expect_same(loaded().remote.at(7).at(0), nothing);
  expect_same(loaded().remote.at(7).at(1), row(SourceKind::prometheus, "web-1"));
  commit({row(SourceKind::logstash, "web-9")});
  const auto stored = StateDb::open(file)->deployment(7);
  ASSERT_TRUE(stored) << stored.error().text;
  ASSERT_EQ(stored->remote.size(), 2U) << "an answer replaces the one before it";
  expect_same(stored->remote.front(), row(SourceKind::logstash, "web-9"));
}

TEST_F(StateRemoteDb, it_is_kept_as_long_as_samples_are) {
  commit({row(SourceKind::logstash, "web-9")});
  rollout::Rollout ended = sample_rollout(300);
  ended.phase = rollout::Phase::finished;
  commit(rows_of(ended));
  EXPECT_THAT(OtherProgram(file).run("SELECT count(*) FROM remote"), ElementsAre("0"));
}

TEST_F(StateRemoteDb, what_version_4_stored_is_read_and_goes_on) {
  const rollout::Rollout running = sample_rollout(7);
  commit(rows_of(running));
  OtherProgram(file).run("DROP TABLE remote; PRAGMA user_version=4");
  EXPECT_THAT(loaded().running, ElementsAre(running));
  commit({row(SourceKind::logstash, "web-9")});
  EXPECT_EQ(loaded().remote.at(7).size(), 1U);
  EXPECT_THAT(OtherProgram(file).run("PRAGMA user_version"), ElementsAre("5"));
}

TEST_F(StateRemoteDb, a_source_that_nobody_knows_is_refused_by_name) {
  commit(rows_of(sample_rollout(7)));
  commit({row(SourceKind::logstash, "web-9")});
  OtherProgram(file).run("UPDATE remote SET source='kibana'");
  const auto state = open(file).load();
  ASSERT_FALSE(state);
  EXPECT_NE(state.error().text.find("remote.source = kibana"), std::string::npos) << state.error().text;
}

}  // namespace
}  // namespace serin::controller
