#include "agent/verify/verify_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "protocol/limits.h"

namespace serin::drift {

namespace {

using namespace std::chrono_literals;

constexpr Duration kFirstRoundWithin = 1h;
constexpr Duration kTryAgainAfter = 1min;  ///< a round that could not go on
constexpr std::uint32_t kPassesMax = 64;
constexpr auto kInterrupted = "interrupted: an order of a deployment came; verify again when that has ended";

VerifyReport begun_report(const VerifyRequest& request, const Release& release) {
  return {.application = request.application,
          .number = request.number,
          .release = release.number,
          .files = release.files,
          .bytes = release.bytes};
}

/// Why a verify of this release cannot begin; empty: it can.
std::string obstacle(const Release& release, const Live& live) {
  if (live.release == 0) return "nothing is live here";
  if (live.at_work) return "busy with a step of a deployment: verify again when that has ended";
  if (live.root != release.root) {
    return fmt::format("r{} is live here, and not r{}: verify again", live.release, release.number);
  }
  return {};
}

}  // namespace

VerifyDesk::VerifyDesk(const DeskSettings& settings, const std::vector<ApplicationName>& applications,
                       std::uint64_t seed, Now now)
    : settings_(settings) {
  std::mt19937_64 random(seed);
  const Duration within = std::min<Duration>(kFirstRoundWithin, settings_.scrub_every);
  std::uniform_int_distribution<std::int64_t> part(0, std::max<std::int64_t>(within.count(), 0));
  for (const ApplicationName& name : applications) {
    applications_[name].round.due = now.steady + Duration{part(random)};
  }
}

std::optional<SteadyTime> VerifyDesk::verified_at(const ApplicationName& application) const {
  const auto found = applications_.find(application);
  return found == applications_.end() ? std::nullopt : found->second.verified_at;
}

Deeds VerifyDesk::take(const VerifyRequest& request, const Release& release, const Lives& lives, Now now) {
  Deeds deeds;
  Application& application = applications_[request.application];
  if (application.verify && application.verify->request.number >= request.number) {
    if (application.verify->request.number == request.number)
      deeds.emplace_back(SendReport{application.verify->report});
    return deeds;
  }
  if (application.newest && application.newest->number >= request.number) {
    if (application.newest->number == request.number) deeds.emplace_back(SendReport{*application.newest});
    return deeds;
  }
  if (application.verify) {
    // Its operator has gone and asks again: the newest request counts.
    application.verify.reset();
    std::erase(waiting_, request.application);
    if (at_work_ && at_work_->application == request.application && !at_work_->scrub && !at_work_->stopping) {
      at_work_->stopping = true;
      deeds.emplace_back(StopLook{});
    }
  }
  application.verify = Verify{.request = request, .release = release, .report = begun_report(request, release)};
  const auto live = lives.find(request.application);
  if (auto why = obstacle(release, live == lives.end() ? Live{} : live->second); !why.empty()) {
    application.verify->report.trouble = std::move(why);
    finish(request.application, deeds);
    return deeds;
  }
  waiting_.push_back(request.application);
  deeds.emplace_back(SendReport{application.verify->report});
  if (at_work_ && at_work_->scrub && !at_work_->stopping) {
    at_work_->stopping = true;
    deeds.emplace_back(StopLook{});
  }
  begin_next(lives, now, deeds);
  return deeds;
}

Deeds VerifyDesk::on_order(const ApplicationName& name) {
  Deeds deeds;
  const auto found = applications_.find(name);
  if (found == applications_.end()) return deeds;
  const bool looking = at_work_ && at_work_->application == name;
  if (looking && !at_work_->stopping) {
    at_work_->stopping = true;
    deeds.emplace_back(StopLook{});
  }
  auto& verify = found->second.verify;
  if (!verify) return deeds;
  verify->interrupted = true;
  if (looking && !at_work_->scrub) return deeds;  // its end tells
  if (std::erase(waiting_, name) > 0) {
    verify->report.trouble = kInterrupted;
    finish(name, deeds);
  }
  return deeds;
}

void VerifyDesk::begin_look(const ApplicationName& name, bool scrub, const Live& live, Deeds& deeds) {
  at_work_ = AtWork{.number = ++newest_look_, .application = name, .scrub = scrub};
  deeds.emplace_back(StartLook{.number = newest_look_,
                               .application = name,
                               .release = live.release,
                               .root = live.root,
                               .after = scrub ? applications_.at(name).round.after : std::string{},
                               .bytes_per_s = scrub ? settings_.scrub_bytes_per_s : settings_.verify_bytes_per_s});
}

void VerifyDesk::begin_next(const Lives& lives, Now now, Deeds& deeds) {
  while (!at_work_ && !waiting_.empty()) {
    const ApplicationName name = waiting_.front();
    waiting_.pop_front();
    Verify& verify = *applications_.at(name).verify;
    const auto live = lives.find(name);
    auto why = obstacle(verify.release, live == lives.end() ? Live{} : live->second);
    if (why.empty()) {
      begin_look(name, false, live->second, deeds);
      return;
    }
    verify.report.trouble = std::move(why);
    finish(name, deeds);
  }
  if (at_work_ || settings_.scrub_bytes_per_s == 0) return;
  for (const auto& [name, live] : lives) {
    const auto found = applications_.find(name);
    if (found == applications_.end() || found->second.verify || live.release == 0 || live.at_work) continue;
    Application& application = found->second;
    // What drifted is shared with the tree that was made of it.
    if (application.drift > 0 && application.drift_root != live.root) application.round.due = now.steady;
    if (application.round.due > now.steady) continue;
    application.drift_root = live.root;
    begin_look(name, true, live, deeds);
    return;
  }
}

void VerifyDesk::note(const ApplicationName& name, std::uint64_t drift, const std::vector<Drift>& drifts,
                      Deeds& deeds) {
  Application& application = applications_.at(name);
  application.drift = drift;
  const auto first = std::ranges::find(drifts, false, &Drift::mended);
  deeds.emplace_back(NoteDrift{name, drift, first == drifts.end() || drift == 0 ? std::string{} : first->path});
}

void VerifyDesk::finish(const ApplicationName& name, Deeds& deeds) {
  Application& application = applications_.at(name);
  VerifyReport report = std::move(application.verify->report);
  application.verify.reset();
  report.final = true;
  deeds.emplace_back(SendReport{report});
  application.newest = std::move(report);
}

void VerifyDesk::verify_looked(const ApplicationName& name, const Looked& looked, Now now, Deeds& deeds) {
  Application& application = applications_.at(name);
  Verify& verify = *application.verify;
  VerifyReport& report = verify.report;
  report.files_checked = looked.files;
  report.bytes_checked = looked.bytes;
  if (!looked.ended) {
    deeds.emplace_back(SendReport{report});
    return;
  }
  if (!looked.trouble.empty()) {
    report.trouble = verify.interrupted ? kInterrupted : looked.trouble;
    finish(name, deeds);
    return;
  }
  // A later pass sees what the one before left, and what it could not see.
  const bool first_pass = verify.passes == 0;
  if (first_pass) {
    report.counts = looked.drifts.counts();
    report.listed = first_drifts(looked.drifts.kept());
  }
  const std::uint64_t left = looked.drifts.counts().all();
  application.drift_root = verify.release.root;
  application.round.due = std::max(application.round.due, now.steady + settings_.scrub_every);
  application.round.after.clear();
  application.round.drifts = {};
  application.verified_at = now.steady;
  note(name, left, looked.drifts.kept(), deeds);
  if (!verify.request.repair || left == 0 || !report.trouble.empty()) {
    finish(name, deeds);
    return;
  }
  const bool was_hidden = std::exchange(verify.hidden, looked.unread_folders && !looked.drifts.more());
  verify.again = looked.drifts.more() || looked.unread_folders;
  if (!first_pass && was_hidden) {
    // What could not be seen before.
    report.counts.missing += looked.drifts.counts().missing;
    report.counts.extra += looked.drifts.counts().extra;
    report.counts.changed += looked.drifts.counts().changed;
    report.counts.mode += looked.drifts.counts().mode;
    report.counts.mtime += looked.drifts.counts().mtime;
  }
  ++verify.passes;
  deeds.emplace_back(SendReport{report});
  deeds.emplace_back(StartMend{name, verify.release, looked.drifts.kept()});
}

Deeds VerifyDesk::on_mended(const ApplicationName& name, const std::vector<Drift>& drifts, std::uint64_t mended,
                            const std::string& trouble, const Lives& lives, Now now) {
  Deeds deeds;
  const auto found = applications_.find(name);
  if (found == applications_.end() || !found->second.verify) return deeds;
  Application& application = found->second;
  Verify& verify = *application.verify;
  VerifyReport& report = verify.report;
  report.mended += mended;
  if (verify.passes == 1) report.listed = first_drifts(drifts);
  if (!trouble.empty()) report.trouble = trouble;
  note(name, application.drift - std::min(application.drift, mended), drifts, deeds);
  if (trouble.empty() && verify.again && mended > 0 && verify.passes < kPassesMax && !verify.interrupted) {
    waiting_.push_back(name);
    begin_next(lives, now, deeds);
    return deeds;
  }
  finish(name, deeds);
  begin_next(lives, now, deeds);
  return deeds;
}

void VerifyDesk::scrub_looked(const ApplicationName& name, const Looked& looked, bool stopped, Now now, Deeds& deeds) {
  if (!looked.ended) return;
  Application& application = applications_.at(name);
  Round& round = application.round;
  // What an interrupted part found stays found.
  DriftList all = std::move(round.drifts);
  for (const Drift& drift : looked.drifts.kept()) all.add(drift.path, drift.kind);
  if (!looked.trouble.empty()) {
    if (!looked.last.empty()) round.after = looked.last;
    round.drifts = std::move(all);
    round.due = now.steady + (stopped ? kTryAgainAfter : std::min<Duration>(kFirstRoundWithin, settings_.scrub_every));
    if (round.drifts.counts().all() > application.drift) {
      note(name, round.drifts.counts().all(), round.drifts.kept(), deeds);
    }
    return;
  }
  round = {.due = now.steady + settings_.scrub_every};
  application.verified_at = now.steady;
  note(name, std::max(all.counts().all(), looked.drifts.counts().all()), all.kept(), deeds);
}

Deeds VerifyDesk::on_looked(const Looked& looked, const Lives& lives, Now now) {
  Deeds deeds;
  if (!at_work_ || at_work_->number != looked.number) return deeds;
  const AtWork ended = *at_work_;
  if (looked.ended) at_work_.reset();
  const Application& application = applications_.at(ended.application);
  if (ended.scrub) {
    scrub_looked(ended.application, looked, ended.stopping, now, deeds);
  } else if (application.verify && !ended.stopping) {
    verify_looked(ended.application, looked, now, deeds);
  } else if (application.verify && looked.ended && application.verify->interrupted) {
    applications_.at(ended.application).verify->report.trouble = kInterrupted;
    finish(ended.application, deeds);
  }
  if (looked.ended) begin_next(lives, now, deeds);
  return deeds;
}

Deeds VerifyDesk::on_tick(const Lives& lives, Now now) {
  Deeds deeds;
  begin_next(lives, now, deeds);
  return deeds;
}

}  // namespace serin::drift
