#include <gmock/gmock.h>

#include <atomic>
#include <limits>

#include "protocol/pack.h"
#include "tests/agent/pull/pull_fixture.h"

namespace serin::pull {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A host with a proxy of its zone, called "near", that serves as the test says, and a controller that serves all.
class PullProxies : public PullSocket {
 protected:
  /// Pulls over the proxy. What it tells of it is in trouble_, how much the controller was asked in asked_controller_.
  Result<apply::PullResult> pull_over(const Server::Respond& respond) {
    const Server proxy(context_, server_keys_, respond);
    return pull_with({source_of(proxy, "near")});
  }
  Result<apply::PullResult> pull_with(const std::vector<Source>& near, const std::vector<Source>& far = {}) {
    const Server controller(context_, server_keys_, [this](const GetObject& request) {
      ++asked_controller_;
      return part_of(request);
    });
    SourceChoice sources(source_of(controller), near, far, 1);
    auto pulled = pull_release(context_, agent_keys_, sources, apply::release_of(1, tree_), *slots_, {}, {});
    trouble_ = sources.take_trouble();
    return pulled;
  }
  Server::Respond serves_all() {
    return [this](const GetObject& request) { return part_of(request); };
  }

  std::atomic<int> asked_controller_ = 0;
  std::string trouble_;
};

TEST_F(PullProxies, what_a_proxy_serves_the_controller_is_not_asked_for) {
  ASSERT_TRUE(pull_over(serves_all()));
  EXPECT_EQ(asked_controller_, 0);
  EXPECT_EQ(trouble_, "");
  EXPECT_EQ(built(), "");
}

TEST_F(PullProxies, the_quicker_of_two_is_taken_and_the_other_one_is_no_failure) {
  std::atomic<int> asked_slow = 0;
  const Server slow(context_, server_keys_, [&](const GetObject&) {
    ++asked_slow;
    return std::optional<Answer>{};
  });
  const Server quick(context_, server_keys_, serves_all());
  ASSERT_TRUE(pull_with({source_of(slow, "slow"), source_of(quick, "quick")}));
  EXPECT_LE(asked_slow, 1) << "no more than whether it is ready";
  EXPECT_EQ(asked_controller_, 0);
  EXPECT_EQ(trouble_, "");
  EXPECT_EQ(built(), "");
}

TEST_F(PullProxies, a_proxy_that_lacks_the_pack_may_have_the_objects) {
  ASSERT_TRUE(pull_over(serves_all())) << "part_of() has no pack";
  EXPECT_EQ(asked_controller_, 0);
}

TEST_F(PullProxies, a_dead_proxy_is_named_and_done_without) {
  std::string endpoint;
  {
    const Server dead(context_, server_keys_, serves_all());
    endpoint = dead.endpoint;
  }
  ASSERT_TRUE(pull_with({{.proxy = "near", .endpoint = endpoint, .server_key = server_keys_.public_key}}));
  EXPECT_GT(asked_controller_, 0);
  EXPECT_EQ(trouble_, "proxy near (" + endpoint + ") cannot be reached");
  EXPECT_EQ(built(), "");
}

TEST_F(PullProxies, a_far_proxy_comes_before_the_controller) {
  const Server silent(context_, server_keys_, [](const GetObject&) { return std::optional<Answer>{}; });
  const Server far(context_, server_keys_, serves_all());
  ASSERT_TRUE(pull_with({source_of(silent, "near")}, {source_of(far, "far")}));
  EXPECT_EQ(asked_controller_, 0);
  EXPECT_THAT(trouble_, StartsWith("proxy near ("));
  EXPECT_EQ(built(), "");
}

TEST_F(PullProxies, a_proxy_that_stops_in_the_middle_is_named_and_what_it_brought_is_not_asked_for_again) {
  std::set<ObjectId> brought;
  ASSERT_TRUE(pull_over([&](const GetObject& request) -> std::optional<Answer> {
    if (request.object == digest_of("2")) return std::nullopt;
    if (request.length > 1) brought.insert(request.object);
    return part_of(request);
  }));
  EXPECT_THAT(trouble_, HasSubstr(") did not answer for 3 s"));
  EXPECT_GT(brought.size(), 2U);
  EXPECT_LE(asked_controller_, 3) << "the pack, which it does not have, and the rest";
  EXPECT_EQ(built(), "");
}

TEST_F(PullProxies, a_proxy_that_lies_about_an_object_is_named_and_nothing_of_the_lie_is_kept) {
  ASSERT_TRUE(pull_over([this](const GetObject& request) -> std::optional<Answer> {
    Answer answer = part_of(request);
    if (request.object == digest_of("2")) answer.payload = "3";
    return answer;
  }));
  EXPECT_THAT(trouble_,
              HasSubstr("serves no more: object " + digest_of("2").brief() + ": its bytes are not what its name says"));
  EXPECT_EQ(built(), "");
}

TEST_F(PullProxies, a_pack_that_is_none_is_laid_to_the_proxy) {
  const ObjectId name = pack_name({}, objects_.root);
  ASSERT_TRUE(pull_over([&](const GetObject& request) -> std::optional<Answer> {
    if (request.object != name) return part_of(request);
    const std::string garbage(1'000, 'g');
    return Answer{ObjectPart{.object = name, .offset = request.offset, .object_bytes = garbage.size(), .edition = 7},
                  garbage.substr(request.offset, request.length)};
  }));
  EXPECT_THAT(trouble_, HasSubstr("sent a pack that is none"));
  EXPECT_GT(asked_controller_, 0);
  EXPECT_EQ(built(), "");
}

TEST_F(PullProxies, a_pack_without_an_edition_is_laid_to_the_proxy) {
  const ObjectId name = pack_name({}, objects_.root);
  ASSERT_TRUE(pull_over([&](const GetObject& request) -> std::optional<Answer> {
    if (request.object != name) return part_of(request);
    return Answer{ObjectPart{.object = name, .offset = request.offset, .object_bytes = 1'000'000},
                  std::string(request.length, 'g')};
  }));
  EXPECT_THAT(trouble_, HasSubstr("an edition where none may be, or none"));
  EXPECT_EQ(built(), "");
}

TEST_F(PullProxies, a_proxy_that_wants_to_be_left_alone_for_weeks_is_asked_again_within_seconds) {
  std::atomic<bool> was_busy = false;
  ASSERT_TRUE(pull_over([&](const GetObject& request) -> std::optional<Answer> {
    if (request.is_pack() || was_busy.exchange(true)) return part_of(request);
    return Answer{ObjectRefused{.object = request.object,
                                .offset = request.offset,
                                .reason = RefusalReason::busy,
                                .retry_ms = std::numeric_limits<std::uint32_t>::max()},
                  {}};
  }));
  EXPECT_EQ(trouble_, "");
  EXPECT_EQ(built(), "");
}

TEST_F(PullProxies, a_proxy_that_does_not_know_this_host_is_named) {
  posix::LinkContext other_context{1};
  const posix::Gatekeeper strict{other_context};
  const Server proxy(other_context, server_keys_, serves_all());
  ASSERT_TRUE(pull_with({source_of(proxy, "near")}));
  EXPECT_THAT(trouble_, HasSubstr("does not know this host's key"));
  EXPECT_GT(asked_controller_, 0);
}

TEST_F(PullProxies, what_is_no_message_is_laid_to_the_proxy) {
  ASSERT_TRUE(pull_over([](const GetObject&) { return Answer{Order{.application = "-bad-"}, {}}; }));
  EXPECT_THAT(trouble_, HasSubstr("sent what is no message"));
  EXPECT_EQ(built(), "");
}

}  // namespace serin::pull
