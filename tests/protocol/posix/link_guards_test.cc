#include "protocol/posix/link_guards.h"

#include <fcntl.h>
#include <zmq.h>

#include <filesystem>
#include <set>

#include "protocol/posix/link_parts.h"
#include "tests/protocol/posix/link_fixture.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::posix {
namespace {

/// As the socket itself says.
template <class Value>
Value option_of(const link::Socket& socket, int option) {
  Value value{};
  std::size_t size = sizeof value;
  EXPECT_EQ(::zmq_getsockopt(socket.get(), option, &value, &size), 0) << option;
  return value;
}

void expect_common_guards(const link::Socket& socket, std::int64_t frame_bytes_on_the_wire) {
  EXPECT_EQ(option_of<int>(socket, ZMQ_HEARTBEAT_IVL), 0) << "libzmq 4.3.4 aborts with heartbeats and a full queue";
  EXPECT_EQ(option_of<int>(socket, ZMQ_LINGER), 0);
  EXPECT_EQ(option_of<int>(socket, ZMQ_SNDHWM), 7);
  EXPECT_EQ(option_of<int>(socket, ZMQ_RCVHWM), 7);
  EXPECT_EQ(option_of<std::int64_t>(socket, ZMQ_MAXMSGSIZE), frame_bytes_on_the_wire);
  EXPECT_EQ(option_of<int>(socket, ZMQ_IPV6), 1);
  EXPECT_EQ(option_of<int>(socket, ZMQ_HANDSHAKE_IVL), 60'000);
  EXPECT_EQ(option_of<int>(socket, ZMQ_TCP_KEEPALIVE), 1);
  EXPECT_EQ(option_of<int>(socket, ZMQ_TCP_KEEPALIVE_IDLE), 30);
  EXPECT_EQ(option_of<int>(socket, ZMQ_TCP_KEEPALIVE_INTVL), 10);
  EXPECT_EQ(option_of<int>(socket, ZMQ_TCP_KEEPALIVE_CNT), 3);
  EXPECT_EQ(option_of<int>(socket, ZMQ_TCP_MAXRT), 30'000);
}

TEST(LinkGuards, are_all_set_on_a_server) {
  LinkContext context;
  const auto socket = link::Socket::open(context, ZMQ_ROUTER);
  ASSERT_TRUE(socket);
  const ServerSocket::Options options{.curve = make_curve_keys(), .frame_bytes_max = 1'000, .high_water_mark = 7};
  ASSERT_TRUE(link::configure_server(socket->get(), options, {}));
  expect_common_guards(*socket, 1'000 + 33);
  EXPECT_EQ(option_of<int>(*socket, ZMQ_BACKLOG), 4'096);
  EXPECT_EQ(option_of<int>(*socket, ZMQ_CURVE_SERVER), 1);
  EXPECT_EQ(option_of<int>(*socket, link::kZapEnforceDomain), 1);
  std::array<char, 32> domain{};
  std::size_t size = domain.size();
  ASSERT_EQ(::zmq_getsockopt(socket->get(), ZMQ_ZAP_DOMAIN, domain.data(), &size), 0);
  EXPECT_STREQ(domain.data(), "serin");
}

TEST(LinkGuards, are_all_set_on_a_client) {
  LinkContext context;
  const auto socket = link::Socket::open(context, ZMQ_DEALER);
  ASSERT_TRUE(socket);
  const CurveKeys keys = make_curve_keys();
  const ClientSocket::Options options{
      .curve = keys, .server_key = keys.public_key, .frame_bytes_max = 1'000, .high_water_mark = 7};
  ASSERT_TRUE(link::configure_client(socket->get(), options));
  expect_common_guards(*socket, 1'000 + 33);
  EXPECT_EQ(option_of<int>(*socket, ZMQ_IMMEDIATE), 1);
  EXPECT_EQ(option_of<int>(*socket, ZMQ_CONNECT_TIMEOUT), 10'000);
  EXPECT_EQ(option_of<int>(*socket, ZMQ_RECONNECT_IVL), 3'600'000) << "the owner redials, with a new socket";
}

TEST(LinkGuards, are_the_same_without_keys) {
  LinkContext context;
  const auto server = link::Socket::open(context, ZMQ_ROUTER);
  const auto client = link::Socket::open(context, ZMQ_DEALER);
  ASSERT_TRUE(server && client);
  ASSERT_TRUE(link::configure_server(server->get(), {.frame_bytes_max = 1'000, .high_water_mark = 7}, {}));
  ASSERT_TRUE(link::configure_client(client->get(), {.frame_bytes_max = 1'000, .high_water_mark = 7}));
  expect_common_guards(*server, 1'000);
  expect_common_guards(*client, 1'000);
}

TEST(LinkGuards, leave_room_for_a_whole_fleet_of_sockets_in_one_process) {
  LinkContext context;
  EXPECT_EQ(::zmq_ctx_get(context.parts().zmq, ZMQ_MAX_SOCKETS), 8'192);
}

std::set<int> open_descriptors() {
  std::set<int> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    all.insert(std::stoi(entry.path().filename().string()));
  }
  return all;
}

class LinkDescriptors : public LinkFixture {
 protected:
  static void SetUpTestSuite() { before_ = open_descriptors(); }
  static inline std::set<int> before_;  ///< before the context is made
};

TEST_F(LinkDescriptors, are_closed_in_every_program_that_a_daemon_starts) {
  ServerSocket server = serve();
  ClientSocket client = dial(server.endpoint(), admitted("web-1"));
  const TemporaryFolder folder;
  const std::string endpoint = "ipc://" + (folder / "operator.sock").string();
  auto local_server = ServerSocket::bind(context_, {.endpoint = endpoint, .frame_bytes_max = kFrameBytesMax});
  auto local_client = ClientSocket::dial(context_, {.endpoint = endpoint, .frame_bytes_max = kFrameBytesMax});
  ASSERT_TRUE(local_server && local_client);
  ASSERT_TRUE(reaches(client, State::connected) && reaches(*local_client, State::connected));
  std::size_t looked_at = 0;
  for (const int fd : open_descriptors()) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (before_.contains(fd) || flags < 0) continue;
    ++looked_at;
    EXPECT_NE(flags & FD_CLOEXEC, 0) << fd;
  }
  EXPECT_GT(looked_at, 8U);
}

}  // namespace
}  // namespace serin::posix
