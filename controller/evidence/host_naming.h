#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/evidence/source_settings.h"
#include "protocol/error.h"
#include "protocol/messages.h"

namespace serin::evidence {

/// What hosts are called in a source, and back. Pure.
class HostNames {
 public:
  /// `invalid` when two of these hosts have one name there: their counts could not be told apart.
  static Result<HostNames> of(const std::vector<HostName>& hosts, HostNaming naming, const std::string& domain);

  /// In the hosts' order.
  [[nodiscard]] const std::vector<std::string>& there() const { return there_; }
  /// Index of the host that is called so there, or nothing.
  [[nodiscard]] std::optional<std::size_t> find(const std::string& there) const;

 private:
  std::vector<std::string> there_;
  std::map<std::string, std::size_t> index_of_;
};

}  // namespace serin::evidence
