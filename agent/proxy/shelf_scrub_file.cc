#include "agent/proxy/shelf_scrub_file.h"

#include <spdlog/spdlog.h>

#include "agent/apply/idle_priority_process.h"
#include "protocol/posix/mailbox.h"

namespace serin::proxy {

ShelfScrub::ShelfScrub(ContentShelf& shelf, const Terms& terms) {
  if (terms.bytes_per_s == 0) return;
  thread_ = std::jthread([&shelf, terms](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      posix::wait_or_stop(terms.every, stop);
      std::size_t damaged = 0;
      apply::run_at_idle_priority([&] { damaged = shelf.scrub(terms.bytes_per_s, stop); });
      if (damaged > 0) spdlog::warn("proxy: {} files of the cache were damaged on the disk, and are gone", damaged);
    }
  });
}

}  // namespace serin::proxy
