#include "tests/simulation/story.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/simulation/simulated_fleet.h"

namespace serin::simulation {

namespace {

using namespace std::chrono_literals;
using rollout::Ending;
using rollout::Phase;

/// What the second release is like.
enum class Kind { good, bad, quiet, deadly, canary_cannot_load, some_cannot_load, some_cannot_pull, some_slow };
constexpr std::size_t kKinds = 8;
/// What operators do meanwhile.
enum class Will { wait, abort, go_on, roll_back, force_another, revoke };
constexpr std::size_t kWills = 6;

constexpr auto kApplication = SimulatedFleet::kApplication;

class Story {
 public:
  explicit Story(std::uint64_t seed) : random_(seed), fleet_(options(seed)) {}
  std::string tell();

 private:
  SimulatedFleet::Options options(std::uint64_t seed);
  std::size_t pick(std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most - 1)(random_); }
  bool chance(double share) { return std::uniform_real_distribution<double>(0, 1)(random_) < share; }

  bool first_release();
  void second_release();
  void let_loose();
  void rage_on(std::size_t half_seconds);
  bool third_release();
  void make(Kind kind, ReleaseNumber release);
  void disturb();
  void disturb_controller();
  void disturb_host(std::size_t host);
  void restart_some(std::size_t one_in);
  void operate();
  void make_peace();
  bool all_as_the_outcome_says();
  bool fail(const std::string& what);
  bool check(bool holds, const std::string& what) { return holds || fail(what); }
  [[nodiscard]] std::string where() const;

  std::mt19937_64 random_;
  Kind kind_ = Kind::good;
  Will will_ = Will::wait;
  bool force_ = false;
  bool acted_ = false;
  ReleaseNumber first_ = 0, second_ = 0;
  std::size_t rage_ = 0;  ///< how much goes wrong: one in so many half seconds for each kind of fault; 0: nothing
  SimulatedFleet fleet_;
  std::string trouble_;
};

SimulatedFleet::Options Story::options(std::uint64_t seed) {
  SimulatedFleet::Options options{.seed = seed};
  options.canaries = 1 + pick(4);
  options.hosts = options.canaries + 3 + pick(8);
  auto& application = options.application;
  if (options.hosts >= 7 && chance(0.3)) application.proxies.members = {"web-05", "web-06"};
  if (chance(0.3)) application.min_canaries = 1;
  application.prefetch = seed % 4 != 0;
  if (chance(0.5)) application.max_in_flight = {0, 100.0};
  if (chance(0.3)) application.on_inconclusive = controller::OnInconclusive::abort;
  if (chance(0.3)) application.on_canary_lost = controller::OnCanaryLost::hold;
  if (seed % 3 == 0) {
    application.judge = controller::JudgeKind::sequential;
    application.sequential.baseline_min = 15s;
    application.sequential.excess_pass = 0.5;
    if (chance(0.5)) application.hold_back_until = 60s;
    if (chance(0.3)) application.on_inconclusive = controller::OnInconclusive::extend;
    if (chance(0.5)) application.on_alarm = controller::OnAlarm::take_back;
  }
  return options;
}

bool Story::fail(const std::string& what) {
  if (trouble_.empty()) trouble_ = what + "\n" + where();
  return false;
}

std::string Story::where() const {
  std::string text = fmt::format("kind {}, will {}, force {}, rage {}, wanted r{}", static_cast<int>(kind_),
                                 static_cast<int>(will_), force_, rage_, fleet_.wanted());
  for (const auto& [id, rollout] : fleet_.deployments()) {
    text += fmt::format("\n  deployment {} of r{}: {} {}: {}", id, rollout.release, name_of(rollout.phase),
                        name_of(rollout.ending), rollout.reason);
  }
  if (const rollout::Rollout* running = fleet_.running()) {
    for (const auto& host : running->hosts) {
      text += fmt::format("\n  {}: {} order {}.{}, former r{}{}", host.host, name_of(host.step), running->id,
                          host.sequence, host.former, host.connected ? "" : ", away");
    }
  }
  for (const SimulatedHost& host : fleet_.hosts()) {
    const auto& journal = host.journal();
    text += fmt::format("\n  {}: r{} live, {}, order {}.{}{}{}", host.name(), host.live(), name_of(journal.state),
                        journal.order.id.deployment, journal.order.id.sequence, host.settled() ? "" : ", at work",
                        host.ready() ? "" : ", not connected");
  }
  const auto& events = fleet_.events();
  for (std::size_t i = events.size() - std::min<std::size_t>(events.size(), 12); i < events.size(); ++i) {
    text += "\n  | " + events[i].text;
  }
  return text;
}

// ---- the parts of a story ----

std::string Story::tell() {
  const bool whole = first_release() && (second_release(), all_as_the_outcome_says()) && third_release();
  if (!whole && trouble_.empty()) fail("it stopped");
  return trouble_;
}

/// Now and then under faults as well: then it may not go out, and is begun once more in peace.
bool Story::first_release() {
  fleet_.run_for(2s);
  if (chance(0.15)) {
    let_loose();
    fleet_.deploy();
    rage_on(10 + pick(40));
    make_peace();
    if (!fleet_.run_until_idle(600s)) return fail("the first release does not come to an end: " + fleet_.breach());
    rage_ = 0;
  }
  if (fleet_.wanted() == 0) {
    const auto ready = [](const SimulatedHost& host) { return host.ready(); };
    for (int i = 0; i < 120 && !std::all_of(fleet_.hosts().begin(), fleet_.hosts().end(), ready); ++i) {
      fleet_.run_for(1s);  // until all have dialled again
    }
    fleet_.deploy();
    if (!fleet_.run_until_idle(120s)) return fail("the first release does not come to an end: " + fleet_.breach());
  }
  first_ = fleet_.wanted();
  if (first_ == 0) return fail("the first release did not go out");
  if (!fleet_.run_until_all_run(first_, {}, 400s))
    return fail("the first release is not everywhere: " + fleet_.breach());
  fleet_.run_for(20s);
  return true;
}

void Story::make(Kind kind, ReleaseNumber release) {
  auto& hosts = fleet_.hosts();
  const std::size_t unlucky = pick(hosts.size());
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    auto& behaviour = hosts[i].behaviour;
    for (auto* set :
         {&behaviour.bad, &behaviour.quiet, &behaviour.deadly, &behaviour.hook_fails, &behaviour.pull_fails}) {
      set->erase(release);
    }
    behaviour.pull_time = Duration{200 + static_cast<std::int64_t>(pick(2'500))};
    behaviour.hook_time = Duration{50 + static_cast<std::int64_t>(pick(1'500))};
    if (kind == Kind::bad) behaviour.bad.insert(release);
    if (kind == Kind::quiet) behaviour.quiet.insert(release);
    if (kind == Kind::deadly && fleet_.is_canary(i)) behaviour.deadly.insert(release);
    if (kind == Kind::canary_cannot_load && i == 0) behaviour.hook_fails.insert(release);
    if (kind == Kind::some_cannot_load && i == unlucky) behaviour.hook_fails.insert(release);
    if (kind == Kind::some_cannot_pull && i == unlucky) behaviour.pull_fails.insert(release);
    // Longer than a step may take.
    if (kind == Kind::some_slow && i == unlucky) (chance(0.5) ? behaviour.pull_time : behaviour.hook_time) = 75s;
  }
}

void Story::second_release() {
  kind_ = static_cast<Kind>(pick(kKinds));
  will_ = chance(0.5) ? Will::wait : static_cast<Will>(pick(kWills));
  force_ = chance(0.15);
  if (chance(0.85)) let_loose();
  second_ = fleet_.next_release();
  make(kind_, second_);
  fleet_.deploy(force_);
  rage_on(40 + pick(120));
  make_peace();
}

void Story::let_loose() {
  rage_ = 20 + pick(200);
  fleet_.links().weather = {.loses = chance(0.4) ? 0.01 : 0.0,
                            .repeats = chance(0.4) ? 0.02 : 0.0,
                            .slowest = Duration{chance(0.3) ? 400 : 5}};
  fleet_.controller().commit_time = Duration{chance(0.2) ? 700 : 1 + static_cast<std::int64_t>(pick(40))};
}

void Story::rage_on(std::size_t half_seconds) {
  for (std::size_t i = 0; i < half_seconds && fleet_.breach().empty(); ++i) {
    fleet_.run_for(500ms);
    if (second_ != 0) operate();
    if (rage_ > 0) disturb();
  }
}

void Story::disturb() {
  if (chance(1.0 / static_cast<double>(rage_))) disturb_controller();
  for (std::size_t i = 0; i < fleet_.hosts().size(); ++i) {
    if (chance(0.3 / static_cast<double>(rage_))) disturb_host(i);
  }
  restart_some(10);
}

void Story::disturb_controller() {
  if (!fleet_.controller().running()) return;
  switch (pick(4)) {
    case 0:
      fleet_.crash_controller();
      break;
    case 1:
      fleet_.controller().disk_full = !fleet_.controller().disk_full;
      break;
    default:
      fleet_.controller().crash_at_point(1 + static_cast<std::uint32_t>(pick(60)));
      break;
  }
}

void Story::disturb_host(std::size_t host) {
  SimulatedHost& victim = fleet_.hosts()[host];
  if (!victim.running()) return;
  switch (pick(7)) {
    case 0:
      fleet_.crash_host(host);
      break;
    case 1:
      fleet_.boot_host(host);
      fleet_.links().close(host);
      break;
    case 2:
      fleet_.cut_link(host);
      break;
    case 3:
      fleet_.links().swallow_until(host,
                                   fleet_.now().steady + Duration{1'000 + static_cast<std::int64_t>(pick(40'000))});
      break;
    case 4:
      victim.step_wall_clock(chance(0.5) ? Duration{1h} : Duration{-1h});
      break;
    default:
      victim.crash_before_effect(1 + static_cast<std::uint32_t>(pick(10)));
      break;
  }
}

void Story::restart_some(std::size_t one_in) {
  if (!fleet_.controller().running() && pick(one_in) == 0) fleet_.start_controller();
  for (std::size_t i = 0; i < fleet_.hosts().size(); ++i) {
    if (!fleet_.hosts()[i].running() && pick(one_in) == 0) fleet_.start_host(i);
  }
}

void Story::operate() {
  if (acted_ || !fleet_.controller().running() || !chance(0.05)) return;
  const rollout::Rollout* running = fleet_.running();
  acted_ = true;
  switch (will_) {
    case Will::wait:
      break;
    case Will::abort:
      fleet_.request({.verb = "abort"});
      break;
    case Will::go_on:
      if (running != nullptr && running->phase == Phase::held) fleet_.request({.verb = "continue"});
      acted_ = false;
      break;
    case Will::roll_back:  // while it runs, or after it went out
      fleet_.request({.verb = "rollback", .yes = true});
      break;
    case Will::force_another:
      acted_ = fleet_.next_release() != second_;  // it is still being built
      if (!acted_) break;
      make(Kind::good, fleet_.next_release());
      fleet_.deploy(true);
      break;
    case Will::revoke:
      fleet_.request({.verb = "hosts revoke", .arguments = {fleet_.hosts()[pick(fleet_.hosts().size())].name()}});
      break;
  }
}

void Story::make_peace() {
  fleet_.links().weather = {};
  fleet_.links().calm();
  fleet_.controller().crash_at_point(0);
  fleet_.controller().commit_time = 10ms;
  fleet_.controller().disk_full = false;
  for (SimulatedHost& host : fleet_.hosts()) {
    host.crash_before_effect(0);
    host.behaviour.deadly.clear();
  }
  restart_some(1);
  fleet_.run_for(5s);  // the disk takes rows again
  const auto& accepted = fleet_.controller().state().roster.hosts();
  for (std::size_t i = 0; i < fleet_.hosts().size(); ++i) {
    const SimulatedHost& host = fleet_.hosts()[i];
    if (accepted.contains(host.name())) continue;
    OperatorRequest accept{.verb = "hosts accept", .arguments = {to_hex(host.public_key())}, .name = host.name()};
    if (fleet_.is_canary(i)) accept.labels = {"canary"};
    fleet_.request(accept);
  }
}

bool Story::all_as_the_outcome_says() {
  if (!fleet_.run_until_idle(600s)) return fail("it does not come to an end: " + fleet_.breach());
  const ReleaseNumber wanted = fleet_.wanted();
  std::set<HostName> cannot;
  for (const SimulatedHost& host : fleet_.hosts()) {
    if (host.behaviour.hook_fails.contains(wanted) || host.behaviour.pull_fails.contains(wanted)) {
      cannot.insert(host.name());
    }
  }
  if (!fleet_.run_until_all_run(wanted, cannot, 400s))
    return fail("not everybody runs what is wanted: " + fleet_.breach());
  fleet_.look_at_evidence();
  if (!fleet_.breach().empty()) return fail(fleet_.breach());
  for (const SimulatedHost& host : fleet_.hosts()) {
    if (host.live() == wanted) continue;
    if (fleet_.controller().store().trust(kApplication, host.live()) == controller::Trust::rejected) {
      return fail(host.name() + " runs a release that was taken back");
    }
  }
  const rollout::Rollout& last = *fleet_.latest();
  if (last.release != second_) return true;
  const bool judged = !last.force && !last.forced_on;
  const bool good = kind_ != Kind::bad && kind_ != Kind::quiet;
  if (judged && !good && last.ending == Ending::released) return fail("a bad release went out");
  // The sequential judge may hold a good release in a fleet of so few; it must not fail it.
  const bool held =
      last.verdict && last.verdict->judge == "sequential" && last.verdict->answer == judge::Answer::inconclusive;
  if (rage_ == 0 && will_ == Will::wait && kind_ == Kind::good && last.ending != Ending::released && !held) {
    return fail("a false alarm");
  }
  return true;
}

/// The fleet is as it should be: a good release passes its judge, so every canary has its baseline again.
bool Story::third_release() {
  const ReleaseNumber wanted = fleet_.wanted();
  for (const SimulatedHost& host : fleet_.hosts()) {
    if (host.live() != wanted) return true;
  }
  if (kind_ == Kind::bad || kind_ == Kind::quiet) {
    if (wanted == second_) return true;  // forced or continued: its baseline is as it is
  }
  fleet_.run_for(60s);
  const ReleaseNumber release = fleet_.next_release();
  make(Kind::good, release);
  fleet_.deploy();
  if (!fleet_.run_until_idle(400s)) return fail("the last release does not come to an end: " + fleet_.breach());
  const rollout::Rollout& last = *fleet_.latest();
  if (last.release == release && last.verdict && last.verdict->judge == "sequential" &&
      last.verdict->answer == judge::Answer::inconclusive) {
    return true;
  }
  if (last.release != release || last.ending != Ending::released || !last.verdict) {
    return fail("the last release did not go out");
  }
  if (!fleet_.run_until_all_run(release, {}, 30s))
    return fail("the last release is not everywhere: " + fleet_.breach());
  fleet_.look_at_evidence();
  return check(fleet_.breach().empty(), fleet_.breach());
}

}  // namespace

std::string tell_story(std::uint64_t seed) {
  return Story(seed).tell();
}

}  // namespace serin::simulation
