#include "protocol/request_queue.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace serin {
namespace {

using Request = RequestQueue::Request;

Request part(const std::string& peer, std::uint64_t id, std::uint32_t length = limits::kChunkBytes) {
  return {.connection = peer, .id = id, .get = {.length = length}};
}

/// "a1 b1 a2": who is answered, and which of its requests.
std::string order_of(RequestQueue& queue) {
  std::string order;
  while (const auto request = queue.next()) {
    order += (order.empty() ? "" : " ") + request->connection + std::to_string(request->id);
  }
  return order;
}

TEST(RequestQueue, gives_each_peer_one_part_in_turn) {
  RequestQueue queue;
  for (std::uint64_t id : {1U, 2U, 3U}) ASSERT_TRUE(queue.push(part("a", id)));
  ASSERT_TRUE(queue.push(part("b", 1, 10)));
  ASSERT_TRUE(queue.push(part("c", 1)));
  ASSERT_TRUE(queue.push(part("c", 2)));
  EXPECT_EQ(order_of(queue), "a1 b1 c1 a2 c2 a3");
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.waits());
}

TEST(RequestQueue, a_peer_that_comes_later_waits_for_one_part_of_each_other) {
  RequestQueue queue;
  for (std::uint64_t id : {1U, 2U, 3U, 4U}) ASSERT_TRUE(queue.push(part("a", id)));
  ASSERT_EQ(queue.next(), part("a", 1));
  ASSERT_TRUE(queue.push(part("b", 1)));
  EXPECT_EQ(order_of(queue), "a2 b1 a3 a4");
}

TEST(RequestQueue, refuses_what_goes_beyond_the_credit_of_one_peer_and_takes_it_when_some_was_answered) {
  RequestQueue queue;
  for (std::uint64_t id : {1U, 2U, 3U, 4U}) ASSERT_TRUE(queue.push(part("a", id)));
  EXPECT_FALSE(queue.push(part("a", 5, 1)));
  EXPECT_TRUE(queue.push(part("b", 1))) << "the credit of another is its own";
  ASSERT_EQ(queue.next(), part("a", 1));
  EXPECT_TRUE(queue.push(part("a", 5)));
  EXPECT_FALSE(queue.push(part("a", 6, 1)));
}

TEST(RequestQueue, refuses_a_request_that_is_larger_than_any_credit) {
  RequestQueue queue;
  EXPECT_FALSE(queue.push(part("a", 1, limits::kCreditBytes + 1)));
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(queue.push(part("a", 2, limits::kCreditBytes)));
}

TEST(RequestQueue, refuses_more_requests_than_one_peer_may_have_however_small_they_are) {
  RequestQueue queue;
  for (std::uint64_t id = 0; id < RequestQueue::kRequestsMax; ++id) ASSERT_TRUE(queue.push(part("a", id, 1)));
  EXPECT_FALSE(queue.push(part("a", RequestQueue::kRequestsMax, 1)));
}

TEST(RequestQueue, refuses_everybody_when_all_together_have_asked_for_too_much) {
  RequestQueue queue;
  const std::uint64_t peers = RequestQueue::kBytesMax / limits::kCreditBytes;
  for (std::uint64_t peer = 0; peer < peers; ++peer) {
    ASSERT_TRUE(queue.push(part(std::to_string(peer), 1, limits::kCreditBytes)));
  }
  EXPECT_FALSE(queue.push(part("late", 1, 1)));
  ASSERT_TRUE(queue.next());
  EXPECT_TRUE(queue.push(part("late", 1, 1)));
}

TEST(RequestQueue, a_peer_whose_connection_is_full_waits_while_the_others_go_on) {
  RequestQueue queue;
  for (std::uint64_t id : {1U, 2U}) ASSERT_TRUE(queue.push(part("a", id)));
  for (std::uint64_t id : {1U, 2U}) ASSERT_TRUE(queue.push(part("b", id)));
  queue.put_back(*queue.next());
  EXPECT_FALSE(queue.waits());
  EXPECT_EQ(order_of(queue), "b1 b2");
  EXPECT_TRUE(queue.waits());
  EXPECT_FALSE(queue.empty());
  queue.let_go();
  EXPECT_FALSE(queue.waits());
  EXPECT_EQ(order_of(queue), "a1 a2") << "the request that did not go out is the first again";
}

TEST(RequestQueue, a_request_that_was_put_back_says_so) {
  RequestQueue queue;
  ASSERT_TRUE(queue.push(part("a", 1)));
  auto request = *queue.next();
  EXPECT_FALSE(request.again);
  queue.put_back(std::move(request));
  queue.let_go();
  EXPECT_TRUE(queue.next()->again);
}

TEST(RequestQueue, what_is_put_back_counts_against_the_credit) {
  RequestQueue queue;
  for (std::uint64_t id : {1U, 2U, 3U, 4U}) ASSERT_TRUE(queue.push(part("a", id)));
  queue.put_back(*queue.next());
  EXPECT_FALSE(queue.push(part("a", 5, 1)));
  queue.let_go();
  ASSERT_TRUE(queue.next());
  EXPECT_TRUE(queue.push(part("a", 5)));
}

TEST(RequestQueue, more_requests_of_a_full_peer_are_taken_but_do_not_wake_it) {
  RequestQueue queue;
  ASSERT_TRUE(queue.push(part("a", 1)));
  queue.put_back(*queue.next());
  ASSERT_TRUE(queue.push(part("a", 2)));
  EXPECT_EQ(queue.next(), std::nullopt);
  EXPECT_TRUE(queue.waits());
  queue.let_go();
  EXPECT_EQ(order_of(queue), "a1 a2");
}

TEST(RequestQueue, a_peer_that_is_gone_leaves_nothing_behind) {
  RequestQueue queue;
  for (std::uint64_t id : {1U, 2U, 3U, 4U}) ASSERT_TRUE(queue.push(part("a", id)));
  ASSERT_TRUE(queue.push(part("b", 1)));
  queue.forget("a");
  queue.forget("nobody");
  EXPECT_EQ(order_of(queue), "b1");
  EXPECT_TRUE(queue.empty());
  for (std::uint64_t id : {5U, 6U, 7U, 8U}) EXPECT_TRUE(queue.push(part("a", id))) << "its credit is whole again";
}

TEST(RequestQueue, a_full_peer_that_is_gone_is_waited_for_no_more) {
  RequestQueue queue;
  ASSERT_TRUE(queue.push(part("a", 1)));
  queue.put_back(*queue.next());
  queue.forget("a");
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.waits());
  queue.let_go();
  EXPECT_EQ(queue.next(), std::nullopt);
}

TEST(RequestQueue, loses_no_byte_of_its_bound_in_ten_thousand_random_turns) {
  RequestQueue queue;
  std::mt19937 random(20'240'517);
  std::vector<std::string> peers{"a", "b", "c", "d"};
  for (int turn = 0; turn < 10'000; ++turn) {
    const std::string& peer = peers[random() % peers.size()];
    switch (random() % 5) {
      case 0:
      case 1:
        static_cast<void>(queue.push(part(peer, static_cast<std::uint64_t>(turn),
                                          static_cast<std::uint32_t>(1 + random() % limits::kChunkBytes))));
        break;
      case 2:
        static_cast<void>(queue.next());
        break;
      case 3:
        if (auto request = queue.next()) queue.put_back(std::move(*request));
        break;
      default:
        if (random() % 10 == 0) queue.forget(peer);
        queue.let_go();
    }
  }
  queue.let_go();
  while (queue.next()) {
  }
  ASSERT_TRUE(queue.empty());
  for (std::uint64_t peer = 0; peer < RequestQueue::kBytesMax / limits::kCreditBytes; ++peer) {
    ASSERT_TRUE(queue.push(part(std::to_string(peer), 1, limits::kCreditBytes)));
  }
}

}  // namespace
}  // namespace serin
