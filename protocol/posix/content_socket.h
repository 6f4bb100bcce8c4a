#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "protocol/content_messages.h"
#include "protocol/posix/link_socket.h"
#include "protocol/posix/object_store.h"
#include "protocol/posix/unique_fd.h"

namespace serin::posix {

/// An object or a pack, open.
struct OpenedContent {
  UniqueFd fd;
  std::uint64_t bytes = 0;    ///< of the whole
  std::uint64_t edition = 0;  ///< of a pack
};
/// Finds what is asked for. `not_found` and every other error is answered `absent`, `busy` means: ask again soon.
/// Called in the socket's thread, which it must not hold up.
using OpenContent = std::function<Result<OpenedContent>(const GetObject&)>;
/// Only objects, from this store.
OpenContent open_objects(ObjectReader store);

/// Serves objects by hash and packs between trees, nothing else, in its own thread. Byte credit: a puller that has
/// more than limits::kCreditBytes outstanding, or asks too much at once, gets `busy`. A few open files are kept, least
/// recently used first out; what was opened is served to its end, whoever unlinks it.
class ContentSocket {
 public:
  struct Options {
    std::string endpoint;
    CurveKeys keys;
  };
  /// Binds and starts the thread.
  static Result<ContentSocket> start(LinkContext& context, const Options& options, OpenContent open);
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

}  // namespace serin::posix
