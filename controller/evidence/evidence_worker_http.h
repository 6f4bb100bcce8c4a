#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "controller/evidence/question.h"
#include "controller/evidence/transfers_http.h"
#include "controller/turn.h"
#include "protocol/posix/mailbox.h"

namespace serin::evidence {

/// Asks servers for evidence in a thread of its own: questions in, answers out, each within its time-out (and as long
/// again where more than limits::kSourceRequestsMax requests are under way). A server that is slow or dead delays
/// nobody else's questions but by that. post() and take() belong to the loop's thread.
class EvidenceWorker {
 public:
  struct Answered {
    controller::Client client;  ///< whose self-test it is
    Answer answer;
  };

  EvidenceWorker();
  ~EvidenceWorker();  ///< drops what is under way

  void post(controller::AskSource question) { questions_.post(std::move(question)); }
  std::optional<Answered> take() { return answers_.take(); }
  [[nodiscard]] int fd() const { return answers_.fd(); }

 private:
  struct Job {
    controller::AskSource asked;
    std::vector<HttpRequest> requests;
    std::vector<HttpAnswer> answers;
    std::size_t awaited = 0;
    std::chrono::steady_clock::time_point begun;
  };
  void run(const std::stop_token& stop);
  void begin(controller::AskSource asked);
  void admit();
  void take(HttpTransfers::Ended ended);
  void end(const Job& job);

  // Of the thread alone
  HttpTransfers transfers_;
  std::map<std::uint64_t, Job> jobs_;
  std::map<std::uint64_t, std::pair<std::uint64_t, std::size_t>> place_of_;  ///< of a transfer: its job and request
  std::deque<std::uint64_t> waiting_;                                        ///< jobs that are not begun
  std::uint64_t next_ = 1;

  posix::Mailbox<controller::AskSource> questions_;
  posix::Mailbox<Answered> answers_;
  std::jthread thread_;
};

}  // namespace serin::evidence
