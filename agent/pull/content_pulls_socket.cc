#include "agent/pull/content_pulls_socket.h"

#include <fmt/format.h>

#include <utility>

#include "agent/pull/pull_socket.h"

namespace serin::pull {

namespace {

std::vector<Source> sources_of(const std::vector<ContentSource>& told) {
  std::vector<Source> sources;
  sources.reserve(told.size());
  for (const ContentSource& each : told) {
    sources.push_back(
        {.proxy = each.host, .endpoint = each.endpoint, .server_key = from_hex(each.key).value_or(std::string())});
  }
  return sources;
}

}  // namespace

void ContentPulls::controller_at(const std::string& orders_endpoint, std::uint16_t content_port,
                                 const std::string& key) {
  const std::string host = orders_endpoint.substr(0, orders_endpoint.rfind(':'));
  controller_ = {.proxy = {}, .endpoint = fmt::format("{}:{}", host, content_port), .server_key = key};
}

void ContentPulls::told(const ContentSources& proxies) {
  near_ = sources_of(proxies.near);
  far_ = sources_of(proxies.far);
}

std::vector<Source> ContentPulls::near() const {
  return own_ ? std::vector{*own_} : near_;
}

std::vector<Source> ContentPulls::far() const {
  return own_ ? std::vector<Source>{} : far_;
}

apply::PullFunction ContentPulls::for_order(const Order& order, const ObjectId& root) {
  Choice& choice = choices_[order.application];
  if (!choice.sources) choice.sources = std::make_shared<SourceChoice>(controller_, near(), far(), random_());
  if (order.from_controller) {
    choice.sources->renew(controller_, {}, {});
  } else {
    choice.sources->renew(controller_, near(), far());
  }
  if (std::exchange(choice.deployment, order.id.deployment) != order.id.deployment) {
    choice.sources->forget_failures();
  }
  const auto ahead = ahead_ && ahead_->to == root ? ahead_ : nullptr;
  return [this, ahead, sources = choice.sources, rate = order.action == OrderAction::prefetch ? prefetch_rate_ : 0](
             const Release& release, apply::SlotDir& slots, const std::stop_token& stop) {
    return pull_release(context_, keys_, *sources, release, slots, {.bytes_per_s = rate, .ahead = ahead.get()}, stop);
  };
}

apply::MendPull ContentPulls::for_mending() {
  const auto sources = std::make_shared<SourceChoice>(controller_, near(), far(), random_());
  return [this, sources](const Release& release, const std::set<ObjectId>& files, apply::SlotDir& slots,
                         const std::stop_token& stop) {
    return pull_objects(context_, keys_, *sources, release, files, slots, stop);
  };
}

std::string ContentPulls::take_trouble(const ApplicationName& application) {
  const auto choice = choices_.find(application);
  return choice == choices_.end() ? std::string() : choice->second.sources->take_trouble();
}

}  // namespace serin::pull
