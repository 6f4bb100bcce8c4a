#include "controller/operate/operator_session_socket.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>

#include "controller/operate/operator_client_socket.h"
#include "controller/operate/progress.h"
#include "protocol/posix/files.h"
#include "protocol/posix/signal_fd.h"
#include "protocol/posix/system_clock.h"

namespace serin::operate {

namespace {

using namespace std::chrono_literals;
constexpr auto kLook = 1s;
constexpr auto kComeBackWithin = 60s;
constexpr auto kDialAgain = 500ms;
constexpr int kError = 1;
constexpr int kHeld = 4;
constexpr std::size_t kAnswerBytesMax = 64;

std::size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

/// A line that was typed; nothing at the end of input.
std::optional<std::string> typed_line() {
  std::string line(kAnswerBytesMax, '\0');
  const ssize_t got = ::read(STDIN_FILENO, line.data(), line.size());
  if (got <= 0) return std::nullopt;
  line.resize(static_cast<std::size_t>(got));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return line;
}

class Session {
 public:
  Session(const SessionOptions& options, OperatorRequest request)
      : options_(options),
        request_(std::move(request)),
        asks_(::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1 && !options.json),
        printer_({.terminal = ::isatty(STDOUT_FILENO) == 1, .json = options.json, .columns = terminal_columns()}) {}

  int run() {
    auto client = OperatorClient::connect(context_, options_.run_dir);
    if (!client) return fail(client.error().text);
    if (auto sent = send(*client, request_); !sent) return fail(sent.error().text);
    while (true) {
      auto told = client->receive(kLook, wake_fds());
      if (!told) {
        auto again = come_back(told.error());
        if (!again) return fail(again.error().text);
        client = std::move(again);
        continue;
      }
      if (const auto left = take_signals(*client); left) return *left;
      if (*told) {
        if (const auto code = take(*client, **told); code) {
          if (*code != 0 || options_.again_after == 0ms) return *code;
          if (posix::wait_readable({signals_.fd()}, options_.again_after).front()) return 0;
          if (asks_) print("\033[H\033[2J");
          if (auto sent = send(*client, request_); !sent) return fail(sent.error().text);
        }
      } else if (hold_is_open_ && posix::wait_readable({STDIN_FILENO}, 0ms).front()) {
        if (const auto code = answer_hold(*client); code) return *code;
      }
    }
  }

 private:
  [[nodiscard]] std::vector<int> wake_fds() const {
    std::vector<int> fds{signals_.fd()};
    if (hold_is_open_) fds.push_back(STDIN_FILENO);
    return fds;
  }

  void print(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }
  void say(const std::string& text) {
    print(printer_.clear());
    fmt::print(stderr, "{}\n", text);
  }
  int fail(const std::string& text) {
    say("serin: " + text);
    return kError;
  }

  Result<void> send(OperatorClient& client, const OperatorRequest& request) {
    auto number = client.send(request);
    if (!number) return std::unexpected(number.error());
    followed_ = *number;
    return {};
  }

  std::optional<int> take(OperatorClient& client, const OperatorClient::Told& told) {
    const OperatorEvent& event = told.event;
    // The answer to an abort of our own comes with what happens then.
    if (told.request != followed_ && event.kind != "error") return std::nullopt;
    if (event.kind == "begun") {
      std::from_chars(event.text.data(), event.text.data() + event.text.size(), deployment_);
      if (options_.json) print(event.json + "\n");
      return std::nullopt;
    }
    if (event.kind == "question") return answer_question(client, event);
    if (hold_is_open_ && event.kind == "progress") return std::nullopt;
    if (event.kind == "error" && !options_.json) {
      say("serin: " + event.text);
    } else {
      print(printer_.print(event, posix::boot_time()));
    }
    if (event.kind == "held") return open_hold();
    if (!event.final || told.request != followed_) return std::nullopt;
    return event.exit_code;
  }

  std::optional<int> answer_question(OperatorClient& client, const OperatorEvent& event) {
    if (!asks_) {
      if (options_.json) {
        print(event.json + "\n");
      } else {
        say("serin: refused: " + event.text);
      }
      return event.exit_code;
    }
    print(printer_.clear() + event.text + " [y/N] ");
    posix::wait_readable({STDIN_FILENO, signals_.fd()}, 1h);
    const auto line = signals_.take() ? std::nullopt : typed_line();
    if (!line || (*line != "y" && *line != "yes")) {
      print("\n");
      return event.exit_code;
    }
    request_.yes = true;
    if (auto sent = send(client, request_); !sent) return fail(sent.error().text);
    return std::nullopt;
  }

  std::optional<int> open_hold() {
    if (!asks_) return kHeld;
    hold_is_open_ = true;
    print("c = continue, a = abort (take it back), Enter = leave it held: ");
    return std::nullopt;
  }

  std::optional<int> answer_hold(OperatorClient& client) {
    hold_is_open_ = false;
    const auto line = typed_line();
    if (!line || (*line != "c" && *line != "a")) return kHeld;
    OperatorRequest request{.verb = *line == "c" ? "continue" : "abort", .application = request_.application};
    request.arguments = the_followed_one();
    request.sudo_user = request_.sudo_user;
    request.detach = true;  // it is followed already
    if (auto sent = client.send(request); !sent) return fail(sent.error().text);
    return std::nullopt;
  }

  /// So that an answer that comes late does not end the next deployment.
  [[nodiscard]] std::vector<std::string> the_followed_one() const {
    return deployment_ == 0 ? std::vector<std::string>{} : std::vector{std::to_string(deployment_)};
  }

  /// The exit code when the operator leaves.
  std::optional<int> take_signals(OperatorClient& client) {
    while (const auto signal = signals_.take()) {
      if (*signal != SIGINT) return 0;  // the terminal is gone: the deployment goes on
      if (!options_.interrupt_takes_back || interrupted_) {
        if (request_.verb == "verify") {
          say("left: hosts that have begun end it, and nobody is told");
          return kError;
        }
        say("left: the deployment goes on in the controller; `serin attach` shows it, `serin abort` takes it back");
        return kError;
      }
      interrupted_ = true;
      say("taking it back (Ctrl-C again leaves that to the controller)");
      OperatorRequest abort{.verb = "abort", .application = request_.application};
      abort.arguments = the_followed_one();
      abort.sudo_user = request_.sudo_user;
      abort.detach = true;
      if (auto sent = client.send(abort); !sent) return fail(sent.error().text);
    }
    return std::nullopt;
  }

  /// The daemon is gone: waits until it is back and follows the same deployment.
  Result<OperatorClient> come_back(const Error& error) {
    if (error.kind != ErrorKind::busy) return std::unexpected(error);
    if (deployment_ == 0) {
      return failure(error, "before it told what became of this command (`serin status` shows where things stand)");
    }
    say("lost serin-controller: hosts end what they have begun; waiting for it to come back");
    const SteadyTime give_up = posix::boot_time() + kComeBackWithin;
    while (posix::boot_time() < give_up) {
      if (posix::wait_readable({signals_.fd()}, kDialAgain).front()) {
        return failure(ErrorKind::busy, fmt::format("left: `serin attach` shows deployment {}", deployment_));
      }
      auto client = OperatorClient::connect(context_, options_.run_dir);
      if (!client) continue;
      OperatorRequest attach{.verb = "attach", .application = request_.application};
      attach.arguments = {std::to_string(deployment_)};
      if (auto sent = send(*client, attach); !sent) continue;
      return client;
    }
    return failure(ErrorKind::busy,
                   fmt::format("it did not come back within {} s: when it does, `serin attach` shows deployment {}",
                               kComeBackWithin.count(), deployment_));
  }

  SessionOptions options_;
  OperatorRequest request_;
  bool asks_;
  ProgressPrinter printer_;
  posix::SignalFd signals_{SIGINT, SIGTERM, SIGHUP};
  posix::LinkContext context_{1};
  std::uint64_t followed_ = 0;  ///< the request whose events count
  std::uint64_t deployment_ = 0;
  bool hold_is_open_ = false;
  bool interrupted_ = false;
};

}  // namespace

int run_request(const SessionOptions& options, OperatorRequest request) {
  return Session(options, std::move(request)).run();
}

}  // namespace serin::operate
