// What the CLI says when it cannot reach the daemon.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "controller/operate/operator_client_socket.h"
#include "controller/operate/operator_socket.h"
#include "protocol/limits.h"
#include "protocol/posix/mailbox.h"
#include "protocol/posix/unique_fd.h"
#include "tests/controller/as_nobody.h"
#include "tests/protocol/posix/link_fixture.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::operate {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct ClientTest : ::testing::Test {
  Error error() {
    const auto client = OperatorClient::connect(context, folder.path());
    EXPECT_FALSE(client);
    return client ? Error{} : client.error();
  }
  /// A socket's file that nobody serves any more.
  void leave_a_socket() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder / "operator.sock";
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const posix::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_GE(fd.get(), 0);
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }

  TemporaryFolder folder;
  posix::LinkContext context;
};

TEST_F(ClientTest, names_the_remedy_when_no_daemon_was_ever_started) {
  EXPECT_EQ(error(), (Error{ErrorKind::busy, "no serin-controller runs here (" + (folder / "operator.sock").string() +
                                                 " does not exist): start it with `systemctl start serin-controller`, "
                                                 "or name its run_dir with --run-dir"}));
}

TEST_F(ClientTest, names_the_remedy_when_the_daemon_has_ended) {
  leave_a_socket();
  EXPECT_EQ(error(), (Error{ErrorKind::busy, "serin-controller does not run (nobody serves " +
                                                 (folder / "operator.sock").string() +
                                                 "): `systemctl start serin-controller`; why it ended: `journalctl -u "
                                                 "serin-controller`"}));
}

TEST_F(ClientTest, names_the_remedy_when_the_operator_is_no_member_of_the_group) {
  leave_a_socket();
  std::filesystem::permissions(folder.path(), std::filesystem::perms::none);
  {
    const serin::testing::AsNobody nobody;
    const auto client = OperatorClient::connect(context, folder.path());
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().kind, ErrorKind::refused);
    EXPECT_THAT(client.error().text, HasSubstr("you may not use " + (folder / "operator.sock").string()));
    EXPECT_THAT(client.error().text, HasSubstr("adduser YOU serin-operators"));
  }
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
}

TEST_F(ClientTest, names_a_path_that_is_too_long) {
  const auto client = OperatorClient::connect(context, folder / std::string(120, 'x'));
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().kind, ErrorKind::invalid);
  EXPECT_THAT(client.error().text, HasSubstr("--run-dir: "));
}

TEST_F(ClientTest, says_so_when_the_daemon_goes_away) {
  std::optional<OperatorSocket> server(std::move(*OperatorSocket::bind(context, folder.path(), "")));
  auto client = OperatorClient::connect(context, folder.path());
  ASSERT_TRUE(client);
  EXPECT_EQ(*client->receive(1ms, {}), std::nullopt) << "nothing came, but it is there";
  server.reset();
  std::optional<Error> end;
  ASSERT_TRUE(posix::becomes({}, [&] {
    const auto told = client->receive(50ms, {});
    if (!told) end = told.error();
    return end.has_value();
  }));
  EXPECT_EQ(*end, (Error{ErrorKind::busy, "serin-controller is gone"}));
  const auto sent = client->send({.verb = "status"});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind, ErrorKind::busy);
}

TEST_F(ClientTest, says_so_when_the_daemon_speaks_what_it_cannot_read) {
  auto server = posix::ServerSocket::bind(context, {.endpoint = "ipc://" + (folder / "operator.sock").string(),
                                                    .frame_bytes_max = limits::kOperatorFrameBytesMax});
  ASSERT_TRUE(server);
  auto client = OperatorClient::connect(context, folder.path());
  ASSERT_TRUE(client);
  ASSERT_TRUE(client->send({.verb = "status"}));
  std::optional<posix::Received> asked;
  ASSERT_TRUE(posix::becomes({server->fd()}, [&] { return (asked = server->receive()).has_value(); }));
  server->send(asked->connection, {"another", "version"});
  const auto told = client->receive(30s, {});
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().kind, ErrorKind::corrupt);
  EXPECT_THAT(told.error().text, HasSubstr("are both of one version?"));
}

TEST_F(ClientTest, a_descriptor_that_becomes_readable_ends_the_wait) {
  auto server = OperatorSocket::bind(context, folder.path(), "");
  ASSERT_TRUE(server);
  auto client = OperatorClient::connect(context, folder.path());
  ASSERT_TRUE(client);
  posix::WakeUp wake;
  wake.signal();
  EXPECT_EQ(*client->receive(1h, {wake.fd()}), std::nullopt);
}

}  // namespace
}  // namespace serin::operate
