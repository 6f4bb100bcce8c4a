#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/error.h"
#include "protocol/messages.h"

namespace serin {

/// The type numbers on the wire. Never reused.
enum class MessageType : std::uint16_t {
  hello = 1,
  welcome = 2,
  heartbeat = 3,
  heartbeat_reply = 4,
  resync = 5,
  problem = 6,
  order = 10,
  outcome = 11,
  outcome_reply = 12,
  verify = 13,
  verify_report = 14,
  content_sources = 15,
  fleet_keys = 16,
  pack_ahead = 17,
  report = 20,
  get_object = 30,
  object_part = 31,
  object_refused = 32,
  operator_request = 40,
  operator_event = 41,
};

/// In front of every message: a msgpack array [protocol, type, session, request, reply_to, flags], of which a newer
/// peer may send more elements.
struct Header {
  std::uint16_t protocol = 0;
  std::uint16_t type = 0;
  std::uint64_t session = 0;   ///< 0 before the welcome and on sockets without sessions
  std::uint64_t request = 0;   ///< chosen by the sender of a request
  std::uint64_t reply_to = 0;  ///< the request that this answers
  std::uint32_t flags = 0;     ///< kMustUnderstand
  friend bool operator==(const Header&, const Header&) = default;
};
inline constexpr std::uint32_t kMustUnderstand = 1;

struct Envelope {
  Header header;  ///< `type` is set by encode()
  Message message;
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

/// The two frames of a message. An ObjectPart's payload is a third frame that never passes through here.
struct Frames {
  std::string header;
  std::string body;
  friend bool operator==(const Frames&, const Frames&) = default;
};

Frames encode(const Envelope& envelope);

/// Never throws, whatever the bytes. `invalid`: not ours (bad msgpack, wrong types, a bound broken, bytes left over, a
/// name with bad characters, a list out of order). `unsupported`: a protocol outside kProtocolOldest..kProtocolNewest,
/// a type that is not known, or an Order or VerifyRequest with an unknown key ("unsupported: KEY"); unknown keys of
/// every other message are ignored and missing ones keep their defaults. Depth, items and string lengths are bounded
/// before anything is allocated.
Result<Envelope> decode(std::string_view header, std::string_view body);

/// The header alone, for an answer to a message whose body cannot be read.
Result<Header> decode_header(std::string_view header);

/// For logs: "order", "type 77".
std::string name_of_type(std::uint16_t type);

}  // namespace serin
