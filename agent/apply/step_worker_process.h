#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "agent/apply/applier_process.h"
#include "agent/apply/tree_mend_dir.h"
#include "protocol/posix/mailbox.h"

namespace serin::apply {

/// Carries out the host steps of one application in its own thread, so that counting and heartbeats go on meanwhile.
/// Everything but the thread's own work belongs to the agent's loop.
class StepWorker {
 public:
  /// What happened since the last look.
  struct News {
    std::optional<ApplicationStatus> status;
    std::optional<Outcome> outcome;  ///< to be sent until acknowledge()
    bool step_ended = false;
    std::string trouble;               ///< slots or journal cannot be opened, or were found damaged: names the remedy
    std::optional<MendResult> mended;  ///< of mend()
  };
  struct Options {
    agent::ApplicationSettings settings;
    std::filesystem::path state_dir;
    std::function<Now()> now;  ///< called in the worker's thread
  };

  /// Begins with what a crash interrupted. The slots are opened in the thread, and again for each order while that
  /// fails; the order then ends `unchanged` with step "open" and the reason. A moment after a step the slots are
  /// tidied.
  explicit StepWorker(Options options);
  ~StepWorker();  ///< leaves a staging step, to be begun anew; from the switch on waits for the step's end

  /// `pull` fetches from where the controller is now.
  void run(Order order, Release release, PullFunction pull);
  void stop_staging();
  void acknowledge(const OrderId& order);
  /// Answered by News::mended. An order ends it between two paths: it never waits for more than one file.
  void mend(MendJob job);
  std::optional<News> take() { return news_.take(); }
  [[nodiscard]] int fd() const { return news_.fd(); }

 private:
  struct Job {
    std::optional<std::pair<Order, Release>> order;
    PullFunction pull;
    std::optional<OrderId> acknowledged;
    std::stop_token stop;
    std::optional<MendJob> mend;
  };
  void work(const std::stop_token& stop);
  void carry_out(const Job& job, const std::stop_token& leaving);
  void run_order(const Job& job, const std::stop_token& leaving);
  void run_mend(const Job& job, const std::stop_token& leaving);
  Result<void> open();
  void post(bool step_ended);

  Options options_;
  // The thread's own.
  std::optional<Applier> applier_;
  PullFunction pull_;                  ///< of the job at work
  std::optional<Duration> tidy_in_{};  ///< nothing is to be tidied while it is nothing

  std::stop_source staging_, mending_;  ///< the loop's own
  posix::Mailbox<Job> jobs_;
  posix::Mailbox<News> news_;
  std::jthread thread_;
};

}  // namespace serin::apply
