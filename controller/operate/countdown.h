#pragma once

#include <string>

#include "controller/rollout/rollout_state.h"

namespace serin::operate {

/// Of canaries that soak: when there will be a verdict, and which source of evidence it waits for and why; ", verdict
/// in 14 s: logstash is 9 s behind, 62 s at most". Empty in all other phases. Pure.
std::string countdown_text(const rollout::Rollout& rollout, Now now);

}  // namespace serin::operate
