#pragma once

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "protocol/host_status.h"

namespace serin::pull {

/// Where content comes from.
struct Source {
  HostName proxy;          ///< the host that serves; empty: the controller
  std::string endpoint;    ///< "tcp://10.0.0.1:4701"
  std::string server_key;  ///< 32 raw bytes
  [[nodiscard]] bool is_proxy() const { return !proxy.empty(); }
  /// "proxy web-2 (tcp://10.0.0.2:4702)", or the endpoint alone.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Source&, const Source&) = default;
};

/// Which source is asked next: of the near proxies two at random, whichever is quicker; when none of them is left, two
/// of the far ones; then the controller. A proxy that failed in a deployment is not asked again in it. Pure;
/// single-threaded.
class SourceChoice {
 public:
  SourceChoice(Source controller, std::vector<Source> near, std::vector<Source> far, std::uint64_t seed);
  /// The controller alone.
  explicit SourceChoice(Source controller) : SourceChoice(std::move(controller), {}, {}, 0) {}

  /// Another deployment begins: what failed is tried again.
  void forget_failures() { failed_.clear(); }
  /// Other sources from now on; what failed stays so.
  void renew(Source controller, std::vector<Source> near, std::vector<Source> far);

  /// One or two proxies, or the controller alone.
  [[nodiscard]] std::vector<Source> next();
  /// It is not to be asked again. Why: "did not answer for 3 s".
  void drop(const Source& proxy, const std::string& why);
  /// "proxy web-2 (tcp://10.0.0.2:4702) did not answer for 3 s; …", each told once; empty: nothing failed since.
  [[nodiscard]] std::string take_trouble();

 private:
  std::vector<Source> two_of(const std::vector<Source>& all);

  Source controller_;
  std::vector<Source> near_, far_;
  std::mt19937_64 random_;
  std::set<std::string> failed_;  ///< endpoints
  std::string trouble_;
};

}  // namespace serin::pull
