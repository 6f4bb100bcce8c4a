#include "controller/rollout/orders.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "protocol/limits.h"

namespace serin::rollout {

using controller::ControllerState;
using controller::KnownRelease;
using controller::Turn;

namespace {

/// What the host will have to pull for this order, as far as it is known; nothing: it has it, or needs none.
std::optional<std::pair<ObjectId, ObjectId>> pack_for(const fleet::Host& host, const Order& order,
                                                      const KnownRelease& release) {
  const bool stages = order.action == OrderAction::stage || order.action == OrderAction::activate ||
                      order.action == OrderAction::prefetch;
  const auto found = host.applications.find(order.application);
  if (!stages || found == host.applications.end()) return std::nullopt;
  const ApplicationStatus& status = found->second;
  const bool is_there = status.live_root == release.release.root || status.state == HostState::staged ||
                        std::ranges::find(status.slots, release.release.number) != status.slots.end();
  if (is_there) return std::nullopt;
  return std::pair{status.live_root, release.release.root};
}

}  // namespace

Order make_order(const ControllerState& state, const HostName& host, const ApplicationName& application, OrderId id,
                 OrderAction action, const KnownRelease& release, bool take_back) {
  const fleet::Host* known = state.roster.find(host);
  return {.application = application,
          .id = id,
          .action = action,
          .recipient = known == nullptr ? std::string{} : to_hex(known->record.public_key),
          .release = release.signed_release,
          .take_back = take_back};
}

std::uint64_t request_number(const OrderId& id) {
  return id.deployment << 24U | id.sequence;
}

void send_order(const ControllerState& state, const HostName& host, Order order, const KnownRelease& release,
                Turn& turn) {
  const fleet::Host* known = state.roster.find(host);
  if (known == nullptr || !known->session || known->presence == fleet::Presence::conflict) return;
  Envelope envelope{.header = {.protocol = limits::kProtocolNewest,
                               .session = known->session->id,
                               .request = request_number(order.id),
                               .flags = kMustUnderstand},
                    .message = std::move(order)};
  auto pack = pack_for(*known, std::get<Order>(envelope.message), release);
  turn.effect(controller::SendToHost{known->session->connection, std::move(envelope), std::move(pack)});
}

}  // namespace serin::rollout
