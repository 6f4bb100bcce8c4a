#pragma once

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "agent/apply/applier_process.h"
#include "agent/apply/tree_mend_dir.h"
#include "agent/pull/source_choice.h"
#include "protocol/messages.h"
#include "protocol/posix/link_socket.h"

namespace serin::pull {

/// How the steps of this host get their content: over which sources, and which of them have failed. Belongs to the
/// agent's loop; what it gives is called in the workers' threads, of each application once at a time, and never while
/// its next order is begun.
class ContentPulls {
 public:
  ContentPulls(posix::LinkContext& context, posix::CurveKeys keys, std::uint64_t prefetch_rate, std::uint64_t seed)
      : context_(context), keys_(std::move(keys)), prefetch_rate_(prefetch_rate), random_(seed) {}

  /// The controller: where it listens for agents ("tcp://deploy1:4700"), and the port of its content; the proxies; for
  /// a proxy itself: its own socket, asked instead of others.
  void controller_at(const std::string& orders_endpoint, std::uint16_t content_port, const std::string& key);
  void told(const ContentSources& proxies);
  void served_by_itself(const Source& own) { own_ = own; }
  [[nodiscard]] const Source& controller() const { return controller_; }

  /// A pack that came ahead of an order; the last one is kept.
  void keep(const PackAhead& pack) { ahead_ = std::make_shared<const PackAhead>(pack); }

  /// `root`: of the order's release.
  apply::PullFunction for_order(const Order& order, const ObjectId& root);
  apply::MendPull for_mending();
  /// Which proxies failed in the application's last pull, and why; each told once.
  [[nodiscard]] std::string take_trouble(const ApplicationName& application);

 private:
  struct Choice {
    DeploymentId deployment = 0;
    std::shared_ptr<SourceChoice> sources;
  };
  [[nodiscard]] std::vector<Source> near() const;
  [[nodiscard]] std::vector<Source> far() const;

  posix::LinkContext& context_;
  posix::CurveKeys keys_;
  std::uint64_t prefetch_rate_;
  std::mt19937_64 random_;
  Source controller_;
  std::optional<Source> own_;
  std::vector<Source> near_, far_;
  std::map<ApplicationName, Choice> choices_;
  std::shared_ptr<const PackAhead> ahead_;
};

}  // namespace serin::pull
