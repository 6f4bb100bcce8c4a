#pragma once

#include <optional>
#include <thread>
#include <variant>

#include "controller/release/release_dir.h"
#include "protocol/posix/mailbox.h"

namespace serin::release {

/// Builds releases and collects what is kept no longer, one after the other in its own thread: never both at once.
/// post() and take() belong to the loop's thread.
class BuildWorker {
 public:
  struct Built {
    ApplicationName application;
    Result<BuildResult> result;
  };

  explicit BuildWorker(ReleaseDir releases);
  ~BuildWorker();  ///< waits for the build that runs and ends a collection; what waits is dropped

  void post(BuildRequest request) { requests_.post(std::move(request)); }
  void post(CollectRequest request) { requests_.post(std::move(request)); }
  std::optional<Built> take() { return built_.take(); }
  [[nodiscard]] int fd() const { return built_.fd(); }
  std::optional<Result<CollectResult>> take_collected() { return collected_.take(); }
  [[nodiscard]] int collected_fd() const { return collected_.fd(); }

 private:
  ReleaseDir releases_;
  posix::Mailbox<std::variant<BuildRequest, CollectRequest>> requests_;
  posix::Mailbox<Built> built_;
  posix::Mailbox<Result<CollectResult>> collected_;
  std::jthread thread_;
};

}  // namespace serin::release
