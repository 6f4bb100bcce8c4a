#pragma once

#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "controller/judge/sequential_settings.h"
#include "controller/state_db.h"
#include "controller/turn.h"
#include "protocol/posix/mailbox.h"

namespace serin::controller {

/// Answers questions about the past in a thread of its own, with a connection of its own, one after the other: some
/// read a million rows or reckon for minutes. post() and take() belong to the loop's thread.
class HistoryWorker {
 public:
  struct Answer {
    Client client;
    OperatorEvent event;
  };
  struct Question {
    std::variant<ReadHistory, ReadDeployment, ReadTune> what;
    Now now;
  };

  explicit HistoryWorker(StateDb reader);
  ~HistoryWorker();  ///< waits for the question that is being answered

  void post(Question question) { questions_.post(std::move(question)); }
  std::optional<Answer> take() { return answers_.take(); }
  [[nodiscard]] int fd() const { return answers_.fd(); }

 private:
  template <class Read>
  void answer_with_care(const Read& read, Now now);
  std::vector<OperatorEvent> answer(const ReadHistory& read, Now now);
  std::vector<OperatorEvent> answer(const ReadDeployment& read, Now now);
  std::vector<OperatorEvent> answer(const ReadTune& read, Now now);

  StateDb reader_;
  posix::Mailbox<Question> questions_;
  posix::Mailbox<Answer> answers_;
  std::jthread thread_;
};

}  // namespace serin::controller
