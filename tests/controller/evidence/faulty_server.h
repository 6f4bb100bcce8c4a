#pragma once

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "protocol/posix/mailbox.h"
#include "protocol/posix/unique_fd.h"
#include "tests/controller/evidence/certificates.h"

namespace serin::evidence {

/// An HTTP server on loopback that says, byte for byte, what a test wants it to say, to one connection after the other.
/// After that it closes the connection, or keeps it open in silence until the client leaves. With a certificate it
/// speaks TLS, and has no request of a client that does not like that certificate.
class FaultyServer {
 public:
  struct Says {
    std::string bytes;
    bool keeps_open = false;
    bool listens = true;  ///< else it says no more, and hangs up when something comes
  };

  /// One element for each connection.
  explicit FaultyServer(std::vector<Says> says, Certificate certificate = {});
  ~FaultyServer();

  [[nodiscard]] std::string url() const;
  /// What the clients asked, in the order of their connections; waits for the next one that has not been taken.
  std::string next_request();
  /// The same, if there is one already.
  std::optional<std::string> request_that_came() { return requests_.take(); }

 private:
  void run(const std::stop_token& stop);
  void serve(int connection, const Says& says);

  std::vector<Says> says_;
  Certificate certificate_;
  posix::UniqueFd listener_;
  std::uint16_t port_ = 0;
  posix::Mailbox<std::string> requests_;
  std::jthread thread_;
};

}  // namespace serin::evidence
