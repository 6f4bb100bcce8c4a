// What is kept, as the next start of the daemon finds it.
#include <gmock/gmock.h>

#include "tests/controller/state_fixture.h"

namespace serin::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::OtherProgram;
using testing::StateFixture;

struct StateRetentionTest : StateFixture {
  static StoreRelease stored(ReleaseNumber number) {
    const Release release{.application = "shop", .number = number, .root = digest_of(std::to_string(number))};
    return {{.record = encode_release(release), .signature = "signature"}, release};
  }
};

TEST_F(StateRetentionTest, a_collected_release_is_still_there_and_says_so) {
  commit({stored(1), stored(2), StoreTrust{"shop", 1, Trust::trusted}});
  commit({StoreCollected{"shop", 1, WallTime{std::chrono::hours{1}}}});
  const StoredState state = loaded();
  EXPECT_TRUE(state.releases.at("shop").at(1).collected);
  EXPECT_EQ(state.releases.at("shop").at(1).trust, Trust::trusted);
  EXPECT_FALSE(state.releases.at("shop").at(2).collected);
}

TEST_F(StateRetentionTest, what_a_host_has_is_its_newest_word_until_it_is_revoked) {
  commit({StoreHostReleases{"web-1", "shop", {1, 300}, 5}, StoreHostReleases{"web-2", "shop", {2}, 6},
          StoreHostReleases{"web-1", "blog", {}, 7}});
  commit({StoreHostReleases{"web-1", "shop", {300, 18'000'000'000'000'000'000ULL}, 8}});
  auto hosts = loaded().host_releases;
  EXPECT_THAT((hosts[{"web-1", "shop"}].releases), ElementsAre(300, 18'000'000'000'000'000'000ULL));
  EXPECT_EQ((hosts[{"web-1", "shop"}].heard_wall_ms), 8);
  EXPECT_THAT((hosts[{"web-1", "blog"}].releases), IsEmpty());
  commit({RemoveHost{"web-1"}});
  hosts = loaded().host_releases;
  EXPECT_EQ(hosts.size(), 1U);
  EXPECT_TRUE(hosts.contains({"web-2", "shop"}));
}

TEST_F(StateRetentionTest, what_version_3_stored_is_read_and_nothing_of_it_is_collected) {
  commit({stored(1)});
  OtherProgram(file).run(
      "DROP TABLE remote; DROP TABLE host_release; ALTER TABLE release DROP COLUMN collected_wall_ms; PRAGMA "
      "user_version=3");
  const StoredState state = loaded();
  EXPECT_FALSE(state.releases.at("shop").at(1).collected);
  EXPECT_THAT(OtherProgram(file).run("PRAGMA user_version"), ElementsAre("5"));
}

}  // namespace
}  // namespace serin::controller
