#include "protocol/request_queue.h"

#include <utility>

namespace serin {

bool RequestQueue::push(Request request) {
  const auto found = peers_.find(request.connection);
  const std::uint64_t length = request.get.length;
  if (bytes_ + length > bytes_max_) return false;
  if (found == peers_.end()) {
    if (length > limits::kCreditBytes) return false;
    turns_.push_back(request.connection);
    bytes_ += length;
    Peer& peer = peers_[request.connection];
    peer.bytes = length;
    peer.requests.push_back(std::move(request));
    return true;
  }
  Peer& peer = found->second;
  if (peer.bytes + length > limits::kCreditBytes || peer.requests.size() >= kRequestsMax) return false;
  bytes_ += length;
  peer.bytes += length;
  peer.requests.push_back(std::move(request));
  return true;
}

std::optional<RequestQueue::Request> RequestQueue::next() {
  if (turns_.empty()) return std::nullopt;
  const std::string connection = std::move(turns_.front());
  turns_.pop_front();
  const auto found = peers_.find(connection);
  Peer& peer = found->second;
  Request request = std::move(peer.requests.front());
  peer.requests.pop_front();
  peer.bytes -= request.get.length;
  bytes_ -= request.get.length;
  if (peer.requests.empty()) {
    peers_.erase(found);
  } else {
    turns_.push_back(connection);
  }
  return request;
}

void RequestQueue::put_back(Request request) {
  Peer& peer = peers_[request.connection];
  if (!peer.full) std::erase(turns_, request.connection);
  peer.full = true;
  request.again = true;
  peer.bytes += request.get.length;
  bytes_ += request.get.length;
  peer.requests.push_front(std::move(request));
}

void RequestQueue::let_go() {
  for (auto& [connection, peer] : peers_) {
    if (!peer.full) continue;
    peer.full = false;
    turns_.push_back(connection);
  }
}

void RequestQueue::forget(const std::string& connection) {
  const auto found = peers_.find(connection);
  if (found == peers_.end()) return;
  bytes_ -= found->second.bytes;
  peers_.erase(found);
  std::erase(turns_, connection);
}

}  // namespace serin
