#include "agent/pull/source_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace serin::pull {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

Source proxy(const std::string& name) {
  return {.proxy = name, .endpoint = "tcp://" + name + ":4702", .server_key = "key of " + name};
}
const Source kController{.proxy = {}, .endpoint = "tcp://deploy1:4701", .server_key = "key"};

TEST(SourceChoice, without_proxies_the_controller_is_asked) {
  SourceChoice choice(kController);
  EXPECT_THAT(choice.next(), ElementsAre(kController));
}

TEST(SourceChoice, two_of_the_near_proxies_are_tried_each_about_as_often_as_the_others) {
  SourceChoice choice(kController, {proxy("a"), proxy("b"), proxy("c"), proxy("d")}, {proxy("far")}, 1);
  std::map<std::string, int> tried;
  for (int i = 0; i < 1'000; ++i) {
    const auto next = choice.next();
    ASSERT_EQ(next.size(), 2U);
    EXPECT_NE(next[0], next[1]);
    for (const Source& source : next) ++tried[source.proxy];
  }
  EXPECT_EQ(tried.size(), 4U) << "the far one is not asked while there are near ones";
  for (const auto& [name, times] : tried) EXPECT_NEAR(times, 500, 100) << name;
}

TEST(SourceChoice, what_failed_is_not_asked_again_until_another_deployment_begins) {
  SourceChoice choice(kController, {proxy("a"), proxy("b")}, {proxy("c")}, 1);
  choice.drop(proxy("a"), "did not answer for 3 s");
  EXPECT_THAT(choice.next(), ElementsAre(proxy("b")));
  choice.drop(proxy("b"), "lies");
  EXPECT_THAT(choice.next(), ElementsAre(proxy("c"))) << "elsewhere before the controller";
  choice.drop(proxy("c"), "lies");
  EXPECT_THAT(choice.next(), ElementsAre(kController));
  choice.renew(kController, {proxy("a"), proxy("d")}, {});
  EXPECT_THAT(choice.next(), ElementsAre(proxy("d"))) << "a new list does not make it good";
  choice.forget_failures();
  EXPECT_THAT(choice.next(), UnorderedElementsAre(proxy("a"), proxy("d")));
}

TEST(SourceChoice, each_failure_is_told_once_with_its_name_and_reason) {
  SourceChoice choice(kController, {proxy("a"), proxy("b")}, {}, 1);
  EXPECT_EQ(choice.take_trouble(), "");
  choice.drop(proxy("a"), "did not answer for 3 s");
  choice.drop(proxy("a"), "did not answer for 3 s");
  choice.drop(proxy("b"), "lies");
  EXPECT_EQ(choice.take_trouble(), "proxy a (tcp://a:4702) did not answer for 3 s; proxy b (tcp://b:4702) lies");
  EXPECT_EQ(choice.take_trouble(), "");
}

}  // namespace
}  // namespace serin::pull
