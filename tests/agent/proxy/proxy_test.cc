#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "agent/proxy/proxy_socket.h"
#include "tests/protocol/posix/content_fixture.h"

namespace serin::proxy {
namespace {

using namespace std::chrono_literals;
using posix::ContentFixture;
using posix::Puller;

std::string raw_of(const posix::CurveKeys& keys) {
  return keys.public_key;
}

constexpr std::uint64_t kCacheBytes = 10'000'000;

/// A controller's content socket, and a proxy of it.
class ProxyTest : public ContentFixture {
 protected:
  ProxyTest() : proxy_(std::move(Proxy::start(settings(state_.path()), proxy_keys_)).value()) {
    gatekeeper_.allow(proxy_keys_.public_key, "web-01");
    proxy_.fetch_from({.proxy = {}, .endpoint = server_.endpoint(), .server_key = keys_.public_key});
  }
  Puller neighbour(const posix::CurveKeys& keys) {
    return {context_, proxy_.own().endpoint, keys, proxy_keys_.public_key, 1'000};
  }
  /// What the proxy answers once it is not busy any more.
  static std::optional<std::string> get(Puller& host, const ObjectId& id) {
    std::string bytes;
    for (std::uint64_t size = 1; bytes.size() < size;) {
      const auto answer = host.get(id, bytes.size());
      if (const auto* part = std::get_if<ObjectPart>(&answer.message)) {
        size = part->object_bytes;
        bytes += answer.payload;
      } else if (std::get<ObjectRefused>(answer.message).reason != RefusalReason::busy) {
        return std::nullopt;
      } else {
        posix::wait_readable({}, 2ms);
      }
    }
    return bytes;
  }
  [[nodiscard]] std::filesystem::path file_of(const ObjectId& id) const { return state_ / "proxy" / id.hex(); }

  posix::CurveKeys proxy_keys_ = posix::make_curve_keys();
  TemporaryFolder state_;

 private:
  static agent::AgentSettings settings(const std::filesystem::path& state_dir) {
    // Whatever port is free: the settings of real hosts name one.
    posix::LinkContext context;
    const posix::Gatekeeper gate{context};
    const auto probe =
        posix::ServerSocket::bind(
            context, {.endpoint = "tcp://127.0.0.1:*", .curve = posix::make_curve_keys(), .frame_bytes_max = 1'000})
            .value();
    const std::string endpoint = probe.endpoint();
    return {.state_dir = state_dir,
            .proxy = {.port = static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))),
                      .listen = "127.0.0.1",
                      .cache_bytes = kCacheBytes}};
  }

 protected:
  Proxy proxy_;
};

TEST_F(ProxyTest, hosts_get_what_the_controller_has_and_it_is_asked_once) {
  const std::string bytes(3 * limits::kChunkBytes + 7, 'p');
  const ObjectId id = put(bytes);
  const auto first_keys = posix::make_curve_keys(), second_keys = posix::make_curve_keys();
  proxy_.admit({.admitted = raw_of(first_keys) + raw_of(second_keys)});
  Puller first = neighbour(first_keys), second = neighbour(second_keys);
  EXPECT_EQ(get(first, id), bytes);
  const std::uint64_t sent = server_.counters().bytes;
  EXPECT_EQ(get(second, id), bytes);
  EXPECT_EQ(get(first, id), bytes);
  EXPECT_EQ(server_.counters().bytes, sent) << "it has it";
}

TEST_F(ProxyTest, what_is_larger_than_its_cache_is_absent_and_not_fetched_for_nothing) {
  const ObjectId huge = put(std::string(kCacheBytes + 1, 'h'));
  Puller own = neighbour(proxy_keys_);
  EXPECT_EQ(get(own, huge), std::nullopt);
  const std::string small(3 * limits::kChunkBytes, 's');
  EXPECT_EQ(get(own, put(small)), small);
  EXPECT_LT(server_.counters().bytes, small.size() + 2 * limits::kCreditBytes);
}

TEST_F(ProxyTest, what_the_controller_lacks_is_absent) {
  Puller own = neighbour(proxy_keys_);
  EXPECT_EQ(get(own, digest_of("nobody has this")), std::nullopt);
}

TEST_F(ProxyTest, who_asks_for_all_that_does_not_exist_keeps_nobody_from_what_does) {
  const std::string bytes(20 * limits::kChunkBytes, 'p');
  const ObjectId id = put(bytes);
  std::atomic<std::uint64_t> asked = 0;
  const std::jthread flood([&](const std::stop_token& stop) {
    Puller host = neighbour(proxy_keys_);
    while (!stop.stop_requested()) {
      if (host.try_ask(asked, {.object = digest_of(std::to_string(asked)), .length = 1})) ++asked;
      while (host.answer_within(0ms)) continue;
    }
  });
  ASSERT_TRUE(posix::becomes({}, [&] { return asked > 10'000; }));
  const auto keys = posix::make_curve_keys();
  proxy_.admit({.admitted = raw_of(keys)});
  Puller good = neighbour(keys);
  EXPECT_EQ(get(good, id), bytes);
}

TEST_F(ProxyTest, a_proxy_without_its_controller_says_so_within_seconds_and_serves_what_it_has) {
  const ObjectId here = put("here"), missing = digest_of("elsewhere");
  Puller own = neighbour(proxy_keys_);
  ASSERT_EQ(get(own, here), "here");
  proxy_.fetch_from({.proxy = {}, .endpoint = "tcp://127.0.0.1:1", .server_key = keys_.public_key});
  EXPECT_EQ(get(own, missing), std::nullopt);
  EXPECT_EQ(get(own, here), "here");
}

TEST_F(ProxyTest, strangers_do_not_get_in_and_who_was_revoked_neither) {
  const auto keys = posix::make_curve_keys(), other_keys = posix::make_curve_keys();
  EXPECT_EQ(neighbour(keys).state(), posix::ClientSocket::State::denied);
  proxy_.admit({.admitted = raw_of(keys)});
  EXPECT_EQ(neighbour(keys).state(), posix::ClientSocket::State::connected);
  proxy_.admit({.revoked = raw_of(keys)});
  EXPECT_EQ(neighbour(keys).state(), posix::ClientSocket::State::denied);
  // A whole list replaces what there was, once it has ended.
  proxy_.admit({.admitted = raw_of(keys)});
  proxy_.admit({.begins = true, .admitted = raw_of(other_keys)});
  EXPECT_EQ(neighbour(keys).state(), posix::ClientSocket::State::connected);
  proxy_.admit({.ends = true});
  EXPECT_EQ(neighbour(keys).state(), posix::ClientSocket::State::denied);
  EXPECT_EQ(neighbour(other_keys).state(), posix::ClientSocket::State::connected);
  EXPECT_EQ(neighbour(proxy_keys_).state(), posix::ClientSocket::State::connected) << "this host itself always";
}

TEST_F(ProxyTest, who_is_not_of_the_fleet_any_more_gets_no_further_part_on_a_connection_that_it_has) {
  const ObjectId id = put(std::string(3 * limits::kChunkBytes, 'p'));
  const auto keys = posix::make_curve_keys(), other_keys = posix::make_curve_keys();
  proxy_.admit({.admitted = raw_of(keys) + raw_of(other_keys)});
  Puller host = neighbour(keys), other = neighbour(other_keys);
  ASSERT_TRUE(get(host, id));
  const auto answers_after = [&](const FleetKeys& news) {
    proxy_.admit(news);
    host.ask(7, {.object = id, .length = limits::kChunkBytes});
    // Whose answer comes after that asked after it.
    EXPECT_EQ(other.get(id).payload.size(), limits::kChunkBytes);
    EXPECT_EQ(other.get(id).payload.size(), limits::kChunkBytes);
    return host.answer_within(100ms).has_value();
  };
  EXPECT_FALSE(answers_after({.revoked = raw_of(keys)}));
  EXPECT_TRUE(answers_after({.admitted = raw_of(keys)}));
  EXPECT_FALSE(answers_after({.begins = true, .ends = true, .admitted = raw_of(other_keys)})) << "not on the list";
}

}  // namespace
}  // namespace serin::proxy
