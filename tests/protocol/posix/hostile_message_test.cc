#include <deque>

#include "protocol/limits.h"
#include "tests/protocol/damage.h"
#include "tests/protocol/golden_samples.h"
#include "tests/protocol/msgpack_bytes.h"
#include "tests/protocol/posix/harmful_relay.h"
#include "tests/protocol/posix/hostile_dealer.h"

/// What a peer with an accepted key may put into its frames, and what may happen to them on the way.
namespace serin::posix {
namespace {

class HostileMessage : public HostilePeer {
 protected:
  /// Sends each pair of frames, and gives how many of them the server passed on and decode() took.
  std::size_t taken_of(ServerSocket& server, HostileDealer& peer, const std::deque<Frames>& all) {
    for (const Frames& frames : all) {
      peer.send(frames.header, true);
      peer.send(frames.body, false);
    }
    std::size_t taken = 0;
    for (const Frames& frames : all) {
      const auto received = next(server);
      EXPECT_TRUE(received);
      if (!received) break;
      EXPECT_EQ(received->header, frames.header);
      EXPECT_EQ(received->body, frames.body);
      if (decode(received->header, received->body)) ++taken;
    }
    return taken;
  }
};

TEST_F(HostileMessage, bombs_of_depth_and_length_are_refused_and_the_next_message_is_served) {
  ServerSocket server = serve();
  HostileDealer peer = hostile(server);
  const Frames good = encode(golden::messages().front());
  const std::string key = bytes::map(1) + bytes::text("bomb");
  std::deque<Frames> bombs;
  for (const std::string& bomb :
       {bytes::nested_lists(9), bytes::nested_lists(90'000), std::string("\xdd\xff\xff\xff\xff"),
        std::string("\xdf\xff\xff\xff\xff"), std::string("\xdb\xff\xff\xff\xff")}) {
    bombs.push_back({good.header, bomb});
    bombs.push_back({good.header, key + bomb});
    bombs.push_back({bomb, good.body});
  }
  EXPECT_EQ(taken_of(server, peer, bombs), 0U);
  EXPECT_EQ(taken_of(server, peer, {good}), 1U);
  EXPECT_TRUE(still_serves(server));
}

TEST_F(HostileMessage, truncated_and_bit_flipped_messages_are_refused_or_harmless_and_others_are_served) {
  ServerSocket server = serve();
  HostileDealer peer = hostile(server);
  for (const Envelope& sample : golden::messages()) {
    const Frames good = encode(sample);
    std::deque<Frames> truncated;
    for_each_truncation(good.body, [&](auto cut) { truncated.push_back({good.header, std::string(cut)}); });
    for_each_truncation(good.header, [&](auto cut) { truncated.push_back({std::string(cut), good.body}); });
    EXPECT_EQ(taken_of(server, peer, truncated), 0U) << name_of_type(sample.header.type);

    // One bit of nearly each byte; tests/protocol/golden_test.cc turns them all.
    std::deque<Frames> turned;
    std::size_t turn = 0;
    for_each_bit_flip(good.body, [&](auto other) {
      if (turn++ % 9 == 0) turned.push_back({good.header, std::string(other)});
    });
    for_each_bit_flip(good.header, [&](auto other) { turned.push_back({std::string(other), good.body}); });
    taken_of(server, peer, turned);
    EXPECT_EQ(taken_of(server, peer, {good}), 1U);
  }
  EXPECT_EQ(server.malformed(), 0U);
  EXPECT_TRUE(still_serves(server));
}

/// A connected client behind a relay.
struct Relayed {
  HarmfulRelay relay;
  ClientSocket client;
};

class HarmOnTheWay : public HostilePeer {
 protected:
  /// As becomes(), passing bytes on meanwhile.
  static bool relay_until(Relayed& relayed, const std::function<bool()>& done) {
    return becomes(
        relayed.relay.descriptors(),
        [&] {
          relayed.relay.pump();
          return done();
        },
        std::chrono::milliseconds{1});
  }
  /// The frame of one of our messages: flags, length, "\7MESSAGE", nonce, 16 bytes of authenticator, flags, one byte.
  static constexpr std::size_t kFrameOnTheWire = 1 + 1 + 8 + 8 + 16 + 1 + 1;

  Relayed connect(ServerSocket& server, const CurveKeys& keys) {
    HarmfulRelay relay(server.endpoint());
    ClientSocket client = dial(relay.endpoint(), keys);
    Relayed relayed{std::move(relay), std::move(client)};
    EXPECT_TRUE(relay_until(relayed, [&] { return relayed.client.state() == State::connected; }));
    return relayed;
  }

  /// Sends numbered messages until the client is lost or a hundred have arrived. True when what arrived from this user
  /// is what was sent, from the first one on, without a hole.
  bool only_the_truth_arrives(ServerSocket& server, Relayed& relayed, const std::string& user_id) {
    std::size_t sent = 0;
    std::size_t arrived = 0;
    bool truth = true;
    const bool ended = relay_until(relayed, [&] {
      const auto digit = [](std::size_t number) { return std::string(1, static_cast<char>('0' + number % 10)); };
      if (relayed.client.send({"h", digit(sent)}) == Sent::yes) ++sent;
      while (const auto message = server.receive()) {
        if (message->user_id != user_id) continue;  // some of an earlier connection are still under way
        truth = truth && message->header == "h" && message->body == digit(arrived) && arrived < sent;
        ++arrived;
      }
      return arrived >= 100 || relayed.client.state() == State::lost;
    });
    return ended && truth;
  }
};

TEST_F(HarmOnTheWay, a_bit_that_is_turned_never_changes_a_message) {
  ServerSocket server = serve();
  std::size_t lost = 0;
  for (std::size_t byte = 0; byte < 2 * kFrameOnTheWire; ++byte) {
    const std::string host = "web-" + std::to_string(byte);
    Relayed relayed = connect(server, admitted(host));
    relayed.relay.arm({.byte = byte, .bit = static_cast<unsigned>(byte * 5 % 8)});
    EXPECT_TRUE(only_the_truth_arrives(server, relayed, host)) << "byte " << byte;
    if (relayed.client.state() == State::lost) ++lost;
  }
  EXPECT_GE(lost, 2 * (kFrameOnTheWire - 2)) << "only a bit of the outer flags may do nothing";
  EXPECT_EQ(server.malformed(), 0U);
}

TEST_F(HarmOnTheWay, a_message_cut_off_by_the_end_of_its_connection_is_never_passed_on) {
  ServerSocket server = serve();
  const CurveKeys keys = admitted("web-1");
  for (std::size_t byte = 0; byte < 2 * kFrameOnTheWire; ++byte) {
    Relayed relayed = connect(server, keys);
    relayed.relay.arm({.byte = byte});
    ASSERT_EQ(relayed.client.send({"h", "b"}), Sent::yes);
    EXPECT_TRUE(relay_until(relayed, [&] { return relayed.client.state() == State::lost; }));
    EXPECT_EQ(server.receive(), std::nullopt) << "byte " << byte;
  }
  EXPECT_TRUE(still_serves(server));
  EXPECT_EQ(server.malformed(), 0U);
}

TEST_F(HarmOnTheWay, a_bit_of_an_answer_that_is_turned_ends_the_clients_connection) {
  ServerSocket server = serve();
  Relayed relayed = connect(server, admitted("web-1"));
  ASSERT_EQ(relayed.client.send({"h", "b"}), Sent::yes);
  std::optional<Received> question;
  ASSERT_TRUE(relay_until(relayed, [&] { return (question = server.receive()).has_value(); }));
  relayed.relay.arm({.to_server = false, .byte = kFrameOnTheWire - 1, .bit = 0});
  ASSERT_EQ(server.send(question->connection, {"h", "b"}), Sent::yes);
  EXPECT_TRUE(relay_until(relayed, [&] {
    EXPECT_EQ(relayed.client.receive(), std::nullopt);
    return relayed.client.state() == State::lost;
  }));
  EXPECT_TRUE(still_serves(server));
}

}  // namespace
}  // namespace serin::posix
