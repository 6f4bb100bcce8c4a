#pragma once

#include <optional>
#include <thread>

#include "controller/release/release_dir.h"
#include "protocol/posix/mailbox.h"

namespace serin::release {

/// Builds releases one after the other in its own thread. post() and take() belong to the loop's thread.
class BuildWorker {
 public:
  struct Built {
    ApplicationName application;
    Result<BuildResult> result;
  };

  explicit BuildWorker(ReleaseDir releases);
  ~BuildWorker();  ///< waits for the build that runs; those that wait are dropped

  void post(BuildRequest request) { requests_.post(std::move(request)); }
  std::optional<Built> take() { return built_.take(); }
  [[nodiscard]] int fd() const { return built_.fd(); }

 private:
  ReleaseDir releases_;
  posix::Mailbox<BuildRequest> requests_;
  posix::Mailbox<Built> built_;
  std::jthread thread_;
};

}  // namespace serin::release
