#pragma once

#include <cstdint>
#include <memory>

#include "agent/proxy/content_shelf_file.h"
#include "agent/pull/source_choice.h"
#include "protocol/posix/link_socket.h"

namespace serin::proxy {

/// Fetches what the shelf wants from the controller, in a thread of its own, over one connection that is dialled when
/// something is wanted and closed when nothing was for a while. What cannot be had within seconds fails, so that hosts
/// ask elsewhere. No more than `bytes_per_s`; 0: no bound. `context` and `shelf` outlive it.
class ContentFetcher {
 public:
  ContentFetcher(posix::LinkContext& context, posix::CurveKeys keys, ContentShelf& shelf, std::uint64_t bytes_per_s);
  ContentFetcher(const ContentFetcher&) = delete;
  ContentFetcher& operator=(const ContentFetcher&) = delete;
  ~ContentFetcher();  ///< stops the thread

  /// Where the controller serves. Until it is known everything fails.
  void fetch_from(const pull::Source& controller);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace serin::proxy
