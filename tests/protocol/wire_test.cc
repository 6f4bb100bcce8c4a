#include "protocol/wire.h"

#include <gtest/gtest.h>

#include "protocol/limits.h"
#include "tests/protocol/golden_samples.h"
#include "tests/protocol/msgpack_bytes.h"

namespace serin {
namespace {

using bytes::list;
using bytes::map;
using bytes::number;
using bytes::text;
using std::string_literals::operator""s;

std::string header_of(MessageType type, std::uint64_t protocol = limits::kProtocolNewest) {
  return list(6) + number(protocol) + number(static_cast<std::uint64_t>(type)) + number(0) + number(0) + number(0) +
         number(0);
}

Result<Envelope> read(MessageType type, const std::string& body) {
  return decode(header_of(type), body);
}

template <class T>
T read_as(MessageType type, const std::string& body) {
  const auto envelope = read(type, body);
  EXPECT_TRUE(envelope) << envelope.error().text;
  return envelope ? std::get<T>(envelope->message) : T{};
}

Error refusal_of(MessageType type, const std::string& body) {
  const auto envelope = read(type, body);
  EXPECT_FALSE(envelope);
  return envelope ? Error{} : envelope.error();
}

/// The pairs of the map `body`, without their number.
std::string pairs_in(const std::string& body) {
  return body.substr(static_cast<unsigned char>(body[0]) == 0xdeU ? 3 : 1);
}

/// The map `body` with one more pair at its end.
std::string with(const std::string& body, const std::string& key, const std::string& value) {
  const auto at = [&](std::size_t index) { return static_cast<unsigned>(static_cast<unsigned char>(body[index])); };
  const bool is_short = (at(0) & 0xf0U) == 0x80U;
  EXPECT_TRUE(is_short || at(0) == 0xdeU) << "a map is expected";
  return map((is_short ? at(0) & 15U : at(1) << 8U | at(2)) + 1) + pairs_in(body) + text(key) + value;
}

const std::string kShop = text("application") + text("shop");
const std::string kShopAlone = map(1) + kShop;

/// Bodies with nothing in them that may be missing.
std::string smallest(MessageType type) {
  switch (type) {
    case MessageType::order:
    case MessageType::outcome:
    case MessageType::outcome_reply:
    case MessageType::verify:
    case MessageType::verify_report:
      return kShopAlone;
    case MessageType::welcome:
      return map(1) + text("host") + text("web-1");
    case MessageType::pack_ahead:
      return map(1) + text("edition") + number(1);
    case MessageType::get_object:
      return map(1) + text("length") + number(1);
    case MessageType::hello:
    case MessageType::heartbeat:
    case MessageType::heartbeat_reply:
    case MessageType::resync:
    case MessageType::problem:
    case MessageType::report:
    case MessageType::object_part:
    case MessageType::object_refused:
    case MessageType::operator_request:
    case MessageType::operator_event:
    case MessageType::content_sources:
    case MessageType::fleet_keys:
      return map(0);
  }
  return {};
}

// ---- header ----

TEST(Header, is_a_list_of_six_numbers_of_which_a_newer_peer_may_send_more) {
  const std::string six = number(1) + number(10) + number(~0ULL) + number(7) + number(6) + number(1);
  const Header expected{
      .protocol = 1, .type = 10, .session = ~0ULL, .request = 7, .reply_to = 6, .flags = kMustUnderstand};
  EXPECT_EQ(decode_header(list(6) + six), expected);
  EXPECT_EQ(decode_header(list(8) + six + text("more") + list(1) + bytes::kNil), expected);
}

TEST(Header, is_refused_in_any_other_shape) {
  const std::string five = number(1) + number(10) + number(0) + number(0) + number(0);
  const std::vector<std::string> bad{
      "",
      list(6),
      list(5) + five,
      map(3) + five + number(0),
      list(6) + five + number(0) + number(0),  // one after the list
      list(6) + five + number(1ULL << 32),     // flags have 32 bits
      list(6) + five + text("0"),
      list(6) + five + bytes::kNil,
      list(6) + five + bytes::kHalf,
      list(6) + five + bytes::negative(-1),
      list(6) + number(65'537) + five,                                 // protocol has 16 bits
      list(7) + five + number(0) + bytes::blob(std::string(64, 'x')),  // more than 64 bytes
      "\xdd\xff\xff\xff\xff",
      bytes::nested_lists(30),
  };
  for (const std::string& header : bad) {
    const auto read = decode_header(header);
    ASSERT_FALSE(read) << testing::PrintToString(header);
    EXPECT_EQ(read.error().kind, ErrorKind::invalid);
    EXPECT_TRUE(read.error().text.starts_with("header: ")) << read.error().text;
    EXPECT_FALSE(decode(header, map(0)));
  }
}

TEST(Header, of_another_protocol_is_unsupported_and_says_what_is_spoken) {
  for (const std::uint64_t protocol :
       {std::uint64_t{limits::kProtocolOldest} - 1, limits::kProtocolNewest + 1UL, 65'535UL}) {
    const auto envelope = decode(header_of(MessageType::resync, protocol), map(0));
    ASSERT_FALSE(envelope);
    EXPECT_EQ(envelope.error(),
              (Error{ErrorKind::unsupported, "protocol " + std::to_string(protocol) + " (spoken here: 1 to 1)"}));
    EXPECT_TRUE(decode_header(header_of(MessageType::resync, protocol))) << "it can still be answered";
  }
  EXPECT_TRUE(decode(header_of(MessageType::resync, limits::kProtocolOldest), map(0)));
  EXPECT_TRUE(decode(header_of(MessageType::resync, limits::kProtocolNewest), map(0)));
}

TEST(Header, of_an_unknown_type_is_unsupported_whatever_the_body) {
  for (const std::string& body : {map(0), "noise"s, ""s}) {
    EXPECT_EQ(refusal_of(MessageType{77}, body), (Error{ErrorKind::unsupported, "message type 77 is not known here"}));
  }
}

TEST(Types, have_names) {
  for (const Envelope& envelope : golden::messages()) {
    const std::string name = name_of_type(envelope.header.type);
    EXPECT_TRUE(name.starts_with("type ") == false && !name.empty()) << envelope.header.type;
  }
  EXPECT_EQ(name_of_type(10), "order");
  EXPECT_EQ(name_of_type(77), "type 77");
}

// ---- what may be missing, what may be new ----

TEST(Body, keeps_the_defaults_of_missing_keys) {
  for (const Envelope& sample : golden::messages()) {
    const auto type = static_cast<MessageType>(sample.header.type);
    const auto envelope = read(type, smallest(type));
    ASSERT_TRUE(envelope) << envelope.error().text;
    EXPECT_EQ(envelope->message.index(), sample.message.index());
  }
  EXPECT_EQ(read_as<Hello>(MessageType::hello, map(0)), Hello{});
  EXPECT_EQ(read_as<OperatorRequest>(MessageType::operator_request, map(0)), OperatorRequest{});
  EXPECT_EQ(read_as<OperatorRequest>(MessageType::operator_request, map(0)).wait_ms, -1);
  EXPECT_EQ(read_as<Order>(MessageType::order, kShopAlone), Order{.application = "shop"});
  EXPECT_EQ(read_as<Report>(MessageType::report, map(1) + text("applications") + list(1) + kShopAlone),
            (Report{.applications = {{.application = "shop"}}}));
}

TEST(Body, ignores_unknown_keys_of_every_message_but_an_order_and_a_verify) {
  const std::string value = map(1) + text("a") + list(2) + bytes::kNil + bytes::kHalf;
  for (const Envelope& sample : golden::messages()) {
    const auto type = static_cast<MessageType>(sample.header.type);
    const auto envelope = read(type, with(encode(sample).body, "colour", value));
    if (type == MessageType::order || type == MessageType::verify) {
      ASSERT_FALSE(envelope);
      EXPECT_EQ(envelope.error(), (Error{ErrorKind::unsupported, "unsupported: colour"}));
    } else {
      ASSERT_TRUE(envelope) << envelope.error().text;
      EXPECT_TRUE(envelope->message == sample.message) << name_of_type(sample.header.type);
    }
  }
}

TEST(Body, refuses_an_order_for_an_unknown_key_in_what_it_holds_as_well) {
  EXPECT_EQ(refusal_of(MessageType::order, with(kShopAlone, "id", map(1) + text("attempt") + number(1))),
            (Error{ErrorKind::unsupported, "unsupported: attempt"}));
  EXPECT_EQ(refusal_of(MessageType::order, with(kShopAlone, "release", map(1) + text("pack") + number(1))),
            (Error{ErrorKind::unsupported, "unsupported: pack"}));
  EXPECT_EQ(read_as<Outcome>(MessageType::outcome, with(kShopAlone, "order", map(1) + text("attempt") + number(1))),
            Outcome{.application = "shop"});
}

TEST(Body, shows_a_key_escaped_and_cut_in_its_errors) {
  EXPECT_EQ(refusal_of(MessageType::order, with(kShopAlone, "\033[2J\n", number(1))).text, "unsupported: \\e[2J\\n");
  const std::string long_key(10'000, 'k');
  EXPECT_EQ(refusal_of(MessageType::order, with(kShopAlone, long_key, number(1))).text,
            "unsupported: " + std::string(64, 'k') + "… (9936 bytes more)");
  const std::string twice = map(2) + text(long_key) + number(1) + text(long_key) + number(1);
  EXPECT_EQ(refusal_of(MessageType::hello, twice).text,
            "hello: the key '" + std::string(64, 'k') + "… (9936 bytes more)' stands there twice");
}

TEST(Body, refuses_a_key_that_stands_there_twice) {
  for (const Envelope& sample : golden::messages()) {
    const std::string body = encode(sample).body;
    const std::string pairs = pairs_in(body);
    const std::string first_key = pairs.substr(1, static_cast<unsigned char>(pairs[0]) & 31U);
    const auto envelope = read(static_cast<MessageType>(sample.header.type), with(body, first_key, bytes::kNil));
    ASSERT_FALSE(envelope) << name_of_type(sample.header.type);
    EXPECT_EQ(envelope.error(), (Error{ErrorKind::invalid, name_of_type(sample.header.type) + ": the key '" +
                                                               first_key + "' stands there twice"}));
  }
}

TEST(Body, takes_an_enumerator_that_it_does_not_know_for_unknown) {
  for (const std::uint64_t value : {7ULL, 77ULL, 255ULL, 256ULL, 257ULL, ~0ULL}) {
    const std::string state = map(2) + kShop + text("state") + number(value);
    EXPECT_EQ(read_as<Heartbeat>(MessageType::heartbeat, map(1) + text("applications") + list(1) + state)
                  .applications.at(0)
                  .state,
              HostState::unknown);
    const auto outcome = read_as<Outcome>(MessageType::outcome,
                                          with(with(kShopAlone, "action", number(value)), "result", number(value)));
    EXPECT_EQ(outcome.action, OrderAction::unknown);
    EXPECT_EQ(outcome.result, StepResult::unknown);
    EXPECT_EQ(read_as<Order>(MessageType::order, with(kShopAlone, "action", number(value))).action,
              OrderAction::unknown);
    EXPECT_EQ(read_as<ObjectRefused>(MessageType::object_refused, map(1) + text("reason") + number(value)).reason,
              RefusalReason::unknown);
  }
  EXPECT_EQ(read_as<Order>(MessageType::order, with(kShopAlone, "action", number(3))).action, OrderAction::discard);
  EXPECT_EQ(refusal_of(MessageType::order, with(kShopAlone, "action", text("stage"))),
            (Error{ErrorKind::invalid, "order: 'action' is not a small number"}));
}

// ---- wrong types and bounds ----

struct WrongType {
  MessageType type;
  const char* key;
  std::string value;
};

TEST(Body, refuses_values_of_a_wrong_type_or_range_by_their_key) {
  const std::vector<WrongType> wrong{
      {MessageType::hello, "clock_ms", text("1")},
      {MessageType::hello, "clock_ms", bytes::kNil},
      {MessageType::hello, "clock_ms", bytes::kHalf},
      {MessageType::hello, "clock_ms", number(1ULL << 63)},
      {MessageType::hello, "protocol_min", number(65'536)},
      {MessageType::hello, "protocol_min", bytes::negative(-1)},
      {MessageType::hello, "instance", number(1)},
      {MessageType::hello, "instance", text(std::string((64U << 10) + 1, 'i'))},
      {MessageType::hello, "applications", map(0)},
      {MessageType::hello, "protocol_max", number(65'536)},
      {MessageType::order, "take_back", number(1)},
      {MessageType::outcome, "exit_status", number(1ULL << 31)},
      {MessageType::outcome, "live_root", bytes::blob(std::string(31, 'r'))},
      {MessageType::outcome, "live_root", text(std::string(32, 'r'))},
      {MessageType::get_object, "object", bytes::kNil},
      {MessageType::operator_request, "arguments", list(1) + number(1)},
      {MessageType::operator_event, "final", text("true")},
  };
  for (const WrongType& row : wrong) {
    const Error error = refusal_of(row.type, with(smallest(row.type), row.key, row.value));
    EXPECT_EQ(error.kind, ErrorKind::invalid) << row.key;
    EXPECT_TRUE(
        error.text.starts_with(name_of_type(static_cast<std::uint16_t>(row.type)) + ": '" + row.key + "' is not"))
        << error.text;
  }
  EXPECT_EQ(refusal_of(MessageType::outcome, with(kShopAlone, "order", number(1))).text, "outcome: a map was expected");
  EXPECT_EQ(refusal_of(MessageType::hello, map(1) + number(1) + number(1)).text, "hello: a key that is no string");
}

TEST(Body, takes_the_ends_of_every_range_and_any_bytes_in_a_text) {
  EXPECT_EQ(read_as<Hello>(MessageType::hello, map(1) + text("clock_ms") + bytes::negative(INT64_MIN)).clock_ms,
            INT64_MIN);
  EXPECT_EQ(read_as<Hello>(MessageType::hello, map(1) + text("clock_ms") + number(INT64_MAX)).clock_ms, INT64_MAX);
  EXPECT_EQ(
      read_as<Outcome>(MessageType::outcome, with(kShopAlone, "exit_status", bytes::negative(INT32_MIN))).exit_status,
      INT32_MIN);
  EXPECT_EQ(read_as<Report>(MessageType::report, map(1) + text("sequence") + number(~0ULL)).sequence, ~0ULL);
  const std::string any = "\0\n\xff"s;
  EXPECT_EQ(read_as<Problem>(MessageType::problem, map(1) + text("text") + text(any)).text, any);
  EXPECT_EQ(read_as<Problem>(MessageType::problem, map(1) + text("text") + bytes::blob(any)).text, any);
}

TEST(Body, of_an_operator_may_hold_a_megabyte_of_message_and_others_64_kib_a_text) {
  const std::string megabyte(1U << 20, 'm');
  EXPECT_EQ(read_as<OperatorRequest>(MessageType::operator_request, map(1) + text("message") + text(megabyte)).message,
            megabyte);
  EXPECT_EQ(read_as<OperatorEvent>(MessageType::operator_event, map(1) + text("text") + text(megabyte)).text, megabyte);
  const std::string most(64U << 10, 'm');
  EXPECT_EQ(read_as<Resync>(MessageType::resync, map(1) + text("reason") + text(most)).reason, most);
  EXPECT_EQ(refusal_of(MessageType::resync, map(1) + text("reason") + text(most + 'm')),
            (Error{ErrorKind::invalid, "resync: 'reason' is not a shorter string"}));
}

TEST(Body, that_is_no_whole_map_is_refused) {
  for (const Envelope& sample : golden::messages()) {
    const auto type = static_cast<MessageType>(sample.header.type);
    for (const std::string& body : {""s, bytes::kNil, list(0), text("map"), number(1), "\xc1"s, "GET / HTTP/1.1"s}) {
      EXPECT_EQ(refusal_of(type, body).kind, ErrorKind::invalid) << testing::PrintToString(body);
    }
    EXPECT_EQ(refusal_of(type, smallest(type) + bytes::kNil).text,
              name_of_type(sample.header.type) + ": bytes left over after the message");
  }
}

TEST(Body, refuses_lengths_and_depths_that_are_bombs_before_it_makes_room_for_them) {
  const std::vector<std::string> bombs{
      "\xdd\xff\xff\xff\xff"s,                       // a list of four billion
      "\xdf\xff\xff\xff\xff"s,                       // a map
      "\xdb\xff\xff\xff\xff"s,                       // a text
      "\xc6\xff\xff\xff\xff"s,                       // bytes
      "\xc9\xff\xff\xff\xff\x01"s,                   // an extension
      "\xd8\x01"s + std::string(16, 'e'),            // an extension that is all there
      "\xdc\x10\x01"s + std::string(4'097, '\x01'),  // a list one longer than the bound
      bytes::nested_lists(9),
      bytes::nested_lists(200'000),
  };
  for (const Envelope& sample : golden::messages()) {
    const auto type = static_cast<MessageType>(sample.header.type);
    for (const std::string& bomb : bombs) {
      EXPECT_EQ(refusal_of(type, bomb).kind, ErrorKind::invalid);
      EXPECT_EQ(refusal_of(type, map(1) + text("bomb") + bomb).kind, ErrorKind::invalid) << "even where it is ignored";
      EXPECT_EQ(refusal_of(type, map(1) + bomb + number(1)).kind, ErrorKind::invalid) << "even as a key";
    }
  }
}

}  // namespace
}  // namespace serin
