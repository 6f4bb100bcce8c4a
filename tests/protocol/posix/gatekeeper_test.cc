#include <zmq.h>

#include "protocol/posix/link_guards.h"
#include "protocol/posix/link_parts.h"
#include "tests/protocol/posix/link_fixture.h"

namespace serin::posix {
namespace {

class GatekeeperOfLink : public LinkFixture {
 protected:
  /// Sends a request of these frames; gives the reply's number, status and user id. Empty when none comes.
  std::array<std::string, 3> exchange(const std::vector<std::string>& request) {
    const link::Socket socket(::zmq_socket(context_.parts().zmq, ZMQ_REQ));
    link::Options options(socket.get());
    options.set(ZMQ_LINGER, 0);
    options.set(ZMQ_RCVTIMEO, 30'000);
    EXPECT_EQ(::zmq_connect(socket.get(), "inproc://zeromq.zap.01"), 0);
    for (std::size_t i = 0; i < request.size(); ++i) {
      ::zmq_send(socket.get(), request[i].data(), request[i].size(), i + 1 < request.size() ? ZMQ_SNDMORE : 0);
    }
    std::array<std::string, 6> reply;
    for (auto& frame : reply) {
      std::array<char, 100> bytes{};
      const int got = ::zmq_recv(socket.get(), bytes.data(), bytes.size(), 0);
      if (got < 0) return {};
      frame.assign(bytes.data(), static_cast<std::size_t>(got));
    }
    return {reply[1], reply[2], reply[4]};
  }
  /// Asks as libzmq does; gives status and user id.
  std::pair<std::string, std::string> ask(const std::string& domain, const std::string& mechanism,
                                          const std::string& key) {
    const auto [number, status, user_id] = exchange({"1.0", "1", domain, "10.0.0.7", "", mechanism, key});
    return {status, user_id};
  }
  static std::string key(int number) {
    std::string bytes = std::to_string(number);
    bytes.resize(kCurveKeyBytes, 'k');
    return bytes;
  }
};

using Answer = std::pair<std::string, std::string>;

TEST_F(GatekeeperOfLink, knows_keys_only_by_curve_and_in_its_own_domain) {
  gatekeeper_.allow(key(1), "web-1");
  EXPECT_EQ(ask("serin", "CURVE", key(1)), Answer("200", to_hex(key(1))));
  EXPECT_EQ(ask("serin", "CURVE", key(2)), Answer("400", ""));
  EXPECT_EQ(ask("other", "CURVE", key(1)), Answer("400", ""));
  EXPECT_EQ(ask("serin", "NULL", key(1)), Answer("400", ""));
  EXPECT_EQ(ask("serin", "CURVE", "short"), Answer("400", ""));
}

TEST_F(GatekeeperOfLink, answers_no_to_what_is_no_request_of_its_own_and_goes_on) {
  gatekeeper_.allow(key(1), "web-1");
  const std::vector<std::vector<std::string>> strange{
      {"1.0", "41", "serin", "10.0.0.7", "", "NULL"},
      {"1.0", "41", "serin", "10.0.0.7", "", "PLAIN", "user", "password"},
      {"1.0", "41", "serin", "10.0.0.7", "", "CURVE", key(1), "more"},
      {"1.0", "41"},
      {"2.0", "41", "serin", "10.0.0.7", "", "CURVE", key(1)},
  };
  for (const auto& request : strange) {
    EXPECT_EQ(exchange(request), (std::array<std::string, 3>{"41", "400", ""})) << request.size() << " frames";
    EXPECT_EQ(ask("serin", "CURVE", key(1)), Answer("200", to_hex(key(1))));
  }
  EXPECT_TRUE(gatekeeper_.pending().empty());
}

TEST_F(GatekeeperOfLink, remembers_the_newest_thousand_refused_keys_newest_first) {
  for (int i = 0; i < 1'002; ++i) ask("serin", "CURVE", key(i));
  ask("serin", "CURVE", key(500));
  const auto pending = gatekeeper_.pending();
  ASSERT_EQ(pending.size(), 1'000U);
  EXPECT_EQ(pending[0].public_key, key(500));
  EXPECT_EQ(pending[0].tries, 2U);
  EXPECT_EQ(pending[0].address, "10.0.0.7");
  EXPECT_EQ(pending[1].public_key, key(1'001));
  EXPECT_EQ(pending.back().public_key, key(2));
}

TEST_F(GatekeeperOfLink, allow_only_forgets_the_keys_before_and_the_pending_ones_it_names) {
  gatekeeper_.allow(key(1), "old");
  ask("serin", "CURVE", key(2));
  gatekeeper_.allow_only({{key(2), "web-2"}});
  EXPECT_TRUE(gatekeeper_.pending().empty());
  EXPECT_EQ(ask("serin", "CURVE", key(2)), Answer("200", to_hex(key(2))));
  EXPECT_EQ(ask("serin", "CURVE", key(1)), Answer("400", ""));
}

TEST_F(GatekeeperOfLink, a_revoked_key_is_denied_at_its_next_handshake_and_nobody_on_its_live_connection) {
  ServerSocket server = serve();
  const CurveKeys keys = admitted("web-1");
  ClientSocket live = dial(server.endpoint(), keys);
  ASSERT_TRUE(reaches(live, State::connected));
  gatekeeper_.revoke(keys.public_key);
  ClientSocket next_try = dial(server.endpoint(), keys);
  EXPECT_TRUE(reaches(next_try, State::denied));
  ASSERT_EQ(live.send({"h", "b"}), Sent::yes);
  EXPECT_EQ(next(server)->user_id, "");
}

TEST_F(GatekeeperOfLink, a_connection_of_a_revoked_key_is_not_taken_for_the_one_that_has_its_name_now) {
  ServerSocket server = serve();
  const CurveKeys keys = admitted("web-1");
  ClientSocket old = dial(server.endpoint(), keys);
  ASSERT_TRUE(reaches(old, State::connected));
  gatekeeper_.revoke(keys.public_key);
  ClientSocket fresh = dial(server.endpoint(), admitted("web-1"));
  ASSERT_TRUE(reaches(fresh, State::connected));
  ASSERT_EQ(old.send({"old", "b"}), Sent::yes);
  EXPECT_EQ(next(server)->user_id, "");
  ASSERT_EQ(fresh.send({"fresh", "b"}), Sent::yes);
  EXPECT_EQ(next(server)->user_id, "web-1");
  gatekeeper_.allow(keys.public_key, "web-2");
  ASSERT_EQ(old.send({"old", "b"}), Sent::yes);
  EXPECT_EQ(next(server)->user_id, "web-2") << "a key that is accepted again need not dial again";
}

TEST_F(GatekeeperOfLink, a_second_one_in_the_same_context_is_refused) {
  EXPECT_THROW(Gatekeeper second(context_), std::runtime_error);
}

TEST(SelfTest, notices_a_server_that_lets_strangers_in) {
  LinkContext context;  // without a Gatekeeper libzmq accepts every key, unless the domain is enforced
  const auto proven = link::prove_that_strangers_are_refused(
      context, {.endpoint = "tcp://10.0.0.1:4700", .curve = make_curve_keys(), .frame_bytes_max = 1'000},
      {.enforce_domain = false});
  ASSERT_FALSE(proven);
  EXPECT_EQ(proven.error(),
            (Error{ErrorKind::refused,
                   "the self-test of tcp://10.0.0.1:4700: a stranger's key was accepted; nothing is served"}));
}

TEST(SelfTest, lets_nobody_serve_without_a_gatekeeper) {
  LinkContext context;
  const auto server = ServerSocket::bind(
      context, {.endpoint = "tcp://127.0.0.1:*", .curve = make_curve_keys(), .frame_bytes_max = 1'000});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().kind, ErrorKind::refused);
  EXPECT_NE(server.error().text.find("no Gatekeeper"), std::string::npos) << server.error().text;
}

TEST(CurveKeys, are_read_as_hex_and_z85_and_belong_together) {
  const CurveKeys keys = make_curve_keys();
  EXPECT_EQ(keys.public_key.size(), kCurveKeyBytes);
  const auto again = curve_keys_from_secret(keys.secret_key);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->public_key, keys.public_key);
  EXPECT_EQ(again->secret_key, keys.secret_key);
  EXPECT_FALSE(curve_keys_from_secret("short"));
}

TEST(CurveKeys, text_of_both_forms_gives_the_same_bytes) {
  // The example of https://rfc.zeromq.org/spec/32/, four times over.
  const std::string hex = "864fd26fb559f75b864fd26fb559f75b864fd26fb559f75b864fd26fb559f75b";
  const auto from_hex_text = curve_key_from_text(" " + hex + "\n");
  ASSERT_TRUE(from_hex_text);
  EXPECT_EQ(from_hex_text->substr(0, 4), "\x86\x4f\xd2\x6f");
  EXPECT_EQ(curve_key_from_text("HelloWorldHelloWorldHelloWorldHelloWorld\n"), *from_hex_text);
  for (const std::string& wrong : {std::string(), std::string(64, 'g'), std::string(40, '~'), std::string(39, 'a')}) {
    EXPECT_EQ(curve_key_from_text(wrong).error().kind, ErrorKind::invalid) << wrong;
  }
}

}  // namespace
}  // namespace serin::posix
