#include "controller/evidence/host_naming.h"

#include <fmt/format.h>

namespace serin::evidence {

namespace {

std::string name_there(const HostName& host, HostNaming naming, const std::string& domain) {
  switch (naming) {
    case HostNaming::same:
      return host;
    case HostNaming::short_name:
      return host.substr(0, host.find('.'));
    case HostNaming::full_name:
      return host.find('.') == std::string::npos ? fmt::format("{}.{}", host, domain) : host;
  }
  return host;
}

}  // namespace

Result<HostNames> HostNames::of(const std::vector<HostName>& hosts, HostNaming naming, const std::string& domain) {
  HostNames names;
  for (const HostName& host : hosts) {
    std::string there = name_there(host, naming, domain);
    const auto [at, is_new] = names.index_of_.emplace(there, names.there_.size());
    if (!is_new) {
      return failure(ErrorKind::invalid,
                     fmt::format("{} and {} are both called {} there: see host_names", hosts[at->second], host, there));
    }
    names.there_.push_back(std::move(there));
  }
  return names;
}

std::optional<std::size_t> HostNames::find(const std::string& there) const {
  const auto found = index_of_.find(there);
  if (found == index_of_.end()) return std::nullopt;
  return found->second;
}

}  // namespace serin::evidence
