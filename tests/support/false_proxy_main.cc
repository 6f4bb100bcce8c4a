// A proxy that lies, for the system tests: it has the key of a host of the fleet, speaks the content protocol and
// serves what nobody should take.
//
//   false_proxy KEY_FILE HOSTS_FILE ADDRESS:PORT HOW
//
// KEY_FILE: the host's secret key (state_dir/keys/agent) · HOSTS_FILE: "KEY NAME …" for each who may connect · HOW, see
// kAnswers. Says "listens" when it does, then a line for each connection that asks something: "asked by NAME".
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>

#include "protocol/digest.h"
#include "protocol/limits.h"
#include "protocol/posix/key_file.h"
#include "protocol/posix/link_socket.h"
#include "protocol/posix/signal_fd.h"
#include "protocol/wire.h"

namespace serin {
namespace {

struct Answer {
  Message message;
  std::string payload = {};
};

std::string garbage(std::size_t bytes) {
  static std::mt19937_64 random{1};
  std::string made(bytes, '\0');
  for (char& byte : made) byte = static_cast<char>(random());
  return made;
}

Answer absent(const GetObject& get) {
  return {ObjectRefused{.object = get.object, .offset = get.offset, .reason = RefusalReason::absent}};
}

Answer part(const GetObject& get, std::uint64_t object_bytes, std::size_t payload_bytes) {
  return {ObjectPart{.object = get.object,
                     .offset = get.offset,
                     .object_bytes = object_bytes,
                     .edition = get.is_pack() ? std::uint64_t{7} : 0},
          garbage(payload_bytes)};
}

using Answers = std::function<Answer(const GetObject&)>;
const std::map<std::string, Answers> kAnswers{
    {"packs", [](const GetObject& get) { return part(get, 5'000'000, get.length); }},
    // Of the right size, which the folder that names it has told, and with wrong bytes.
    {"objects", [](const GetObject& get) { return get.is_pack() ? absent(get) : part(get, get.length, get.length); }},
    // Larger with each part.
    {"sizes", [](const GetObject& get) { return part(get, get.offset + std::uint64_t{2} * get.length, get.length); }},
    // A byte more than was asked for.
    {"lengths", [](const GetObject& get) { return part(get, get.offset + get.length, get.length + 1); }},
    // More than anybody has room for.
    {"huge", [](const GetObject& get) { return part(get, limits::kObjectBytesMax, get.length); }},
    {"busy",
     [](const GetObject& get) {
       return Answer{
           ObjectRefused{.object = get.object, .offset = get.offset, .reason = RefusalReason::busy, .retry_ms = 5}};
     }},
    {"silent", [](const GetObject&) { return Answer{Resync{}}; }},
};

int serve(posix::ServerSocket& socket, const Answers& answers) {
  posix::SignalFd signals{SIGTERM, SIGINT};
  std::set<std::string> seen;
  while (true) {
    posix::wait_readable({socket.fd(), signals.fd()}, std::chrono::seconds{1});
    if (signals.take()) return 0;
    while (const auto received = socket.receive()) {
      const auto envelope = decode(received->header, received->body);
      const auto* get = envelope ? std::get_if<GetObject>(&envelope->message) : nullptr;
      if (get == nullptr) continue;
      if (seen.insert(received->connection).second) {
        fmt::print("asked by {}\n", received->user_id);
        std::fflush(stdout);
      }
      Answer answer = answers(*get);
      if (std::holds_alternative<Resync>(answer.message)) continue;
      socket.send(received->connection,
                  encode({.header = {.protocol = limits::kProtocolNewest, .reply_to = envelope->header.request},
                          .message = std::move(answer.message)}),
                  answer.payload);
    }
  }
}

int run(const std::string& key_file, const std::string& hosts_file, const std::string& address,
        const std::string& how) {
  const auto answers = kAnswers.find(how);
  if (answers == kAnswers.end()) {
    fmt::print(stderr, "no way to lie is called {}\n", how);
    return 2;
  }
  const auto keys = posix::load_or_make_curve_keys(key_file);
  if (!keys) {
    fmt::print(stderr, "{}\n", keys.error().text);
    return 1;
  }
  posix::LinkContext context;
  posix::Gatekeeper gate{context};
  std::ifstream hosts(hosts_file);
  for (std::string line; std::getline(hosts, line);) {
    std::istringstream words(line);
    std::string key, name;
    words >> key >> name;
    if (const auto raw = from_hex(key)) gate.allow(*raw, name);
  }
  auto socket = posix::ServerSocket::bind(
      context, {.endpoint = "tcp://" + address, .curve = *keys, .frame_bytes_max = limits::kContentFrameBytesMax + 1});
  if (!socket) {
    fmt::print(stderr, "{}\n", socket.error().text);
    return 1;
  }
  fmt::print("listens\n");
  std::fflush(stdout);
  return serve(*socket, answers->second);
}

}  // namespace
}  // namespace serin

int main(int count, char** arguments) {
  if (count != 5) {
    std::fputs("usage: false_proxy KEY_FILE HOSTS_FILE ADDRESS:PORT HOW\n", stderr);
    return 2;
  }
  return serin::run(arguments[1], arguments[2], arguments[3], arguments[4]);
}
