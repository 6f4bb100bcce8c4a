#include <malloc.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <stdexcept>

#include "protocol/posix/link_parts.h"

namespace serin::posix {

namespace {

/// Our own sockets, not the peers' connections; 12 bytes each are reserved. The default of 1,023 is too few for a fleet
/// in one process.
constexpr int kSocketsMax = 8'192;

}  // namespace

LinkContext::LinkContext(int io_threads) : parts_(std::make_unique<Parts>()) {
  parts_->zmq = ::zmq_ctx_new();
  if (parts_->zmq == nullptr) throw std::runtime_error("libzmq gives no context");
  ::zmq_ctx_set(parts_->zmq, ZMQ_IO_THREADS, io_threads);
  ::zmq_ctx_set(parts_->zmq, ZMQ_MAX_SOCKETS, kSocketsMax);
}

LinkContext::~LinkContext() {
  ::zmq_ctx_shutdown(parts_->zmq);
  while (::zmq_ctx_term(parts_->zmq) != 0 && errno == EINTR) {
  }
}

void tune_malloc_for_bulk() {
  // Both, since setting one freezes the other at 128 KiB.
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

std::vector<bool> wait_readable(const std::vector<int>& fds, std::chrono::milliseconds timeout) {
  std::vector<pollfd> polled;
  polled.reserve(fds.size());
  for (const int fd : fds) polled.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  const auto bounded = std::clamp<std::chrono::milliseconds::rep>(timeout.count(), 0, std::numeric_limits<int>::max());
  const int count = ::poll(polled.data(), polled.size(), static_cast<int>(bounded));
  std::vector<bool> readable(fds.size(), false);
  if (count <= 0) return readable;
  // An end or an error of the descriptor is found by reading it.
  for (std::size_t i = 0; i < fds.size(); ++i) readable[i] = polled[i].revents != 0;
  return readable;
}

}  // namespace serin::posix
