#include "tests/controller/core_fixture.h"

#include <fmt/format.h>

#include "controller/rollout/orders.h"

namespace serin::controller::testing {

using namespace std::chrono_literals;

HostName CoreFixture::web(std::size_t number) {
  return fmt::format("web-{:02}", number);
}

CoreFixture::CoreFixture(std::size_t hosts, std::size_t canaries) : agents_(hosts) {
  state.signing_key = *signing_key_from_seed(std::string(32, 's'));
  state.instance = "controller";
  state.next_session = 100;
  ApplicationSettings& shop = state.settings.applications[kShop];
  shop.name = kShop;
  shop.canary.members = {"label:canary"};
  shop.judge = controller::JudgeKind::fixed;
  shop.max_in_flight = {0, 100.0};
  for (std::size_t i = 1; i <= hosts; ++i) {
    fleet::HostRecord record{.name = web(i), .public_key = std::string(32, static_cast<char>(i))};
    if (i <= canaries) record.labels = {"canary"};
    if (!state.roster.accept(record)) std::abort();
    status(i) = {.application = kShop, .rules_hash = "rules"};
  }
}

void CoreFixture::add_release(ReleaseNumber number, Trust trust) {
  const Release release{.application = kShop, .number = number, .root = root_of(number)};
  state.releases[kShop][number] = {release, sign_release(state.signing_key, release), trust};
}

void CoreFixture::released(ReleaseNumber number) {
  add_release(number, Trust::trusted);
  state.wanted[kShop] = number;
  for (Agent& agent : agents_) {
    agent.status.state = HostState::loaded;
    agent.status.live_release = number;
    agent.status.live_root = root_of(number);
  }
}

ObjectId CoreFixture::root_of(ReleaseNumber number) const {
  return digest_of(fmt::format("tree {}", number));
}

ApplicationStatus& CoreFixture::status(std::size_t host) {
  return agents_.at(host - 1).status;
}

Turn CoreFixture::say(std::size_t host, Message message, std::uint64_t reply_to) {
  Turn turn;
  const Envelope envelope{.header = {.session = agents_.at(host - 1).session, .request = 1, .reply_to = reply_to},
                          .message = std::move(message)};
  fleet::take_host_message(state, {web(host), "link-" + web(host), "10.0.0.1"}, envelope, now, turn);
  return turn;
}

Turn CoreFixture::hello(std::size_t host) {
  Turn turn = say(host, Hello{.protocol_min = 1,
                              .protocol_max = 1,
                              .instance = "run-1",
                              .machine = web(host),
                              .clock_ms = now.steady.time_since_epoch().count(),
                              .wall_ms = now.wall.time_since_epoch().count(),
                              .applications = {status(host)}});
  for (const Welcome& welcome : messages<Welcome>(turn)) agents_.at(host - 1).session = welcome.session;
  return turn;
}

Turn CoreFixture::heartbeat(std::size_t host) {
  return say(host, Heartbeat{.clock_ms = now.steady.time_since_epoch().count(),
                             .wall_ms = now.wall.time_since_epoch().count(),
                             .applications = {status(host)}});
}

Turn CoreFixture::finish(std::size_t host, const Order& order, StepResult result) {
  ApplicationStatus& mine = status(host);
  mine.last_order = order.id;
  if (result == StepResult::loaded && order.action == OrderAction::restore) {
    mine.state = HostState::loaded;
    mine.live_release = 0;
    mine.live_root = {};
    mine.adopted = true;
  } else if (result == StepResult::loaded) {
    const auto release = decode_release(order.release.record);
    mine.state = HostState::loaded;
    mine.live_release = release->number;
    mine.live_root = release->root;
    mine.adopted = false;
  }
  if (result == StepResult::staged) mine.state = HostState::staged;
  if (result == StepResult::taken_back) mine.state = HostState::taken_back;
  return say(host, Outcome{.application = kShop,
                           .order = order.id,
                           .action = order.action,
                           .result = result,
                           .live_release = mine.live_release,
                           .live_root = mine.live_root});
}

Turn CoreFixture::problem(std::size_t host, const Order& order, const std::string& text) {
  return say(host, Problem{text}, rollout::request_number(order.id));
}

void CoreFixture::hello_all() {
  for (std::size_t i = 1; i <= agents_.size(); ++i) hello(i);
}

Turn CoreFixture::tick(Duration length) {
  now.steady += length;
  now.wall += length;
  Turn turn;
  fleet::tick_hosts(state, now, turn);
  rollout::tick_deployments(state, now, turn);
  return turn;
}

Turn CoreFixture::deploy(ReleaseNumber release, bool force) {
  Turn turn;
  if (!begin({.release = release, .owner = "alice", .message = "faster cart", .force = force}, turn)) std::abort();
  return turn;
}

Result<void> CoreFixture::begin(const rollout::DeploymentRequest& request, Turn& turn) {
  rollout::DeploymentRequest of_shop = request;
  of_shop.application = kShop;
  return rollout::begin_deployment(state, of_shop, {}, now, turn);
}

std::vector<Order> CoreFixture::orders(const Turn& turn) {
  return messages<Order>(turn);
}

rollout::PlanHost CoreFixture::plan(std::size_t host) const {
  const auto& active = state.active.at(kShop);
  return active.rollout.hosts.at(active.index_of.at(web(host)));
}

}  // namespace serin::controller::testing
