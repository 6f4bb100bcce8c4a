#include "protocol/posix/link_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/protocol/posix/link_fixture.h"
#include "tests/protocol/posix/raw_peer.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::posix {
namespace {

using namespace std::chrono_literals;

class LinkSocket : public LinkFixture {};
class IpcLink : public LinkFixture {};

TEST_F(LinkSocket, carries_two_and_three_frames_both_ways_under_the_name_of_the_key) {
  ServerSocket server = serve();
  ClientSocket client = dial(server.endpoint(), admitted("web-1"));
  ASSERT_TRUE(reaches(client, State::connected));
  ASSERT_EQ(client.send({"header", "body"}), Sent::yes);
  const auto question = next(server);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->user_id, "web-1");
  EXPECT_EQ(question->peer_address, "127.0.0.1");
  EXPECT_EQ(question->header, "header");
  EXPECT_EQ(question->body, "body");
  EXPECT_EQ(question->payload, "");

  const std::string payload(kFrameBytesMax, 'x');
  ASSERT_EQ(server.send(question->connection, {"h2", std::string("\0b", 2)}, payload), Sent::yes);
  const auto reply = next(client);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->header, "h2");
  EXPECT_EQ(reply->body, std::string("\0b", 2));
  EXPECT_EQ(reply->payload, payload);
}

TEST_F(LinkSocket, a_stranger_is_denied_and_listed_and_comes_in_with_a_new_socket_once_allowed) {
  ServerSocket server = serve();
  EXPECT_TRUE(gatekeeper_.pending().empty()) << "the self-test's stranger is not to be listed";
  const CurveKeys keys = make_curve_keys();
  ClientSocket first = dial(server.endpoint(), keys);
  ASSERT_TRUE(reaches(first, State::denied));
  EXPECT_EQ(first.send({"let me", "in"}), Sent::peer_gone);
  ClientSocket second = dial(server.endpoint(), keys);
  ASSERT_TRUE(reaches(second, State::denied));

  const auto pending = gatekeeper_.pending();
  ASSERT_EQ(pending.size(), 1U);
  EXPECT_EQ(pending[0].public_key, keys.public_key);
  EXPECT_EQ(pending[0].address, "127.0.0.1");
  EXPECT_EQ(pending[0].tries, 2U);
  EXPECT_LE(pending[0].first_wall_ms, pending[0].last_wall_ms);

  gatekeeper_.allow(keys.public_key, "web-2");
  EXPECT_TRUE(gatekeeper_.pending().empty());
  EXPECT_EQ(second.state(), State::denied) << "a denied socket stays denied";
  ClientSocket third = dial(server.endpoint(), keys);
  ASSERT_TRUE(reaches(third, State::connected));
  ASSERT_EQ(third.send({"now", "in"}), Sent::yes);
  EXPECT_EQ(next(server)->user_id, "web-2");
}

TEST_F(LinkSocket, a_server_with_another_key_than_the_pinned_one_is_lost) {
  ServerSocket server = serve();
  const CurveKeys keys = admitted("web-1");
  server_keys_ = make_curve_keys();  // what the client pins
  ClientSocket client = dial(server.endpoint(), keys);
  EXPECT_TRUE(reaches(client, State::lost));
  EXPECT_EQ(client.send({"h", "b"}), Sent::peer_gone);
}

TEST_F(LinkSocket, an_address_where_nobody_listens_is_lost_at_once) {
  // Bound, so that nobody else takes the port, but not listening.
  const UniqueFd bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_GE(bound.get(), 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(bound.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(bound.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  ClientSocket client = dial("tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port)), make_curve_keys());
  EXPECT_TRUE(reaches(client, State::lost));
}

TEST_F(LinkSocket, a_server_that_goes_away_is_lost_and_the_news_is_on_the_monitors_descriptor) {
  std::optional<ServerSocket> server = serve();
  ClientSocket client = dial(server->endpoint(), admitted("web-1"));
  ASSERT_TRUE(reaches(client, State::connected));
  EXPECT_EQ(wait_readable({client.monitor_fd()}, 0ms), std::vector<bool>{false});
  server.reset();
  // send() sees the news first; the owner, who polls the descriptor, must be woken all the same.
  ASSERT_TRUE(becomes({client.monitor_fd()}, [&] { return client.send({"h", "b"}) == Sent::peer_gone; }));
  EXPECT_EQ(wait_readable({client.monitor_fd()}, 0ms), std::vector<bool>{true});
  EXPECT_EQ(client.state(), State::lost);
}

TEST_F(LinkSocket, a_peer_that_left_is_gone_and_its_connection_id_is_never_used_again) {
  ServerSocket server = serve();
  const CurveKeys keys = admitted("web-1");
  std::string first_connection;
  {
    ClientSocket client = dial(server.endpoint(), keys);
    ASSERT_TRUE(reaches(client, State::connected));
    ASSERT_EQ(client.send({"h", "first"}), Sent::yes);
    first_connection = next(server)->connection;
  }
  ASSERT_TRUE(becomes({server.fd()}, [&] {
    EXPECT_FALSE(server.receive());
    return server.send(first_connection, {"h", "b"}) == Sent::peer_gone;
  }));
  ClientSocket again = dial(server.endpoint(), keys);
  ASSERT_TRUE(reaches(again, State::connected));
  ASSERT_EQ(again.send({"h", "second"}), Sent::yes);
  const auto second = next(server);
  EXPECT_NE(second->connection, first_connection);
  EXPECT_EQ(server.send(first_connection, {"h", "b"}), Sent::peer_gone);
  EXPECT_EQ(server.send(second->connection, {"h", "b"}), Sent::yes);
  EXPECT_EQ(server.send("", {"h", "b"}), Sent::peer_gone);
  EXPECT_EQ(server.send("nobody", {"h", "b"}), Sent::peer_gone);
}

TEST_F(LinkSocket, a_peer_that_does_not_read_fills_its_queue_and_nobody_elses) {
  ServerSocket server = serve(10);
  ClientSocket slow = dial(server.endpoint(), admitted("slow"), 10);
  ASSERT_TRUE(reaches(slow, State::connected));
  ASSERT_EQ(slow.send({"h", "b"}), Sent::yes);
  const auto connection = next(server)->connection;
  const std::string payload(kFrameBytesMax, 'x');
  Sent sent = Sent::yes;
  std::size_t accepted = 0;
  // The kernel's buffers take some more than the queues: 100 MB are beyond all of them.
  for (; accepted < 1'000 && sent == Sent::yes; ++accepted) sent = server.send(connection, {"h", "b"}, payload);
  ASSERT_EQ(sent, Sent::queue_full);
  EXPECT_TRUE(still_serves(server));

  std::size_t arrived = 0;
  ASSERT_TRUE(becomes({slow.fd(), server.fd()}, [&] {
    while (slow.receive()) ++arrived;
    return server.send(connection, {"h", "last"}) == Sent::yes;
  }));
  ASSERT_TRUE(becomes({slow.fd()}, [&] {
    const auto message = slow.receive();
    if (message) ++arrived;
    return message && message->body == "last";
  }));
  EXPECT_GE(arrived, accepted) << "what was accepted arrives, whole and in order, while the connection lasts";
}

TEST_F(LinkSocket, a_frame_beyond_the_bound_is_not_sent_and_the_connection_stays) {
  ServerSocket server = serve();
  ClientSocket client = dial(server.endpoint(), admitted("web-1"));
  ASSERT_TRUE(reaches(client, State::connected));
  const std::string most(kFrameBytesMax, 'x');
  const std::string more = most + 'x';
  EXPECT_EQ(client.send({more, "b"}), Sent::too_large);
  EXPECT_EQ(client.send({"h", more}), Sent::too_large);
  EXPECT_EQ(client.send({"h", "b"}, more), Sent::too_large);
  ASSERT_EQ(client.send({most, most}, most), Sent::yes);
  const auto message = next(server);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->payload, most);
  EXPECT_EQ(server.send(message->connection, {"h", more}), Sent::too_large);
  EXPECT_EQ(server.send(message->connection, {"h", "b"}, more), Sent::too_large);
  ASSERT_EQ(server.send(message->connection, {"h", "b"}), Sent::yes);
  const auto reply = next(client);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->body, "b");
}

TEST_F(LinkSocket, a_client_whose_server_does_not_read_is_told_queue_full) {
  ServerSocket server = serve(10);
  ClientSocket client = dial(server.endpoint(), admitted("web-1"), 10);
  ASSERT_TRUE(reaches(client, State::connected));
  const std::string payload(kFrameBytesMax, 'x');
  Sent sent = Sent::yes;
  for (int i = 0; i < 1'000 && sent == Sent::yes; ++i) sent = client.send({"h", "b"}, payload);
  EXPECT_EQ(sent, Sent::queue_full);
  EXPECT_EQ(client.state(), State::connected);
}

TEST_F(LinkSocket, the_descriptor_stays_readable_until_everything_is_taken) {
  ServerSocket server = serve();
  ClientSocket client = dial(server.endpoint(), admitted("web-1"));
  ASSERT_TRUE(reaches(client, State::connected));
  ASSERT_EQ(client.send({"h", "1"}), Sent::yes);
  ASSERT_EQ(client.send({"h", "2"}), Sent::yes);
  ASSERT_EQ(client.send({"h", "3"}), Sent::yes);
  const auto first = next(server);
  ASSERT_EQ(first->body, "1");
  // Sends swallow ZMQ_FD's edge; the owner may stop in the middle as well.
  ASSERT_EQ(server.send(first->connection, {"h", "b"}), Sent::yes);
  EXPECT_EQ(wait_readable({server.fd()}, 0ms), std::vector<bool>{true});
  ASSERT_EQ(next(server)->body, "2");
  ASSERT_EQ(next(server)->body, "3");
  // News of the connection itself may still wake the owner, whose look takes it.
  int looks = 0;
  do {
    ASSERT_EQ(server.receive(), std::nullopt);
  } while (wait_readable({server.fd()}, 0ms) == std::vector<bool>{true} && ++looks < 100);
  EXPECT_LT(looks, 100) << "readable although nothing is left";
  EXPECT_TRUE(next(client));
}

TEST_F(LinkSocket, messages_that_arrive_while_the_server_only_sends_still_wake_it) {
  ServerSocket server = serve();
  ClientSocket client = dial(server.endpoint(), admitted("web-1"));
  ASSERT_TRUE(reaches(client, State::connected));
  ASSERT_EQ(client.send({"h", "hello"}), Sent::yes);
  const auto connection = next(server)->connection;
  for (int round = 0; round < 200; ++round) {
    while (server.receive()) FAIL() << "nothing was sent";
    ASSERT_EQ(client.send({"h", std::to_string(round)}), Sent::yes);
    // Somewhere in here the message arrives, and one of the sends may take the news of it.
    for (int i = 0; i < 20; ++i) ASSERT_EQ(server.send(connection, {"h", "b"}), Sent::yes);
    while (client.receive()) {
    }
    ASSERT_EQ(wait_readable({server.fd()}, 30s), std::vector<bool>{true}) << "round " << round;
    ASSERT_EQ(next(server)->body, std::to_string(round));
  }
}

TEST_F(LinkSocket, bind_refuses_what_cannot_be_served) {
  ServerSocket server = serve();
  const auto twice = ServerSocket::bind(
      context_, {.endpoint = server.endpoint(), .curve = server_keys_, .frame_bytes_max = kFrameBytesMax});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().kind, ErrorKind::busy);
  EXPECT_NE(twice.error().text.find(server.endpoint()), std::string::npos);
  const auto open = ServerSocket::bind(context_, {.endpoint = "tcp://127.0.0.1:*", .frame_bytes_max = kFrameBytesMax});
  EXPECT_EQ(open.error().kind, ErrorKind::invalid);
  const auto unbounded = ServerSocket::bind(context_, {.endpoint = "tcp://127.0.0.1:*", .curve = server_keys_});
  EXPECT_EQ(unbounded.error().kind, ErrorKind::invalid);
  const auto nonsense =
      ServerSocket::bind(context_, {.endpoint = "nonsense", .curve = server_keys_, .frame_bytes_max = kFrameBytesMax});
  EXPECT_EQ(nonsense.error().kind, ErrorKind::invalid);
}

TEST_F(LinkSocket, dial_refuses_keys_of_a_wrong_length_and_nonsense) {
  const CurveKeys keys = make_curve_keys();
  const auto short_key = ClientSocket::dial(
      context_,
      {.endpoint = "tcp://127.0.0.1:1", .curve = keys, .server_key = "short", .frame_bytes_max = kFrameBytesMax});
  EXPECT_EQ(short_key.error().kind, ErrorKind::invalid);
  const auto nonsense = ClientSocket::dial(
      context_,
      {.endpoint = "nonsense", .curve = keys, .server_key = keys.public_key, .frame_bytes_max = kFrameBytesMax});
  EXPECT_EQ(nonsense.error().kind, ErrorKind::invalid);
}

TEST_F(IpcLink, tells_who_the_kernel_says_it_is) {
  const TemporaryFolder folder;
  const std::string path = (folder / "operator.sock").string();
  auto server = ServerSocket::bind(context_, {.endpoint = "ipc://" + path, .frame_bytes_max = kFrameBytesMax});
  ASSERT_TRUE(server) << server.error().text;
  auto client = ClientSocket::dial(context_, {.endpoint = "ipc://" + path, .frame_bytes_max = kFrameBytesMax});
  ASSERT_TRUE(client) << client.error().text;
  ASSERT_TRUE(reaches(*client, State::connected));
  ASSERT_EQ(client->send({"status", "please"}), Sent::yes);
  const auto message = next(*server);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->user_id,
            std::to_string(::getuid()) + ":" + std::to_string(::getgid()) + ":" + std::to_string(::getpid()));
  EXPECT_EQ(server->send(message->connection, {"h", "fine"}), Sent::yes);
  EXPECT_EQ(next(*client)->body, "fine");
}

TEST_F(IpcLink, a_peer_cannot_claim_to_be_somebody_else) {
  const TemporaryFolder folder;
  const std::string path = (folder / "operator.sock").string();
  auto server = ServerSocket::bind(context_, {.endpoint = "ipc://" + path, .frame_bytes_max = kFrameBytesMax});
  RawPeer liar = RawPeer::ipc(path);
  ASSERT_TRUE(liar.shake_hands(zmtp::property("Socket-Type", "DEALER") +
                               zmtp::property("Peer-Address", "localhost:0:0:1") + zmtp::property("User-Id", "0:0:1")));
  ASSERT_TRUE(liar.write(zmtp::frame("h", true) + zmtp::frame("b", false)));
  const auto message = next(*server);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->user_id,
            std::to_string(::getuid()) + ":" + std::to_string(::getgid()) + ":" + std::to_string(::getpid()));
}

TEST_F(IpcLink, without_a_daemon_it_is_lost_at_once) {
  const TemporaryFolder folder;
  auto client = ClientSocket::dial(
      context_, {.endpoint = "ipc://" + (folder / "absent.sock").string(), .frame_bytes_max = kFrameBytesMax});
  ASSERT_TRUE(client) << client.error().text;
  EXPECT_TRUE(reaches(*client, State::lost));
}

TEST_F(IpcLink, a_path_that_is_too_long_is_invalid) {
  const auto server = ServerSocket::bind(
      context_, {.endpoint = "ipc:///tmp/" + std::string(200, 'x'), .frame_bytes_max = kFrameBytesMax});
  EXPECT_EQ(server.error().kind, ErrorKind::invalid);
}

TEST(WaitReadable, tells_which_and_counts_an_end_as_readable) {
  std::array<int, 2> quiet{};
  std::array<int, 2> ended{};
  ASSERT_EQ(::pipe(quiet.data()), 0);
  ASSERT_EQ(::pipe(ended.data()), 0);
  const UniqueFd quiet_out(quiet[0]);
  const UniqueFd quiet_in(quiet[1]);
  const UniqueFd ended_out(ended[0]);
  ::close(ended[1]);
  EXPECT_EQ(wait_readable({quiet[0], ended[0]}, 30s), (std::vector<bool>{false, true}));
  EXPECT_EQ(wait_readable({quiet[0]}, 0ms), (std::vector<bool>{false}));
}

}  // namespace
}  // namespace serin::posix
