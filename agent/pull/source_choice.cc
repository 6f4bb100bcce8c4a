#include "agent/pull/source_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace serin::pull {

std::string Source::text() const {
  return is_proxy() ? fmt::format("proxy {} ({})", proxy, endpoint) : endpoint;
}

SourceChoice::SourceChoice(Source controller, std::vector<Source> near, std::vector<Source> far, std::uint64_t seed)
    : controller_(std::move(controller)), near_(std::move(near)), far_(std::move(far)), random_(seed) {}

void SourceChoice::renew(Source controller, std::vector<Source> near, std::vector<Source> far) {
  controller_ = std::move(controller);
  near_ = std::move(near);
  far_ = std::move(far);
}

std::vector<Source> SourceChoice::two_of(const std::vector<Source>& all) {
  std::vector<Source> left;
  std::copy_if(all.begin(), all.end(), std::back_inserter(left),
               [this](const Source& source) { return !failed_.contains(source.endpoint); });
  std::vector<Source> two;
  std::sample(left.begin(), left.end(), std::back_inserter(two), 2, random_);
  return two;
}

std::vector<Source> SourceChoice::next() {
  for (const auto* proxies : {&near_, &far_}) {
    if (auto two = two_of(*proxies); !two.empty()) return two;
  }
  return {controller_};
}

void SourceChoice::drop(const Source& proxy, const std::string& why) {
  if (!failed_.insert(proxy.endpoint).second) return;
  trouble_ += fmt::format("{}{} {}", trouble_.empty() ? "" : "; ", proxy.text(), why);
}

std::string SourceChoice::take_trouble() {
  return std::exchange(trouble_, {});
}

}  // namespace serin::pull
