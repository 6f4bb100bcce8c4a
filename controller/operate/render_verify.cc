#include "controller/operate/render_verify.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "controller/operate/answers.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace serin::operate {

namespace {

using controller::ActiveVerify;
using controller::HostVerify;
using Json = nlohmann::json;

constexpr std::size_t kPathsShown = 20;
constexpr std::size_t kTroubleBytes = 400;

std::string dump(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::uint64_t left_of(const VerifyReport& report) {
  return report.counts.all() - std::min(report.counts.all(), report.mended);
}

std::string sum_text(const HostVerify& verify) {
  const VerifyReport& report = verify.report;
  const std::string trouble = printable(verify.trouble, kTroubleBytes);
  if (report.counts.all() == 0 && !trouble.empty()) return "not verified: " + trouble;
  if (report.counts.all() == 0) {
    return fmt::format("clean: r{}, {} files, {}", report.release, report.files_checked,
                       bytes_text(report.bytes_checked));
  }
  std::string text = fmt::format("r{}: {}", report.release, drift_text(report.counts));
  if (report.mended > 0)
    text += fmt::format("; {} restored", left_of(report) == 0 ? "all" : std::to_string(report.mended));
  if (!trouble.empty()) text += "; " + trouble;
  return text;
}

}  // namespace

std::string drift_text(const DriftCounts& counts) {
  std::vector<std::string> parts;
  const auto add = [&parts](std::uint64_t count, const char* what) {
    if (count > 0) parts.push_back(fmt::format("{} {}", count, what));
  };
  add(counts.changed, "changed");
  add(counts.missing, "missing");
  add(counts.extra, "extra");
  add(counts.mode, "with another mode");
  add(counts.mtime, "with another time");
  return fmt::format("{} {}: {}", counts.all(), counts.all() == 1 ? "path differs" : "paths differ",
                     fmt::join(parts, ", "));
}

OperatorEvent render_verified_host(const HostName& host, const HostVerify& verify) {
  const VerifyReport& report = verify.report;
  std::string text = fmt::format("{}: {}", host, sum_text(verify));
  Json paths = Json::array();
  std::size_t shown = 0;
  for (const Drift& drift : report.listed) {
    const std::string path = drift.path.empty() ? "." : printable(drift.path, limits::kPathBytesMax);
    if (++shown <= kPathsShown) {
      text += fmt::format("\n  {:<8} {}{}", name_of(drift.kind), path, drift.mended ? "  (restored)" : "");
    }
    paths.push_back({{"path", path}, {"drift", name_of(drift.kind)}, {"restored", drift.mended}});
  }
  const std::uint64_t all = std::max<std::uint64_t>(report.counts.all(), report.listed.size());
  if (all > kPathsShown) text += fmt::format("\n  … and {} more", all - std::min<std::uint64_t>(shown, kPathsShown));
  const Json json{{"event", "verified"},
                  {"host", host},
                  {"release", report.release},
                  {"clean", report.counts.all() == 0 && verify.trouble.empty()},
                  {"trouble", printable(verify.trouble, kTroubleBytes)},
                  {"files", report.files_checked},
                  {"bytes", report.bytes_checked},
                  {"changed", report.counts.changed},
                  {"missing", report.counts.missing},
                  {"extra", report.counts.extra},
                  {"mode", report.counts.mode},
                  {"mtime", report.counts.mtime},
                  {"restored", report.mended},
                  {"paths", paths},
                  {"not_listed", all - report.listed.size()}};
  return {.kind = "line", .text = std::move(text), .json = dump(json)};
}

OperatorEvent render_verify_progress(const ApplicationName& application, const ActiveVerify& verify) {
  std::size_t done = 0;
  std::uint64_t bytes = 0;
  std::uint64_t all_bytes = 0;
  std::uint64_t drift = 0;
  for (const auto& [name, host] : verify.hosts) {
    if (host.done) ++done;
    bytes += std::min(host.report.bytes_checked, host.report.bytes);
    all_bytes += host.report.bytes;
    drift += host.report.counts.all();
  }
  const Json json{{"event", "progress"},
                  {"application", application},
                  {"hosts", verify.hosts.size()},
                  {"verified", done},
                  {"bytes", bytes},
                  {"bytes_in_all", all_bytes},
                  {"drift", drift}};
  return {.kind = "progress",
          .text = fmt::format("{} verify: {} of {} hosts, {} of {}{}", application, done, verify.hosts.size(),
                              bytes_text(bytes), bytes_text(all_bytes),
                              drift == 0 ? "" : fmt::format(", {} paths differ", drift)),
          .json = dump(json)};
}

OperatorEvent render_verify_end(const ApplicationName& application, const ActiveVerify& verify) {
  std::size_t clean = 0;
  std::size_t restored = 0;
  std::size_t drifted = 0;
  std::size_t unknown = 0;
  for (const auto& [name, host] : verify.hosts) {
    const VerifyReport& report = host.report;
    if (left_of(report) > 0) {
      ++drifted;
    } else if (!host.trouble.empty()) {
      ++unknown;
    } else if (report.counts.all() > 0) {
      ++restored;
    } else {
      ++clean;
    }
  }
  const int code = drifted > 0 ? kDrift : unknown > 0 ? kError : 0;
  std::string text = fmt::format("{}: {} of {} hosts clean", application, clean, verify.hosts.size());
  if (restored > 0) text += fmt::format(", {} restored", restored);
  if (drifted > 0) text += fmt::format(", {} differ", drifted);
  if (unknown > 0) text += fmt::format(", {} not verified", unknown);
  if (drifted > 0 && !verify.repair) text += ": serin verify --repair restores them";
  const Json json{{"event", "done"},      {"exit", code},       {"application", application}, {"clean", clean},
                  {"restored", restored}, {"drifted", drifted}, {"not_verified", unknown}};
  return {.final = true, .exit_code = code, .kind = "done", .text = std::move(text), .json = dump(json)};
}

}  // namespace serin::operate
