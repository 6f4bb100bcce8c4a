#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "protocol/posix/service_notify.h"
#include "protocol/posix/signal_fd.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::posix {
namespace {

TEST(SignalFd, gives_each_pending_signal_and_then_nothing) {
  SignalFd signals({SIGUSR1, SIGUSR2});
  EXPECT_EQ(signals.take(), std::nullopt);
  ASSERT_EQ(::raise(SIGUSR2), 0);
  ASSERT_EQ(::raise(SIGUSR1), 0);
  EXPECT_EQ(signals.take(), SIGUSR1);
  EXPECT_EQ(signals.take(), SIGUSR2);
  EXPECT_EQ(signals.take(), std::nullopt);
}

class ServiceNotify : public ::testing::Test {
 protected:
  ServiceNotify() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = (folder_ / "notify").string();
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~ServiceNotify() override { ::unsetenv("NOTIFY_SOCKET"); }
  ServiceNotify(const ServiceNotify&) = delete;
  ServiceNotify& operator=(const ServiceNotify&) = delete;

  std::string told() {
    std::array<char, 500> bytes{};
    const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    return got < 0 ? "nothing" : std::string(bytes.data(), static_cast<std::size_t>(got));
  }

 private:
  TemporaryFolder folder_;
  UniqueFd socket_;
};

TEST_F(ServiceNotify, speaks_the_words_of_systemd) {
  notify_ready("12 hosts");
  EXPECT_EQ(told(), "READY=1\nSTATUS=12 hosts");
  notify_watchdog();
  EXPECT_EQ(told(), "WATCHDOG=1");
  notify_stopping();
  EXPECT_EQ(told(), "STOPPING=1");
}

TEST_F(ServiceNotify, a_line_feed_in_the_status_is_no_further_word) {
  notify_status("deploying\nMAINPID=1");
  EXPECT_EQ(told(), "STATUS=deploying MAINPID=1");
}

TEST_F(ServiceNotify, does_nothing_without_systemd) {
  ::unsetenv("NOTIFY_SOCKET");
  notify_ready("alone");
  EXPECT_EQ(told(), "nothing");
}

}  // namespace
}  // namespace serin::posix
