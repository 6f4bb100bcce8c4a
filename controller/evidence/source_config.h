#pragma once

#include <string>
#include <vector>

#include "controller/evidence/source_settings.h"
#include "protocol/settings_reader.h"

/// How controller.toml says where evidence comes from. Pure; mistakes go where Setting puts them.
namespace serin::evidence {

/// `sources = ["agents", "logstash"]`, all of them required.
void read_sources(const settings::Setting& setting, std::vector<SourceChoice>& to);
/// `advisory = ["logstash"]`: those of `sources` that decide nothing.
void read_advisory(const settings::Setting& setting, std::vector<SourceChoice>& to);

/// [application.NAME.logstash] and [application.NAME.prometheus]. `to` has the application's own numbers of the fixed
/// judge already.
void read_logstash(const settings::Setting& table, SourceSettings& to);
void read_prometheus(const settings::Setting& table, SourceSettings& to);

/// What several keys of an application make together. `table` is the application's.
void check_sources(const settings::Setting& table, const std::vector<SourceChoice>& sources,
                   const SourceSettings& logstash, const SourceSettings& prometheus);

/// The keys of a source's table: "url", ...
std::vector<std::string> source_keys(SourceKind source);

}  // namespace serin::evidence
