#pragma once

#include "protocol/content_fields.h"
#include "protocol/host_fields.h"
#include "protocol/messages.h"
#include "protocol/operator_fields.h"
#include "protocol/release.h"

/// Each message's fields, once: names on the wire are stable and never reused. For wire.cc and its tests.
namespace serin {

template <class V>
void fields(V& v, OrderId& m) {
  v("deployment", m.deployment);
  v("sequence", m.sequence);
}
template <class V>
void fields(V& v, SignedRelease& m) {
  v("record", m.record);
  v("signature", m.signature);
}
template <class V>
void fields(V& v, SlotUse& m) {
  v("slot", m.slot);
  v("pid", m.pid);
  v("command", m.command);
}

template <class V>
void fields(V& v, ApplicationStatus& m) {
  v("application", m.application);
  v("state", m.state);
  v("live_release", m.live_release);
  v("live_root", m.live_root);
  v("live_for_ms", m.live_for_ms);
  v("slots", m.slots);
  v("last_order", m.last_order);
  v("rules_hash", m.rules_hash);
  v("blind", m.blind);
  v("adopted", m.adopted);
  v("old_code", m.old_code);
  v("drift", m.drift);
  v("drift_path", m.drift_path);
  v("verified_ms_ago", m.verified_ms_ago);
}
template <class V>
void fields(V& v, Hello& m) {
  v("protocol_min", m.protocol_min);
  v("protocol_max", m.protocol_max);
  v("agent_version", m.agent_version);
  v("instance", m.instance);
  v("boot_id", m.boot_id);
  v("machine", m.machine);
  v("controller_key", m.controller_key);
  v("clock_ms", m.clock_ms);
  v("wall_ms", m.wall_ms);
  v("applications", m.applications);
  v("proxy_port", m.proxy_port);
  v("proxy_address", m.proxy_address);
}
template <class V>
void fields(V& v, Heartbeat& m) {
  v("clock_ms", m.clock_ms);
  v("wall_ms", m.wall_ms);
  v("applications", m.applications);
}
template <class V>
void fields(V& v, Welcome& m) {
  v("protocol", m.protocol);
  v("controller", m.controller);
  v("host", m.host);
  v("session", m.session);
  v("heartbeat_ms", m.heartbeat_ms);
  v("lease_ms", m.lease_ms);
  v("spread_ms", m.spread_ms);
  v("content_port", m.content_port);
  v("report_since", m.report_since);
}
template <class V>
void fields(V& v, HeartbeatReply& m) {
  v("run", m.run);
  v("sequence", m.sequence);
}
template <class V>
void fields(V& v, Resync& m) {
  v("reason", m.reason);
}
template <class V>
void fields(V& v, Order& m) {
  v("application", m.application);
  v("id", m.id);
  v("action", m.action);
  v("recipient", m.recipient);
  v("release", m.release);
  v("take_back", m.take_back);
  v("from_controller", m.from_controller);
}
template <class V>
void fields(V& v, OutcomeReply& m) {
  v("application", m.application);
  v("order", m.order);
}
template <class V>
void fields(V& v, Problem& m) {
  v("text", m.text);
}
template <class V>
void fields(V& v, Drift& m) {
  v("path", m.path);
  v("kind", m.kind);
  v("mended", m.mended);
}
template <class V>
void fields(V& v, DriftCounts& m) {
  v("missing", m.missing);
  v("extra", m.extra);
  v("changed", m.changed);
  v("mode", m.mode);
  v("mtime", m.mtime);
}
template <class V>
void fields(V& v, VerifyRequest& m) {
  v("application", m.application);
  v("number", m.number);
  v("repair", m.repair);
  v("recipient", m.recipient);
  v("release", m.release);
}
template <class V>
void fields(V& v, VerifyReport& m) {
  v("application", m.application);
  v("number", m.number);
  v("final", m.final);
  v("trouble", m.trouble);
  v("release", m.release);
  v("files", m.files);
  v("bytes", m.bytes);
  v("files_checked", m.files_checked);
  v("bytes_checked", m.bytes_checked);
  v("counts", m.counts);
  v("mended", m.mended);
  v("listed", m.listed);
}

}  // namespace serin
