#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/posix/link_socket.h"

namespace serin::posix {

inline constexpr std::size_t kFrameBytesMax = 100'000;

/// Calls `done` whenever one of the descriptors may have news, and after each `look` (for what has no descriptor);
/// false when it never became true. The bound is for a test that fails: none waits for it to pass.
inline bool becomes(const std::vector<int>& fds, const std::function<bool()>& done,
                    std::chrono::milliseconds look = std::chrono::milliseconds{50}) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (!done()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    wait_readable(fds, look);
  }
  return true;
}

/// A server with its gatekeeper on loopback, and hosts that dial it.
class LinkFixture : public ::testing::Test {
 protected:
  using State = ClientSocket::State;

  LinkContext context_;
  Gatekeeper gatekeeper_{context_};
  CurveKeys server_keys_ = make_curve_keys();

  ServerSocket serve(int high_water_mark = 1'000) {
    auto server = ServerSocket::bind(context_, {.endpoint = "tcp://127.0.0.1:*",
                                                .curve = server_keys_,
                                                .frame_bytes_max = kFrameBytesMax,
                                                .high_water_mark = high_water_mark});
    if (!server) throw std::runtime_error(server.error().text);
    return std::move(*server);
  }

  ClientSocket dial(const std::string& endpoint, const CurveKeys& keys, int high_water_mark = 1'000) {
    auto client = ClientSocket::dial(context_, {.endpoint = endpoint,
                                                .curve = keys,
                                                .server_key = server_keys_.public_key,
                                                .frame_bytes_max = kFrameBytesMax,
                                                .high_water_mark = high_water_mark});
    if (!client) throw std::runtime_error(client.error().text);
    return std::move(*client);
  }

  /// Keys that the gatekeeper lets in under this name.
  CurveKeys admitted(const std::string& name) {
    CurveKeys keys = make_curve_keys();
    gatekeeper_.allow(keys.public_key, name);
    return keys;
  }

  static bool reaches(ClientSocket& client, State wanted) {
    return becomes({client.monitor_fd()},
                   [&] {
                     const State state = client.state();
                     return state == wanted || (state != State::dialling && state != State::connected);
                   }) &&
           client.state() == wanted;
  }

  template <class Socket>
  static std::optional<Received> next(Socket& socket) {
    std::optional<Received> message;
    becomes({socket.fd()}, [&] { return (message = socket.receive()).has_value(); });
    return message;
  }

  /// True when a new host gets a message through.
  bool still_serves(ServerSocket& server) {
    ClientSocket client = dial(server.endpoint(), admitted("witness"));
    if (!reaches(client, State::connected)) return false;
    if (client.send({"are you", "there"}) != Sent::yes) return false;
    const auto message = next(server);
    return message && message->user_id == "witness" && message->body == "there";
  }
};

}  // namespace serin::posix
