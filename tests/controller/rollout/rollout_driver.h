#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "controller/rollout/rollout.h"

namespace serin::rollout::testing {

inline constexpr ReleaseNumber kOld = 11;
inline constexpr ReleaseNumber kNew = 12;

/// A plan of hosts web-01, web-02, ...: the first ones are canaries, `proxies` of the next are proxies. All run kOld.
struct Shape {
  std::size_t hosts = 12;
  std::size_t canaries = 3;
  std::size_t proxies = 0;
  bool force = false;
  ReleaseNumber former = kOld;
};
Rollout make_rollout(const Shape& shape);

judge::Verdict verdict_of(judge::Answer answer, const std::string& reason, const std::string& text);
judge::Verdict passing();
judge::Verdict failing();
judge::Verdict no_report();

/// One agent as the rollout sees it: does what it is told, at most once, and says so until it was heard.
struct FakeAgent {
  bool connected = true;
  bool mute = false;         ///< gets orders, obeys, never answers
  bool mute_switch = false;  ///< so with orders to switch
  ReleaseNumber live = kOld;
  OrderId last_order;
  StepResult on_stage = StepResult::staged;
  StepResult on_activate = StepResult::loaded;  ///< of kNew
  StepResult on_take_back = StepResult::loaded;
  std::vector<OrderAction> obeyed;
};

/// An order on its way.
struct Sent {
  HostName host;
  OrderId id;
  OrderAction action = OrderAction::unknown;
  ReleaseNumber release = 0;
  bool take_back = false;
};

/// Drives one rollout with fake agents under a manual clock. Every step is checked: the invariants hold, and what an
/// order says stands in a row that is recorded before it.
class Driver {
 public:
  explicit Driver(Rollout start);
  explicit Driver(const Shape& shape) : Driver(make_rollout(shape)) {}

  /// Feeds one event; gives its effects.
  std::vector<Effect> feed(const Event& event);
  /// Started, and all that follows until nobody has anything to say.
  Driver& start();
  /// Hands all orders over to their agents, and their answers back, until nothing is on its way.
  void settle();
  void drop_orders() { on_the_way.clear(); }
  void judge(const judge::Verdict& verdict);
  /// Moves the clock and feeds TimePassed, then settles.
  void pass(Duration length);
  void gone(const HostName& host);
  void back(const HostName& host);
  void report(const HostName& host);
  void report_all();
  /// The daemon dies and starts again: all that is not stored is lost, and so are messages on their way.
  void restart(Duration away);
  void reconnect_all();

  [[nodiscard]] PlanHost& host(const HostName& name);
  [[nodiscard]] HostStep step_of(const HostName& name) { return host(name).step; }
  /// The hosts that have this release live.
  [[nodiscard]] std::set<HostName> live_on(ReleaseNumber release) const;
  [[nodiscard]] std::size_t activations() const;
  [[nodiscard]] bool was_told(const std::string& part) const;
  [[nodiscard]] ApplicationStatus status_of(const HostName& name) const;

  Rollout rollout;
  Now now{SteadyTime{std::chrono::hours{1}}, WallTime{std::chrono::hours{500'000}}};
  std::map<HostName, FakeAgent> agents;
  std::deque<Sent> on_the_way;
  std::vector<Sent> all_sent;
  std::vector<std::string> told;
  std::size_t most_in_flight = 0;
  std::size_t finished = 0;  ///< Finish effects
  std::size_t clocks = 0;    ///< StartClock effects

 private:
  void deliver(const Sent& sent);
};

/// "web-03".
HostName web(std::size_t number);
/// Effects as one line, without what is told: "H0 D stage:0 activate:3 back:1 discard:2 clock end".
std::string effects_text(const std::vector<Effect>& effects);

}  // namespace serin::rollout::testing
