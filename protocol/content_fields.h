#pragma once

#include "protocol/messages.h"

/// The fields of what is said of content. As wire_fields.h, which includes this.
namespace serin {

template <class V>
void fields(V& v, GetObject& m) {
  v("object", m.object);
  v("offset", m.offset);
  v("length", m.length);
  v("pack_from", m.pack_from);
  v("pack_to", m.pack_to);
}
template <class V>
void fields(V& v, ObjectPart& m) {
  v("object", m.object);
  v("offset", m.offset);
  v("object_bytes", m.object_bytes);
  v("edition", m.edition);
}
template <class V>
void fields(V& v, ObjectRefused& m) {
  v("object", m.object);
  v("offset", m.offset);
  v("reason", m.reason);
  v("retry_ms", m.retry_ms);
}
template <class V>
void fields(V& v, ContentSource& m) {
  v("host", m.host);
  v("endpoint", m.endpoint);
  v("key", m.key);
}
template <class V>
void fields(V& v, ContentSources& m) {
  v("near", m.near);
  v("far", m.far);
}
template <class V>
void fields(V& v, FleetKeys& m) {
  v("begins", m.begins);
  v("ends", m.ends);
  v("admitted", m.admitted);
  v("revoked", m.revoked);
}
template <class V>
void fields(V& v, PackAhead& m) {
  v("from", m.from);
  v("to", m.to);
  v("edition", m.edition);
  v("bytes", m.bytes);
}

}  // namespace serin
