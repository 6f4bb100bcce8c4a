#include "protocol/messages.h"

namespace serin {

std::string_view name_of(HostState state) {
  switch (state) {
    case HostState::unknown:
      return "unknown";
    case HostState::pulling:
      return "pulling";
    case HostState::staged:
      return "staged";
    case HostState::switching:
      return "switching";
    case HostState::loaded:
      return "loaded";
    case HostState::taken_back:
      return "taken back";
    case HostState::broken:
      return "broken";
  }
  return "unknown";
}

std::string_view name_of(OrderAction action) {
  switch (action) {
    case OrderAction::unknown:
      return "unknown";
    case OrderAction::stage:
      return "stage";
    case OrderAction::activate:
      return "activate";
    case OrderAction::restore:
      return "restore";
    case OrderAction::discard:
      return "discard";
    case OrderAction::prefetch:
      return "prefetch";
  }
  return "unknown";
}

std::string_view name_of(StepResult result) {
  switch (result) {
    case StepResult::unknown:
      return "unknown";
    case StepResult::staged:
      return "staged";
    case StepResult::loaded:
      return "loaded";
    case StepResult::unchanged:
      return "unchanged";
    case StepResult::taken_back:
      return "taken back";
    case StepResult::broken:
      return "broken";
    case StepResult::discarded:
      return "discarded";
  }
  return "unknown";
}

std::string_view name_of(DriftKind kind) {
  switch (kind) {
    case DriftKind::unknown:
      return "unknown";
    case DriftKind::missing:
      return "missing";
    case DriftKind::extra:
      return "extra";
    case DriftKind::changed:
      return "changed";
    case DriftKind::mode:
      return "mode";
    case DriftKind::mtime:
      return "mtime";
  }
  return "unknown";
}

std::string_view name_of(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::unknown:
      return "unknown";
    case RefusalReason::absent:
      return "absent";
    case RefusalReason::busy:
      return "busy";
    case RefusalReason::invalid:
      return "invalid";
  }
  return "unknown";
}

}  // namespace serin
