#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/verify_messages.h"

namespace serin::drift {

/// How a live tree was found to differ: exact counts, and the first paths (at most limits::kDriftsKept, and so many
/// bytes that a tree of a million bad names cannot fill the memory). Pure.
class DriftList {
 public:
  void add(std::string path, DriftKind kind);
  [[nodiscard]] const DriftCounts& counts() const { return counts_; }
  [[nodiscard]] const std::vector<Drift>& kept() const { return kept_; }
  /// Some were counted that are not kept.
  [[nodiscard]] bool more() const { return counts_.all() > kept_.size(); }
  friend bool operator==(const DriftList&, const DriftList&) = default;

 private:
  DriftCounts counts_;
  std::vector<Drift> kept_;
  std::size_t bytes_ = 0;
};

/// The first ones, as many as a report may hold.
std::vector<Drift> first_drifts(const std::vector<Drift>& all);

/// True when a walk comes to path `a` before `b`: name by name in byte order, a folder before what it holds.
bool walks_before(std::string_view a, std::string_view b);

}  // namespace serin::drift
