#pragma once

#include "controller/operate/commands.h"
#include "controller/release/collector.h"

/// `gc`, and the same by itself: what is kept no longer goes. Pure.
namespace serin::operate {

void take_gc(controller::ControllerState& state, const controller::Client& client, const OperatorRequest& request,
             Now now, controller::Turn& turn);
/// Once an hour, and a minute after a deployment has ended.
void tick_collection(controller::ControllerState& state, Now now, controller::Turn& turn);
/// The worker has done it.
void take_collected(controller::ControllerState& state, const Result<release::CollectResult>& result,
                    controller::Turn& turn);

}  // namespace serin::operate
