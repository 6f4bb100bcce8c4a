#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <thread>

#include "agent/pull/pull_socket.h"
#include "protocol/limits.h"
#include "protocol/posix/gatekeeper.h"
#include "protocol/posix/system_clock.h"
#include "protocol/wire.h"
#include "tests/agent/apply/sample_tree.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::pull {

using namespace std::chrono_literals;
using apply::file;
using apply::program;
using apply::SampleTree;

struct Answer {
  Message message;
  std::string payload;
};

/// A content socket on loopback that answers as the test says.
class Server {
 public:
  using Respond = std::function<std::optional<Answer>(const GetObject&)>;
  Server(posix::LinkContext& context, const posix::CurveKeys& keys, Respond respond)
      : socket_(posix::ServerSocket::bind(
                    context,
                    {.endpoint = "tcp://127.0.0.1:*", .curve = keys, .frame_bytes_max = limits::kContentFrameBytesMax})
                    .value()),
        endpoint(socket_.endpoint()),
        respond_(std::move(respond)),
        thread_([this](const std::stop_token& stop) { serve(stop); }) {}

 private:
  void serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      posix::wait_readable({socket_.fd()}, 20ms);
      while (const auto received = socket_.receive()) {
        const auto envelope = decode(received->header, received->body);
        const auto answer = respond_(std::get<GetObject>(envelope.value().message));
        if (!answer) continue;
        socket_.send(received->connection, encode({.header = {.protocol = 1}, .message = answer->message}),
                     answer->payload);
      }
    }
  }
  posix::ServerSocket socket_;

 public:
  const std::string endpoint;

 private:
  Respond respond_;
  std::jthread thread_;
};

/// A host with empty slots, and a tree whose objects the test gives it as it likes.
class PullSocket : public testing::Test {
 protected:
  void SetUp() override {
    gatekeeper_.allow(agent_keys_.public_key, "host");
    settings_.name = "shop";
    settings_.live = (folder_ / "current").string();
    slots_.emplace(apply::SlotDir::open(settings_, [] { return SteadyTime{}; }).value());
  }

  Answer part_of(const GetObject& request) const {
    if (request.is_pack()) return refuse(request, RefusalReason::absent);
    const std::string& bytes = objects_.objects.at(request.object);
    return {ObjectPart{.object = request.object, .offset = request.offset, .object_bytes = bytes.size()},
            bytes.substr(request.offset, request.length)};
  }
  /// As the controller, or as a proxy of that name.
  [[nodiscard]] Source source_of(const Server& server, const HostName& proxy = {}) const {
    return {.proxy = proxy, .endpoint = server.endpoint, .server_key = server_keys_.public_key};
  }
  static Answer refuse(const GetObject& request, RefusalReason reason) {
    return {ObjectRefused{.object = request.object, .offset = request.offset, .reason = reason, .retry_ms = 1}, {}};
  }
  Result<apply::PullResult> pull(const Server::Respond& respond, const std::stop_token& stop = {}) {
    const Server server(context_, server_keys_, respond);
    SourceChoice sources(source_of(server));
    return pull_release(context_, agent_keys_, sources, apply::release_of(1, tree_), *slots_, {}, stop);
  }
  std::string error_of(const Server::Respond& respond, ErrorKind kind) {
    const auto pulled = pull(respond);
    if (pulled) return "no error";
    EXPECT_EQ(pulled.error().kind, kind);
    const std::string& text = pulled.error().text;
    return text.starts_with("tcp://") ? "SOURCE" + text.substr(text.find(' ')) : text;
  }
  [[nodiscard]] std::string built() {
    const auto slot = slots_->build(apply::release_of(1, tree_));
    return slot ? apply::difference(settings_.live + ".slots/" + *slot, tree_) : slot.error().text;
  }

  TemporaryFolder folder_;
  agent::ApplicationSettings settings_;
  posix::LinkContext context_{1};
  posix::Gatekeeper gatekeeper_{context_};
  posix::CurveKeys server_keys_ = posix::make_curve_keys(), agent_keys_ = posix::make_curve_keys();
  SampleTree tree_{{"a", file("1")},
                   {"empty", file("")},
                   {"lib/large", file(std::string(3 * limits::kChunkBytes + 9, 'l'))},
                   {"lib/run", program("2")}};
  apply::SampleObjects objects_ = apply::objects_of(tree_);
  std::optional<apply::SlotDir> slots_;
};

}  // namespace serin::pull
