#include "protocol/posix/content_socket.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <set>

#include "tests/protocol/posix/content_fixture.h"

namespace serin::posix {
namespace {

using ContentSocketTest = ContentFixture;
constexpr std::uint64_t kMiB = 1U << 20;

/// Bytes that differ from place to place.
std::string sample_bytes(std::size_t count) {
  std::string bytes;
  for (std::uint32_t i = 0; bytes.size() < count; ++i) bytes += fmt::format("{:07x}\n", i);
  bytes.resize(count);
  return bytes;
}

void cut(const std::filesystem::path& file, std::uint64_t bytes) {
  ::chmod(file.c_str(), 0644);
  std::filesystem::resize_file(file, bytes);
}

std::size_t open_files() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

TEST_F(ContentSocketTest, gives_an_object_part_by_part) {
  const std::string bytes = sample_bytes(limits::kChunkBytes + 1'000);
  const ObjectId id = put(bytes);
  Puller host = puller();
  const auto first = host.get(id);
  EXPECT_EQ(std::get<ObjectPart>(first.message), (ObjectPart{.object = id, .offset = 0, .object_bytes = bytes.size()}));
  const auto second = host.get(id, limits::kChunkBytes);
  EXPECT_EQ(second.request, 2U);
  EXPECT_EQ(std::get<ObjectPart>(second.message),
            (ObjectPart{.object = id, .offset = limits::kChunkBytes, .object_bytes = bytes.size()}));
  EXPECT_EQ(second.payload.size(), 1'000U);
  EXPECT_EQ(first.payload + second.payload, bytes);
}

TEST_F(ContentSocketTest, gives_no_more_than_was_asked_for) {
  const ObjectId id = put("0123456789");
  Puller host = puller();
  EXPECT_EQ(host.get(id, 3, 4).payload, "3456");
  EXPECT_EQ(host.get(id, 9, 4).payload, "9");
}

TEST_F(ContentSocketTest, an_empty_object_is_an_empty_part) {
  const ObjectId id = put("");
  const auto answer = puller().get(id);
  EXPECT_EQ(std::get<ObjectPart>(answer.message), (ObjectPart{.object = id, .offset = 0, .object_bytes = 0}));
  EXPECT_EQ(answer.payload, "");
}

TEST_F(ContentSocketTest, an_object_that_is_not_there_is_absent) {
  const ObjectId id = digest_of("never stored");
  EXPECT_EQ(std::get<ObjectRefused>(puller().get(id).message), refused(id, 0, RefusalReason::absent));
}

TEST_F(ContentSocketTest, gives_nothing_more_to_a_host_that_is_revoked_while_it_pulls) {
  const ObjectId id = put(sample_bytes(3 * limits::kChunkBytes));
  const auto keys = make_curve_keys();
  gatekeeper_.allow(keys.public_key, "web-01");
  Puller host{context_, server_.endpoint(), keys, keys_.public_key, 1'000};
  EXPECT_EQ(host.get(id).payload.size(), limits::kChunkBytes);
  gatekeeper_.revoke(keys.public_key);
  host.ask(2, {.object = id, .offset = limits::kChunkBytes, .length = limits::kChunkBytes});
  ASSERT_TRUE(becomes({}, [&] { return server_.counters().refused == 1; }));
  EXPECT_EQ(server_.counters().bytes, limits::kChunkBytes);
  gatekeeper_.allow(keys.public_key, "web-01");
  EXPECT_EQ(host.get(id, 2 * limits::kChunkBytes).payload.size(), limits::kChunkBytes);
}

TEST_F(ContentSocketTest, an_offset_beyond_the_end_is_invalid) {
  const ObjectId id = put("0123456789");
  Puller host = puller();
  EXPECT_EQ(std::get<ObjectRefused>(host.get(id, 11).message), refused(id, 11, RefusalReason::invalid));
  EXPECT_EQ(std::get<ObjectRefused>(host.get(id, limits::kObjectBytesMax).message),
            refused(id, limits::kObjectBytesMax, RefusalReason::invalid));
  EXPECT_EQ(host.get(id, 10).payload, "") << "its end is no mistake";
}

TEST_F(ContentSocketTest, one_that_asks_for_more_than_its_credit_at_once_is_told_to_come_back) {
  const ObjectId id = put(sample_bytes(limits::kChunkBytes));
  Puller host = puller();
  std::uint64_t request = 0;
  const auto burst = [&] {
    constexpr std::uint64_t kAtOnce = 64;
    std::set<std::uint64_t> waiting;
    for (std::uint64_t i = 0; i < kAtOnce; ++i) {
      waiting.insert(++request);
      host.ask(request, {.object = id, .offset = 0, .length = limits::kChunkBytes});
    }
    bool busy = false;
    while (!waiting.empty()) {
      const auto answer = host.answer();
      EXPECT_EQ(waiting.erase(answer.request), 1U) << "each is answered once";
      if (const auto* refusal = std::get_if<ObjectRefused>(&answer.message)) {
        EXPECT_EQ(*refusal, refused(id, 0, RefusalReason::busy));
        busy = true;
      }
    }
    return busy;
  };
  EXPECT_TRUE(posix::becomes({}, burst));
  EXPECT_EQ(host.get(id).payload.size(), limits::kChunkBytes);
}

TEST_F(ContentSocketTest, one_that_never_reads_neither_holds_up_another_nor_fills_the_memory) {
  constexpr std::uint64_t kAsked = 2'000;
  const ObjectId large = put(sample_bytes(limits::kChunkBytes));
  Puller deaf = puller(1);
  Puller other = puller();
  std::uint64_t pulled = 0;
  for (std::uint64_t request = 1; request <= kAsked; ++request) {
    deaf.ask(request, {.object = large, .offset = 0, .length = limits::kChunkBytes});
    if (request % 50 == 0) pulled += other.get(large).payload.size();
  }
  EXPECT_EQ(pulled, kAsked / 50 * limits::kChunkBytes);
  const auto all_looked_at = [&] { return server_.counters().requests >= kAsked + kAsked / 50; };
  ASSERT_TRUE(posix::becomes({}, all_looked_at));
  const auto counters = server_.counters();
  EXPECT_LT(counters.bytes - pulled, 48 * kMiB) << "of " << kAsked * limits::kChunkBytes / kMiB << " MiB";
  EXPECT_GT(counters.refused, kAsked / 2);
  // Once it reads, what was kept for it comes, and it is served like the others. A refusal to a full connection is
  // lost: it asks again.
  const auto asks_again = [&, request = kAsked]() mutable {
    deaf.ask(++request, {.object = large, .offset = 0, .length = limits::kChunkBytes});
    while (const auto answer = deaf.answer_within(std::chrono::milliseconds{200})) {
      if (answer->request == request) return std::holds_alternative<ObjectPart>(answer->message);
    }
    return false;
  };
  EXPECT_TRUE(posix::becomes({}, asks_again));
}

TEST_F(ContentSocketTest, an_object_that_was_cut_short_on_disk_is_absent_until_it_is_whole_again) {
  const std::string bytes = sample_bytes(50'000);
  const ObjectId id = put(bytes);
  const auto file = store_.path_of(id);
  Puller host = puller();
  ASSERT_EQ(host.get(id).payload, bytes);
  cut(file, 20'000);
  EXPECT_EQ(host.get(id, 0, 20'000).payload.size(), 20'000U) << "what is there is given: the puller hashes it";
  EXPECT_EQ(std::get<ObjectRefused>(host.get(id, 20'000).message), refused(id, 20'000, RefusalReason::absent));
  std::filesystem::remove(file);
  ASSERT_EQ(put(bytes), id);
  EXPECT_EQ(host.get(id).payload, bytes);
}

TEST_F(ContentSocketTest, each_of_thousands_of_requests_that_are_refused_together_is_answered) {
  constexpr std::uint64_t kRequests = 4'000;
  Puller host = puller();
  for (std::uint64_t i = 0; i < kRequests; ++i) {
    host.ask(i, {.object = digest_of(fmt::format("object {}", i)), .length = 1});
  }
  std::set<std::uint64_t> answered;
  for (std::uint64_t i = 0; i < kRequests; ++i) {
    const auto answer = host.answer();
    EXPECT_TRUE(std::holds_alternative<ObjectRefused>(answer.message));
    answered.insert(answer.request);
  }
  EXPECT_EQ(answered.size(), kRequests);
}

TEST_F(ContentSocketTest, sends_no_more_than_its_rate_allows_to_all_together) {
  constexpr std::uint64_t kRate = 4'000'000;
  constexpr std::uint64_t kParts = 4;
  const ContentSocket server = start(kRate);
  const ObjectId id = put(sample_bytes(limits::kChunkBytes));
  std::vector<Puller> hosts;
  hosts.reserve(2);
  for (int i = 0; i < 2; ++i) hosts.push_back(puller_of(server));
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t request = 1; request <= kParts; ++request) {
    for (Puller& host : hosts) host.ask(request, {.object = id, .offset = 0, .length = limits::kChunkBytes});
  }
  std::uint64_t came = 0;
  for (std::uint64_t i = 0; i < kParts; ++i) {
    for (Puller& host : hosts) came += host.answer().payload.size();
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(came, 2 * kParts * limits::kChunkBytes);
  // One part may be under way before its time, and a tenth of a second's worth.
  EXPECT_GE(took.count(), static_cast<double>(came - limits::kChunkBytes) / kRate - 0.11);
}

TEST_F(ContentSocketTest, who_would_wait_too_long_for_its_turn_under_a_rate_is_told_to_come_back) {
  const ContentSocket server = start(1'000'000);
  const ObjectId id = put(sample_bytes(limits::kChunkBytes));
  std::vector<Puller> hosts;
  hosts.reserve(5);
  for (int i = 0; i < 5; ++i) hosts.push_back(puller_of(server));
  for (Puller& host : hosts) {
    for (std::uint64_t request = 1; request <= 4; ++request) {
      host.ask(request, {.object = id, .offset = 0, .length = limits::kChunkBytes});
    }
  }
  const auto some_are_refused = [&] { return server.counters().refused >= 4; };
  EXPECT_TRUE(posix::becomes({}, some_are_refused));
  EXPECT_LT(server.counters().bytes, 10 * limits::kChunkBytes);
}

TEST_F(ContentSocketTest, keeps_no_more_than_64_objects_open) {
  Puller host = puller();
  host.get(put("the first"));
  const std::size_t before = open_files();
  for (int i = 0; i < 200; ++i) host.get(put(fmt::format("object {}", i)));
  EXPECT_LE(open_files(), before + 64);
}

TEST_F(ContentSocketTest, what_nobody_has_read_for_seconds_is_closed_so_that_a_removed_file_gives_its_room_back) {
  Puller host = puller();
  host.get(put("the first"));
  for (int i = 0; i < 20; ++i) host.get(put(fmt::format("object {}", i)));
  const std::size_t before = open_files();
  EXPECT_TRUE(posix::becomes({}, [&] { return open_files() <= before - 20; }));
}

TEST_F(ContentSocketTest, what_is_no_request_gets_no_answer_and_costs_nobody_one) {
  const ObjectId id = put("whole");
  Puller host = puller();
  host.send({"no header", "no body"});
  host.send(encode({.header = {.protocol = 1, .request = 7}, .message = Problem{"hello?"}}));
  host.send(encode({.header = {.protocol = 1, .request = 8}, .message = GetObject{.object = id, .length = 0}}));
  host.send(encode({.header = {.protocol = 99, .request = 9}, .message = GetObject{.object = id, .length = 5}}));
  const auto answer = host.get(id);
  EXPECT_EQ(answer.request, 1U) << "the first answer is that of the first good request";
  EXPECT_EQ(answer.payload, "whole");
  EXPECT_EQ(server_.counters().refused, 4U);
  EXPECT_EQ(server_.counters().requests, 1U);
  EXPECT_EQ(server_.counters().bytes, 5U);
}

TEST_F(ContentSocketTest, a_key_that_was_not_accepted_is_not_let_in) {
  Puller stranger{context_, server_.endpoint(), posix::make_curve_keys(), keys_.public_key, 10};
  EXPECT_EQ(stranger.state(), posix::ClientSocket::State::denied);
}

TEST_F(ContentSocketTest, an_address_in_use_is_named) {
  const auto second = ContentSocket::start(context_, {.endpoint = server_.endpoint(), .keys = keys_},
                                           open_objects(posix::ObjectReader{folder_.path()}));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::busy);
  EXPECT_NE(second.error().text.find(server_.endpoint()), std::string::npos) << second.error().text;
}

}  // namespace
}  // namespace serin::posix
