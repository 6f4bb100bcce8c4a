#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/rollout/rollout.h"

namespace serin::rollout {

/// One call of advance(): the rollout on its way, and what came up meanwhile. For this folder's .cc files only:
/// rollout.cc takes events in, rolling.cc brings hosts to the release, verdicts.cc weighs answers and holds,
/// going_back.cc returns what was touched.
class Move {
 public:
  Move(Rollout rollout, Now now) : r_(std::move(rollout)), now_(now) {}

  void on(const Started& event);
  void on(const Restored& event);
  void on(const HostConnected& event);
  void on(const HostReported& event);
  void on(const HostGone& event);
  void on(const HostFinished& event);
  void on(const JudgeAnswered& event);
  void on(const AbortAsked& event);
  void on(const ContinueAsked& event);
  void on(const Superseded& event);
  void on(const TimePassed& event);

  /// Rows first, then what was collected in order, Finish last. Ends this object's use.
  Step result();

 private:
  // rollout.cc: hosts and orders
  void index_hosts();
  [[nodiscard]] std::optional<std::size_t> find(const HostName& name) const;
  void come(std::size_t index, const ApplicationStatus& status, bool hello);
  void set_connected(std::size_t index, bool connected);
  void note_loss(std::size_t index);
  void set_step(std::size_t index, HostStep step);
  void fail(std::size_t index, HostStep step, std::string detail);
  void order(std::size_t index, OrderAction action);
  void send(std::size_t index);
  void resend(std::size_t index, const ApplicationStatus& status, bool at_once);
  void tell(std::string text) { effects_.emplace_back(TellOperator{std::move(text)}); }
  void enter(Phase phase);
  void finish(Ending ending);
  [[nodiscard]] bool recovering() const;

  // rolling.cc
  void begin_stage();
  void order_waiting();
  void activate_ready();
  [[nodiscard]] bool holds_back() const;
  void end_stage();
  void advance_stage();
  void settle();
  void host_came(std::size_t index);
  void prefetch_more();
  void prefetch_host(std::size_t index);
  void prefetch_failed(std::size_t index, const Outcome& outcome);
  [[nodiscard]] bool stages_ahead(const PlanHost& host) const;
  void staged_outcome(std::size_t index, const Outcome& outcome);
  void activated_outcome(std::size_t index, const Outcome& outcome);
  void check_deadlines();
  void end_recovery();
  [[nodiscard]] std::optional<std::string> stage_failure() const;
  [[nodiscard]] std::size_t count(std::uint32_t stage, HostStep step) const;
  [[nodiscard]] std::size_t pending() const;
  [[nodiscard]] std::size_t canaries_needed() const;

  // verdicts.cc
  void judged_inconclusive(const judge::Verdict& verdict);
  [[nodiscard]] bool can_extend(const judge::Verdict& verdict) const;
  void hold(std::string reason);
  void thaw(const std::string& by);
  [[nodiscard]] bool frozen() const;
  [[nodiscard]] std::vector<std::size_t> canaries_quiet_for(Duration silence) const;

  // going_back.cc
  void go_back(std::string reason, Ending ending);
  void settle_going_back();
  void returned_outcome(std::size_t index, const Outcome& outcome);
  void check_returning();
  [[nodiscard]] bool takes_back(const PlanHost& host) const;

  Rollout r_;
  Now now_;
  std::vector<std::size_t> changed_hosts_;
  bool deployment_changed_ = false;
  bool finished_ = false;
  std::vector<Effect> effects_;
};

/// In rollout_text.cc: "web-01, web-02 and 3 more".
std::string names_text(const std::vector<HostName>& names);
/// "reload hook, exit 1: the output's end", in one printable line.
std::string failure_text(const Outcome& outcome);
/// "web-01 (broken: reload hook, exit 1: ...)", short.
std::string host_text(const PlanHost& host);

}  // namespace serin::rollout
