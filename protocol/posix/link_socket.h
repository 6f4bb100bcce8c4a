#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.h"
#include "protocol/posix/curve_keys.h"
#include "protocol/posix/gatekeeper.h"
#include "protocol/wire.h"

/// The only files that know ZeroMQ's types. Facts behind each guard: protocol/README.md, "The link".
namespace serin::posix {

/// Owns the ZeroMQ context and, in the controller, the ZAP thread. Outlives every socket made with it.
class LinkContext {
 public:
  explicit LinkContext(int io_threads = 1);
  ~LinkContext();
  LinkContext(const LinkContext&) = delete;
  LinkContext& operator=(const LinkContext&) = delete;
  struct Parts;
  Parts& parts() { return *parts_; }

 private:
  std::unique_ptr<Parts> parts_;
};

/// What arrived at a server socket.
struct Received {
  std::string connection;  ///< routing id: answer to this; opaque, new for each connection
  /// Under which name the Gatekeeper admits the key now; empty: it was revoked since it connected. On ipc:
  /// "UID:GID:PID" from the kernel.
  std::string user_id;
  std::string peer_address;
  std::string header, body, payload;
};

/// Whether a message was handed to the connection. A hint only: acknowledgements count.
enum class Sent {
  yes,
  peer_gone,
  queue_full,
  too_large,  ///< a frame is longer than this socket's frame_bytes_max: the peer would end the connection
};

/// A ROUTER. One owner thread. Never blocks: receive() gives nothing when nothing is there, send() says queue_full.
/// What it keeps is bounded for each peer by high_water_mark messages each way, frames by frame_bytes_max (a larger one
/// ends the connection). One thing is not: libzmq gathers the frames of a message that has not ended without counting
/// them (measured: 64 MiB of them are 64 MiB of memory), shows none of them before the last and gives them back when
/// the connection ends. Only a peer with an accepted key (on ipc: whoever may open the socket) can do that, and what
/// ends it is MemoryMax of the service: the daemon restarts, the peer's key is to be revoked.
class ServerSocket {
 public:
  struct Options {
    std::string endpoint;  ///< "tcp://127.0.0.1:4700", port 0 or "*" for any; "ipc:///run/serin/operator.sock"
    std::optional<CurveKeys> curve = {};  ///< none only for ipc
    std::size_t frame_bytes_max = 0;
    int high_water_mark = 1'000;
  };
  /// Binds last, after every option. With CURVE: proves by a probe with a random key, before the real endpoint is
  /// bound, that the Gatekeeper refuses a stranger; `refused` when one gets in or nobody answers for the Gatekeeper.
  /// `busy` when the address is in use. On ipc a path that exists is taken over, in use or not: the caller holds a
  /// LockFile, and sets owner and mode of the socket after the bind; the folder's mode guards it until then.
  static Result<ServerSocket> bind(LinkContext& context, const Options& options);
  ServerSocket(ServerSocket&&) noexcept;
  ServerSocket& operator=(ServerSocket&&) noexcept;
  ~ServerSocket();

  /// With the real port.
  [[nodiscard]] std::string endpoint() const;
  /// Readable while receive() may give something, also when the owner stopped before it was empty (unlike ZMQ_FD, which
  /// tells of changes only). May be readable for nothing.
  [[nodiscard]] int fd() const;
  /// The next whole message of two or three frames. Others are dropped frame by frame, without keeping them, and
  /// counted; so are those of a peer that chose its own routing id.
  std::optional<Received> receive();
  [[nodiscard]] std::uint64_t malformed() const;
  /// `peer_gone` also for a connection of an earlier life: an id is never used twice.
  Sent send(const std::string& connection, const Frames& frames, std::string_view payload = {});

 private:
  struct Parts;
  explicit ServerSocket(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// A DEALER that has dialled one server. One owner thread. Never blocks. After `denied` or `lost` throw it away and
/// make a new one: libzmq does not recover from a ZAP denial.
class ClientSocket {
 public:
  struct Options {
    std::string endpoint;
    std::optional<CurveKeys> curve = {};  ///< ours
    std::string server_key = {};          ///< 32 raw bytes, pinned; ignored without curve
    std::size_t frame_bytes_max = 0;
    int high_water_mark = 1'000;
  };
  enum class State {
    dialling,  ///< no TCP connection yet, or the handshake has not ended
    connected,
    denied,  ///< the server does not know our key (yet)
    lost,    ///< was connected, or the server's key is not the pinned one
  };
  static Result<ClientSocket> dial(LinkContext& context, const Options& options);
  ClientSocket(ClientSocket&&) noexcept;
  ClientSocket& operator=(ClientSocket&&) noexcept;
  ~ClientSocket();

  /// Reads the monitor's events; cheap.
  State state();
  /// As ServerSocket::fd().
  [[nodiscard]] int fd() const;
  /// Readable when state() may have changed since it was last asked.
  [[nodiscard]] int monitor_fd() const;
  std::optional<Received> receive();
  /// `peer_gone` whenever state() is not `connected`: nothing is queued for a connection that does not exist yet.
  Sent send(const Frames& frames, std::string_view payload = {});

 private:
  struct Parts;
  explicit ClientSocket(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// Bulk senders and receivers: keeps large freed blocks instead of faulting them in again (mallopt). Call once in main.
void tune_malloc_for_bulk();

/// poll(2) over these descriptors for at most `timeout`; true for those that are readable. EINTR is no error.
std::vector<bool> wait_readable(const std::vector<int>& fds, std::chrono::milliseconds timeout);

}  // namespace serin::posix
