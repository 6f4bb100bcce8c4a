#include "controller/fleet/content_sources.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "controller/fleet/roster.h"
#include "protocol/limits.h"
#include "tests/controller/core_fixture.h"

namespace serin::fleet {
namespace {

using namespace std::chrono_literals;
using controller::testing::CoreFixture;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<HostName> hosts_of(const std::vector<ContentSource>& sources) {
  std::vector<HostName> names;
  names.reserve(sources.size());
  for (const ContentSource& source : sources) names.push_back(source.host);
  return names;
}

ServingProxy proxy(const HostName& name, const std::string& zone) {
  return {.source = {.host = name, .endpoint = "tcp://10.0.0.1:4702", .key = digest_of(name).hex()}, .zone = zone};
}

TEST(ContentSources, a_zone_is_a_label) {
  EXPECT_EQ(zone_of({"canary", "zone-row-a"}), "row-a");
  EXPECT_EQ(zone_of({"canary"}), "");
}

TEST(ContentSources, a_host_asks_its_own_zone_first_and_never_itself) {
  const std::vector<ServingProxy> all{proxy("a1", "a"), proxy("a2", "a"), proxy("b1", "b")};
  const auto of_web = sources_of("web-01", "a", all);
  EXPECT_THAT(hosts_of(of_web.near), ElementsAre("a1", "a2"));
  EXPECT_THAT(hosts_of(of_web.far), ElementsAre("b1"));
  EXPECT_THAT(hosts_of(sources_of("a1", "a", all).near), ElementsAre("a2"));
  EXPECT_THAT(hosts_of(sources_of("web-02", "", all).near), IsEmpty());
}

TEST(ContentSources, of_many_proxies_each_host_gets_some_and_all_are_used_alike) {
  std::vector<ServingProxy> all;
  all.reserve(64);
  for (int i = 0; i < 64; ++i) all.push_back(proxy(fmt::format("proxy-{:02}", i), "a"));
  std::map<HostName, int> used;
  for (int i = 0; i < 2'000; ++i) {
    const auto sources = sources_of(fmt::format("web-{:04}", i), "a", all);
    ASSERT_THAT(sources.near, SizeIs(16));
    for (const HostName& name : hosts_of(sources.near)) ++used[name];
  }
  ASSERT_THAT(used, SizeIs(64));
  for (const auto& [name, times] : used) EXPECT_NEAR(times, 500, 150) << name;
  EXPECT_LE(sources_of("web-1", "b", all).far.size(), 4U);
}

/// web-01 offers to serve; by its label it is a proxy, or not.
class ToldSources : public testing::Test {
 protected:
  static Hello proxy_hello(const std::string& address = {}) {
    return {.protocol_min = limits::kProtocolNewest,
            .protocol_max = limits::kProtocolNewest,
            .instance = "run-1",
            .machine = CoreFixture::web(1),
            .proxy_port = 4'702,
            .proxy_address = address};
  }
  void make_proxies_of(const std::string& entry) {
    fleet_.state.settings.applications.at(CoreFixture::kShop).proxies.members = {entry};
  }

  CoreFixture fleet_;
};

TEST_F(ToldSources, hosts_are_told_of_a_proxy_when_it_comes_and_when_it_goes) {
  make_proxies_of("web-01");
  fleet_.hello_all();
  controller::Turn none;
  tick_sources(fleet_.state, none);
  EXPECT_THAT(CoreFixture::messages<ContentSources>(none), IsEmpty()) << "there is no proxy";
  fleet_.say(1, proxy_hello("proxy.example.org"));
  controller::Turn turn;
  tick_sources(fleet_.state, turn);
  const auto told = CoreFixture::messages<ContentSources>(turn);
  ASSERT_THAT(told, SizeIs(4)) << "itself too, of nobody";
  EXPECT_EQ(std::ranges::count_if(told, [](const auto& each) { return !each.near.empty(); }), 3);
  const auto with = std::ranges::find_if(told, [](const auto& each) { return !each.near.empty(); });
  EXPECT_EQ(with->near.at(0).endpoint, "tcp://proxy.example.org:4702");
  controller::Turn again;
  tick_sources(fleet_.state, again);
  EXPECT_THAT(CoreFixture::messages<ContentSources>(again), IsEmpty()) << "nothing is new";
  fleet_.state.roster.tick({fleet_.now.steady + 20s, fleet_.now.wall + 20s});
  controller::Turn gone;
  tick_sources(fleet_.state, gone);
  const auto last = CoreFixture::messages<ContentSources>(gone);
  ASSERT_FALSE(last.empty());
  EXPECT_THAT(last.at(0).near, IsEmpty()) << "it fell silent";
}

TEST_F(ToldSources, a_host_that_no_application_counts_among_its_proxies_is_none) {
  make_proxies_of("label:proxy");
  fleet_.say(1, proxy_hello("10.0.0.7"));
  EXPECT_FALSE(is_proxy(fleet_.state, *fleet_.state.roster.find(CoreFixture::web(1))));
  controller::Turn turn;
  tick_sources(fleet_.state, turn);
  EXPECT_THAT(turn.effects, IsEmpty());
}

TEST_F(ToldSources, a_proxy_is_told_of_all_keys_at_its_hello_and_of_changes_after_it) {
  make_proxies_of("web-01");
  const auto turn = fleet_.say(1, proxy_hello("10.0.0.7"));
  const auto keys = CoreFixture::messages<FleetKeys>(turn);
  ASSERT_THAT(keys, SizeIs(1));
  EXPECT_TRUE(keys[0].begins && keys[0].ends);
  for (const auto& [name, host] : fleet_.state.roster.hosts()) {
    EXPECT_THAT(keys[0].admitted, HasSubstr(host.record.public_key)) << name;
  }
  fleet_.state.sources.admitted.insert(std::string(32, 'n'));
  fleet_.state.sources.revoked.insert(std::string(32, 'o'));
  controller::Turn later;
  tick_sources(fleet_.state, later);
  const auto changes = CoreFixture::messages<FleetKeys>(later);
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(changes[0].admitted, std::string(32, 'n'));
  EXPECT_EQ(changes[0].revoked, std::string(32, 'o'));
  EXPECT_FALSE(changes[0].begins || changes[0].ends);
  controller::Turn quiet;
  tick_sources(fleet_.state, quiet);
  EXPECT_THAT(CoreFixture::messages<FleetKeys>(quiet), IsEmpty());
}

TEST(ContentSources, with_thousands_of_proxies_fewer_hosts_are_told_at_once_and_all_in_the_end) {
  constexpr int kProxies = 2'000;
  CoreFixture fleet(0, 0);
  fleet.state.settings.applications.at(CoreFixture::kShop).proxies.members = {"label:proxy"};
  for (int i = 0; i < kProxies; ++i) {
    const HostName name = fmt::format("proxy-{:04}", i);
    ASSERT_TRUE(fleet.state.roster.accept(
        {.name = name, .public_key = std::string(digest_of(name).raw()), .labels = {"proxy"}}));
    fleet.state.roster.hello(name, {.machine = name, .proxy_port = 4'702, .proxy_address = {}}, name, "10.0.0.1",
                             static_cast<std::uint64_t>(i) + 1, fleet.now);
  }
  std::size_t told = 0, ticks = 0;
  for (; told < kProxies && ticks < 100; ++ticks) {
    controller::Turn turn;
    tick_sources(fleet.state, turn);
    const auto messages = CoreFixture::messages<ContentSources>(turn);
    EXPECT_LE(messages.size(), 200U);
    told += messages.size();
  }
  EXPECT_EQ(told, kProxies);
}

TEST_F(ToldSources, an_address_that_is_none_makes_no_proxy) {
  make_proxies_of("web-01");
  fleet_.say(1, proxy_hello("10.0.0.7 && rm"));
  EXPECT_EQ(fleet_.state.roster.find(CoreFixture::web(1))->session->proxy_endpoint, "");
  fleet_.say(1, proxy_hello("2001:db8::7"));
  EXPECT_EQ(fleet_.state.roster.find(CoreFixture::web(1))->session->proxy_endpoint, "tcp://[2001:db8::7]:4702");
}

}  // namespace
}  // namespace serin::fleet
