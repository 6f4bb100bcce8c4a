#include "controller/commit_queue.h"

#include <gtest/gtest.h>

namespace serin::controller {
namespace {

SendToHost to_host(const std::string& connection, Message message) {
  return {connection, {.header = {}, .message = std::move(message)}};
}
StoreWanted row(ReleaseNumber release) {
  return {"shop", release};
}
Turn turn_with(std::size_t rows, std::vector<Effect> effects) {
  Turn turn;
  for (std::size_t i = 0; i < rows; ++i) turn.record(row(i + 1));
  turn.effects = std::move(effects);
  return turn;
}

/// "order:a line ack:b"
std::string text_of(const std::vector<Effect>& effects) {
  std::string text;
  for (const Effect& effect : effects) {
    std::string word = "other";
    if (const auto* send = std::get_if<SendToHost>(&effect)) {
      word = "message";
      if (std::holds_alternative<Order>(send->envelope.message)) word = "order";
      if (std::holds_alternative<OutcomeReply>(send->envelope.message)) word = "ack";
      if (std::holds_alternative<Welcome>(send->envelope.message)) word = "welcome";
      if (std::holds_alternative<HeartbeatReply>(send->envelope.message)) word = "alive";
      word += ":" + send->connection;
    }
    if (std::holds_alternative<TellClient>(effect)) word = "line";
    text += (text.empty() ? "" : " ") + word;
  }
  return text;
}

TEST(CommitQueue, effects_wait_for_the_rows_of_their_turn) {
  CommitQueue queue;
  EXPECT_EQ(text_of(queue.add(turn_with(2, {TellClient{}, to_host("a", Order{}), Announce{}}))), "");
  const auto job = queue.next_job();
  ASSERT_TRUE(job);
  EXPECT_EQ(job->records.size(), 2U);
  EXPECT_FALSE(queue.next_job());
  EXPECT_EQ(text_of(queue.committed(job->id)), "line order:a other");
  EXPECT_EQ(text_of(queue.committed(job->id)), "");
}

TEST(CommitQueue, a_turn_without_rows_is_carried_out_at_once_when_all_is_durable) {
  CommitQueue queue;
  EXPECT_EQ(text_of(queue.add(turn_with(0, {to_host("a", Order{}), TellClient{}}))), "order:a line");
  EXPECT_FALSE(queue.next_job());
}

TEST(CommitQueue, an_order_that_is_sent_again_waits_for_the_row_of_its_first_sending) {
  CommitQueue queue;
  queue.add(turn_with(1, {to_host("a", Order{})}));
  EXPECT_EQ(text_of(queue.add(turn_with(0, {to_host("b", Order{})}))), "") << "gathered, not yet posted";
  const auto job = queue.next_job();
  EXPECT_EQ(text_of(queue.add(turn_with(0, {to_host("c", Order{})}))), "") << "posted, not yet durable";
  EXPECT_EQ(text_of(queue.committed(job->id)), "order:a order:b order:c");
  EXPECT_EQ(text_of(queue.add(turn_with(0, {to_host("d", Order{})}))), "order:d");
}

TEST(CommitQueue, an_outcome_that_comes_twice_is_not_acknowledged_before_it_is_durable) {
  CommitQueue queue;
  queue.add(turn_with(1, {to_host("a", OutcomeReply{})}));
  const auto first = queue.next_job();
  EXPECT_EQ(text_of(queue.add(turn_with(0, {to_host("a", OutcomeReply{}), TellClient{}}))), "line");
  queue.add(turn_with(1, {to_host("b", OutcomeReply{})}));
  const auto second = queue.next_job();
  EXPECT_EQ(text_of(queue.committed(first->id)), "ack:a ack:a");
  EXPECT_EQ(text_of(queue.committed(second->id)), "ack:b");
}

TEST(CommitQueue, one_commit_frees_all_jobs_up_to_it) {
  CommitQueue queue;
  queue.add(turn_with(1, {to_host("a", Order{})}));
  queue.next_job();
  queue.add(turn_with(1, {to_host("b", Order{})}));
  const auto second = queue.next_job();
  EXPECT_EQ(text_of(queue.committed(second->id)), "order:a order:b");
}

TEST(CommitQueue, keeps_hosts_connected_while_nothing_can_be_stored) {
  CommitQueue queue;
  const auto now =
      queue.add(turn_with(1, {to_host("a", Welcome{}), to_host("a", Order{}), to_host("b", HeartbeatReply{}),
                              to_host("c", Resync{}), to_host("d", Problem{}), TellClient{}}));
  EXPECT_EQ(text_of(now), "welcome:a alive:b message:c message:d");
  EXPECT_EQ(text_of(queue.committed(queue.next_job()->id)), "order:a line");
}

}  // namespace
}  // namespace serin::controller
