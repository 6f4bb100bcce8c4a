#include "protocol/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "protocol/digest.h"
#include "protocol/pack.h"
#include "protocol/text.h"
#include "protocol/wire_fields.h"

// After the fields, so that they are found by the codec.
#include "protocol/wire_codec.h"

namespace serin {

namespace {

constexpr std::size_t kHeaderFields = 6;

template <class T>
constexpr MessageType type_of() {
  if constexpr (std::is_same_v<T, Hello>) return MessageType::hello;
  if constexpr (std::is_same_v<T, Welcome>) return MessageType::welcome;
  if constexpr (std::is_same_v<T, Heartbeat>) return MessageType::heartbeat;
  if constexpr (std::is_same_v<T, HeartbeatReply>) return MessageType::heartbeat_reply;
  if constexpr (std::is_same_v<T, Resync>) return MessageType::resync;
  if constexpr (std::is_same_v<T, Problem>) return MessageType::problem;
  if constexpr (std::is_same_v<T, Order>) return MessageType::order;
  if constexpr (std::is_same_v<T, Outcome>) return MessageType::outcome;
  if constexpr (std::is_same_v<T, OutcomeReply>) return MessageType::outcome_reply;
  if constexpr (std::is_same_v<T, VerifyRequest>) return MessageType::verify;
  if constexpr (std::is_same_v<T, VerifyReport>) return MessageType::verify_report;
  if constexpr (std::is_same_v<T, ContentSources>) return MessageType::content_sources;
  if constexpr (std::is_same_v<T, FleetKeys>) return MessageType::fleet_keys;
  if constexpr (std::is_same_v<T, PackAhead>) return MessageType::pack_ahead;
  if constexpr (std::is_same_v<T, Report>) return MessageType::report;
  if constexpr (std::is_same_v<T, GetObject>) return MessageType::get_object;
  if constexpr (std::is_same_v<T, ObjectPart>) return MessageType::object_part;
  if constexpr (std::is_same_v<T, ObjectRefused>) return MessageType::object_refused;
  if constexpr (std::is_same_v<T, OperatorRequest>) return MessageType::operator_request;
  if constexpr (std::is_same_v<T, OperatorEvent>) return MessageType::operator_event;
}

std::unexpected<Error> invalid(const std::string& what) {
  return failure(ErrorKind::invalid, what);
}

// What a well-formed map may still get wrong.
template <class T>
Result<void> check(const T& /*message*/) {
  return {};
}
Result<void> check_application(const ApplicationName& name) {
  if (!is_plain_name(name, limits::kApplicationNameBytesMax)) return invalid("a bad application name");
  return {};
}
Result<void> check_statuses(const std::vector<ApplicationStatus>& statuses) {
  if (statuses.size() > limits::kApplicationsPerHostMax) return invalid("more applications than a host may have");
  std::set<std::string_view> names;
  for (const ApplicationStatus& status : statuses) {
    if (auto good = check_application(status.application); !good) return good;
    if (!names.insert(status.application).second) return invalid("an application twice");
  }
  return {};
}
Result<void> check(const Hello& hello) {
  return check_statuses(hello.applications);
}
Result<void> check(const Heartbeat& heartbeat) {
  return check_statuses(heartbeat.applications);
}
Result<void> check(const Welcome& welcome) {
  if (!is_plain_name(welcome.host, limits::kHostNameBytesMax)) return invalid("a bad host name");
  return {};
}
Result<void> check(const Outcome& outcome) {
  return check_application(outcome.application);
}
Result<void> check(const OutcomeReply& reply) {
  return check_application(reply.application);
}
Result<void> check(const Order& order) {
  return check_application(order.application);
}
Result<void> check(const VerifyRequest& request) {
  return check_application(request.application);
}
Result<void> check(const VerifyReport& report) {
  if (report.listed.size() > limits::kDriftListed) return invalid("more paths than a report may list");
  return check_application(report.application);
}
Result<void> check(const ContentSources& sources) {
  if (sources.near.size() + sources.far.size() > limits::kContentSourcesMax) return invalid("more sources than fit");
  for (const auto* list : {&sources.near, &sources.far}) {
    for (const ContentSource& source : *list) {
      if (!is_plain_name(source.host, limits::kHostNameBytesMax)) return invalid("a bad host name");
      if (!ObjectId::from_hex(source.key)) return invalid("a bad key");
      if (!source.endpoint.starts_with("tcp://")) return invalid("a bad endpoint");
    }
  }
  return {};
}
Result<void> check(const PackAhead& pack) {
  if (pack.bytes.size() > limits::kPackAheadBytesMax) return invalid("a pack that should be asked for");
  if (pack.edition == 0) return invalid("a pack without its edition");
  return {};
}
Result<void> check(const FleetKeys& keys) {
  constexpr std::size_t kKeyBytes = 32;
  for (const std::string* list : {&keys.admitted, &keys.revoked}) {
    if (list->size() % kKeyBytes != 0) return invalid("a piece of a key");
    if (list->size() > limits::kFleetKeysPerMessage * kKeyBytes) return invalid("more keys than a message may hold");
  }
  return {};
}
/// A newer agent may tell more of a message than is kept.
constexpr std::size_t kTextFactor = 4;

Result<void> check(const Report& report) {
  if (report.run.size() > limits::kReportNameBytes) return invalid("a run that is too long");
  for (const ApplicationCounts& counts : report.applications) {
    if (auto good = check_application(counts.application); !good) return good;
    if (counts.texts.size() > limits::kSignatureTextsPerReport) return invalid("more texts than a report may hold");
    const auto is_long = [](const SignatureText& text) {
      return text.rule.size() > limits::kReportNameBytes ||
             text.text.size() > kTextFactor * limits::kSignatureTextBytes;
    };
    if (std::ranges::any_of(counts.texts, is_long)) return invalid("a text that is too long");
    if (counts.rules_hash.size() > limits::kReportNameBytes) return invalid("a rules_hash that is too long");
    if (counts.seconds.size() > static_cast<std::size_t>(limits::kReportedSecondsKept.count())) {
      return invalid("more seconds than a report may hold");
    }
    for (std::size_t i = 1; i < counts.seconds.size(); ++i) {
      if (counts.seconds[i - 1].second >= counts.seconds[i].second) return invalid("seconds out of order");
    }
    for (const SecondCounts& second : counts.seconds) {
      if (second.signatures.size() > limits::kSignaturesPerSecond)
        return invalid("more messages than a second may hold");
      for (std::size_t i = 1; i < second.signatures.size(); ++i) {
        if (second.signatures[i - 1].id >= second.signatures[i].id) return invalid("messages out of order");
      }
    }
  }
  return {};
}
Result<void> check(const OperatorRequest& request) {
  if (request.wait_ms < -1 || request.wait_ms > std::chrono::milliseconds(limits::kOperatorWaitMax).count()) {
    return invalid("a wait of more than 366 days, or none");
  }
  return {};
}
Result<void> check(const GetObject& get) {
  if (get.length == 0 || get.length > limits::kChunkBytes) return invalid("a part of a bad length");
  if (get.is_pack() && get.object != pack_name(get.pack_from, get.pack_to)) {
    return invalid("a pack of another name than its trees give it");
  }
  return {};
}
Result<void> check(const ObjectPart& part) {
  const std::uint64_t most = part.edition == 0 ? limits::kObjectBytesMax : limits::kPackBytesMax;
  if (part.object_bytes > most) return invalid("larger than an object or a pack may be");
  if (part.offset > part.object_bytes) return invalid("a part beyond its object");
  return {};
}

template <class T>
Result<Envelope> decode_as(const Header& header, std::string_view body, codec::Decoder::Rules rules = {}) {
  auto message = codec::decode_map<T>(body, rules);
  if (!message) {
    const bool unsupported = message.error().kind == ErrorKind::unsupported;
    return failure(message.error().kind, unsupported
                                             ? message.error().text
                                             : fmt::format("{}: {}", name_of_type(header.type), message.error().text));
  }
  if (auto good = check(*message); !good) {
    return failure(good.error().kind, fmt::format("{}: {}", name_of_type(header.type), good.error().text));
  }
  return Envelope{header, std::move(*message)};
}

template <class Int>
bool read_integer(const msgpack::object& object, Int& value) {
  if (object.type != msgpack::type::POSITIVE_INTEGER || !std::in_range<Int>(object.via.u64)) return false;
  value = static_cast<Int>(object.via.u64);
  return true;
}

}  // namespace

std::string name_of_type(std::uint16_t type) {
  switch (static_cast<MessageType>(type)) {
    case MessageType::hello:
      return "hello";
    case MessageType::welcome:
      return "welcome";
    case MessageType::heartbeat:
      return "heartbeat";
    case MessageType::heartbeat_reply:
      return "heartbeat_reply";
    case MessageType::resync:
      return "resync";
    case MessageType::problem:
      return "problem";
    case MessageType::order:
      return "order";
    case MessageType::outcome:
      return "outcome";
    case MessageType::outcome_reply:
      return "outcome_reply";
    case MessageType::verify:
      return "verify";
    case MessageType::verify_report:
      return "verify_report";
    case MessageType::content_sources:
      return "content_sources";
    case MessageType::fleet_keys:
      return "fleet_keys";
    case MessageType::pack_ahead:
      return "pack_ahead";
    case MessageType::report:
      return "report";
    case MessageType::get_object:
      return "get_object";
    case MessageType::object_part:
      return "object_part";
    case MessageType::object_refused:
      return "object_refused";
    case MessageType::operator_request:
      return "operator_request";
    case MessageType::operator_event:
      return "operator_event";
  }
  return fmt::format("type {}", type);
}

Frames encode(const Envelope& envelope) {
  // The codec's visitors take members by reference in both directions; encoding changes nothing.
  Envelope copy = envelope;
  Frames frames;
  std::visit(
      [&](auto& message) {
        copy.header.type = static_cast<std::uint16_t>(type_of<std::remove_cvref_t<decltype(message)>>());
        frames.body = codec::encode_map(message);
      },
      copy.message);
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> packer(buffer);
  const Header& header = copy.header;
  packer.pack_array(kHeaderFields);
  packer.pack(header.protocol).pack(header.type).pack(header.session).pack(header.request).pack(header.reply_to);
  packer.pack(header.flags);
  frames.header.assign(buffer.data(), buffer.size());
  return frames;
}

Result<Header> decode_header(std::string_view bytes) {
  if (bytes.size() > limits::kHeaderBytesMax) return invalid("header: too long");
  msgpack::zone zone;
  const auto object = codec::unpack(bytes, zone);
  if (!object) return failure(object.error(), "header");
  if (object->type != msgpack::type::ARRAY || object->via.array.size < kHeaderFields) {
    return invalid("header: not a list of six numbers");
  }
  const msgpack::object* items = object->via.array.ptr;
  Header header;
  if (!read_integer(items[0], header.protocol) || !read_integer(items[1], header.type) ||
      !read_integer(items[2], header.session) || !read_integer(items[3], header.request) ||
      !read_integer(items[4], header.reply_to) || !read_integer(items[5], header.flags)) {
    return invalid("header: not a list of six numbers");
  }
  return header;
}

Result<Envelope> decode(std::string_view header_bytes, std::string_view body) {
  const auto header = decode_header(header_bytes);
  if (!header) return std::unexpected(header.error());
  if (header->protocol < limits::kProtocolOldest || header->protocol > limits::kProtocolNewest) {
    return failure(ErrorKind::unsupported, fmt::format("protocol {} (spoken here: {} to {})", header->protocol,
                                                       limits::kProtocolOldest, limits::kProtocolNewest));
  }
  const codec::Decoder::Rules whole_frame{.string_bytes_max = limits::kOperatorFrameBytesMax};
  switch (static_cast<MessageType>(header->type)) {
    case MessageType::hello:
      return decode_as<Hello>(*header, body);
    case MessageType::welcome:
      return decode_as<Welcome>(*header, body);
    case MessageType::heartbeat:
      return decode_as<Heartbeat>(*header, body);
    case MessageType::heartbeat_reply:
      return decode_as<HeartbeatReply>(*header, body);
    case MessageType::resync:
      return decode_as<Resync>(*header, body);
    case MessageType::problem:
      return decode_as<Problem>(*header, body);
    case MessageType::order:
      return decode_as<Order>(*header, body, {.refuse_unknown_keys = true});
    case MessageType::outcome:
      return decode_as<Outcome>(*header, body);
    case MessageType::outcome_reply:
      return decode_as<OutcomeReply>(*header, body);
    case MessageType::verify:
      return decode_as<VerifyRequest>(*header, body, {.refuse_unknown_keys = true});
    case MessageType::verify_report:
      return decode_as<VerifyReport>(*header, body);
    case MessageType::content_sources:
      return decode_as<ContentSources>(*header, body);
    case MessageType::fleet_keys:
      return decode_as<FleetKeys>(*header, body);
    case MessageType::pack_ahead:
      return decode_as<PackAhead>(*header, body);
    case MessageType::report:
      return decode_as<Report>(*header, body);
    case MessageType::get_object:
      return decode_as<GetObject>(*header, body);
    case MessageType::object_part:
      return decode_as<ObjectPart>(*header, body);
    case MessageType::object_refused:
      return decode_as<ObjectRefused>(*header, body);
    case MessageType::operator_request:
      return decode_as<OperatorRequest>(*header, body, whole_frame);
    case MessageType::operator_event:
      return decode_as<OperatorEvent>(*header, body, whole_frame);
  }
  return failure(ErrorKind::unsupported, fmt::format("message {} is not known here", name_of_type(header->type)));
}

}  // namespace serin
