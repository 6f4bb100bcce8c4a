#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.h"
#include "protocol/wire.h"

/// The only files that know ZeroMQ's types. Facts behind each guard: protocol/README.md, "The link".
namespace serin::posix {

/// A CURVE key pair: 32 raw bytes each. In files: Z85 or 64 hex digits are both read, hex is written.
struct CurveKeys {
  std::string public_key, secret_key;
};
CurveKeys make_curve_keys();
/// The public key that belongs to a secret one.
Result<CurveKeys> curve_keys_from_secret(std::string_view secret_key);

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

/// Who may connect; answers ZAP requests in its own thread from memory. An unknown key is refused (400) and remembered.
/// allow() and revoke() take effect for the next handshake; the caller drops a live session by its User-Id.
class Gatekeeper {
 public:
  /// A key that was refused: for `serin hosts`.
  struct Pending {
    std::string public_key;  ///< 32 raw bytes
    std::string address;     ///< of the newest try
    std::uint64_t tries = 0;
    std::int64_t first_wall_ms = 0, last_wall_ms = 0;
  };
  /// Starts the ZAP thread; call before any server socket binds.
  explicit Gatekeeper(LinkContext& context);
  ~Gatekeeper();
  Gatekeeper(const Gatekeeper&) = delete;
  Gatekeeper& operator=(const Gatekeeper&) = delete;

  void allow(const std::string& public_key, const std::string& user_id);
  void revoke(const std::string& public_key);
  void allow_only(const std::map<std::string, std::string>& user_id_by_key);
  /// The newest 1,000 refused keys.
  [[nodiscard]] std::vector<Pending> pending() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// What arrived at a server socket.
struct Received {
  std::string connection;  ///< routing id: answer to this; opaque, new for each connection
  std::string user_id;     ///< what the Gatekeeper said of the key (host name); on ipc: "UID:GID:PID" from the kernel
  std::string peer_address;
  std::string header, body, payload;
};

/// Whether a message was handed to the connection. A hint only: acknowledgements count.
enum class Sent { yes, peer_gone, queue_full };

/// A ROUTER. One owner thread. Never blocks: receive() gives nothing when nothing is there, send() says queue_full.
class ServerSocket {
 public:
  struct Options {
    std::string endpoint;  ///< "tcp://127.0.0.1:4700", port 0 or "*" for any; "ipc:///run/serin/operator.sock"
    std::optional<CurveKeys> curve;  ///< none only for ipc
    std::size_t frame_bytes_max = 0;
    int high_water_mark = 1'000;
  };
  /// Binds last, after every option. With CURVE: proves by a probe with a random key, before the real endpoint is
  /// bound, that a stranger is refused; `refused` when one gets in.
  static Result<ServerSocket> bind(LinkContext& context, const Options& options);
  ServerSocket(ServerSocket&&) noexcept;
  ServerSocket& operator=(ServerSocket&&) noexcept;
  ~ServerSocket();

  /// With the real port.
  [[nodiscard]] std::string endpoint() const;
  /// ZMQ_FD: readable means "look": after any poll wake-up and after any send call receive() until it gives nothing.
  [[nodiscard]] int fd() const;
  /// The next whole message of two or three frames. Others are dropped while they arrive, without keeping them, and
  /// counted.
  std::optional<Received> receive();
  [[nodiscard]] std::uint64_t malformed() const;
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
    std::optional<CurveKeys> curve;  ///< ours
    std::string server_key;          ///< 32 raw bytes, pinned; ignored without curve
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
  [[nodiscard]] int fd() const;
  /// Readable when state() may have changed.
  [[nodiscard]] int monitor_fd() const;
  std::optional<Received> receive();
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
