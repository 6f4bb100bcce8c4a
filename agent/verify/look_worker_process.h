#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/verify/tree_look_dir.h"
#include "protocol/messages.h"
#include "protocol/posix/mailbox.h"

namespace serin::drift {

/// Looks at trees in a thread of its own at idle CPU and disk priority, one after the other, so that neither steps nor
/// counting nor the application wait for it. Everything but the thread's own work belongs to the agent's loop.
class LookWorker {
 public:
  struct Job {
    std::uint64_t number = 0;  ///< chosen by the caller
    ApplicationName application;
    std::filesystem::path slots_dir;
    std::string slot;  ///< Release::slot_name()
    ObjectId root;
    std::vector<std::string> kept;
    std::string after;  ///< see LookOptions
    std::uint64_t bytes_per_s = 0;
  };
  struct News {
    std::uint64_t number = 0;
    bool ended = false;
    std::string trouble;  ///< why it ended before its end; empty: it was looked at to the end
    TreeLook look;        ///< with `ended`; before that only its counts of files and bytes
  };

  LookWorker();
  ~LookWorker();  ///< ends a look at the next 256 KiB

  void post(Job job);
  /// Ends the look that was posted last, within 256 KiB or one sleep's end; its news still come.
  void stop() { look_.request_stop(); }
  std::optional<News> take() { return news_.take(); }
  [[nodiscard]] int fd() const { return news_.fd(); }

 private:
  struct Posted {
    Job job;
    std::stop_token stop;
  };
  void work(const std::stop_token& stop);
  void look(const Posted& posted, const std::stop_token& leaving);

  std::stop_source look_;  ///< the loop's own
  posix::Mailbox<Posted> jobs_;
  posix::Mailbox<News> news_;
  std::jthread thread_;
};

}  // namespace serin::drift
