#pragma once

#include "protocol/operator_messages.h"

/// The fields of what the CLI and the daemon say to one another, as wire_fields.h has those of all other messages.
namespace serin {

template <class V>
void fields(V& v, OperatorRequest& m) {
  v("verb", m.verb);
  v("application", m.application);
  v("arguments", m.arguments);
  v("message", m.message);
  v("sudo_user", m.sudo_user);
  v("force", m.force);
  v("dry_run", m.dry_run);
  v("yes", m.yes);
  v("yes_delete", m.yes_delete);
  v("detach", m.detach);
  v("trace", m.trace);
  v("since_ms", m.since_ms);
  v("group", m.group);
  v("wait_ms", m.wait_ms);
  v("labels", m.labels);
  v("name", m.name);
  v("cwd", m.cwd);
  v("repair", m.repair);
}
template <class V>
void fields(V& v, OperatorEvent& m) {
  v("final", m.final);
  v("exit_code", m.exit_code);
  v("kind", m.kind);
  v("text", m.text);
  v("json", m.json);
}

}  // namespace serin
