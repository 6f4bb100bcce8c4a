#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "protocol/limits.h"
#include "protocol/messages.h"

namespace serin {

/// Requests that wait for their answer, fair between peers: one part for each in turn, so that a peer that asks for
/// much never holds up one that asks for little. A peer may have limits::kCreditBytes and kRequestsMax requests here;
/// all peers together what it is made with. Pure; single-threaded.
class RequestQueue {
 public:
  static constexpr std::size_t kRequestsMax = 4'096;
  static constexpr std::uint64_t kBytesMax = 256U << 20;

  struct Request {
    std::string connection;
    std::uint64_t id = 0;  ///< Header::request, for the answer
    GetObject get;
    bool again = false;  ///< it was put back: its connection was full
    friend bool operator==(const Request&, const Request&) = default;
  };

  /// `bytes_max`: of all peers, at most kBytesMax and at least one peer's credit.
  explicit RequestQueue(std::uint64_t bytes_max = kBytesMax)
      : bytes_max_(std::clamp<std::uint64_t>(bytes_max, limits::kCreditBytes, kBytesMax)) {}

  /// False when the peer's credit or the common bound is used up: the request is to be refused as busy.
  bool push(Request request);
  /// The next request of the next peer whose connection takes answers.
  std::optional<Request> next();
  /// Its connection is full: it comes first again once let_go() was called.
  void put_back(Request request);
  /// Connections that were full are tried again.
  void let_go();
  /// The peer is gone.
  void forget(const std::string& connection);

  [[nodiscard]] bool empty() const { return peers_.empty(); }
  /// Something waits for a connection that was full.
  [[nodiscard]] bool waits() const { return turns_.empty() && !peers_.empty(); }

 private:
  struct Peer {
    std::deque<Request> requests;
    std::uint64_t bytes = 0;
    bool full = false;
  };
  std::map<std::string, Peer> peers_;  ///< those with requests
  std::deque<std::string> turns_;      ///< those that are not full, in order
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
};

}  // namespace serin
