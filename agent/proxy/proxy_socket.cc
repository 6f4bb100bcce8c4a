#include "agent/proxy/proxy_socket.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <utility>

#include "agent/proxy/content_fetcher_socket.h"
#include "agent/proxy/content_shelf_file.h"
#include "agent/proxy/shelf_scrub_file.h"
#include "protocol/posix/content_socket.h"
#include "protocol/posix/gatekeeper.h"

namespace serin::proxy {

namespace {

constexpr Duration kScrubEvery = std::chrono::hours{1};

std::filesystem::path folder_of(const agent::AgentSettings& settings) {
  return std::filesystem::path(settings.state_dir) / "proxy";
}

/// Calls use(KEY) for each of them.
template <class Use>
void for_each_key(const std::string& keys, const Use& use) {
  for (std::size_t at = 0; at + posix::kCurveKeyBytes <= keys.size(); at += posix::kCurveKeyBytes) {
    use(keys.substr(at, posix::kCurveKeyBytes));
  }
}

}  // namespace

struct Proxy::Parts {
  Parts(const agent::AgentSettings& settings, const posix::CurveKeys& with_keys,
        std::unique_ptr<ContentShelf> with_shelf)
      : own_key(with_keys.public_key),
        shelf(std::move(with_shelf)),
        fetcher(context, with_keys, *shelf, settings.proxy.bytes_per_s),
        scrub(*shelf, {.bytes_per_s = settings.scrub_bytes_per_s,
                       .every = std::min<Duration>(settings.scrub_every, kScrubEvery)}) {
    gate.allow(own_key, to_hex(own_key));
  }

  std::string own_key;
  posix::LinkContext context{1};
  posix::Gatekeeper gate{context};
  std::unique_ptr<ContentShelf> shelf;
  ContentFetcher fetcher;
  ShelfScrub scrub;
  std::optional<posix::ContentSocket> socket;
  pull::Source own;
  std::optional<std::map<std::string, std::string>> list;  ///< that has begun and not ended
};

Proxy::Proxy(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Proxy::Proxy(Proxy&&) noexcept = default;
Proxy& Proxy::operator=(Proxy&&) noexcept = default;
Proxy::~Proxy() = default;

Result<Proxy> Proxy::start(const agent::AgentSettings& with, const posix::CurveKeys& keys) {
  const agent::ProxySettings& settings = with.proxy;
  auto shelf = ContentShelf::open(folder_of(with), settings.cache_bytes);
  if (!shelf) return std::unexpected(shelf.error());
  auto parts = std::make_unique<Parts>(with, keys, std::move(*shelf));
  auto socket = posix::ContentSocket::start(
      parts->context, {.endpoint = fmt::format("tcp://{}:{}", settings.listen, settings.port), .keys = keys},
      [content = parts->shelf.get()](const GetObject& what) { return content->find(what); });
  if (!socket) return std::unexpected(socket.error());
  parts->socket.emplace(std::move(*socket));
  const bool is_for_all = settings.listen == "*" || settings.listen == "0.0.0.0" || settings.listen == "[::]";
  parts->own = {.proxy = "on this host",
                .endpoint = fmt::format("tcp://{}:{}", is_for_all ? "127.0.0.1" : settings.listen, settings.port),
                .server_key = keys.public_key};
  return Proxy(std::move(parts));
}

void Proxy::fetch_from(const pull::Source& controller) {
  parts_->fetcher.fetch_from(controller);
}

void Proxy::admit(const FleetKeys& keys) {
  const bool is_list = keys.begins || parts_->list;
  if (keys.begins) parts_->list.emplace();
  for_each_key(keys.admitted, [&](const std::string& key) {
    if (is_list) {
      parts_->list->emplace(key, to_hex(key));
    } else {
      parts_->gate.allow(key, to_hex(key));
    }
  });
  for_each_key(keys.revoked, [&](const std::string& key) {
    if (is_list) parts_->list->erase(key);
    parts_->gate.revoke(key);
  });
  if (!keys.ends || !parts_->list) return;
  parts_->list->emplace(parts_->own_key, to_hex(parts_->own_key));
  parts_->gate.allow_only(*parts_->list);
  parts_->list.reset();
}

const pull::Source& Proxy::own() const {
  return parts_->own;
}

std::optional<Proxy> start_if_wanted(agent::AgentSettings& settings, const posix::CurveKeys& keys) {
  if (settings.proxy.port == 0) {
    const std::size_t dropped = posix::drop_content(folder_of(settings));
    if (dropped > 0) spdlog::info("this host is no proxy any more: removed {} files of its cache", dropped);
    return std::nullopt;
  }
  auto started = Proxy::start(settings, keys);
  if (started) return std::move(*started);
  spdlog::error("this host is no proxy until it is started again: {}", started.error().text);
  settings.proxy.port = 0;
  return std::nullopt;
}

}  // namespace serin::proxy
