#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "controller/operate/commands.h"
#include "protocol/posix/files.h"
#include "protocol/posix/link_socket.h"

namespace serin::operate {

/// The daemon's side of RUN_DIR/operator.sock: who asks is the peer's uid, by the kernel's word. Group-owned, mode
/// 0660. RUN_DIR/operator.lock is held beside it, so that a leftover socket can be replaced and never that of another
/// daemon. Belongs to the loop's thread.
class OperatorSocket {
 public:
  static constexpr std::size_t kWaitingMax = 1'000;

  /// An empty group leaves the socket to the daemon's own user. `not_found` when the group does not exist, `busy` when
  /// another daemon serves this folder.
  static Result<OperatorSocket> bind(posix::LinkContext& context, const std::filesystem::path& run_dir,
                                     const std::string& group);

  struct Asked {
    std::string connection;
    std::uint64_t request = 0;
    Caller caller;
    OperatorRequest body;
  };
  /// The next request; bad ones are answered here. Call it at least every second: what waits for a slow client is sent
  /// then too.
  std::optional<Asked> receive();
  /// False when the client is gone, or so slow (a suspended one) that it is given up. One that does not read for a
  /// while loses progress but no other event: those wait here, at most kWaitingMax.
  bool tell(const std::string& connection, std::uint64_t request, const OperatorEvent& event);
  [[nodiscard]] int fd() const { return socket_.fd(); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  OperatorSocket(posix::LockFile lock, posix::ServerSocket socket, std::filesystem::path path)
      : lock_(std::move(lock)), socket_(std::move(socket)), path_(std::move(path)) {}
  posix::Sent send(const std::string& connection, std::uint64_t request, const OperatorEvent& event);
  void send_waiting();

  struct Waiting {
    std::uint64_t request = 0;
    OperatorEvent event;
  };
  posix::LockFile lock_;
  posix::ServerSocket socket_;
  std::filesystem::path path_;
  std::map<std::string, std::deque<Waiting>> waiting_;  ///< for connections that are full
};

}  // namespace serin::operate
