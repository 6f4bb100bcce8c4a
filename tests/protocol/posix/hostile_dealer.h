#pragma once

#include <zmq.h>

#include <string>

#include "protocol/posix/link_parts.h"
#include "tests/protocol/posix/link_fixture.h"

namespace serin::posix {

/// A peer with an accepted key that uses libzmq as it likes.
class HostileDealer {
 public:
  HostileDealer(LinkContext& context, const std::string& endpoint, const CurveKeys& keys, const std::string& server_key,
                const std::string& routing_id = {})
      : socket_(::zmq_socket(context.parts().zmq, ZMQ_DEALER)) {
    link::Options options(socket_.get());
    options.set(ZMQ_LINGER, 0);
    options.set(ZMQ_SNDHWM, 0);
    options.set(ZMQ_CURVE_SERVERKEY, server_key);
    options.set(ZMQ_CURVE_PUBLICKEY, keys.public_key);
    options.set(ZMQ_CURVE_SECRETKEY, keys.secret_key);
    if (!routing_id.empty()) options.set(ZMQ_ROUTING_ID, routing_id);
    EXPECT_TRUE(options.result());
    EXPECT_EQ(::zmq_connect(socket_.get(), endpoint.c_str()), 0);
  }
  void send(const std::string& bytes, bool more) {
    ASSERT_GE(::zmq_send(socket_.get(), bytes.data(), bytes.size(), more ? ZMQ_SNDMORE : 0), 0);
  }
  void send_frames(std::size_t count, const std::string& bytes) {
    for (std::size_t i = 0; i < count; ++i) send(bytes, i + 1 < count);
  }

 private:
  link::Socket socket_;
};

class HostilePeer : public LinkFixture {
 protected:
  HostileDealer hostile(const ServerSocket& server, const std::string& routing_id = {}) {
    return {context_, server.endpoint(), admitted("hostile"), server_keys_.public_key, routing_id};
  }
  static bool counts(ServerSocket& server, std::uint64_t malformed) {
    return becomes({server.fd()}, [&] {
      while (const auto message = server.receive()) ADD_FAILURE() << "passed on: " << message->body;
      return server.malformed() == malformed;
    });
  }
};

}  // namespace serin::posix
