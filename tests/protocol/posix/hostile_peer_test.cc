#include <zmq.h>

#include "tests/protocol/posix/hostile_dealer.h"
#include "tests/protocol/posix/raw_peer.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::posix {
namespace {

TEST_F(HostilePeer, nothing_of_a_peer_with_an_unknown_key_arrives) {
  ServerSocket server = serve();
  HostileDealer stranger(context_, server.endpoint(), make_curve_keys(), server_keys_.public_key);
  stranger.send_frames(2, "let me in");
  ASSERT_TRUE(becomes({server.fd()}, [&] {
    EXPECT_EQ(server.receive(), std::nullopt);
    return !gatekeeper_.pending().empty();
  }));
  EXPECT_TRUE(still_serves(server));
  EXPECT_EQ(server.receive(), std::nullopt);
  EXPECT_EQ(server.malformed(), 0U);
}

TEST_F(HostilePeer, nothing_of_a_peer_that_takes_the_server_for_another_arrives) {
  ServerSocket server = serve();
  HostileDealer astray(context_, server.endpoint(), admitted("astray"), make_curve_keys().public_key);
  astray.send_frames(2, "hello");
  EXPECT_TRUE(still_serves(server));
  EXPECT_EQ(server.receive(), std::nullopt);
  EXPECT_TRUE(gatekeeper_.pending().empty()) << "the handshake ends before the key is shown";
}

TEST_F(HostilePeer, messages_of_one_four_and_many_frames_are_dropped_and_counted) {
  ServerSocket server = serve();
  HostileDealer peer = hostile(server);
  peer.send_frames(1, "alone");
  EXPECT_TRUE(counts(server, 1));
  peer.send_frames(4, "frame");
  EXPECT_TRUE(counts(server, 2));
  peer.send_frames(20'000, "frame");
  EXPECT_TRUE(counts(server, 3));
  peer.send_frames(2, "good");
  EXPECT_EQ(next(server)->body, "good") << "the message after a dropped one is whole";
  EXPECT_EQ(server.malformed(), 3U);
}

TEST_F(HostilePeer, a_long_bad_message_is_dropped_in_turns) {
  const link::Socket from(::zmq_socket(context_.parts().zmq, ZMQ_PAIR));
  const link::Socket to(::zmq_socket(context_.parts().zmq, ZMQ_PAIR));
  ASSERT_EQ(::zmq_bind(to.get(), "inproc://turns"), 0);
  ASSERT_EQ(::zmq_connect(from.get(), "inproc://turns"), 0);
  for (int i = 0; i < 10'000; ++i) ::zmq_send(from.get(), "x", 1, i + 1 < 10'000 ? ZMQ_SNDMORE : 0);
  link::Reader reader({.routed = false, .frame_bytes_max = 100});
  Received message;
  EXPECT_EQ(reader.next(to.get(), message), link::Reader::Outcome::tired);
  EXPECT_EQ(message.body, "");
  EXPECT_EQ(reader.malformed(), 0U);
  EXPECT_EQ(reader.next(to.get(), message), link::Reader::Outcome::tired);
  EXPECT_EQ(reader.next(to.get(), message), link::Reader::Outcome::empty);
  EXPECT_EQ(reader.malformed(), 1U);
}

TEST_F(HostilePeer, a_frame_of_the_bound_passes_and_one_byte_more_ends_the_connection) {
  ServerSocket server = serve();
  HostileDealer peer = hostile(server);
  peer.send_frames(2, std::string(kFrameBytesMax, 'x'));
  const auto message = next(server);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->body.size(), kFrameBytesMax);
  peer.send_frames(2, std::string(kFrameBytesMax + 1, 'x'));
  EXPECT_TRUE(becomes({server.fd()}, [&] {
    EXPECT_FALSE(server.receive());
    return server.send(message->connection, {"h", "b"}) == Sent::peer_gone;
  }));
  EXPECT_TRUE(still_serves(server));
}

TEST_F(HostilePeer, a_client_is_rid_of_a_server_that_sends_too_large_a_frame) {
  ServerSocket server = serve();
  auto client = ClientSocket::dial(context_, {.endpoint = server.endpoint(),
                                              .curve = admitted("web-1"),
                                              .server_key = server_keys_.public_key,
                                              .frame_bytes_max = 1'000});
  ASSERT_TRUE(client);
  ASSERT_TRUE(reaches(*client, State::connected));
  ASSERT_EQ(client->send({"h", "b"}), Sent::yes);
  const auto connection = next(server)->connection;
  ASSERT_EQ(server.send(connection, {"h", std::string(1'001, 'x')}), Sent::yes);
  EXPECT_TRUE(reaches(*client, State::lost));
  EXPECT_EQ(client->receive(), std::nullopt);
}

TEST_F(HostilePeer, a_peer_that_chooses_its_own_routing_id_is_not_heard) {
  ServerSocket server = serve();
  HostileDealer peer = hostile(server, "victim");
  peer.send_frames(2, "I am the victim");
  EXPECT_TRUE(counts(server, 1));
  EXPECT_TRUE(still_serves(server));
}

TEST_F(HostilePeer, a_peer_cannot_take_over_the_connection_of_another) {
  const TemporaryFolder folder;
  const std::string path = (folder / "operator.sock").string();
  auto server = ServerSocket::bind(context_, {.endpoint = "ipc://" + path, .frame_bytes_max = kFrameBytesMax});
  auto victim = ClientSocket::dial(context_, {.endpoint = "ipc://" + path, .frame_bytes_max = kFrameBytesMax});
  ASSERT_TRUE(server && victim);
  ASSERT_TRUE(reaches(*victim, State::connected));
  ASSERT_EQ(victim->send({"h", "b"}), Sent::yes);
  const std::string connection = next(*server)->connection;
  // By hand, since libzmq lets nobody choose an id that begins with a zero.
  RawPeer thief = RawPeer::ipc(path);
  ASSERT_TRUE(thief.shake_hands(zmtp::property("Socket-Type", "DEALER") + zmtp::property("Identity", connection)));
  ASSERT_TRUE(thief.write(zmtp::frame("h", true) + zmtp::frame("I am the victim", false)));
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(victim->send({"h", "still me"}), Sent::yes);
    const auto heard = next(*server);
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->body, "still me");
    ASSERT_EQ(server->send(connection, {"h", "for the victim"}), Sent::yes);
    const auto told = next(*victim);
    ASSERT_TRUE(told);
    EXPECT_EQ(told->body, "for the victim");
  }
}

TEST_F(HostilePeer, a_heartbeat_of_a_peer_whose_queue_is_full_costs_its_connection_only) {
  // With ZMQ_HEARTBEAT_IVL libzmq aborts the process here.
  const TemporaryFolder folder;
  const std::string path = (folder / "operator.sock").string();
  auto server = ServerSocket::bind(
      context_, {.endpoint = "ipc://" + path, .frame_bytes_max = kFrameBytesMax, .high_water_mark = 10});
  auto client = ClientSocket::dial(context_, {.endpoint = "ipc://" + path, .frame_bytes_max = kFrameBytesMax});
  ASSERT_TRUE(server && client);
  ASSERT_TRUE(reaches(*client, State::connected));
  RawPeer peer = RawPeer::ipc(path);
  ASSERT_TRUE(peer.shake_hands(zmtp::property("Socket-Type", "DEALER")));
  const std::string message = zmtp::frame("h", true) + zmtp::frame("of the peer", false);
  std::string all;
  for (int i = 0; i < 10; ++i) all += message;
  ASSERT_TRUE(peer.write(all + zmtp::ping(1)));
  EXPECT_TRUE(peer.is_hung_up_on());
  ASSERT_EQ(client->send({"h", "of the client"}), Sent::yes);
  std::optional<Received> received;
  while ((received = next(*server)) && received->body == "of the peer") {
  }
  ASSERT_TRUE(received);
  EXPECT_EQ(received->body, "of the client");
}

TEST_F(HostilePeer, an_unfinished_message_of_libzmq_never_leaves_its_sender) {
  ServerSocket server = serve();
  {
    HostileDealer peer = hostile(server);
    peer.send_frames(2, "first");
    ASSERT_TRUE(next(server));
    for (int i = 0; i < 100; ++i) peer.send(std::string(10'000, 'x'), true);
    EXPECT_TRUE(still_serves(server));
  }
  EXPECT_TRUE(still_serves(server));
  EXPECT_EQ(server.malformed(), 0U);
}

TEST_F(HostilePeer, an_unfinished_message_by_hand_is_never_passed_on_and_is_gone_with_its_connection) {
  const TemporaryFolder folder;
  const std::string path = (folder / "operator.sock").string();
  auto server = ServerSocket::bind(context_, {.endpoint = "ipc://" + path, .frame_bytes_max = kFrameBytesMax});
  auto client = ClientSocket::dial(context_, {.endpoint = "ipc://" + path, .frame_bytes_max = kFrameBytesMax});
  ASSERT_TRUE(server && client);
  ASSERT_TRUE(reaches(*client, State::connected));
  {
    RawPeer peer = RawPeer::ipc(path);
    ASSERT_TRUE(peer.shake_hands(zmtp::property("Socket-Type", "DEALER")));
    // No bound of libzmq ends this: neither the queue's length nor the size of a frame (link_socket.h says so).
    const std::string frame = zmtp::frame(std::string(64 << 10, 'x'), true);
    for (int i = 0; i < 64; ++i) ASSERT_TRUE(peer.write(frame));
    ASSERT_EQ(client->send({"h", "meanwhile"}), Sent::yes);
    EXPECT_EQ(next(*server)->body, "meanwhile");
    EXPECT_EQ(server->receive(), std::nullopt);
  }
  ASSERT_EQ(client->send({"h", "after"}), Sent::yes);
  EXPECT_EQ(next(*server)->body, "after");
  EXPECT_EQ(server->receive(), std::nullopt);
  EXPECT_EQ(server->malformed(), 0U);
}

struct Opening {
  const char* name;
  std::string bytes;
  std::string endless;  ///< written again and again until the server hangs up
};

class HostileOpening : public HostilePeer, public ::testing::WithParamInterface<Opening> {};

TEST_P(HostileOpening, is_hung_up_on_and_others_are_served) {
  ServerSocket server = serve();
  RawPeer peer = RawPeer::tcp(server.endpoint());
  bool open = peer.write(GetParam().bytes);
  std::size_t written = 0;
  // The kernel takes some after the server has closed, but not this much.
  while (open && !GetParam().endless.empty() && written < (64U << 20)) {
    open = peer.write(GetParam().endless);
    written += GetParam().endless.size();
  }
  EXPECT_LT(written, 64U << 20);
  EXPECT_TRUE(!open || peer.is_hung_up_on());
  EXPECT_TRUE(still_serves(server));
  EXPECT_EQ(server.malformed(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    RawTcp, HostileOpening,
    ::testing::Values(
        Opening{"http", "GET / HTTP/1.1\r\nHost: serin\r\n\r\n", {}},
        Opening{"random_bytes", std::string(10'000, '\xa7'), {}},
        Opening{"an_old_protocol", std::string("\x01\0", 2), "\x05\x01hell"},
        Opening{"no_encryption", zmtp::greeting("NULL") + zmtp::ready(zmtp::property("Socket-Type", "DEALER")), {}},
        Opening{"an_unknown_mechanism", zmtp::greeting("PLAIN"), {}},
        Opening{"a_frame_of_a_terabyte", zmtp::greeting("CURVE") + '\x06' + zmtp::size_of_frame(1ULL << 40), {}},
        Opening{"a_hello_of_noise", zmtp::greeting("CURVE") + "\x04\xc8\x05HELLO" + std::string(194, '\x07'), {}},
        Opening{"frames_without_end", zmtp::greeting("CURVE"), zmtp::frame(std::string(64 << 10, 'x'), true)}),
    [](const auto& opening) { return opening.param.name; });

}  // namespace
}  // namespace serin::posix
