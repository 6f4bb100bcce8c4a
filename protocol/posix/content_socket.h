#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "protocol/posix/content_folder.h"
#include "protocol/posix/link_socket.h"
#include "protocol/posix/object_store.h"

namespace serin::posix {

/// Only objects, from this store.
OpenContent open_objects(ObjectReader store);

/// Serves objects by hash and packs between trees, nothing else, in its own thread. Byte credit: a puller that has
/// more than limits::kCreditBytes outstanding, or asks too much at once, gets `busy`. A few open files are kept, least
/// recently used first out; what was opened is served to its end, whoever unlinks it. What has not come yet of one that
/// is still coming is refused as busy. Requests of a key that was revoked get no answer; what it had asked for before,
/// within its credit, may still come.
class ContentSocket {
 public:
  struct Options {
    std::string endpoint;
    CurveKeys keys;
    std::uint64_t bytes_per_s =
        0;  ///< of content, to all together; 0: no bound. Who waits long for its turn gets `busy`
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
