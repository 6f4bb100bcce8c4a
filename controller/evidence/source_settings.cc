#include "controller/evidence/source_settings.h"

namespace serin::evidence {

std::string_view name_of(SourceKind source) {
  switch (source) {
    case SourceKind::agents:
      return "agents";
    case SourceKind::logstash:
      return "logstash";
    case SourceKind::prometheus:
      return "prometheus";
  }
  return "agents";
}

std::optional<SourceKind> source_of_name(std::string_view name) {
  for (const SourceKind source : {SourceKind::agents, SourceKind::logstash, SourceKind::prometheus}) {
    if (name_of(source) == name) return source;
  }
  return std::nullopt;
}

}  // namespace serin::evidence
