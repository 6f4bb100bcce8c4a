#include "controller/commit_queue.h"

#include <iterator>

namespace serin::controller {

namespace {

enum class Waits { never, for_its_turn, for_all_before };

Waits waits(const Effect& effect) {
  const auto* send = std::get_if<SendToHost>(&effect);
  if (send == nullptr) return Waits::for_its_turn;
  const Message& message = send->envelope.message;
  const bool rests_on_rows = std::holds_alternative<Order>(message) || std::holds_alternative<OutcomeReply>(message);
  return rests_on_rows ? Waits::for_all_before : Waits::never;
}

}  // namespace

std::vector<Effect> CommitQueue::add(Turn turn) {
  const bool has_rows = !turn.records.empty();
  std::move(turn.records.begin(), turn.records.end(), std::back_inserter(gathered_records_));
  std::vector<Effect> now;
  for (Effect& effect : turn.effects) {
    const Waits rule = waits(effect);
    const bool at_once = rule == Waits::never || (rule == Waits::for_its_turn && !has_rows);
    if (!at_once && !gathered_records_.empty()) {
      gathered_effects_.push_back(std::move(effect));
    } else if (!at_once && !waiting_.empty()) {
      waiting_.back().second.push_back(std::move(effect));
    } else {
      now.push_back(std::move(effect));
    }
  }
  return now;
}

std::optional<CommitQueue::Job> CommitQueue::next_job() {
  if (gathered_records_.empty()) return std::nullopt;
  waiting_.emplace_back(++newest_job_, std::exchange(gathered_effects_, {}));
  return Job{newest_job_, std::exchange(gathered_records_, {})};
}

std::vector<Effect> CommitQueue::committed(std::uint64_t job) {
  std::vector<Effect> due;
  while (!waiting_.empty() && waiting_.front().first <= job) {
    auto& effects = waiting_.front().second;
    std::move(effects.begin(), effects.end(), std::back_inserter(due));
    waiting_.pop_front();
  }
  return due;
}

}  // namespace serin::controller
