#pragma once

#include "controller/controller_state.h"

/// What goes to hosts. Pure.
namespace serin::rollout {

/// The order that goes to a host.
Order make_order(const controller::ControllerState& state, const HostName& host, const ApplicationName& application,
                 OrderId id, OrderAction action, const controller::KnownRelease& release, bool take_back);
/// Header::request of an order, so that a host which cannot read it can name it.
std::uint64_t request_number(const OrderId& id);
/// Sends it on the host's session, if it has one. `release`: the order's.
void send_order(const controller::ControllerState& state, const HostName& host, Order order,
                const controller::KnownRelease& release, controller::Turn& turn);

}  // namespace serin::rollout
