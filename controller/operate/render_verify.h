#pragma once

#include "controller/controller_state.h"

/// What operators see of a verify: text that is safe for a terminal, and one JSON document. Pure.
namespace serin::operate {

OperatorEvent render_verified_host(const HostName& host, const controller::HostVerify& verify);
OperatorEvent render_verify_progress(const ApplicationName& application, const controller::ActiveVerify& verify);
/// The last event: 0 when every tree is as it should be (now), kDrift when one is not, 1 when one could not be looked
/// at.
OperatorEvent render_verify_end(const ApplicationName& application, const controller::ActiveVerify& verify);

/// "3 paths differ: 1 changed, 2 missing"
std::string drift_text(const DriftCounts& counts);

}  // namespace serin::operate
