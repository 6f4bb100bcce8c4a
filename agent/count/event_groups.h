#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "protocol/clock.h"

namespace serin::count {

/// Which source of an application counts the events of a group of rules: sources that report the same events are not
/// added up. It is the source where such an event is seen first, until none has been seen there for kOwnedFor: so
/// events count wherever they are reported, and whoever else reports the same ones does not count. Events that are
/// reported elsewhere alone, while the owner reports others, are not counted. Pure; single-threaded; never fails.
class EventGroups {
 public:
  static constexpr auto kOwnedFor = std::chrono::seconds{5};

  /// `source` has seen an event of the group; true when it counts.
  bool counts(const std::string& group, std::size_t source, SteadyTime now) {
    const auto [owner, is_new] = owners_.try_emplace(group, Owner{.source = source, .seen = now});
    if (!is_new && owner->second.source != source && now - owner->second.seen < kOwnedFor) return false;
    owner->second = {.source = source, .seen = now};
    return true;
  }

 private:
  struct Owner {
    std::size_t source = 0;
    SteadyTime seen{};
  };
  std::map<std::string, Owner> owners_;
};

}  // namespace serin::count
