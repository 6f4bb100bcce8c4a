#pragma once

#include "controller/controller_state.h"
#include "controller/evidence/question.h"

/// The sources of one deployment: asked, answered, judged each by itself, and combined. Pure.
namespace serin::rollout {

/// What the configuration says of the application's sources, for a deployment that begins. None: the agents alone.
/// `wait`: what the operator asked for instead; nothing: as configured.
std::vector<evidence::DeploymentSource> sources_of(const controller::ApplicationSettings& settings,
                                                   std::optional<Duration> wait);

/// The agents are one of them.
bool asks_agents(const Rollout& rollout);
/// With what an extension added.
Duration wait_of(const Rollout& rollout, const evidence::DeploymentSource& source);

/// Of a deployment that begins: which hosts its servers are asked about, and when they ran a trusted release.
void prepare_sources(const controller::ControllerState& state, controller::ActiveDeployment& active, Now now,
                     controller::Turn& turn);
/// What was stored of them, after a restart.
void restore_sources(controller::ActiveDeployment& active, const std::vector<controller::StoreRemote>& rows);

/// Asks what is due: the past once, what followed the load again and again until there is an answer. A server that does
/// not answer is asked again; nothing waits for it.
void ask_sources(controller::ControllerState& state, const ApplicationName& application, Now now,
                 controller::Turn& turn);
/// Takes an answer in, and writes down what is new. True: it was a deployment's that is active.
bool take_answer(controller::ControllerState& state, const evidence::Answer& answer, Now now, controller::Turn& turn);

/// The newest verdict of all sources, and what it waits for (Progress::waits). soak_from is set.
judge::Verdict judged(const controller::ControllerState& state, controller::ActiveDeployment& active, Now now);

/// The question about all hosts of an application that a self-test asks.
evidence::Question test_question(const controller::ControllerState& state, const ApplicationName& application,
                                 evidence::SourceKind source, Now now);

}  // namespace serin::rollout
