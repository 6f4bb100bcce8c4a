#include "controller/operate/operator_socket.h"

#include <gtest/gtest.h>

#include "controller/operate/operator_client_socket.h"
#include "protocol/limits.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::operate {
namespace {

using namespace std::chrono_literals;

/// The daemon's end and one CLI that has asked for something.
class OperatorLink : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = OperatorSocket::bind(context_, folder_.path(), "");
    ASSERT_TRUE(server) << server.error().text;
    server_.emplace(std::move(*server));
    auto client = OperatorClient::connect(context_, folder_.path());
    ASSERT_TRUE(client) << client.error().text;
    client_.emplace(std::move(*client));
    const auto number = client_->send({.verb = "status"});
    ASSERT_TRUE(number) << number.error().text;
    while (!asked_) {
      posix::wait_readable({server_->fd()}, 30s);
      asked_ = server_->receive();
    }
    ASSERT_EQ(asked_->request, *number);
  }

  /// What the CLI gets when the daemon tells this.
  OperatorEvent told(const OperatorEvent& event) {
    EXPECT_TRUE(server_->tell(asked_->connection, asked_->request, event));
    const auto received = client_->receive(30s, {});
    EXPECT_TRUE(received && *received) << (received ? "nothing came" : received.error().text);
    if (!received || !*received) return {};
    EXPECT_EQ((*received)->request, asked_->request);
    return (*received)->event;
  }

  TemporaryFolder folder_;
  posix::LinkContext context_;
  std::optional<OperatorSocket> server_;
  std::optional<OperatorClient> client_;
  std::optional<OperatorSocket::Asked> asked_;
};

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

}  // namespace
}  // namespace serin::operate
