#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <vector>

#include "protocol/error.h"
#include "protocol/messages.h"
#include "protocol/posix/link_socket.h"

namespace serin::operate {

/// The CLI's side of RUN_DIR/operator.sock. One thread. Errors say what to do: no daemon runs, a socket that nobody
/// serves any more, or one that this user may not open.
class OperatorClient {
 public:
  static Result<OperatorClient> connect(posix::LinkContext& context, const std::filesystem::path& run_dir);

  /// The number that its events carry; `busy` when the daemon is gone.
  Result<std::uint64_t> send(const OperatorRequest& request);

  struct Told {
    std::uint64_t request = 0;  ///< of send(); 0: of none
    OperatorEvent event;
  };
  /// The next event; nothing when there was none within `timeout`, or one of `wake_fds` became readable. `busy` when
  /// the daemon is gone, `corrupt` when what came cannot be read (another version's daemon).
  Result<std::optional<Told>> receive(std::chrono::milliseconds timeout, const std::vector<int>& wake_fds);

 private:
  explicit OperatorClient(posix::ClientSocket socket) : socket_(std::move(socket)) {}
  Result<std::optional<Told>> take();
  posix::ClientSocket socket_;
  std::uint64_t newest_request_ = 0;
};

}  // namespace serin::operate
