#pragma once

#include "controller/controller_state.h"
#include "controller/evidence/question.h"

/// `serin evidence test`: each source of an application is asked now, and what it matched is shown. Pure.
namespace serin::operate {

/// Asks the servers; the agents' part is answered at once. The command ends with the last answer.
void take_evidence_test(controller::ControllerState& state, const controller::Client& client,
                        const ApplicationName& application, Now now, controller::Turn& turn);

/// One server has answered, or failed to.
void take_test_answer(controller::ControllerState& state, const controller::Client& client,
                      const evidence::Answer& answer, Now now, controller::Turn& turn);

}  // namespace serin::operate
