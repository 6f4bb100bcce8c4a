#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace serin::posix {

class LinkContext;

/// Who may connect; answers ZAP requests in its own thread from memory. An unknown key is refused (400) and remembered.
/// The User-Id that it gives is the key in hexadecimal, so that a server socket of the same context finds for each
/// message whose key that is now: allow() and revoke() take effect for the next handshake and the next message that is
/// received. Its functions may be called from any thread. One for each LinkContext; it outlives the server sockets.
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

  /// `name`: Received::user_id of what comes from it; not empty.
  void allow(const std::string& public_key, const std::string& name);
  void revoke(const std::string& public_key);
  void allow_only(const std::map<std::string, std::string>& name_by_key);
  /// The newest 1,000 refused keys, newest first. Anyone who reaches the port can fill this list, no more.
  [[nodiscard]] std::vector<Pending> pending() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::posix
