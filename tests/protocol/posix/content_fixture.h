#pragma once

#include <gtest/gtest.h>

#include <variant>

#include "protocol/limits.h"
#include "protocol/posix/content_socket.h"
#include "tests/protocol/posix/link_fixture.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::posix {

/// A host that pulls: asks for parts and reads answers, or does not.
class Puller {
 public:
  Puller(posix::LinkContext& context, const std::string& endpoint, const posix::CurveKeys& keys,
         const std::string& server_key, int high_water_mark)
      : socket_(dial(context, endpoint, keys, server_key, high_water_mark)) {
    posix::becomes({socket_.monitor_fd()}, [this] { return socket_.state() != posix::ClientSocket::State::dialling; });
  }

  struct Answer {
    std::uint64_t request = 0;
    std::variant<ObjectPart, ObjectRefused> message;
    std::string payload;
    friend bool operator==(const Answer&, const Answer&) = default;
  };

  /// False when nothing more can be sent at the moment.
  bool try_ask(std::uint64_t request, const GetObject& get) {
    return socket_.send(encode({.header = {.protocol = 1, .request = request}, .message = get})) == posix::Sent::yes;
  }
  void ask(std::uint64_t request, const GetObject& get) {
    using namespace std::chrono_literals;
    while (!try_ask(request, get)) posix::wait_readable({}, 1ms);
  }
  void send(const Frames& frames) { socket_.send(frames); }

  /// Nothing when none came within that time.
  std::optional<Answer> answer_within(std::chrono::milliseconds time) {
    auto received = socket_.receive();
    if (!received) {
      posix::wait_readable({socket_.fd()}, time);
      received = socket_.receive();
    }
    if (!received) return std::nullopt;
    auto envelope = decode(received->header, received->body);
    if (!envelope) throw std::runtime_error(envelope.error().text);
    Answer answer{.request = envelope->header.reply_to, .message = {}, .payload = std::move(received->payload)};
    if (auto* part = std::get_if<ObjectPart>(&envelope->message)) {
      answer.message = *part;
    } else {
      answer.message = std::get<ObjectRefused>(envelope->message);
    }
    return answer;
  }
  Answer answer() {
    std::optional<Answer> answer;
    posix::becomes({socket_.fd()}, [&] { return (answer = answer_within({})).has_value(); });
    if (!answer) throw std::runtime_error("no answer came");
    return std::move(*answer);
  }
  Answer get(const ObjectId& object, std::uint64_t offset = 0, std::uint32_t length = limits::kChunkBytes) {
    ask(++newest_, {.object = object, .offset = offset, .length = length});
    return answer();
  }
  [[nodiscard]] posix::ClientSocket::State state() { return socket_.state(); }

 private:
  static posix::ClientSocket dial(posix::LinkContext& context, const std::string& endpoint,
                                  const posix::CurveKeys& keys, const std::string& server_key, int high_water_mark) {
    auto socket = posix::ClientSocket::dial(context, {.endpoint = endpoint,
                                                      .curve = keys,
                                                      .server_key = server_key,
                                                      .frame_bytes_max = limits::kContentFrameBytesMax,
                                                      .high_water_mark = high_water_mark});
    if (!socket) throw std::runtime_error(socket.error().text);
    return std::move(*socket);
  }

  posix::ClientSocket socket_;
  std::uint64_t newest_ = 0;
};

/// A content socket on loopback over a store with objects.
class ContentFixture : public ::testing::Test {
 protected:
  ContentFixture() : store_(open(folder_)), server_(start()) {}

  ObjectId put(const std::string& bytes) {
    const auto id = store_.put(bytes);
    if (!id) throw std::runtime_error(id.error().text);
    return *id;
  }
  /// A host that the gatekeeper knows.
  Puller puller(int high_water_mark = 1'000) { return puller_of(server_, high_water_mark); }
  Puller puller_of(const ContentSocket& server, int high_water_mark = 1'000) {
    const auto keys = posix::make_curve_keys();
    gatekeeper_.allow(keys.public_key, "web-01");
    return {context_, server.endpoint(), keys, keys_.public_key, high_water_mark};
  }
  /// Another over the same store. `bytes_per_s`: 0: no bound.
  ContentSocket start(std::uint64_t bytes_per_s = 0) {
    auto server =
        ContentSocket::start(context_, {.endpoint = "tcp://127.0.0.1:*", .keys = keys_, .bytes_per_s = bytes_per_s},
                             open_objects(posix::ObjectReader{folder_.path()}));
    if (!server) throw std::runtime_error(server.error().text);
    return std::move(*server);
  }
  static ObjectRefused refused(const ObjectId& object, std::uint64_t offset, RefusalReason reason) {
    return {.object = object, .offset = offset, .reason = reason, .retry_ms = 5};
  }

  TemporaryFolder folder_;
  posix::LinkContext context_;
  posix::Gatekeeper gatekeeper_{context_};
  posix::CurveKeys keys_ = posix::make_curve_keys();
  posix::ObjectWriter store_;
  ContentSocket server_;

 private:
  static posix::ObjectWriter open(const TemporaryFolder& folder) {
    auto store = posix::ObjectWriter::open_folder(folder.path());
    if (!store) throw std::runtime_error(store.error().text);
    return std::move(*store);
  }
};

}  // namespace serin::posix
