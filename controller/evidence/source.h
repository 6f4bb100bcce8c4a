#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "controller/fleet/samples.h"
#include "controller/judge/counts.h"
#include "controller/judge/fixed_judge.h"
#include "protocol/clock.h"

namespace serin::evidence {

/// Why a source cannot tell: a token for scripts ("behind", "no-answer") and words for people.
struct Unknown {
  std::string reason;
  std::string text;
  friend bool operator==(const Unknown&, const Unknown&) = default;
};

/// The evidence of one source on one deployment at one moment: all that a judge knows of where counts come from. Hosts
/// are indices into the plan; seconds are those of the controller's clock. A view: it lives no longer than what it was
/// made of, and no longer than that stands still. Pure; single-threaded; never fails: what is not known is not seen.
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  /// Its counts are of stretches of this length, the first of which begin where the caller's window does.
  [[nodiscard]] virtual std::chrono::seconds step() const = 0;
  /// What the host did in this second is here, all of it.
  [[nodiscard]] virtual bool heard(std::size_t host, std::int64_t second) const = 0;
  /// Heard, or not waited for any longer.
  [[nodiscard]] virtual bool complete(std::size_t host, std::int64_t second) const = 0;
  /// So long after a window's end its evidence is waited for.
  [[nodiscard]] virtual Duration patience() const = 0;

  /// It counts lines or requests, beside errors.
  [[nodiscard]] virtual bool knows_lines() const = 0;
  /// Trusted stretches before the deployment, added up.
  [[nodiscard]] virtual judge::Tally before(std::size_t host) const = 0;
  /// The same one by one; of hosts without any that was asked for: none.
  [[nodiscard]] virtual const fleet::HostSeconds& steps_before(std::size_t host) const = 0;
  /// Of [from, until), as far as it was heard; nothing at all while a host is on its way back with the rest.
  [[nodiscard]] virtual judge::Tally after(std::size_t host, std::int64_t from, std::int64_t until) const = 0;
  [[nodiscard]] virtual std::uint64_t longest_silence(std::size_t host, std::int64_t from,
                                                      std::int64_t until) const = 0;
  /// The stretch that begins with this second.
  [[nodiscard]] virtual judge::Counts at(std::size_t host, std::int64_t second) const = 0;
  /// Its messages, by the ids of its own.
  [[nodiscard]] virtual std::vector<SignatureCount> messages(std::size_t host, std::int64_t second) const = 0;

  /// Why [from, until) does not show all that this host did.
  [[nodiscard]] virtual std::optional<Unknown> unknown(std::size_t host, std::int64_t from,
                                                       std::int64_t until) const = 0;
  /// Why it does not show what any host did.
  [[nodiscard]] virtual std::optional<Unknown> unknown() const = 0;
  /// What the hosts of this window logged most, for people; empty: the source does not say.
  [[nodiscard]] virtual std::string top_messages() const = 0;
};

/// The first second from `from` on that is not complete for all of these hosts, and at most `most`: what a judge has
/// taken in when it reaches that, and never goes beyond.
std::int64_t watermark(const Source& source, std::span<const std::size_t> hosts, std::int64_t from, std::int64_t most);

}  // namespace serin::evidence
