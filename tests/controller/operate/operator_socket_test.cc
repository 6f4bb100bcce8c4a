// The operators' socket: real ipc in a folder of its own.
#include "controller/operate/operator_socket.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/operate/operator_client_socket.h"
#include "protocol/limits.h"
#include "tests/protocol/posix/link_fixture.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::operate {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// The daemon's end and one CLI that has asked for something.
class OperatorLink : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = OperatorSocket::bind(context_, folder_.path(), "");
    ASSERT_TRUE(server) << server.error().text;
    server_.emplace(std::move(*server));
    client_.emplace(connect());
    const auto number = client_->send({.verb = "status", .arguments = {"a", "b"}, .wait_ms = 5'000});
    ASSERT_TRUE(number) << number.error().text;
    asked_ = asked();
    ASSERT_EQ(asked_->request, *number);
  }

  OperatorClient connect() {
    auto client = OperatorClient::connect(context_, folder_.path());
    if (!client) throw std::runtime_error(client.error().text);
    return std::move(*client);
  }
  OperatorSocket::Asked asked() {
    std::optional<OperatorSocket::Asked> asked;
    posix::becomes({server_->fd()}, [&] { return (asked = server_->receive()).has_value(); });
    if (!asked) throw std::runtime_error("nothing was asked");
    return *asked;
  }

  /// The CLI's next event.
  OperatorClient::Told next() {
    const auto received = client_->receive(30s, {});
    EXPECT_TRUE(received && *received) << (received ? "nothing came" : received.error().text);
    return received && *received ? **received : OperatorClient::Told{};
  }
  /// What the CLI gets when the daemon tells this.
  OperatorEvent told(const OperatorEvent& event) {
    EXPECT_TRUE(server_->tell(asked_->connection, asked_->request, event));
    const auto told = next();
    EXPECT_EQ(told.request, asked_->request);
    return told.event;
  }

  TemporaryFolder folder_;
  posix::LinkContext context_;
  std::optional<OperatorSocket> server_;
  std::optional<OperatorClient> client_;
  std::optional<OperatorSocket::Asked> asked_;
};

TEST_F(OperatorLink, carries_requests_and_the_uid_that_the_kernel_names) {
  EXPECT_EQ(asked_->body, (OperatorRequest{.verb = "status", .arguments = {"a", "b"}, .wait_ms = 5'000}));
  EXPECT_EQ(asked_->caller.uid, ::getuid());
  EXPECT_NE(asked_->caller.name, "");
  EXPECT_NE(asked_->caller.name, "nobody");
}

TEST_F(OperatorLink, carries_events_as_they_are) {
  const OperatorEvent event{
      .final = true, .exit_code = 4, .kind = "done", .text = "held\n", .json = R"({"event":"done"})"};
  EXPECT_EQ(told(event), event);
}

TEST_F(OperatorLink, tells_of_an_event_that_is_too_large_what_fits_and_stays_open) {
  OperatorEvent event{
      .final = true, .exit_code = 3, .kind = "done", .text = "taken back", .json = R"({"event":"done"})"};
  event.json += std::string(limits::kOperatorFrameBytesMax, ' ');
  const OperatorEvent expected{.final = true,
                               .exit_code = 3,
                               .kind = "done",
                               .text = "taken back",
                               .json = R"({"event":"too large","kind":"done","exit":3})"};
  EXPECT_EQ(told(event), expected);

  event.text = std::string(2 * limits::kOperatorFrameBytesMax, 't');
  const OperatorEvent cut = told(event);
  EXPECT_TRUE(cut.final);
  EXPECT_EQ(cut.exit_code, 3);
  EXPECT_EQ(cut.json, expected.json);
  EXPECT_TRUE(cut.text.starts_with("ttt") && cut.text.ends_with(" bytes more)")) << cut.text.size();
}

TEST_F(OperatorLink, tells_each_client_its_own_and_each_request_its_own_number) {
  OperatorClient other = connect();
  ASSERT_TRUE(other.send({.verb = "deploy"}));
  const auto others = asked();
  EXPECT_NE(others.connection, asked_->connection);
  ASSERT_TRUE(client_->send({.verb = "abort"}));
  EXPECT_EQ(asked().request, asked_->request + 1);
  server_->tell(others.connection, others.request, {.kind = "line", .text = "for the other"});
  server_->tell(asked_->connection, asked_->request + 1, {.kind = "line", .text = "aborted"});
  EXPECT_EQ(other.receive(30s, {})->value().event.text, "for the other");
  const auto mine = next();
  EXPECT_EQ(mine.request, asked_->request + 1);
  EXPECT_EQ(mine.event.text, "aborted");
}

TEST_F(OperatorLink, a_client_that_is_gone_is_known_as_gone) {
  client_.reset();
  EXPECT_TRUE(posix::becomes({server_->fd()},
                             [&] { return !server_->tell(asked_->connection, asked_->request, {.kind = "line"}); }));
  client_.emplace(connect());
  ASSERT_TRUE(client_->send({.verb = "attach"}));
  EXPECT_EQ(asked().body.verb, "attach") << "others go on";
}

TEST_F(OperatorLink, a_client_that_was_suspended_misses_progress_but_not_the_end) {
  constexpr int kProgress = 20'000;
  const OperatorEvent progress{.kind = "progress", .text = std::string(1'000, 'p'), .json = "{}"};
  for (int i = 0; i < kProgress; ++i) ASSERT_TRUE(server_->tell(asked_->connection, asked_->request, progress));
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(server_->tell(asked_->connection, asked_->request, {.kind = "line", .text = std::to_string(i)}));
  }
  ASSERT_TRUE(server_->tell(asked_->connection, asked_->request, {.final = true, .exit_code = 3, .kind = "done"}));
  int seen = 0;
  int lines = 0;
  while (true) {
    EXPECT_FALSE(server_->receive());
    const auto received = client_->receive(10ms, {server_->fd()});
    ASSERT_TRUE(received) << received.error().text;
    if (!*received) continue;
    const OperatorEvent& event = (*received)->event;
    if (event.final) break;
    if (event.kind == "line") {
      EXPECT_EQ(event.text, std::to_string(lines++));
    }
    seen += event.kind == "progress" ? 1 : 0;
  }
  EXPECT_EQ(lines, 10);
  EXPECT_LT(seen, kProgress);
  EXPECT_EQ(told({.kind = "line", .text = "as before"}).text, "as before");
}

TEST_F(OperatorLink, a_client_that_never_reads_is_given_up) {
  const OperatorEvent line{.kind = "line", .text = std::string(1'000, 'x')};
  int told = 0;
  while (server_->tell(asked_->connection, asked_->request, line)) ASSERT_LT(++told, 100'000);
  EXPECT_GT(told, static_cast<int>(OperatorSocket::kWaitingMax));
}

TEST_F(OperatorLink, what_cannot_be_read_is_answered_here) {
  auto raw = posix::ClientSocket::dial(
      context_, {.endpoint = "ipc://" + server_->path().string(), .frame_bytes_max = limits::kOperatorFrameBytesMax});
  ASSERT_TRUE(raw);
  ASSERT_TRUE(
      posix::becomes({raw->monitor_fd()}, [&] { return raw->state() == posix::ClientSocket::State::connected; }));
  const auto answer_to = [&](const Frames& frames) {
    raw->send(frames);
    std::optional<posix::Received> answer;
    posix::becomes({raw->fd(), server_->fd()}, [&] {
      EXPECT_FALSE(server_->receive());
      return (answer = raw->receive()).has_value();
    });
    const auto event = std::get<OperatorEvent>(decode(answer->header, answer->body)->message);
    EXPECT_TRUE(event.final);
    return event.text;
  };
  EXPECT_THAT(answer_to({"no", "request"}), HasSubstr("the daemon could not read the request: header"));
  EXPECT_EQ(answer_to(encode({.header = {.protocol = 1, .request = 5}, .message = Heartbeat{}})),
            "this is no request of an operator");
}

TEST(OperatorSocketFile, without_a_group_is_the_daemons_own) {
  TemporaryFolder folder;
  posix::LinkContext context;
  const auto server = OperatorSocket::bind(context, folder.path(), "");
  ASSERT_TRUE(server);
  struct stat found{};
  ASSERT_EQ(::stat(server->path().c_str(), &found), 0);
  EXPECT_TRUE(S_ISSOCK(found.st_mode));
  EXPECT_EQ(found.st_mode & 07777U, 0600U);
}

TEST(OperatorSocketFile, belongs_to_its_group_and_nobody_else_may_use_it) {
  TemporaryFolder folder;
  posix::LinkContext context;
  // As root another group than the process's own, to see that it is changed.
  const auto* group = ::getuid() == 0 ? ::getgrnam("games") : ::getgrgid(::getgid());
  ASSERT_NE(group, nullptr);
  const gid_t gid = group->gr_gid;
  const auto server = OperatorSocket::bind(context, folder.path(), group->gr_name);
  ASSERT_TRUE(server) << server.error().text;
  struct stat found{};
  ASSERT_EQ(::stat(server->path().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0660U);
  EXPECT_EQ(found.st_gid, gid);
}

TEST(OperatorSocketFile, a_group_that_does_not_exist_is_named_with_the_remedy_and_leaves_no_socket) {
  TemporaryFolder folder;
  posix::LinkContext context;
  const auto server = OperatorSocket::bind(context, folder.path(), "no-such-group");
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error(),
            (Error{ErrorKind::not_found,
                   "operators_group: there is no group 'no-such-group' on this machine: create it (groupadd --system "
                   "no-such-group) or set operators_group = \"\""}));
  EXPECT_FALSE(std::filesystem::exists(folder / "operator.sock"));
}

TEST(OperatorSocketFile, a_leftover_of_an_earlier_life_is_replaced) {
  TemporaryFolder folder;
  posix::LinkContext context;
  ASSERT_EQ(::mknod((folder / "operator.sock").c_str(), S_IFSOCK | 0600, 0), 0);
  EXPECT_TRUE(OperatorSocket::bind(context, folder.path(), ""));
}

TEST(OperatorSocketFile, a_folder_that_another_daemon_serves_is_refused) {
  TemporaryFolder folder;
  posix::LinkContext context;
  const auto first = OperatorSocket::bind(context, folder.path(), "");
  ASSERT_TRUE(first);
  const auto second = OperatorSocket::bind(context, folder.path(), "");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::busy);
  EXPECT_THAT(second.error().text, HasSubstr("another serin-controller serves operators in " + folder.path().string()));
  EXPECT_TRUE(OperatorClient::connect(context, folder.path())) << "the first one goes on";
}

TEST(OperatorSocketFile, a_path_that_is_too_long_for_a_socket_is_named) {
  TemporaryFolder folder;
  posix::LinkContext context;
  const auto server = OperatorSocket::bind(context, folder / std::string(120, 'x'), "");
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().kind, ErrorKind::invalid);
  EXPECT_THAT(server.error().text, HasSubstr("is longer than the 107 bytes that a socket's path may have"));
}

}  // namespace
}  // namespace serin::operate
