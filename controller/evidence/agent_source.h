#pragma once

#include <string>
#include <vector>

#include "controller/controller_state.h"
#include "controller/evidence/source.h"

namespace serin::evidence {

/// What agents counted: step 1 s. A second is heard when the host reported it, and not waited for longer than kLate;
/// after a restart of the controller, hosts are waited for. A second with a gap, or counted by other rules than the
/// host's baseline, is not seen.
class AgentSource final : public Source {
 public:
  /// A report that comes later than this is not waited for.
  static constexpr auto kLate = std::chrono::seconds{3};
  /// So long after a restart hosts that are not back yet are waited for.
  static constexpr auto kReturn = std::chrono::seconds{15};

  /// Both must outlive it.
  AgentSource(const controller::ControllerState& state, const controller::ActiveDeployment& active, Now now);

  [[nodiscard]] std::chrono::seconds step() const override { return std::chrono::seconds{1}; }
  [[nodiscard]] bool heard(std::size_t host, std::int64_t second) const override;
  [[nodiscard]] bool complete(std::size_t host, std::int64_t second) const override;
  [[nodiscard]] Duration patience() const override;
  [[nodiscard]] bool knows_lines() const override { return true; }
  [[nodiscard]] judge::Tally before(std::size_t host) const override;
  [[nodiscard]] const fleet::HostSeconds& steps_before(std::size_t host) const override;
  [[nodiscard]] judge::Tally after(std::size_t host, std::int64_t from, std::int64_t until) const override;
  [[nodiscard]] std::uint64_t longest_silence(std::size_t host, std::int64_t from, std::int64_t until) const override;
  [[nodiscard]] judge::Counts at(std::size_t host, std::int64_t second) const override;
  [[nodiscard]] std::vector<SignatureCount> messages(std::size_t host, std::int64_t second) const override;
  [[nodiscard]] std::optional<Unknown> unknown(std::size_t host, std::int64_t from, std::int64_t until) const override;
  [[nodiscard]] std::optional<Unknown> unknown() const override { return std::nullopt; }
  [[nodiscard]] std::string top_messages() const override { return {}; }

 private:
  [[nodiscard]] const HostName& name(std::size_t host) const { return active_.rollout.hosts[host].host; }
  [[nodiscard]] const ApplicationName& application() const { return active_.rollout.application; }

  const controller::ControllerState& state_;
  const controller::ActiveDeployment& active_;
  Now now_;
  bool recovering_ = false;  ///< after a restart of the controller: hosts are on their way back
  bool returning_ = false;   ///< and whoever is not back yet may still come
};

}  // namespace serin::evidence
