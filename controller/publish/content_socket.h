#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "protocol/posix/link_socket.h"
#include "protocol/posix/object_store.h"

namespace serin::publish {

/// Serves objects by hash, and nothing else, from a read-only store in its own thread. Byte credit: a puller that has
/// more than limits::kCreditBytes outstanding, or asks too much at once, gets `busy`. An object that is absent at open
/// is answered `absent`. A few open files are kept, least recently used first out.
class ContentSocket {
 public:
  struct Options {
    std::string endpoint;
    posix::CurveKeys keys;
  };
  /// Binds and starts the thread.
  static Result<ContentSocket> start(posix::LinkContext& context, const Options& options, posix::ObjectReader store);
  ContentSocket(ContentSocket&&) noexcept;
  ContentSocket& operator=(ContentSocket&&) noexcept;
  ~ContentSocket();  ///< stops the thread

  [[nodiscard]] std::string endpoint() const;
  struct Counters {
    std::uint64_t requests = 0, bytes = 0, refused = 0;
  };
  [[nodiscard]] Counters counters() const;

 private:
  struct Parts;
  explicit ContentSocket(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::publish
