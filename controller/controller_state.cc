#include "controller/controller_state.h"

namespace serin::controller {

const KnownRelease* find_release(const ControllerState& state, const ApplicationName& application,
                                 ReleaseNumber number) {
  const auto of_application = state.releases.find(application);
  if (of_application == state.releases.end()) return nullptr;
  const auto found = of_application->second.find(number);
  return found == of_application->second.end() ? nullptr : &found->second;
}

const KnownRelease* wanted_release(const ControllerState& state, const ApplicationName& application) {
  const auto wanted = state.wanted.find(application);
  return wanted == state.wanted.end() ? nullptr : find_release(state, application, wanted->second);
}

}  // namespace serin::controller
